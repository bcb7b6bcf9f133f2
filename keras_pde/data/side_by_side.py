"""Comparison pictures: named panels side by side, such as noisy, denoised and their difference."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["comparison", "comparison_png", "side_by_side"]

PAPER, INK = 255, 40
NARROWEST = 160


def comparison(
    noisy: np.ndarray,
    denoised: np.ndarray,
    clean: np.ndarray | None = None,
    notes: Mapping[str, str] | None = None,
) -> np.ndarray:
    """Panels clean (where known), noisy, denoised and 128 + noisy − denoised, each under its name.

    Args:
        noisy: (height, width, 1 or 3), in [0, 1]; clipped to show.
        denoised: the same.
        clean: the same, or None where it is not known.
        notes: text after a panel's name, such as {"noisy": "20.2 dB"}.

    Returns:
        (height, width, 3) uint8. Images narrower than 160 pixels are enlarged by a whole factor.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.side_by_side import comparison
        >>> picture = comparison(np.zeros((200, 160, 1)), np.zeros((200, 160, 1)))
        >>> picture.shape[1] == 3 * 160 + 4 * 8, picture.dtype
        (True, dtype('uint8'))
    """
    panels = {} if clean is None else {"clean": clean}
    return side_by_side(
        {
            **panels,
            "noisy": noisy,
            "denoised": denoised,
            "difference": 128 / 255 + noisy - denoised,
        },
        notes,
    )


def side_by_side(
    panels: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None
) -> np.ndarray:
    """Images of one size, each under its name.

    Args:
        panels: (height, width, 1 or 3) by name, in [0, 1]; clipped to show.
        notes: text after a panel's name, such as {"inpainted": "25.1 dB"}.

    Returns:
        (height, width, 3) uint8. Images narrower than 160 pixels are enlarged by a whole factor.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.side_by_side import side_by_side
        >>> black, white = np.zeros((200, 160, 1)), np.ones((200, 160, 1))
        >>> side_by_side({"black": black, "white": white}).shape[1]
        344
    """
    from PIL import Image, ImageDraw, ImageFont

    shape = next(iter(panels.values())).shape
    factor = math.ceil(NARROWEST / shape[1])
    height, width = (n * factor for n in shape[:2])
    gap = max(8, width // 64)
    font: Any = ImageFont.load_default(size=max(13, width // 22))
    top = round(2 * font.size)
    canvas = np.full((top + height + gap, gap + len(panels) * (width + gap), 3), PAPER, np.uint8)
    for i, values in enumerate(panels.values()):
        left = gap + i * (width + gap)
        shown = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
        canvas[top : top + height, left : left + width] = shown.repeat(factor, axis=0).repeat(
            factor, axis=1
        )
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(panels):
        note = (notes or {}).get(name)
        draw.text(
            (gap + i * (width + gap) + width / 2, top / 2),
            f"{name}, {note}" if note else name,
            fill=(INK,) * 3,
            font=font,
            anchor="mm",
        )
    return np.asarray(picture)


def comparison_png(picture: np.ndarray) -> bytes:
    """A comparison as the bytes of a PNG file.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.side_by_side import comparison_png
        >>> comparison_png(np.zeros((4, 4, 3), np.uint8))[1:4]
        b'PNG'
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()

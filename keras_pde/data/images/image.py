"""Image: pixels in [0, 1] with the alpha, bit depth and profile of their file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLOAT = 32
EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}


@dataclass(frozen=True)
class Image:
    """Pixels of an image file and what is needed to write them back.

    Args:
        pixels: (height, width, 1 or 3), float32, black 0 and white 1.
        alpha: (height, width) in [0, 1], or None.
        depth: bits a sample: 8, 16, or 32 for floats.
        profile: ICC profile, or None.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.images import Image
        >>> print(Image(np.zeros((30, 40, 3), "float32"), depth=16))
        40 × 30, colour, 16 bit
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: int = 8
    profile: bytes | None = None

    def __str__(self) -> str:
        height, width, channels = self.pixels.shape
        kind = "float" if self.depth == FLOAT else f"{self.depth} bit"
        colours = "colour" if channels == 3 else "grey"
        alpha = ", alpha" if self.alpha is not None else ""
        return f"{width} × {height}, {colours}{alpha}, {kind}"

"""States as pictures: colours of values, curves, space-time images, GIF animations, by Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["coloured", "flat", "gif"]

ANCHORS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"
LARGEST = 512  # pixels of a picture's side, to which states are thinned
SMALLEST = 160  # and to which they are enlarged
CURVE = 200  # pixels of a curve's height
PAPER, INK, FAINT = 0, 1, 2


def palette() -> np.ndarray:
    """256 colours from dark blue to yellow, (256, 3) uint8, after matplotlib's viridis."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in ANCHORS.split()])
    places = np.linspace(0, 255, len(anchors))
    parts = [np.interp(np.arange(256), places, anchors[:, i]) for i in range(3)]
    return np.rint(np.stack(parts, 1)).astype(np.uint8)


def flat(state: np.ndarray, channel: int = 0) -> np.ndarray:
    r"""What is shown of a state (\*points, channels): a channel, of a volume its middle slice.

    Example:
        >>> from keras_pde.tasks.evolve.drawing import flat
        >>> flat(np.zeros((8, 6, 4, 1))).shape, flat(np.zeros((8, 1))).shape
        ((6, 4), (8,))
    """
    values = state[..., channel]
    return np.asarray(values[len(values) // 2] if values.ndim == 3 else values)


def levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as numbers 0 to 255 of colours."""
    with np.errstate(all="ignore"):
        scaled = 255 * (values - low) / (high - low if high > low else 1.0)
    return np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)


def coloured(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values (height, width) as colours (height, width, 3) in [0, 1].

    Example:
        >>> from keras_pde.tasks.evolve.drawing import coloured
        >>> coloured(np.zeros((200, 300)), 0.0, 1.0).shape
        (200, 300, 3)
    """
    return np.asarray(palette()[levels(fitted(values), low, high)] / 255)


def fitted(values: np.ndarray) -> np.ndarray:
    """A picture thinned or enlarged by whole factors, so that it is neither tiny nor huge."""
    if max(values.shape) > LARGEST:
        step = math.ceil(max(values.shape) / LARGEST)
        return values[::step, ::step]
    factor = max(1, SMALLEST // min(values.shape))
    factor = max(1, min(factor, LARGEST // max(values.shape)))
    return values.repeat(factor, 0).repeat(factor, 1)


def space_time(states: Sequence[np.ndarray]) -> np.ndarray:
    """The states of a line at several times as rows (times, points), the first at the top.

    Each of at least 100 rows, so that few states fill a picture.
    """
    rows = np.stack(states)
    return rows.repeat(math.ceil(100 / len(rows)), 0)


def gif(states: Sequence[np.ndarray], *, seconds: float = 0.08) -> bytes:
    """An animation of states (points,) as curves, or (height, width) as pictures, on one scale.

    Example:
        >>> from keras_pde.tasks.evolve.drawing import gif
        >>> gif([np.zeros(16), np.ones(16)])[:3]
        b'GIF'
    """
    low, high = scale(states)
    frames = [
        _curve(u, low, high) if u.ndim == 1 else _picture(levels(fitted(u), low, high))
        for u in states
    ]
    buffer, first = io.BytesIO(), frames[0]
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * seconds),
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def scale(states: Sequence[np.ndarray]) -> tuple[float, float]:
    """The least and the largest finite value."""
    values = [u[np.isfinite(u)] for u in states]
    lows, highs = ([f(v) for v in values if v.size] for f in (np.min, np.max))
    return float(min(lows, default=0.0)), float(max(highs, default=1.0))


def _picture(numbers: np.ndarray) -> Any:
    from PIL import Image

    height, width = numbers.shape
    picture = Image.frombytes("P", (width, height), numbers.tobytes())
    picture.putpalette(palette().tobytes())
    return picture


def _curve(u: np.ndarray, low: float, high: float) -> Any:
    from PIL import Image, ImageDraw

    width = min(LARGEST, max(2 * SMALLEST, len(u)))
    picture = Image.new("P", (width, CURVE), PAPER)
    picture.putpalette([255, 255, 255, 40, 80, 160, 215, 215, 215])
    draw, margin = ImageDraw.Draw(picture), 8
    span = high - low if high > low else 1.0

    def place(value: np.ndarray) -> np.ndarray:
        share = np.clip(np.nan_to_num((value - low) / span), -0.1, 1.1)
        return CURVE - margin - (CURVE - 2 * margin) * share

    if low < 0 < high:
        zero = float(place(np.zeros(())))
        draw.line([(0, zero), (width, zero)], fill=FAINT)
    points = np.stack([np.linspace(0, width - 1, len(u)), place(u)], 1)
    draw.line([tuple(point) for point in points.tolist()], fill=INK, width=2)
    return picture

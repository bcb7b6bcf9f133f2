"""The range of an image: which values are black and white."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from keras_pde.data.noise.white import estimate
from keras_pde.data.occupied import occupied
from keras_pde.runtime import gate

__all__ = ["Range", "data_range", "range_of", "type_range"]

AUTO, FULL = "auto", "full"
# of the range of so many bits: data that occupy less have a range of their own
PARTS = {16: 1 / 4, 32: 1 / 16}
TAIL = 3.09  # standard deviations of noise beyond which a thousandth of it is, on each side
BEYOND = 0.25  # of [0, 1], by which floats with white 1 may be darker or brighter without noise
UNIT = (-1.0, 2.0)  # what floats with white 1 reach with noise, if it is not strong
DEPTHS = (8, 10, 12, 14, 16)


class Range(NamedTuple):
    """Black, white, and how they are known.

    Args:
        low: the value of black.
        high: the value of white.
        source: "the type", "the file", "the data" or "as told".

    Example:
        >>> from keras_pde.data.ranges import Range
        >>> str(Range(0, 4095, "the data")), Range(100, 1600).span
        ('0 to 4095, by the data', 1500)
    """

    low: float = 0.0
    high: float = 1.0
    source: str = "the type"

    @property
    def span(self) -> float:
        """White minus black."""
        return self.high - self.low

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g}, {self.how}"

    @property
    def how(self) -> str:
        """How it is known, in words."""
        return self.source if self.source == "as told" else f"by {self.source}"

    def times(self, factor: float) -> Range:
        """The same in other units."""
        return Range(self.low * factor, self.high * factor, self.source)

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels with black 0 and white 1, in float32."""
        if not self.low and self.high == 1:
            return np.asarray(pixels, np.float32)
        return ((pixels - np.float64(self.low)) / np.float64(self.span)).astype(np.float32)


def checked(asked: Any) -> Any:
    """What the argument ``range`` may be: "auto", "full" or two finite numbers, low < high.

    Raises:
        ValueError: anything else.

    Example:
        >>> from keras_pde.data import ranges
        >>> ranges.checked((0, 4095))
        (0.0, 4095.0)
    """
    if isinstance(asked, str) and asked in (AUTO, FULL):
        return asked
    try:
        low, high = (gate.number(end, "range") for end in asked)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(
            "range must be 'auto', 'full' or two finite numbers (low, high), black and white, low <"
            f" high. Received: range={gate.said(asked)}"
        )
    return low, high


def type_range(dtype: Any) -> Range:
    """Black and white of a type: 0 and its maximum; 0 and 1 for floats.

    Example:
        >>> from keras_pde.data import ranges
        >>> ranges.type_range("uint16").high
        65535.0
    """
    dtype = np.dtype(dtype)
    return Range(0.0, float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0)


def range_of(
    pixels: np.ndarray,
    asked: Any = AUTO,
    stated: float | None = None,
    bits: int | None = None,
    told: bool = False,
) -> Range:
    """The range that noise levels are told in: of the type, unless something else is known.

    Args:
        pixels: of an image.
        asked: "full" is the range of the type; two numbers are themselves; "auto" is the file's
            where it states one that holds all values; that of the data where they occupy a quarter
            of 16 bits or a sixteenth of [0, 1] at most, or are floats beyond [−1, 2] that are no
            [0, 1] with noise; else that of the type.
        stated: white by the file's tags.
        bits: of the samples, 32 for floats; those of the type by default.
        told: whether the level is told: it does not depend on how much the data occupy.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import ranges
        >>> ranges.range_of(np.arange(4096, dtype="uint16"), stated=4095.0).source
        'the file'
        >>> ranges.range_of(np.linspace(0, 250, 400).reshape(20, 20, 1)).high
        255.0
    """
    if isinstance(asked, Range):
        return asked
    asked = checked(asked)
    if not isinstance(asked, str):
        low, high = asked
        return Range(low, high, "as told")
    whole = type_range(pixels.dtype)
    if asked == FULL or not pixels.size:
        return whole
    if stated is not None and stated > 0 and pixels.max() <= stated * (1 + 1e-6):
        return Range(0.0, float(stated), "the file")
    if pixels.dtype.kind == "f" and not UNIT[0] <= pixels.min() <= pixels.max() <= UNIT[1]:
        low, high = occupied(pixels)
        spread = _spread(pixels)
        if low + TAIL * spread >= -BEYOND and high - TAIL * spread <= 1 + BEYOND:
            return whole
        return data_range(pixels, spread)
    if told:
        return whole
    low, high = occupied(pixels)
    part = PARTS.get(bits or (32 if pixels.dtype.kind == "f" else 8 * pixels.dtype.itemsize), 0.0)
    if 0 < high - low <= part * whole.span:
        found = data_range(pixels)
        return found if pixels.dtype.kind == "f" else found._replace(low=math.floor(found.low))
    return whole


def data_range(pixels: np.ndarray, deviation: float = 0.0) -> Range:
    """A range whose length is a power of two, or the largest number of so many bits, for the data.

    Args:
        pixels: of an image.
        deviation: of its noise, whose tails are no data.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import ranges
        >>> str(ranges.data_range(np.linspace(0, 0.01, 999)))
        '0 to 0.015625, by the data'
        >>> str(ranges.data_range(np.linspace(100, 1600, 999)))
        '0 to 2047, by the data'
    """
    low, high = occupied(pixels)
    tail = min(TAIL * deviation, 0.45 * (high - low))
    low, high = low + tail, high - tail
    if not low < high:
        return Range(low, low + max(abs(low), 1.0), "the data")
    start = 0.0 if low >= -0.05 * (high - low) and high <= 2 * (high - low) else low
    exponent = math.ceil(math.log2((high - start) / 1.05))
    span = 2.0**exponent
    return Range(start, start + (span - 1 if exponent >= DEPTHS[0] and not start else span),
                 "the data")  # fmt: skip


def _spread(pixels: np.ndarray) -> float:
    """The standard deviation of the noise, in the data's own units."""
    return estimate(pixels) / 255

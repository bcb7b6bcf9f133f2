"""The noise of a sensor: photons that are counted, and a readout."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from keras_pde.data.noise.white import CELLS, bands_of, cells, quietest, with_channels
from keras_pde.data.occupied import occupied

__all__ = ["Sensor", "estimate_sensor"]

BINS = 12  # of brightness
LEAST = 20  # cells of a bin
STARTS = np.geomspace(1e-3, 30, 60)  # of the lines that are tried, in lengths of the data's range
WORST = 0.5  # of the logarithm, by which the bins may differ from a line


class Sensor(NamedTuple):
    r"""Poisson-Gaussian noise: a pixel y has variance gain·(E y − offset) + readout².

    The generalised Anscombe transform

        f(y) = (2/g) √(g(y − o) + ⅜g² + r²),   y ≥ o,

    with its tangent below o, gives it a standard deviation of nearly 1. The inverse is the one that
    is exact on average, E f(y) ↦ E y, in closed form. With D = max(f, f at o):

        o + g (D²/4 + ¼√(3/2)/D − (11/8)/D² + ⅝√(3/2)/D³ − ⅛) − r²/g

    Args:
        gain: g > 0, of what the data count for each photon.
        offset: o, the value without light.
        readout: r ≥ 0, the standard deviation without light.

    All are in the units of the data.

    Source: Mäkitalo, Foi, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise" (IEEE TIP 2013).

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.sensor import Sensor
        >>> y = np.random.default_rng(0).poisson(30, 100_000).astype(float)
        >>> z = Sensor(1.0).stabilised(y)
        >>> round(float(z.std()), 1), round(float(Sensor(1.0).restored(z.mean())), 1)
        (1.0, 30.0)
    """

    gain: float
    offset: float = 0.0
    readout: float = 0.0

    def __str__(self) -> str:
        return f"gain {self.gain:.4g}, offset {self.offset:.4g}, readout {self.readout:.4g}"

    def times(self, factor: float) -> Sensor:
        """The same in other units."""
        return Sensor(*(x * factor for x in self))

    def stabilised(self, values: Any) -> Any:
        """f(y)."""
        dark, light = 0.375 * self.gain**2 + self.readout**2, self.gain * (values - self.offset)
        root = np.sqrt(dark + np.maximum(light, 0)) + np.minimum(light, 0) / (2 * math.sqrt(dark))
        return root * (2 / self.gain)

    def restored(self, transformed: Any) -> Any:
        """The inverse of f on average."""
        least = max(float(self.stabilised(self.offset)), 1e-6)
        d, root = np.maximum(transformed, least), math.sqrt(1.5)
        photons = d**2 / 4 + root / 4 / d - 1.375 / d**2 + 0.625 * root / d**3 - 0.125
        least_photons = photons - (self.readout / self.gain) ** 2
        return self.offset + self.gain * np.maximum(least_photons, 0)

    def lipschitz(self, high: float) -> float:
        r"""The product of the Lipschitz constants of f and of its inverse, up to the value high.

        |f′| ≤ 1/√(⅜g² + r²) at o, and the inverse has slope g (D/2 + …) ≤ g (D/2 + ¼) at f(high),
        where D ≥ √(3/2).
        """
        least = math.sqrt(0.375 * self.gain**2 + self.readout**2)
        most = float(self.stabilised(max(high, self.offset)))
        return self.gain * _steepest(max(most, 2 * least / self.gain)) / least


def _steepest(d: float) -> float:
    """A bound of the slope d/2 − ¼√(3/2)/d² + (11/4)/d³ − (15/8)√(3/2)/d⁴ on [√(3/2), d]."""
    x = np.linspace(math.sqrt(1.5), max(d, 2.0), 4097)
    root = math.sqrt(1.5)
    slopes = x / 2 - root / 4 / x**2 + 2.75 / x**3 - 1.875 * root / x**4
    bend = 0.5 + root / 2 / x[0] ** 3 + 8.25 / x[0] ** 4 + 7.5 * root / x[0] ** 5
    return float(slopes.max() + bend * (x[1] - x[0]))


def estimate_sensor(
    pixels: np.ndarray, offset: float | None = None, readout: float | None = None
) -> Sensor:
    r"""Gain, offset and readout of the noise of an image, by means and variances of cells.

    Cells as `keras_pde.data.noise.estimate` has them are sorted into twelve bins of brightness, and
    in each the variance counts that 15 % are below, which is the noise's where the image is smooth.
    Of the lines variance = a(mean + b) the one is taken by which the bins differ least, in the mean
    of the distances of their logarithms from the median: a textured bin or two do not count. The
    gain is a. One image tells a·b = readout² − gain·offset only: without an offset it is taken for
    0, or for −b where b < 0.

    Args:
        pixels: (height, width) or (height, width, channels), in any units.
        offset: if it is known.
        readout: if it is known.

    Raises:
        ValueError: an image whose noise does not grow with the brightness, or that is too small;
            pixels that are no finite real numbers, or of another number of axes.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.sensor import estimate_sensor
        >>> light = np.linspace(10, 200, 256) * np.ones((256, 1))
        >>> photons = np.random.default_rng(0).poisson(light)[..., None].astype(float)
        >>> abs(estimate_sensor(photons).gain - 1) < 0.1
        True
    """
    pixels = with_channels(pixels)
    planes = [
        band[..., channel].astype(np.float64)
        for band in bands_of(pixels)
        for channel in range(pixels.shape[-1])
    ]
    for side in CELLS:
        found = [cells(plane, side) for plane in planes]
        means, variances = (np.concatenate(x) for x in zip(*found, strict=True))
        if len(means) >= BINS * LEAST:
            break
    count = min(BINS, len(means) // LEAST)
    if count >= 2 and means.max() > means.min():
        gain, start, worst = _line(means, variances, side, count, offset, occupied(pixels))
        if worst < WORST:
            known = 0.0 if readout is None else readout**2 / gain - start
            offset = (max(0.0, -start) if readout is None else known) if offset is None else offset
            if readout is None:
                readout = math.sqrt(gain * max(start + offset, 0.0))
            return Sensor(gain, offset, readout)
    raise ValueError(
        "noise='sensor' needs an image whose noise grows with the brightness, and none is found in"
        " this one: tell the gain (and offset, readout), or a noise level"
    )


def _line(
    means: np.ndarray,
    variances: np.ndarray,
    side: int,
    count: int,
    offset: float | None,
    ends: tuple[float, float],
) -> tuple[float, float, float]:
    """a and b of the line variance = a(mean + b), and how far the bins are from it."""
    bins = np.array_split(np.argsort(means, kind="stable"), count)
    least = -ends[0] if offset is None else -offset
    best = (0.0, 0.0, math.inf)
    for start in (least, *(least + (ends[1] - ends[0]) * STARTS)):
        slopes = variances / np.maximum(means + start, 1e-9 * (ends[1] - ends[0]))
        logs = np.log([max(quietest(slopes[i], side), 1e-300) for i in bins])
        far = float(np.abs(logs - np.median(logs)).mean())
        if far < 0.999 * best[2]:
            best = (quietest(slopes, side), start, far)
    return best

"""Kernels of blurs: Gaussian, box and motion, by name, and the cubic one of a decimation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["box", "cubic", "gaussian", "get", "motion"]

LARGEST = 4096  # pixels an axis


def gaussian(width: float) -> np.ndarray:
    """exp(−|x|²/2w²) within four widths, of sum 1.

    Example:
        >>> from keras_pde.data import kernels
        >>> kernels.gaussian(1.6).shape
        (15, 15)
    """
    width = gate.number(width, "width", low=0.01, high=LARGEST / 8)
    radius = math.ceil(4 * width)
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


def box(size: int) -> np.ndarray:
    """The mean of size × size pixels; an even size ends with half a pixel at each side.

    Example:
        >>> from keras_pde.data import kernels
        >>> kernels.box(2)[1].tolist()
        [0.125, 0.25, 0.125]
    """
    size = gate.whole(size, "size", low=1, high=LARGEST)
    line = np.ones(size) if size % 2 else np.array([0.5, *[1.0] * (size - 1), 0.5])
    return np.outer(line, line) / size**2


def motion(length: float, angle: float = 0.0) -> np.ndarray:
    """A straight motion over so many pixels, in degrees from the horizontal, upwards.

    The pixels that a point passes share its light by linear interpolation.

    Example:
        >>> from keras_pde.data import kernels
        >>> kernels.motion(3)[3].round(2).tolist()
        [0.0, 0.04, 0.29, 0.33, 0.29, 0.04, 0.0]
    """
    length = gate.number(length, "length", low=1, high=LARGEST / 2)
    angle = math.radians(gate.number(angle, "angle"))
    radius = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    along = (np.arange(n := 64 * math.ceil(length)) + 0.5) / n - 0.5
    y, x = radius - length * math.sin(angle) * along, radius + length * math.cos(angle) * along
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - i - (y - row)) * np.abs(1 - j - (x - column))
        np.add.at(kernel, (row + i, column + j), share / n)
    kernel = (kernel + kernel[::-1, ::-1]) / 2  # to rounding a motion is symmetric
    return kernel / kernel.sum()


def cubic(factor: int) -> np.ndarray:
    """Keys's cubic (a = −½), stretched by a factor and of sum 1: what shrinks without aliasing.

    Its taps lie at half-integers where the factor is even.

    Source: Keys, "Cubic convolution interpolation for digital image processing" (1981).

    Example:
        >>> from keras_pde.data import kernels
        >>> kernels.cubic(2).shape
        (8, 8)
    """
    count = 4 * factor - factor % 2
    x = np.abs(np.arange(count) - (count - 1) / 2) / factor
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    line = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


NAMED: dict[str, tuple[Callable[..., np.ndarray], str]] = {
    "gaussian": (gaussian, "gaussian:WIDTH"),
    "box": (box, "box:SIZE"),
    "motion": (motion, "motion:LENGTH,ANGLE"),
}


def get(kernel: Any) -> np.ndarray:
    """A kernel by its name and numbers, such as "gaussian:1.6", or an array as it is.

    Raises:
        ValueError: an unknown name, numbers out of range; an array that is no finite matrix, or 0.

    Example:
        >>> from keras_pde.data import kernels
        >>> kernels.get("box:3").shape
        (3, 3)
    """
    if not isinstance(kernel, str):
        values = gate.array(kernel, "kernel", ranks=(2,)).astype(np.float64)
        if not values.any() or max(values.shape) > LARGEST:
            raise ValueError(
                f"A kernel is a matrix that is not 0, of at most {LARGEST} × {LARGEST} entries."
                f" Received: shape {values.shape}, sum of absolute values"
                f" {np.abs(values).sum():.3g}"
            )
        return values
    name, _, text = kernel.partition(":")
    forms = ", ".join(form for _, form in NAMED.values())
    if name not in NAMED:
        raise ValueError(f"kernel must be an array or one of {forms}. Received: {kernel!r}")
    try:
        numbers = [float(part) for part in text.split(",")]
        whole = [int(x) if name == "box" and x == int(x) else x for x in numbers]
        return NAMED[name][0](*whole)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"kernel {kernel!r} is not of the form {NAMED[name][1]}, with numbers in range"
            f" ({error})"
        ) from None

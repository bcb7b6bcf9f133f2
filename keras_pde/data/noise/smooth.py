"""The level of white Gaussian noise where an image is smooth: nearer to the truth, with its error.

`keras_pde.data.noise.estimate` is for every kind of image, and says nothing of its error. Here is a
photograph, and cells are chosen by something that is independent of what is measured in them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Level", "where_smooth"]

CELL, BLOCK = 16, 4  # pixels each way
SHARE = 0.25  # of the cells
FEW = 16  # cells
CORRELATION = 1.69  # sum of the squared correlations of the Laplacian of white noise
LEAST, MOST = 0.3, 1.5  # of the middle cell's variance: eight and four standard deviations away
GRAIN = 2.0  # grey levels: of the film and of texture, in what is smooth of a photograph


class Level(NamedTuple):
    """A noise level in 1/255 of white, and its relative standard error.

    Example:
        >>> from keras_pde.data.noise.smooth import Level
        >>> Level(25.0, 0.01).deviation
        0.01
    """

    level: float
    deviation: float


def where_smooth(values: np.ndarray, level: float) -> Level | None:
    r"""σ by the Laplacian in the quarter of the cells that are smoothest, and its relative error.

    A cell has 16 × 16 pixels, and is smooth where the means of its 4 × 4 blocks are nearly equal.
    These means know nothing of the fine details d of five pixels, 4u − Σ neighbours, over √20, so
    that the choice does not favour cells of little noise: with m pixels E d² = σ², and the relative
    deviation of the mean of d² is √(2·1.69/m). Cells far from the middle one, with edges or no
    noise at all, are left out. What is smooth of a photograph still has grain of about 2 grey
    levels, which counts as an error of ½ (2/σ)².

    Args:
        values: (height, width, channels), white 1.
        level: about σ, in grey levels of 255.

    Returns:
        None for images with less than 16 cells of about that noise.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.smooth import where_smooth
        >>> noisy = 0.1 * np.random.default_rng(0).standard_normal((256, 256, 1))
        >>> round(where_smooth(noisy, 25).level, 1)  # it is 25.5
        25.7
    """
    values = np.asarray(values, np.float64)
    inner = values[1:-1, 1:-1]
    details = 4 * inner - values[:-2, 1:-1] - values[2:, 1:-1] - values[1:-1, :-2]
    details -= values[1:-1, 2:]
    ends = (inner <= values.min()) | (inner >= values.max())
    variances = _means(np.square(details), CELL).mean(axis=-1) / 20 * 255**2
    means = _means(inner, BLOCK)
    activity = _means(np.square(means), CELL // BLOCK) - np.square(_means(means, CELL // BLOCK))
    whole = (_means(ends, CELL).max(axis=-1) == 0) & (variances > LEAST * level**2)
    found, activity = variances[whole], activity.mean(axis=-1)[whole]
    count = max(FEW, math.ceil(SHARE * len(found)))
    if len(found) < count:
        return None
    smooth = found[np.argsort(activity, kind="stable")[:count]]
    middle = np.median(smooth)
    smooth = smooth[(smooth > LEAST * middle) & (smooth < MOST * middle)]
    sigma = math.sqrt(smooth.mean())
    pixels = len(smooth) * CELL**2 * values.shape[-1]
    return Level(sigma, math.hypot(math.sqrt(CORRELATION / (2 * pixels)), (GRAIN / sigma) ** 2 / 2))


def _means(values: np.ndarray, size: int) -> np.ndarray:
    rows, columns = (n // size for n in values.shape[:2])
    cut = values[: rows * size, : columns * size]
    return cut.reshape(rows, size, columns, size, -1).mean(axis=(1, 3))

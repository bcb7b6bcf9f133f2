"""Noise weaker or stronger than what the networks are trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde.data import ranges
from keras_pde.data.ranges import Range
from keras_pde.tasks.denoise import grids
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser

TRAINED = (5.0, 55.0)  # grey levels of 255
STRONGEST = 140.0  # from where on a grid of half as many pixels each way is better
PROBED = 1 << 20  # pixels, or samples, or voxels
PROBE = 0.1  # of the noise
Progress = Callable[[int, int], None] | None


def weak(
    denoiser: Denoiser,
    pixels: np.ndarray,
    used: Range,
    level: float,
    tile: int | None,
    progress: Progress,
) -> Denoised:
    r"""Weak noise of an image, a signal or a volume, multiplied up to the least that is trained on.

    The result is y + w(N(y) − y) with the w that minimises Stein's unbiased estimate of the error,

        w = σ²(1 − div N(y)/n)/mean (N(y) − y)², in [0, 1],

    for where an image is all edges N takes more out of it than the noise. The divergence is
    measured along one random direction, by filtering once more. A convex combination with the
    identity is norm stable where N is, and for a fixed w its Lipschitz constant is at most
    1 − w + w·l.

    Args:
        denoiser: of a network that is told the level, or tuned for one.
        pixels: (\*spatial, channels).
        used: their range.
        level: in 1/255 of it.
        tile: as `keras_pde.denoise` takes it.
        progress: the same.

    Source: Ramani, Blu, Unser, "Monte-Carlo SURE" (IEEE TIP 2008).
    """
    part = used._replace(high=used.low + used.span * level / TRAINED[0])
    values, sigma = part.normalised(pixels), TRAINED[0] / 255
    result = denoiser(values, TRAINED[0], tile=tile, progress=progress)
    sizes = values.shape[:-1]
    most = round(PROBED ** (1 / len(sizes)))
    few = tuple(slice((n - min(n, most)) // 2, (n + min(n, most)) // 2) for n in sizes)
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), values[few].shape)
    removed = result.pixels - values
    before = (
        result.pixels[few]
        if values[few].shape == values.shape
        else denoiser(values[few], TRAINED[0]).pixels
    )
    after = denoiser(values[few] + PROBE * sigma * signs, TRAINED[0]).pixels
    divergence = float(np.mean(signs * (after - before), dtype=np.float64)) / (PROBE * sigma)
    taken = float(np.mean(np.square(removed), dtype=np.float64))
    weight = min(1.0, max(0.0, sigma**2 * (1 - divergence) / taken)) if taken else 1.0
    found = pixels + weight * removed * np.float64(part.span)
    return result._replace(pixels=of_type(found, Range(), pixels.dtype))


def strong(
    denoiser: Denoiser,
    pixels: np.ndarray,
    used: Range,
    level: float,
    tile: int | None,
    progress: Progress,
) -> Denoised:
    """Strong noise: the filter on a grid of half as many pixels each way, with half the noise.

    Args:
        denoiser: of any network.
        pixels: (height, width, channels).
        used: their range.
        level: in 1/255 of it.
        tile: as `keras_pde.denoise` takes it.
        progress: the same.
    """
    result = _coarse(denoiser, used.normalised(pixels), level, tile, progress)
    return result._replace(pixels=of_type(result.pixels, used, pixels.dtype))


def _coarse(
    denoiser: Denoiser,
    values: np.ndarray,
    level: float,
    tile: int | None,
    progress: Progress,
) -> Denoised:
    coarse = grids.halved(values)
    if level / 2 > STRONGEST and min(coarse.shape[:2]) >= 2 * denoiser.network.smallest_size:
        result = _coarse(denoiser, coarse, level / 2, tile, progress)
    else:
        result = denoiser(coarse, level / 2, tile=tile, progress=progress)
    return result._replace(pixels=grids.doubled(result.pixels, values.shape))


def of_type(values: np.ndarray, used: Range, dtype: Any) -> np.ndarray:
    """Values in [0, 1] of a range as pixels of a type: integers are rounded and clipped."""
    values = values * np.float64(used.span) + used.low
    if np.dtype(dtype).kind == "f":
        return values.astype(dtype)
    return np.rint(values.clip(0, ranges.type_range(dtype).high)).astype(dtype)

"""Coarser grids of an image: means of 2 × 2 pixels, and back; hidden pixels filled in by them."""

from __future__ import annotations

import numpy as np

__all__ = ["doubled", "filled", "halved"]


def halved(values: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels; an odd last row or column is repeated.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import grids
        >>> grids.halved(np.arange(6.0).reshape(2, 3, 1))[..., 0].tolist()
        [[2.0, 3.5]]
    """
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def doubled(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation to a shape of twice as many pixels each way.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import grids
        >>> grids.doubled(np.array([[[0.0], [4.0]]]), (2, 4, 1))[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    for axis in (0, 1):
        before = np.concatenate([coarse.take([0], axis), coarse], axis)
        after = np.concatenate([coarse, coarse.take([-1], axis)], axis)
        count = coarse.shape[axis]
        first = 0.25 * before.take(range(count), axis) + 0.75 * coarse
        second = 0.75 * coarse + 0.25 * after.take(range(1, count + 1), axis)
        stacked = np.stack([first, second], axis + 1)
        coarse = stacked.reshape(*coarse.shape[:axis], 2 * count, *coarse.shape[axis + 1 :])
    return coarse[: shape[0], : shape[1]].astype(coarse.dtype)


def filled(pixels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Hidden pixels replaced by means of the visible ones near them, coarse grid by coarse grid.

    What the hidden pixels were has no influence at all.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import grids
        >>> pixels = np.array([[[3.0], [99.0]], [[5.0], [7.0]]])
        >>> float(grids.filled(pixels, pixels[..., 0] < 50)[0, 1, 0])
        5.0
    """
    weights = visible[..., None].astype(np.float64)
    found = _means(np.where(visible[..., None], pixels, 0).astype(np.float64), weights)
    if pixels.dtype.kind in "ui":
        found = np.rint(found)
    return np.where(visible[..., None], pixels, found.astype(pixels.dtype))


def _means(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted values where there is weight, and those of the coarser grid elsewhere."""
    known = weights > 0
    values = sums / np.where(known, weights, 1)
    if known.all() or max(values.shape[:2]) == 1:
        return values
    coarse = _means(halved(sums), halved(weights))
    above = coarse.repeat(2, axis=0).repeat(2, axis=1)[: values.shape[0], : values.shape[1]]
    return np.where(known, values, above)

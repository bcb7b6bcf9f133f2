"""Coordinates of the points of a grid, for networks that are functions of coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["box_of", "pixel_centres"]


def box_of(sizes: Sequence[int]) -> tuple[float, ...]:
    """Half the length of each axis where pixels are squares and the longest axis is [−1, 1].

    Example:
        >>> from keras_pde.data.pixel_centres import box_of
        >>> box_of((480, 640))
        (0.75, 1.0)
    """
    return tuple(n / max(sizes) for n in sizes)


def pixel_centres(sizes: Sequence[int], extent: Sequence[float] | None = None) -> np.ndarray:
    """The centres of the pixels that divide a box around 0, (*sizes, axes), in float32.

    Args:
        sizes: pixels along each axis.
        extent: half the length of each axis; None is `box_of` the sizes.

    Example:
        >>> from keras_pde.data.pixel_centres import pixel_centres
        >>> pixel_centres((2, 4))[:, 0].tolist(), pixel_centres((4,))[:, 0].tolist()
        ([[-0.25, -0.75], [0.25, -0.75]], [-0.75, -0.25, 0.25, 0.75])
    """
    half = box_of(sizes) if extent is None else extent
    axes = [h * (2 * np.arange(n) + 1 - n) / n for n, h in zip(sizes, half, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype("float32")

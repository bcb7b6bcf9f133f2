"""The near fields of a kernel, level by level: what linear interpolation leaves of it.

With κ_l the kernel between the points of level l, and P linear interpolation from the next coarser
level, the near field of level l is κ_l − Pκ_{l+1}Pᵀ inside its bands. Each entry reads the kernel
at 1 + 4^d pairs of points, so all levels together cost a multiple of the number of points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from keras_pde.operators.near_field import PERIODIC, box
from keras_pde.operators.transfer import coarse_size, prolong_axis

__all__ = ["level_sizes", "level_widths", "near_fields"]

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
Axis = tuple[np.ndarray, np.ndarray]  # the two coarse neighbours of each point, and their weights


def level_sizes(sizes: Sequence[int], boundary: str) -> list[tuple[int, ...]]:
    """The sizes of all levels, down to one point.

    Example:
        >>> from keras_pde.operators.kernel_levels import level_sizes
        >>> level_sizes((7, 5), "dirichlet"), level_sizes((6,), "periodic")
        ([(7, 5), (3, 2), (1, 1)], [(6,), (3,), (2,), (1,)])
    """
    found = [tuple(sizes)]
    while max(found[-1]) > 1:
        found.append(tuple(coarse_size(n, boundary) for n in found[-1]))
    return found


def level_widths(levels: Sequence[Sequence[int]], width: int, boundary: str) -> list[int]:
    """How far the near field of each level reaches: on a circle no point is met twice.

    Example:
        >>> from keras_pde.operators.kernel_levels import level_widths
        >>> level_widths([(8,), (4,), (2,), (1,)], 2, "periodic")
        [2, 1, 0, 0]
    """
    if boundary == PERIODIC:
        return [min(width, (min(sizes) - 1) // 2) for sizes in levels]
    return [min(width, max(sizes) - 1) for sizes in levels]


def near_fields(
    kernel: Kernel, sizes: Sequence[int], width: int, boundary: str
) -> list[np.ndarray]:
    r"""The bands of every level, (\*sizes, k), finest first, in float64.

    Args:
        kernel: (i, j) ↦ κ(xᵢ, xⱼ) for arrays of numbers of points of the finest grid, the last
            axis fastest.
        sizes: of the finest grid.
        width: w, of near fields.
        boundary: of the transfers, "dirichlet", "neumann" or "periodic".

    Example:
        >>> from keras_pde.operators.kernel_levels import near_fields
        >>> hat = lambda i, j: np.minimum(i + 1, j + 1) * (3 - np.maximum(i, j)) / 16  # of −u″
        >>> for bands in near_fields(hat, (3,), 1, "dirichlet"):
        ...     print(bands.tolist())
        [[0.0, 0.125, 0.0], [0.0, 0.0, 0.0], [0.0, 0.125, 0.0]]
        [[0.25]]
    """
    levels = level_sizes(sizes, boundary)
    widths = level_widths(levels, width, boundary)
    places = [np.arange(n) for n in sizes]  # of a level's points on the finest grid, axis by axis
    found = []
    for level, (own, w) in enumerate(zip(levels, widths, strict=True)):
        coarse = None if level + 1 == len(levels) else levels[level + 1]
        axes = [] if coarse is None else [_neighbours(n, boundary) for n in own]
        below = [p if len(p) == 1 else p[boundary == "dirichlet" :: 2] for p in places]
        found.append(_level(kernel, sizes, places, below, axes, w, boundary))
        places = below
    return found


def _level(
    kernel: Kernel,
    sizes: Sequence[int],
    places: Sequence[np.ndarray],
    below: Sequence[np.ndarray],
    axes: Sequence[Axis],
    width: int,
    boundary: str,
) -> np.ndarray:
    """The bands of one level: κ less what the coarser one interpolates, where there is one."""
    own = tuple(map(len, places))
    x: list[np.ndarray] = list(np.indices(own))
    bands = np.zeros((*own, (2 * width + 1) ** len(own)))
    for k, offset in enumerate(box(width, len(own))):
        y = [i + o for i, o in zip(x, offset, strict=True)]
        inside = np.all([(i >= 0) & (i < n) for i, n in zip(y, own, strict=True)], axis=0)
        y = [i % n for i, n in zip(y, own, strict=True)]
        value = np.array(kernel(_number(x, places, sizes), _number(y, places, sizes)), np.float64)
        if axes:
            value = value - _interpolated(kernel, sizes, below, axes, x, y)
        bands[..., k] = value if boundary == PERIODIC else np.where(inside, value, 0.0)
    return bands


def _interpolated(
    kernel: Kernel,
    sizes: Sequence[int],
    below: Sequence[np.ndarray],
    axes: Sequence[Axis],
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray],
) -> np.ndarray:
    """(Pκ_{l+1}Pᵀ)(x, y)."""
    corners = [_corners(axes, z) for z in (x, y)]
    total = np.zeros(np.shape(x[0]))
    for (i, a), (j, b) in itertools.product(*corners):
        total += a * b * kernel(_number(i, below, sizes), _number(j, below, sizes))
    return total


def _corners(
    axes: Sequence[Axis], x: Sequence[np.ndarray]
) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """The 2^d coarse points around each point, and their weights."""
    found = []
    for corner in itertools.product((0, 1), repeat=len(axes)):
        at = [near[i, c] for (near, _), i, c in zip(axes, x, corner, strict=True)]
        weights = [w[i, c] for (_, w), i, c in zip(axes, x, corner, strict=True)]
        found.append((at, np.prod(weights, axis=0)))
    return found


def _number(
    at: Sequence[np.ndarray], places: Sequence[np.ndarray], sizes: Sequence[int]
) -> np.ndarray:
    """The number on the finest grid of the points of a level."""
    return np.ravel_multi_index([p[i] for p, i in zip(places, at, strict=True)], tuple(sizes))


def _neighbours(size: int, boundary: str) -> Axis:
    """The rows of P along an axis: two coarse points each, and their weights."""
    coarse = coarse_size(size, boundary)
    if size == 1:
        rows = np.eye(1)
    else:
        rows = prolong_axis(np.eye(coarse), 0, size, boundary, np)
    rows = np.pad(rows, [(0, 0), (0, max(0, 2 - coarse))])
    near = np.argsort(-rows, axis=1, kind="stable")[:, :2]
    return np.minimum(near, coarse - 1), np.take_along_axis(rows, near, 1)

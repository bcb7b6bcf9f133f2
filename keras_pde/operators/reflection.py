"""Row sums of KKᵀ and of (KᵀK)^(2^j): bounds of ‖K‖² that see a reflecting boundary.

Gershgorin's theorem needs the absolute entries of a matrix only, so it holds for convolutions whose
filters meet their own mirror images at the boundary, where the supremum over frequencies fails.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.operators.norms import composite, degree, like
from keras_pde.runtime.types import Number, Tensor

OFFLINE_BUDGET = 1000  # unknowns of the dense reflecting grid of a certificate


def correlation_sums(kernel: Tensor, anchor: Sequence[int], boundary: str, xp: Any = np) -> Tensor:
    """Σ over displacements of |KKᵀ|, filter by filter.

    The matrix of Gershgorin's row sums, shape (out, out).

    With reflecting boundaries a displacement meets either the plain correlation or one with a
    mirrored filter (the mirror images of the grid tile the lattice), so the larger of them counts.
    """
    *window, channels, filters = (int(n) for n in kernel.shape)
    flat = xp.reshape(kernel, (-1, channels, filters))
    pairs = xp.reshape(xp.einsum("pci,qcj->pqij", flat, flat), (-1, filters * filters))
    largest = None
    for flips in (
        itertools.product((1, -1), repeat=len(window))
        if boundary == "neumann"
        else [(1,) * len(window)]
    ):
        sums = xp.abs(
            xp.matmul(
                like(_displacements(tuple(window), tuple(anchor), tuple(flips)), kernel, xp), pairs
            )
        )
        largest = sums if largest is None else xp.maximum(largest, sums)
    return xp.reshape(xp.sum(largest, axis=0), (filters, filters))


@functools.lru_cache(maxsize=64)
def _displacements(
    window: tuple[int, ...], anchor: tuple[int, ...], flips: tuple[int, ...]
) -> np.ndarray:
    """0-1 matrix that adds up the pairs (p, q) of kernel places with equal displacement q − p.

    The place q is mirrored by flips.
    """
    offsets = np.array(list(itertools.product(*map(range, window)))) - np.array(anchor)
    reach = 2 * max(max(a, n - 1 - a) for a, n in zip(anchor, window, strict=True))
    shift = (offsets * np.array(flips))[None, :, :] - offsets[:, None, :] + reach
    index = np.ravel_multi_index(
        tuple(shift.reshape(-1, len(window)).T), (2 * reach + 1,) * len(window)
    )
    matrix = np.zeros(((2 * reach + 1) ** len(window), index.size))
    matrix[index, np.arange(index.size)] = 1
    return matrix


def pure_part(kernel: np.ndarray, anchor: Sequence[int]) -> np.ndarray:
    """The nearest kernel whose filters are even or odd along every axis.

    Even or odd about a pixel, or odd about a pixel edge.
    """
    out = np.empty_like(kernel)
    for j in range(kernel.shape[-1]):
        row = kernel[..., j]
        for axis, a in enumerate(anchor):
            best: np.ndarray | None = None
            for centre, sign in ((2 * a, 1), (2 * a, -1), (2 * a + 1, -1), (2 * a - 1, -1)):
                index = centre - np.arange(row.shape[axis])
                inside = (index >= 0) & (index < row.shape[axis])
                shape = [-1 if i == axis else 1 for i in range(row.ndim)]
                mirror = np.take(
                    row, np.clip(index, 0, row.shape[axis] - 1), axis=axis
                ) * inside.reshape(shape)
                part = np.where(inside.reshape(shape), (row + sign * mirror) / 2, 0)
                if best is None or np.abs(row - part).sum() < np.abs(row - best).sum():
                    best = part
            row = np.zeros_like(row) if best is None else best
        out[..., j] = row
    return out


def reflected_grid(kernels: Sequence[Tensor], budget: int) -> tuple[int, list[int]] | None:
    """(j, sizes): the most squarings that `reflected` can afford, and its grid.

    The budget counts unknowns.
    """
    widths, channels = [d + 1 for d in degree(kernels)], int(kernels[0].shape[-2])
    grids = [(j, [2 * (2**j * (k - 1) + k) for k in widths]) for j in range(8)]
    return max((grid for grid in grids if math.prod(grid[1]) * channels <= budget), default=None)


def reflected(
    kernels: Sequence[Tensor], anchor: Sequence[int], xp: Any = np, budget: int = OFFLINE_BUDGET
) -> Number:
    """Row sums of (KᵀK)^(2^j) on a reflecting grid.

    ‖K‖² ≤ (largest row sum)^(1/2^j), or None beyond the budget.

    The grid is wide enough that every row sees at most one of two opposite boundaries, so the bound
    holds for every grid at least as large in each axis.
    """
    grid = reflected_grid(kernels, budget)
    if grid is None:
        return None
    j, size = grid
    kernel = composite(kernels, xp)
    *window, channels, filters = (int(n) for n in kernel.shape)
    flat = xp.reshape(kernel, (-1, channels, filters))
    pairs = xp.einsum("pci,qdi->pqcd", flat, flat)
    rows, columns, points = _reflected_places(tuple(size), tuple(window), tuple(anchor))
    if xp is np:
        gram = np.zeros((points, points, channels, channels))
        np.add.at(
            gram, (rows, columns), np.repeat(pairs.reshape(-1, channels, channels), points, axis=0)
        )
    else:
        spread = xp.repeat(xp.reshape(pairs, (-1, channels, channels)), points, axis=0)
        gram = xp.reshape(
            xp.segment_sum(spread, rows * points + columns, points * points),
            (points, points, channels, channels),
        )
    gram = xp.reshape(xp.transpose(gram, (0, 2, 1, 3)), (points * channels, points * channels))
    log_scale = 0.0
    for i in range(j):
        top = xp.max(xp.abs(gram)) + 1e-30
        gram = gram / top
        log_scale = log_scale + xp.log(top) / 2**i
        gram = xp.matmul(gram, gram)
    return xp.exp(log_scale + xp.log(xp.max(xp.sum(xp.abs(gram), axis=-1)) + 1e-30) / 2**j)


@functools.lru_cache(maxsize=16)
def _reflected_places(
    size: tuple[int, ...], window: tuple[int, ...], anchor: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, int]:
    """The two input pixels that each pair of kernel places touches, for every output pixel."""
    pixels = np.indices(size).reshape(len(size), -1)
    touched = []
    for place in itertools.product(*map(range, window)):
        at = pixels + (np.array(place) - np.array(anchor))[:, None]
        wrapped = at % (2 * np.array(size)[:, None])
        touched.append(
            np.ravel_multi_index(
                tuple(np.minimum(wrapped, 2 * np.array(size)[:, None] - 1 - wrapped)), size
            )
        )
    source, n = np.array(touched), len(touched)
    return np.repeat(source, n, axis=0).ravel(), np.tile(source, (n, 1)).ravel(), pixels.shape[1]

"""Row sums of KKᵀ, and kernels of a parity: bounds of ‖K‖² that see a reflecting boundary.

Gershgorin's theorem needs the absolute entries of a matrix only, so it holds for convolutions whose
filters meet their own mirror images at the boundary, where the supremum over frequencies fails.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.operators.norms import like
from keras_pde.runtime.types import Tensor


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

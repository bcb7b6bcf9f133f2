"""Bounds of ‖K‖² on reflecting grids of every size, by row sums of (KᵀK)^m with m = 2^j.

A row of (KᵀK)^m reaches m(k − 1) points each way for a kernel of width k, and differs from a row of
an infinite grid only where it meets a boundary. On an axis of 2m(k − 1) + 1 points a row meets one
of the two at most, and all kinds of rows occur: that axis stands for all that are longer. Shorter
axes are finitely many, and each such grid is looked at.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.norms import composite, degree
from keras_pde.runtime.compiling import computes_now
from keras_pde.runtime.types import Number, Tensor

UNKNOWNS, ENTRIES = 1000, 1e8  # of a certificate: of the largest grid, and of all their matrices
IN_GRAPH_UNKNOWNS = 600  # of a training step, on a grid with room for the kernel as well
PRODUCTS, AXIS = 3.5e9, 3e6  # of all its grids, and numbers that describe one axis
MOST = 6  # squarings gain little beyond
OUTWARD = 1e-9  # of a factorisation in float64
TINY = 1e-30


def largest_sizes(kernels: Sequence[Tensor], j: int) -> list[int]:
    """The sizes along each axis that stand for all larger ones."""
    return [2 ** (j + 1) * d + 1 for d in degree(kernels)]


def certificate_grid(
    kernels: Sequence[Tensor], work: float = math.inf
) -> tuple[int, list[int]] | None:
    """The most squarings j that a certificate affords, and its largest grid."""
    channels, found = int(kernels[0].shape[-2]), None
    for j in range(MOST):
        largest = largest_sizes(kernels, j)
        points = math.prod(largest)
        products = channels**3 * math.prod(n**4 / 4 for n in largest)
        if products > work:
            break
        if points * channels <= UNKNOWNS and points**3 * channels**2 <= ENTRIES:
            found = j, largest
    return found


def training_grid(kernels: Sequence[Tensor]) -> tuple[int, list[int]] | None:
    """The most squarings j that a training step affords, and its largest grid.

    Saved networks count on it: with another j their normalised kernels would be others.
    """
    channels, found = int(kernels[0].shape[-2]), None
    for j in range(MOST):
        largest = largest_sizes(kernels, j)
        room = [n + 2 * d + 1 for n, d in zip(largest, degree(kernels), strict=True)]
        if math.prod(room) * channels > IN_GRAPH_UNKNOWNS:
            break
        products = sum(
            math.prod(map(len, sizes)) * (math.prod(r[-1] for r in sizes) * channels) ** 3
            for sizes in itertools.product(*map(_parts, largest))
        )
        axis = max((d + 1) ** 2 * n**3 for d, n in zip(degree(kernels), largest, strict=True))
        if j == 0 or (products * j <= PRODUCTS and axis <= AXIS):
            found = j, largest
    return found


def certified(
    kernels: Sequence[np.ndarray], anchor: Sequence[int], work: float = math.inf
) -> float | None:
    """Upper bound of ‖K‖² for every size, in float64; None where that is too much work.

    It is the largest row sum of the grids with an axis that stands for all longer ones. Of the
    others the norm itself counts where it is larger, as a Cholesky factorisation tells. ``work``
    limits the products of all these.
    """
    grid = certificate_grid(kernels, work)
    if grid is None:
        return None
    kernel = np.ascontiguousarray(composite(kernels), dtype=np.float64)
    return _certified(kernel.tobytes(), kernel.shape, tuple(anchor), grid[0], tuple(grid[1]))


@functools.lru_cache(maxsize=16)  # a certificate asks several times
def _certified(
    data: bytes, shape: tuple[int, ...], anchor: tuple[int, ...], j: int, largest: tuple[int, ...]
) -> float:
    kernel = np.frombuffer(data).reshape(shape)
    pairs = _pairs(kernel, np)
    found = 0.0
    for small in (False, True):
        for sizes in itertools.product(*(range(n, 0, -1) for n in largest)):
            if small != all(n < most for n, most in zip(sizes, largest, strict=True)):
                continue
            axes = [
                _axis(range(n, n + 1), k, a, np, kernel)
                for n, k, a in zip(sizes, kernel.shape, anchor, strict=False)
            ]
            gram = _grams(pairs, axes, np)[0]
            if not small:
                found = max(found, float(_row_sums(gram, j, np)))
            elif not _at_most(gram, found):
                found = float(np.linalg.eigvalsh(gram)[-1]) * (1 + OUTWARD)
    return found


def in_graph(kernels: Sequence[Tensor], anchor: Sequence[int], xp: Any = ops) -> Number | None:
    """Upper bound of ‖K‖² for every size, differentiable; None where that is too much work.

    Row sums of all grids tell which is the largest; its value and gradient are those of that grid.
    """
    grid = training_grid(kernels)
    if grid is None:
        return None
    j, largest = grid
    kernel = composite(kernels, xp)
    axes = [
        _axis(range(1, n + 1), k, a, xp, kernel)
        for n, k, a in zip(largest, kernel.shape, anchor, strict=False)
    ]
    pairs = _pairs(kernel, xp)
    if xp is not np and keras.backend.backend() == "tensorflow" and computes_now():
        numbers = ops.convert_to_numpy(kernel)  # op by op the search takes most of a step's time
        worst: Any = _found(
            numbers.tobytes(), numbers.dtype, numbers.shape, tuple(anchor), j, tuple(largest)
        )
    else:
        worst = _worst(pairs if xp is np else xp.stop_gradient(pairs), axes, j, largest, xp)
    at = [xp.take(axis, worst[i], axis=1)[:, None] for i, axis in enumerate(axes)]
    return _row_sums(_grams(pairs, at, xp), j, xp)[0]


@functools.lru_cache(maxsize=256)
def _found(
    data: bytes,
    dtype: Any,
    shape: tuple[int, ...],
    anchor: tuple[int, ...],
    j: int,
    largest: tuple[int, ...],
) -> tuple[int, ...]:
    """`_worst` of a kernel that is known, once for the same weights."""
    kernel = ops.convert_to_tensor(np.frombuffer(data, dtype).reshape(shape))
    axes = [
        _axis(range(1, n + 1), k, a, ops, kernel)
        for n, k, a in zip(largest, shape, anchor, strict=False)
    ]
    worst = _worst(_pairs(kernel, ops), axes, j, largest, ops)
    return tuple(int(n) for n in ops.convert_to_numpy(worst))


def _worst(pairs: Tensor, axes: list[Tensor], j: int, largest: Sequence[int], xp: Any) -> Tensor:
    """The sizes less 1 along each axis of the grid with the largest row sum."""
    sums: list[Tensor] = []
    met: list[tuple[int, ...]] = []
    for sizes in itertools.product(*map(_parts, largest)):
        parts = [
            axis[:, r[0] - 1 : r[-1], : r[-1], : r[-1]] for axis, r in zip(axes, sizes, strict=True)
        ]
        sums.append(_row_sums(_grams(pairs, parts, xp), j, xp))
        met.extend(itertools.product(*sizes))
    return xp.take(
        np.array(met) - 1 if xp is np else xp.convert_to_tensor(np.array(met, "int32") - 1),
        xp.argmax(xp.concatenate(sums)),
        axis=0,
    )


def _parts(largest: int) -> list[range]:
    """The sizes of an axis in 2 to 4 parts, so that matrices of small grids stay small."""
    step = -(-largest // (4 if largest > 10 else 2))
    return [range(n, min(n + step, largest + 1)) for n in range(1, largest + 1, step)]


def _pairs(kernel: Tensor, xp: Any) -> Tensor:
    """Σ over filters of the products of two entries, (k₁², …, kₙ², channels²)."""
    *window, channels, filters = (int(n) for n in kernel.shape)
    flat = xp.reshape(kernel, (-1, channels, filters))
    pairs = xp.reshape(xp.einsum("pci,qdi->pqcd", flat, flat), (*window, *window, channels**2))
    ndim = len(window)
    order = [i for axis in range(ndim) for i in (axis, ndim + axis)]
    return xp.reshape(
        xp.transpose(pairs, (*order, 2 * ndim)), (*(k * k for k in window), channels**2)
    )


def _axis(sizes: range, width: int, anchor: int, xp: Any, like: Tensor) -> Tensor:
    """How often places p and q of a kernel meet points y and z from one point of a reflecting axis.

    Shape (width², sizes, y, z), with zeros beyond the shorter axes.
    """
    shape = (width**2, len(sizes), sizes[-1], sizes[-1])
    index = _meetings(sizes[0], sizes[-1], int(width), int(anchor))
    if xp is np:
        return np.bincount(index, minlength=math.prod(shape)).reshape(shape).astype(float)
    ones = xp.ones((len(index),), dtype=like.dtype)
    return xp.reshape(
        xp.segment_sum(ones, xp.convert_to_tensor(index.astype("int32")), math.prod(shape)), shape
    )


@functools.lru_cache(maxsize=64)
def _meetings(first: int, last: int, width: int, anchor: int) -> np.ndarray:
    """Flat indices into the array of `_axis`."""
    found = []
    for i, n in enumerate(range(first, last + 1)):
        met = (np.arange(width)[:, None] + np.arange(n) - anchor) % (2 * n)
        met = np.minimum(met, 2 * n - 1 - met)
        pair = np.arange(width * width).reshape(width, width, 1)
        place = (pair * (last - first + 1) + i) * last + met[:, None]
        found.append((place * last + met[None, :]).ravel())
    return np.concatenate(found)


def _grams(pairs: Tensor, axes: Iterable[Tensor], xp: Any) -> Tensor:
    """KᵀK on all grids that the axes make, (grids, unknowns, unknowns)."""
    shapes = []
    for axis in axes:
        square, count, size, _ = (int(n) for n in axis.shape)
        shapes.append((count, size, size))
        # einsum: NumPy's tensordot would start threads for each of hundreds of small products
        pairs = xp.einsum("p...,pm->...m", pairs, xp.reshape(axis, (square, -1)))
    channels = math.isqrt(int(pairs.shape[0]))
    whole = xp.reshape(pairs, (channels, channels, *itertools.chain(*shapes)))
    ndim = len(shapes)
    order = [2 + 3 * axis + part for part in range(3) for axis in range(ndim)]
    order = [*order[: 2 * ndim], 0, *order[2 * ndim :], 1]
    unknowns = math.prod(size for _, size, _ in shapes) * channels
    return xp.reshape(xp.transpose(whole, order), (-1, unknowns, unknowns))


def _row_sums(gram: Tensor, j: int, xp: Any) -> Tensor:
    """(largest row sum of G^(2^j))^(1/2^j)."""
    log_scale = 0.0
    for i in range(j):
        top = xp.max(xp.abs(gram), axis=(-2, -1), keepdims=True) + TINY
        gram = gram / top
        log_scale = log_scale + xp.log(top[..., 0, 0]) / 2**i
        gram = xp.matmul(gram, gram)
    largest = xp.max(xp.sum(xp.abs(gram), axis=-1), axis=-1)
    return xp.exp(log_scale + xp.log(largest + TINY) / 2**j)


def _at_most(gram: np.ndarray, bound: float) -> bool:
    """Whether a positive semidefinite matrix has no larger eigenvalue, by a factorisation."""
    try:
        np.linalg.cholesky(bound * (1 - OUTWARD) * np.eye(len(gram)) - gram)
    except np.linalg.LinAlgError:
        return False
    return True

"""Suprema of symbols: κ² = sup over frequencies of ‖k̂(ω)‖², from above, by samples and a margin.

κ² bounds ‖K‖² for "periodic" and "dirichlet" boundaries; see `norms` for the reflecting one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.operators.norms import degree, gram_iteration, like
from keras_pde.runtime.types import Number, Tensor


@functools.lru_cache(maxsize=32)
def _fourier_matrix(
    points: tuple[int, ...], window: tuple[int, ...], whole: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """cos and −sin parts of the DFT from a window to a grid of frequencies.

    Half of the last axis is enough for a maximum.
    """
    factors = []
    for axis, (n, k) in enumerate(zip(points, window, strict=True)):
        rows = n // 2 + 1 if axis == len(points) - 1 and not whole else n
        factors.append(np.exp(-2j * np.pi * np.outer(np.arange(rows), np.arange(k)) / n))
    matrix = functools.reduce(np.kron, factors)
    return np.ascontiguousarray(matrix.real), np.ascontiguousarray(matrix.imag)


def symbol(kernels: Sequence[Tensor], points: Sequence[int], xp: Any = np) -> Tensor:
    """Real form [[Re, −Im], [Im, Re]] of k̂(ω)ᵀ on a grid, shape (frequencies, 2·in, 2·out)."""
    total = None
    for kernel in kernels:
        *window, rows, columns = (int(n) for n in kernel.shape)
        real, imag = _fourier_matrix(tuple(points), tuple(window))
        flat = xp.reshape(kernel, (-1, rows * columns))
        a = xp.reshape(xp.matmul(like(real, kernel, xp), flat), (-1, rows, columns))
        b = xp.reshape(xp.matmul(like(imag, kernel, xp), flat), (-1, rows, columns))
        block = xp.concatenate([xp.concatenate([a, b], -1), xp.concatenate([-b, a], -1)], -2)
        total = block if total is None else xp.matmul(total, block)
    return total


def supremum(
    kernels: Sequence[Tensor], xp: Any = np, budget: float = 2e7, shape: Sequence[int] | None = None
) -> Number:
    """κ² = sup over ω of ‖k̂(ω)‖², bounded from above.

    A trigonometric polynomial of degree m sampled at n > 2m points is at most its largest sample
    over cos(πm/n) (Ehlich, Zeller 1964), once an axis: 0.5 % with n = 32m. With ``shape``, a
    periodic grid's own frequencies: exact.
    """
    m = degree(kernels)
    channels = min(int(kernels[0].shape[-2]), int(kernels[-1].shape[-1]))
    if shape is not None:
        points, slack = [int(n) for n in shape], 1.0
    else:
        rows = 4 * int(kernels[0].shape[-2]) * max(int(k.shape[-1]) for k in kernels)
        over = next(
            (o for o in (32, 16, 8) if rows * math.prod(o * max(1, d) for d in m) <= budget), 4
        )
        if over < 32 and channels == len(kernels) == 1:
            return _one_channel(kernels[0], m, xp, budget / 8)
        points = [over * max(1, d) for d in m]
        slack = math.prod(1 / math.cos(math.pi * d / n) for d, n in zip(m, points, strict=True))
    block = symbol(kernels, points, xp)
    if channels == 1:
        return slack * xp.max(xp.sum(block * block, axis=(-2, -1))) / 2
    flipped = xp.swapaxes(block, -2, -1)
    gram = (
        xp.matmul(block, flipped)
        if int(block.shape[-2]) <= int(block.shape[-1])
        else xp.matmul(flipped, block)
    )
    if xp is np:
        return slack * np.linalg.eigvalsh(gram)[..., -1].max()
    return slack * xp.max(gram_iteration(gram, 4, xp, pairs=True))


def suprema(kernel: np.ndarray) -> np.ndarray:
    """sup over ω of |k̂(ω)|² for each channel and filter, bounded from above as `supremum` is.

    Args:
        kernel: (*window, rows, columns).

    Returns:
        (rows, columns).
    """
    m, rows = degree([kernel]), int(kernel.shape[-2])
    points = [16 * max(1, d) for d in m]
    slack = math.prod(1 / math.cos(math.pi * d / n) for d, n in zip(m, points, strict=True))
    block = symbol([kernel], points)[:, :rows]
    real, imag = np.split(block, 2, axis=-1)
    return slack * (real**2 + imag**2).max(axis=0)


def _one_channel(kernel: Tensor, m: Sequence[int], xp: Any, most: float) -> Tensor:
    """`supremum` of a kernel from or to one channel.

    Σ|k̂|² on 2m + 1 points an axis, which hold the polynomial, and from there on a fine grid.

    The fine grid tells where the largest sample is; its value and gradient are those of the sum
    there, without the interpolation's roundings.
    """
    window = tuple(int(n) for n in kernel.shape[:-2])
    coarse = tuple(2 * d + 1 for d in m)
    over = next((o for o in (32, 16, 8) if math.prod(o * max(1, d) for d in m) <= most), 4)
    points = [over * max(1, d) for d in m]
    flat = xp.reshape(kernel, (-1, int(kernel.shape[-2]) * int(kernel.shape[-1])))
    real, imag = (
        xp.matmul(like(part, kernel, xp), flat) for part in _fourier_matrix(coarse, window, True)
    )
    values = xp.reshape(xp.sum(real * real + imag * imag, axis=-1), coarse)
    for d, n in zip(m, points, strict=True):  # each axis in turn becomes the last
        values = xp.tensordot(values, like(_interpolation(d, n), kernel, xp), axes=[[0], [0]])
    where: list[Any] = []
    rest = xp.argmax(xp.reshape(values, (-1,)))
    for n in reversed(points):
        where, rest = [rest % n, *where], rest // n
    real, imag = xp.ones_like(flat[:1, 0]), xp.zeros_like(flat[:1, 0])
    for i, n, k in zip(where, points, window, strict=True):
        cos, sin = (
            xp.take(like(part, kernel, xp), i, axis=0) for part in _fourier_matrix((n,), (k,), True)
        )
        real, imag = (
            xp.reshape(x, (-1,))
            for x in (
                real[:, None] * cos - imag[:, None] * sin,
                real[:, None] * sin + imag[:, None] * cos,
            )
        )
    slack = math.prod(1 / math.cos(math.pi * d / n) for d, n in zip(m, points, strict=True))
    return slack * xp.sum(xp.matmul(real, flat) ** 2 + xp.matmul(imag, flat) ** 2)


@functools.lru_cache(maxsize=32)
def _interpolation(m: int, n: int) -> np.ndarray:
    """(2m + 1, n): takes a trigonometric polynomial of degree m from 2m + 1 points to n points."""
    apart = 2 * np.pi * (np.arange(n) / n - np.arange(2 * m + 1)[:, None] / (2 * m + 1))
    return (1 + 2 * np.cos(np.arange(1, m + 1) * apart[..., None]).sum(axis=-1)) / (2 * m + 1)


def supremum_by_gram_iteration(kernels: Sequence[np.ndarray], iterations: int) -> float:
    """κ² as in `supremum`, by Gram iteration at every frequency (NumPy)."""
    points = [16 * max(1, d) for d in degree(kernels)]
    slack = math.prod(
        1 / math.cos(math.pi * d / n) for d, n in zip(degree(kernels), points, strict=True)
    )
    block = symbol(kernels, points)
    return slack * float(
        gram_iteration(block @ block.swapaxes(-2, -1), iterations, pairs=True).max()
    )

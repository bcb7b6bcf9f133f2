"""Upper bounds of ‖K‖² for K = restriction · (k₁ * … * kₘ) · boundary extension.

Never estimates from below.

Two facts carry the bounds from the infinite grid to a bounded one:

* "periodic" and "dirichlet": ‖K‖² ≤ κ² = sup over frequencies of ‖k̂(ω)‖² (a sub-lattice of
  frequencies, a compression).
* "neumann": the reflected state lives on 2ⁿᵈⁱᵐ mirror images, of which K sees one, so ‖K‖² ≤ 2ⁿᵈⁱᵐ
  κ², and ‖K‖² ≤ κ² if each filter is even or odd along every axis (all images then carry equal
  energy). Other kernels do exceed κ: ‖K‖²/κ² is up to 2.3 for 19 of 20 random 2×2 filters, and 4
  for a diagonal shift. `reflected` narrows the gap by row sums of (KᵀK)^(2^j) that hold for every
  larger grid.

Every function takes kernels of shape (*k, channels in, channels out), applied one after the other,
and works on NumPy arrays (xp=numpy, for certificates) and on tensors (xp=keras.ops, differentiable,
for training).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

OFFLINE_BUDGET = 1000  # unknowns of the dense reflecting grid of a certificate
OUTWARD = 1e-5  # float32 rounding of a bound computed in the graph


def degree(kernels: Sequence[Any]) -> list[int]:
    """Degree of the symbol of KᵀK along each axis: total kernel width minus 1."""
    return [
        sum(int(k.shape[axis]) - 1 for k in kernels) for axis in range(len(kernels[0].shape) - 2)
    ]


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


def symbol(kernels: Sequence[Any], points: Sequence[int], xp: Any = np) -> Any:
    """Real form [[Re, −Im], [Im, Re]] of k̂(ω)ᵀ on a grid, shape (frequencies, 2·in, 2·out)."""
    total = None
    for kernel in kernels:
        *window, rows, columns = (int(n) for n in kernel.shape)
        real, imag = _fourier_matrix(tuple(points), tuple(window))
        flat = xp.reshape(kernel, (-1, rows * columns))
        a = xp.reshape(xp.matmul(_like(real, kernel, xp), flat), (-1, rows, columns))
        b = xp.reshape(xp.matmul(_like(imag, kernel, xp), flat), (-1, rows, columns))
        block = xp.concatenate([xp.concatenate([a, b], -1), xp.concatenate([-b, a], -1)], -2)
        total = block if total is None else xp.matmul(total, block)
    return total


def _like(constant: np.ndarray, tensor: Any, xp: Any) -> Any:
    return constant if xp is np else xp.convert_to_tensor(constant, dtype=tensor.dtype)


def fourier(
    kernels: Sequence[Any], xp: Any = np, budget: float = 2e7, shape: Sequence[int] | None = None
) -> Any:
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


def _one_channel(kernel: Any, m: Sequence[int], xp: Any, most: float) -> Any:
    """`fourier` of a kernel from or to one channel.

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
        xp.matmul(_like(part, kernel, xp), flat) for part in _fourier_matrix(coarse, window, True)
    )
    values = xp.reshape(xp.sum(real * real + imag * imag, axis=-1), coarse)
    for d, n in zip(m, points, strict=True):  # each axis in turn becomes the last
        values = xp.tensordot(values, _like(_interpolation(d, n), kernel, xp), axes=[[0], [0]])
    where: list[Any] = []
    rest = xp.argmax(xp.reshape(values, (-1,)))
    for n in reversed(points):
        where, rest = [rest % n, *where], rest // n
    real, imag = xp.ones_like(flat[:1, 0]), xp.zeros_like(flat[:1, 0])
    for i, n, k in zip(where, points, window, strict=True):
        cos, sin = (
            xp.take(_like(part, kernel, xp), i, axis=0)
            for part in _fourier_matrix((n,), (k,), True)
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
    """(2m + 1, n): values of a trigonometric polynomial of degree m on 2m + 1 points to those on n
    points.
    """
    apart = 2 * np.pi * (np.arange(n) / n - np.arange(2 * m + 1)[:, None] / (2 * m + 1))
    return (1 + 2 * np.cos(np.arange(1, m + 1) * apart[..., None]).sum(axis=-1)) / (2 * m + 1)


def gram_iteration(gram: Any, iterations: int, xp: Any = np, pairs: bool = False) -> Any:
    """Largest eigenvalue of positive semidefinite matrices from above.

    (tr G^(2^j))^(1/2^j), j = iterations.

    Overestimates by at most n^(1/2^j) for n×n matrices; ``pairs``: every eigenvalue is known to be
    double. Source: Delattre et al., arXiv:2305.16173 (2023), here with the trace.
    """
    log_scale = 0.0
    for j in range(iterations):
        # any scale will do; under the root, as its gradient at 0 (the frequency 0 of a difference
        # stencil) would be NaN
        size = xp.sqrt(xp.sum(gram * gram, axis=(-2, -1), keepdims=True) + 1e-30)
        gram = gram / size
        log_scale = log_scale + xp.log(size[..., 0, 0]) / 2**j
        if j < iterations - 1:
            gram = xp.matmul(gram, gram)
    # tr G^(2^j) is the squared Frobenius norm of G^(2^(j−1))
    trace = xp.sum(gram * gram, axis=(-2, -1)) / (2.0 if pairs else 1.0)
    return xp.exp(log_scale + xp.log(trace + 1e-30) / 2**iterations)


def gram(kernels: Sequence[np.ndarray], iterations: int) -> float:
    """κ² as in `fourier`, by Gram iteration at every frequency (NumPy)."""
    points = [16 * max(1, d) for d in degree(kernels)]
    slack = math.prod(
        1 / math.cos(math.pi * d / n) for d, n in zip(degree(kernels), points, strict=True)
    )
    block = symbol(kernels, points)
    return slack * float(
        gram_iteration(block @ block.swapaxes(-2, -1), iterations, pairs=True).max()
    )


def absolute_sum(kernels: Sequence[Any], xp: Any = np) -> Any:
    """Young: κ² ≤ Σ over filters and channels of ‖k‖₁² (a product of these for stacked kernels)."""
    total = 1.0
    for kernel in kernels:
        total = total * xp.sum(
            xp.square(xp.sum(xp.abs(kernel), axis=tuple(range(len(kernel.shape) - 2))))
        )
    return total


def composite(kernels: Sequence[Any], xp: Any = np) -> Any:
    """The one kernel that stacked kernels amount to."""
    total = kernels[0]
    for kernel in kernels[1:]:
        out: Any = 0.0
        for place in itertools.product(*(range(int(n)) for n in kernel.shape[:-2])):
            margins = [(p, int(n) - 1 - p) for p, n in zip(place, kernel.shape[:-2], strict=True)]
            out = out + xp.pad(xp.matmul(total, kernel[place]), [*margins, (0, 0), (0, 0)])
        total = out
    return total


def correlation_sums(kernel: Any, anchor: Sequence[int], boundary: str, xp: Any = np) -> Any:
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
                _like(_displacements(tuple(window), tuple(anchor), tuple(flips)), kernel, xp), pairs
            )
        )
        largest = sums if largest is None else xp.maximum(largest, sums)
    return xp.reshape(xp.sum(largest, axis=0), (filters, filters))


@functools.lru_cache(maxsize=64)
def _displacements(
    window: tuple[int, ...], anchor: tuple[int, ...], flips: tuple[int, ...]
) -> np.ndarray:
    """0-1 matrix that adds up the pairs (p, q) of kernel places with equal displacement q − p, q
    mirrored by flips.
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
    """The nearest kernel whose filters are even or odd about a pixel, or odd about a pixel edge,
    along every axis.
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


def reflected_grid(kernels: Sequence[Any], budget: int) -> tuple[int, list[int]] | None:
    """(j, sizes): the most squarings, and the grid, that `reflected` can use within a budget of
    unknowns.
    """
    widths, channels = [d + 1 for d in degree(kernels)], int(kernels[0].shape[-2])
    grids = [(j, [2 * (2**j * (k - 1) + k) for k in widths]) for j in range(8)]
    return max((grid for grid in grids if math.prod(grid[1]) * channels <= budget), default=None)


def reflected(
    kernels: Sequence[Any], anchor: Sequence[int], xp: Any = np, budget: int = OFFLINE_BUDGET
) -> Any:
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
    """For every pair of kernel places (p, q) and every output pixel, the two input pixels they
    touch.
    """
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

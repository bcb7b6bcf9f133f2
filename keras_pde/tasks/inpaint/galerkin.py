"""Inpainting of one picture by sparse matrices: it starts at once, as nothing is compiled.

The hierarchy of `MultigridUNet` with problems.Inpainting as matrices, whose coarse operators know
the mask: A₀ = MLᵏM + C, A_{l+1} = PᵀA_lP with linear interpolation P. A V(2, 2) cycle with
Chebyshev smoothing is symmetric, and preconditions conjugate gradients. It imports no Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DENSE = 300  # points from which a level is solved by factors
PATIENCE = 25  # cycles without a new least residual, after which rounding is all that is left
STEPS = 2  # of smoothing, before and after the coarse correction
SMOOTHED = 4.0  # the part of the spectrum that smoothing damps: from 1/4 of the largest eigenvalue


@dataclass(frozen=True)
class Level:
    """A of one level, the transfers P and Pᵀ, and the weights ωₖD⁻¹ of its smoothing steps."""

    matrix: Any
    prolongation: Any
    restriction: Any
    weights: list[np.ndarray]


def solve(
    f: np.ndarray,
    known: np.ndarray,
    order: int,
    tolerance: float,
    most: int,
    callback: Callable[[int, float], None] | None = None,
) -> tuple[np.ndarray, int, float]:
    """u with (−Δ)ᵏu = 0 on unknown pixels and u = f on known ones, k = order/2.

    Args:
        f: (height, width, channels), finite, 0 on unknown pixels.
        known: (height, width) of bool.
        order: 2 or 4.
        tolerance: of the residual relative to the right-hand side, of each channel.
        most: at most so many cycles.
        callback: called after every cycle with its number and the residual.

    Returns:
        u, the number of cycles, the residual of the worst channel.

    Example:
        >>> from keras_pde.tasks.inpaint.galerkin import solve
        >>> f, known = np.zeros((1, 9, 1)), np.zeros((1, 9), bool)
        >>> f[0, 8], known[0, [0, 8]] = 8.0, True
        >>> u, _, residual = solve(f, known, 2, 1e-9, 50)
        >>> bool(residual <= 1e-9), bool(np.allclose(u[0, :, 0], np.arange(9)))
        (True, True)
    """
    stiff = _stiffness(f.shape[:2], order)
    free = (~known).reshape(-1, 1).astype(float)
    right = f.reshape(-1, f.shape[-1])
    right = right - free * (stiff @ right)
    levels, coarsest = _hierarchy(stiff, free.ravel(), f.shape[:2])
    x, residual = np.zeros_like(right), free * right
    size = np.linalg.norm(right, axis=0)
    size = np.where(size > 0, size, 1.0)
    direction, energy = np.zeros_like(x), np.ones(x.shape[1])
    worst, count, best, since = _largest(residual, size), 0, math.inf, 0
    while worst > tolerance and count < most and since < PATIENCE:
        correction = _cycle(levels, coarsest, residual)
        new = (residual * correction).sum(axis=0)
        direction = correction + _quotient(new, energy) * direction * (count > 0)
        # the direction is 0 on known pixels, so ⟨p, Lᵏp⟩ = ⟨p, Ap⟩
        x = x + _quotient(new, (direction * (stiff @ direction)).sum(axis=0)) * direction
        residual = free * (right - stiff @ x)  # not by the recursion, which rounding leaves behind
        energy, count, worst = new, count + 1, _largest(residual, size)
        best, since = (worst, 0) if worst < 0.9 * best else (best, since + 1)
        if callback is not None:
            callback(count, worst)
    return ((1 - free) * right + x).reshape(f.shape), count, worst


def _largest(residual: np.ndarray, size: np.ndarray) -> float:
    return float((np.linalg.norm(residual, axis=0) / size).max())


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def _stiffness(sizes: tuple[int, ...], order: int) -> Any:
    """Lᵏ of five-point −Δ with a reflecting boundary."""
    from scipy import sparse

    axes = []
    for n in sizes:
        degree = np.full(n, 2.0)
        degree[0] -= 1
        degree[-1] -= 1
        ones = np.ones(n - 1)
        axes.append(sparse.diags([-ones, degree, -ones], [-1, 0, 1], shape=(n, n)))
    rows, columns = axes
    height, width = sizes
    laplacian = sparse.kron(rows, sparse.eye(width)) + sparse.kron(sparse.eye(height), columns)
    return laplacian.tocsr() if order == 2 else (laplacian @ laplacian).tocsr()


def _interpolation(n: int) -> Any:
    """P of an axis: linear from every second point, constant beyond the last."""
    from scipy import sparse

    points = np.arange(n)
    left, right = points // 2, np.minimum((points + 1) // 2, (n - 1) // 2)
    entries = (np.full(2 * n, 0.5), (np.r_[points, points], np.r_[left, right]))
    return sparse.coo_matrix(entries, shape=(n, (n + 1) // 2)).tocsr()


def _hierarchy(stiff: Any, free: np.ndarray, sizes: tuple[int, ...]) -> tuple[list[Level], Any]:
    """The levels above the coarsest one, and the factors of that."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    unknown = sparse.diags(free)
    matrix = (unknown @ stiff @ unknown + sparse.diags(1 - free)).tocsr()
    levels: list[Level] = []
    while matrix.shape[0] > DENSE:
        prolongation = sparse.kron(*map(_interpolation, sizes)).tocsr()
        if not levels:
            prolongation = (unknown @ prolongation).tocsr()
        restriction = prolongation.T.tocsr()
        diagonal = matrix.diagonal()
        high = float((np.asarray(abs(matrix).sum(axis=1)).ravel() / diagonal).max())
        levels.append(Level(matrix, prolongation, restriction, _weights(diagonal, high)))
        matrix = (restriction @ matrix @ prolongation).tocsr()
        # a coarse point none of whose fine ones is unknown has no equation
        bare = matrix.diagonal() <= 1e-12 * diagonal.max()
        matrix = (matrix + sparse.diags(bare.astype(float))).tocsr()
        sizes = tuple((n + 1) // 2 for n in sizes)
    return levels, splu(matrix.tocsc())


def _weights(diagonal: np.ndarray, high: float) -> list[np.ndarray]:
    """ωₖ/D, with 1/ωₖ the Chebyshev nodes of the rough part of the spectrum of D⁻¹A."""
    low = high / SMOOTHED
    nodes = [math.cos(math.pi * (k + 0.5) / STEPS) for k in range(STEPS)]
    return [(1 / diagonal / ((high + low) / 2 + (high - low) / 2 * t))[:, None] for t in nodes]


def _cycle(levels: list[Level], coarsest: Any, b: np.ndarray, index: int = 0) -> np.ndarray:
    """One V-cycle for Ax = b from 0."""
    if index == len(levels):
        found: np.ndarray = coarsest.solve(b)
        return found
    level = levels[index]
    x = level.weights[0] * b
    for weight in level.weights[1:]:
        x = x + weight * (b - level.matrix @ x)
    below = level.restriction @ (b - level.matrix @ x)
    x = x + level.prolongation @ _cycle(levels, coarsest, below, index + 1)
    for weight in level.weights[::-1]:
        x = x + weight * (b - level.matrix @ x)
    return x

"""Multigrid of the textbooks in NumPy and SciPy's sparse matrices, with nothing of keras_pde.

The reference for its models.

Grid size 1 on the finest level; vectors hold the points in C order. Restriction is R = Pᵀ/2ᵈ, so
that a level's operator is the continuous one at grid size h = 2ˡ: RAP = A(h) where both exist.

Sources: Briggs, Henson, McCormick, A Multigrid Tutorial (2000); Trottenberg, Oosterlee, Schüller,
Multigrid (2001).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

Size = tuple[int, ...]
Smooth = Callable[[int, Any, np.ndarray, np.ndarray], np.ndarray]  # level, A, b, x ↦ x


# --- matrices ---


def laplacian_line(n: int, boundary: str) -> Any:
    """−Δ in 1-D: tridiag(−1, 2, −1).

    Zero outside, reflected at the edge of the last pixel, or periodic.
    """
    line = sp.lil_matrix((n, n))
    for i in range(n):
        for j in (i - 1, i + 1):
            if boundary == "periodic" or 0 <= j < n:
                line[i, i] += 1
                line[i, j % n] -= 1
            elif boundary == "dirichlet":
                line[i, i] += 1
    return line.tocsr()


def kron(factors: Sequence[Any]) -> Any:
    """Tensor product of matrices, first axis slowest."""
    return sp.csr_matrix(functools.reduce(sp.kron, factors))


def poisson(size: Size, boundary: str = "dirichlet", h: float = 1.0) -> Any:
    """−Δ at grid size h."""
    lines = [laplacian_line(n, boundary) / h**2 for n in size]
    return sum(
        kron([line if i == axis else sp.identity(n) for i, n in enumerate(size)])
        for axis, line in enumerate(lines)
    ).tocsr()


def screened(size: Size, boundary: str = "neumann", h: float = 1.0, step_size: float = 1.0) -> Any:
    """I − τΔ at grid size h."""
    return (sp.identity(int(np.prod(size))) + step_size * poisson(size, boundary, h)).tocsr()


def biharmonic(size: Size, boundary: str = "dirichlet", h: float = 1.0) -> Any:
    """Δ² at grid size h, as the square of −Δ."""
    a = poisson(size, boundary, h)
    return (a @ a).tocsr()


# --- transfer ---


def coarse_length(n: int, boundary: str) -> int:
    """Coarse points of a line: the odd ones between zero ends, the even ones otherwise."""
    return n // 2 if boundary == "dirichlet" else (n + 1) // 2


def coarser(size: Size, boundary: str) -> Size:
    """Size of the next coarser grid."""
    return tuple(coarse_length(n, boundary) for n in size)


def prolongation_line(n: int, boundary: str) -> Any:
    """Linear interpolation [1 2 1]/2."""
    coarse = coarse_length(n, boundary)
    p = sp.lil_matrix((n, coarse))
    for i in range(n):
        if i % 2 == (1 if boundary == "dirichlet" else 0):
            p[i, i // 2] = 1
            continue
        left = i // 2 - (boundary == "dirichlet")
        for j in (left, left + 1):
            if boundary == "periodic":
                p[i, j % coarse] += 0.5
            elif boundary == "neumann":
                p[i, min(j, coarse - 1)] += 0.5
            elif 0 <= j < coarse:
                p[i, j] += 0.5
    return p.tocsr()


def prolongation(size: Size, boundary: str) -> Any:
    """P: the tensor product of linear interpolations."""
    return kron([prolongation_line(n, boundary) for n in size])


def injection(size: Size, boundary: str) -> Any:
    """R̂: the values at the coarse points."""
    first = 1 if boundary == "dirichlet" else 0
    return kron(
        [sp.identity(n, format="csr")[first::2][: coarse_length(n, boundary)] for n in size]
    )


# --- levels ---


@dataclass(frozen=True)
class Levels:
    """Matrices of all levels, finest first, and the transfers between them."""

    sizes: list[Size]
    matrices: list[Any]
    prolongations: list[Any]
    restrictions: list[Any]

    @property
    def last(self) -> int:
        return len(self.matrices) - 1

    @functools.cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.pinv(self.matrices[-1].toarray(), rcond=1e-12)

    def solve(self, b: np.ndarray) -> np.ndarray:
        """Exact solution on the coarsest level; of least norm where the matrix is singular."""
        return self._inverse @ b


def _transfers(
    size: Size, boundary: str, depth: int | None
) -> tuple[list[Size], list[Any], list[Any]]:
    sizes = [size]
    while (
        (depth is None or len(sizes) < depth)
        and min(coarser(sizes[-1], boundary)) >= 1
        and coarser(sizes[-1], boundary) != sizes[-1]
    ):
        sizes.append(coarser(sizes[-1], boundary))
    prolongations = [prolongation(n, boundary) for n in sizes[:-1]]
    return sizes, prolongations, [p.T.tocsr() / 2 ** len(size) for p in prolongations]


def rediscretised(
    size: Size,
    boundary: str,
    matrix: Callable[..., Any] = poisson,
    depth: int | None = None,
    **options: Any,
) -> Levels:
    """Levels whose matrices are the stencil at grid sizes 1, 2, 4, ....

    Down to one point without a depth.
    """
    sizes, prolongations, restrictions = _transfers(size, boundary, depth)
    return Levels(
        sizes,
        [matrix(n, boundary, 2.0**level, **options) for level, n in enumerate(sizes)],
        prolongations,
        restrictions,
    )


def galerkin(a: Any, size: Size, boundary: str, depth: int | None = None) -> Levels:
    """Levels whose matrices are RAP of the finer one."""
    sizes, prolongations, restrictions = _transfers(size, boundary, depth)
    matrices = [a]
    for r, p in zip(restrictions, prolongations, strict=True):
        matrices.append((r @ matrices[-1] @ p).tocsr())
    return Levels(sizes, matrices, prolongations, restrictions)


# --- smoothers ---


def relaxed(a: Any, b: np.ndarray, x: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Steps x + ωD⁻¹(b − Ax), one for each ω."""
    diagonal = a.diagonal()
    for weight in weights:
        x = x + weight * (b - a @ x) / diagonal
    return x


def jacobi(weight: float, steps: int) -> Smooth:
    """Damped Jacobi."""
    return lambda level, a, b, x: relaxed(a, b, x, [weight] * steps)


def chebyshev(low: float, high: float, steps: Sequence[int], of: int) -> Smooth:
    """The given ones of the Chebyshev steps 0 … of − 1 for D⁻¹A in [low, high], step k at the node
    with cos((2k + 1)π/2n).
    """
    nodes = (high + low) / 2 + (high - low) / 2 * np.cos(np.pi * (2 * np.arange(of) + 1) / (2 * of))
    return lambda level, a, b, x: relaxed(a, b, x, [1 / nodes[k] for k in steps])


def red_black(sizes: Sequence[Size], steps: int, reverse: bool = False) -> Smooth:
    """Gauss-Seidel: the points of even index sum first, then the others.

    The other way round in reverse.
    """

    def smooth(level: int, a: Any, b: np.ndarray, x: np.ndarray) -> np.ndarray:
        colours = np.indices(sizes[level]).sum(axis=0).ravel() % 2
        for colour in [1, 0] * steps if reverse else [0, 1] * steps:
            x = np.where(colours == colour, x + (b - a @ x) / a.diagonal(), x)
        return x

    return smooth


# --- cycles ---


def cycle(
    levels: Levels,
    b: np.ndarray,
    x: np.ndarray,
    before: Smooth,
    after: Smooth,
    kind: str = "V",
    level: int = 0,
) -> np.ndarray:
    """One V, W or F cycle of the correction scheme."""
    if level == levels.last:
        return levels.solve(b)
    a = levels.matrices[level]
    x = before(level, a, b, x)
    r = levels.restrictions[level] @ (b - a @ x)
    e = np.zeros_like(r)
    for next_kind in {"V": "V", "W": "WW", "F": "FV"}[kind]:
        e = cycle(levels, r, e, before, after, next_kind, level + 1)
    return after(level, a, b, x + levels.prolongations[level] @ e)


def full_multigrid(
    levels: Levels,
    b: np.ndarray,
    before: Smooth,
    after: Smooth,
    cycles: int = 1,
    kind: str = "V",
    level: int = 0,
) -> np.ndarray:
    """From the coarsest level to the finest, with cycles on each.

    The right-hand side is restricted.
    """
    if level == levels.last:
        return levels.solve(b)
    coarse = full_multigrid(
        levels, levels.restrictions[level] @ b, before, after, cycles, kind, level + 1
    )
    x = levels.prolongations[level] @ coarse
    for _ in range(cycles):
        x = cycle(levels, b, x, before, after, kind, level)
    return x


NonlinearSmooth = Callable[[int, np.ndarray, np.ndarray], np.ndarray]  # level, b, x ↦ x


@dataclass(frozen=True)
class Nonlinear:
    """A(u) of all levels, a solver of the coarsest, and the transfers.

    R̂ of the approximation may differ from R of the residual.
    """

    operators: list[Callable[[np.ndarray], np.ndarray]]
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray]  # b, guess ↦ x
    prolongations: list[Any]
    restrictions: list[Any]
    approximations: list[Any]


def full_approximation(
    problem: Nonlinear,
    b: np.ndarray,
    x: np.ndarray,
    before: NonlinearSmooth,
    after: NonlinearSmooth,
    kind: str = "V",
    level: int = 0,
) -> np.ndarray:
    """One cycle of the full approximation scheme.

    A_H(x_H) = A_H(R̂x) + R(b − A(x)), x ← x + P(x_H − R̂x).
    """
    if level == len(problem.operators) - 1:
        return problem.solve(b, x)
    x = before(level, b, x)
    kept = problem.approximations[level] @ x
    right = problem.operators[level + 1](kept) + problem.restrictions[level] @ (
        b - problem.operators[level](x)
    )
    coarse = kept
    for next_kind in {"V": "V", "W": "WW", "F": "FV"}[kind]:
        coarse = full_approximation(problem, right, coarse, before, after, next_kind, level + 1)
    return after(level, b, x + problem.prolongations[level] @ (coarse - kept))


# --- measures ---


def solution(a: Any, b: np.ndarray) -> np.ndarray:
    """A⁻¹b."""
    return spsolve(a.tocsc(), b)


def inpainted(f: np.ndarray, known: np.ndarray, order: int) -> np.ndarray:
    """u = f on known pixels and L_uu u_u = −L_uk f_k on the others, for (height, width, channels),
    L = −Δ or Δ², reflecting boundary.
    """
    a = (poisson if order == 2 else biharmonic)(known.shape, "neumann")
    k, u = known.ravel(), f.reshape(-1, f.shape[-1]).copy()
    rows = a[~k]
    u[~k] = spsolve(rows[:, ~k].tocsc(), -(rows[:, k] @ u[k])).reshape(-1, f.shape[-1])
    return u.reshape(f.shape)


def error_matrix(iterate: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """E of e ↦ Ee, from a cycle with b = 0 applied to every unit vector."""
    return np.stack([iterate(column) for column in np.eye(n)], axis=1)


def factor(
    iterate: Callable[[np.ndarray], np.ndarray], n: int, cycles: int = 60, seed: int = 0
) -> float:
    """Asymptotic convergence factor of a cycle with b = 0, by the power method.

    The mean over its last ten cycles.
    """
    e = np.random.default_rng(seed).standard_normal(n)
    norms = []
    for _ in range(cycles):
        e = iterate(e)
        norms.append(float(np.linalg.norm(e)))
        e = e / norms[-1]
    return float(np.exp(np.mean(np.log(norms[-10:]))))

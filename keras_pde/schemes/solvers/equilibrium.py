"""Equilibria z = Φ(Az + f) of a network with one layer, whose Jacobian is not symmetric.

For 0 ≤ Φ′ ≤ 1 the mean of F′ between two points is I − DA with a diagonal 0 ≤ D ≤ 1. Each kind of
equilibrium knows a norm in which that is bounded from below for every such D, and so how it is
solved, how its residuals are measured, and how its transposed system is solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self

from keras import ops

from keras_pde.runtime.precision import product
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.solvers.equation import CONTRACTION, MONOTONE
from keras_pde.schemes.solvers.implicit_step import dot, magnitude, spread
from keras_pde.schemes.solvers.solver import Solver


class Law(Protocol):
    """Φ, pointwise, with slopes in [0, 1]."""

    def __call__(self, s: Tensor) -> Tensor:
        """Φ(s)."""
        ...

    def slope(self, s: Tensor) -> Tensor:
        """Φ′(s)."""
        ...


@dataclass(eq=False)
class Equilibrium:
    r"""F(z) = z − Φ(Az + f) = 0.

    Args:
        f: the source, (batch, \*any, units).
        kernel: Aᵀ, (units, units), as it multiplies rows.
        law: Φ.
        q: see the kinds below.
        m: a number below 1, so that the solution is unique.
        start: where iterations begin; f unless given.
    """

    f: Tensor
    kernel: Tensor
    law: Law
    q: Number
    m: Number
    start: Tensor | None = None

    kind: ClassVar[str] = ""

    @property
    def guess(self) -> Tensor:
        """Where iterations begin."""
        return self.f if self.start is None else self.start

    @property
    def numbers(self) -> list[Number]:
        """Aᵀ, q and m."""
        return [self.kernel, self.q, self.m]

    def with_numbers(self, f: Tensor, numbers: Sequence[Number]) -> Self:
        """The equilibrium of another source with other numbers."""
        kernel, q, m = numbers
        return replace(self, f=f, kernel=kernel, q=q, m=m)

    def inner(self, z: Tensor) -> Tensor:
        """Az + f."""
        return product(z, self.kernel) + self.f

    def residual(self, z: Tensor) -> Tensor:
        """F(z)."""
        return z - self.law(self.inner(z))

    def slope(self, z: Tensor) -> Tensor:
        """D = Φ′(Az + f), without what rounding may have added to [0, 1]."""
        return ops.clip(self.law.slope(self.inner(z)), 0, 1)

    def relative(self, r: Tensor) -> Tensor:
        """The size of a residual over that of f, of each sample."""
        raise NotImplementedError

    def adjoint(
        self, solver: Solver, z: Tensor, cotangent: Tensor, tolerance: float, max_iterations: int
    ) -> tuple[Tensor, Tensor]:
        """λ with (I − AᵀD)λ = g, and whether it was reached, a truth value a sample."""
        raise NotImplementedError


@dataclass(eq=False)
class MaximumNorm(Equilibrium):
    """An equilibrium that contracts in the norm max |zᵢ|/hᵢ, for weights h > 0.

    With μ(A) = maxᵢ(aᵢᵢ + Σ_{j≠i}|aᵢⱼ|hⱼ/hᵢ) ≤ m, m in [0, 1), and r = −minᵢ min(0, aᵢᵢ) it takes
    q = m + 2r: then z − wF(z) contracts that norm by (q + m)/(2 + q − m) for w = 2/(2 + q − m), as
    a symmetric F′ with its spectrum in [1 − m, 1 + q] would contract the Euclidean one (W3).

    Args:
        weights: h, (units,).
    """

    weights: Tensor = field(kw_only=True)

    kind = CONTRACTION

    @property
    def numbers(self) -> list[Number]:
        """Aᵀ, q, m and h."""
        return [*super().numbers, self.weights]

    def with_numbers(self, f: Tensor, numbers: Sequence[Number]) -> Self:
        """The equilibrium of another source with other numbers."""
        *rest, weights = numbers
        return replace(super().with_numbers(f, rest), weights=weights)

    def relative(self, r: Tensor) -> Tensor:
        """max |rᵢ| over max |fᵢ|, or over 1 where f = 0.

        Not divided by hᵢ: where these differ by 10³, as trained ones do, the largest entries would
        be left 10³ times less exact.
        """
        axes = tuple(range(1, len(r.shape)))
        return ops.max(ops.abs(r), axis=axes) / magnitude(self.f)

    def adjoint(
        self, solver: Solver, z: Tensor, cotangent: Tensor, tolerance: float, max_iterations: int
    ) -> tuple[Tensor, Tensor]:
        """λ = AᵀDλ + g, and whether it was reached, a truth value a sample."""
        transposed = Transposed(
            cotangent,
            ops.transpose(self.kernel),
            _Identity(),
            self.q,
            self.m,
            weights=self.weights,
            slopes=self.slope(z),
        )
        result = solver.solve(transposed, tolerance, max_iterations)
        return result.u, result.converged


@dataclass(eq=False)
class Transposed(MaximumNorm):
    """λ = AᵀDλ + g, which contracts Σ hᵢ|λᵢ|, the dual norm, as its equilibrium does its own.

    Args:
        slopes: D, of the shape of g.
    """

    slopes: Tensor = field(kw_only=True)

    def inner(self, z: Tensor) -> Tensor:
        """AᵀDλ + g."""
        return super().inner(self.slopes * z)

    def relative(self, r: Tensor) -> Tensor:
        """Σ hᵢ|rᵢ| over Σ hᵢ|gᵢ|, or over 1 where g = 0."""
        scale = spread(magnitude(self.f), self.f)
        size, whole = (
            ops.sum(ops.abs(x / scale) * self.weights, axis=tuple(range(1, len(x.shape))))
            for x in (r, self.f)
        )
        return size / ops.where(whole > 0, whole, ops.ones_like(whole))


@dataclass(eq=False)
class EuclideanNorm(Equilibrium):
    """An equilibrium with ⟨(I − A)v, v⟩ ≥ (1 − m)‖v‖², ‖I − A‖ ≤ 1 + q, and a projection Φ.

    Its solution is the zero of the monotone (I − A)z − f + ∂ι(z), ι the indicator of what Φ
    projects to, which splittings solve with Φ and I − A one after the other.

    Args:
        slopes: D where Φ is v ↦ Dv, in the transposed system; else None.
    """

    slopes: Tensor | None = field(default=None, kw_only=True)

    kind = MONOTONE

    def proximal(self, x: Tensor, step: Number) -> Tensor:
        """The proximal map of step·φ, where Φ is that of φ; of a projection Φ itself."""
        if self.slopes is None:
            return self.law(x)
        return self.slopes / (self.slopes + step * (1 - self.slopes)) * x

    def monotone(self, z: Tensor) -> Tensor:
        """(I − A)z − f."""
        return z - self.inner(z)

    def relative(self, r: Tensor) -> Tensor:
        """‖r‖/‖f‖, or ‖r‖ where f = 0."""
        scale = spread(magnitude(self.f), self.f)
        size, whole = (dot(x / scale, x / scale) for x in (r, self.f))
        return ops.sqrt(size / ops.where(whole > 0, whole, ops.ones_like(whole)))

    def adjoint(
        self, solver: Solver, z: Tensor, cotangent: Tensor, tolerance: float, max_iterations: int
    ) -> tuple[Tensor, Tensor]:
        """λ = Aᵀv + g with the equilibrium v = D(Aᵀv + g), and whether it was reached."""
        slopes = self.slope(z)
        transposed = replace(
            self,
            f=cotangent,
            kernel=ops.transpose(self.kernel),
            law=_Diagonal(slopes),
            start=None,
            slopes=slopes,
        )
        result = solver.solve(transposed, tolerance, max_iterations)
        return transposed.inner(result.u), result.converged


class _Identity:
    def __call__(self, s: Tensor) -> Tensor:
        return s

    def slope(self, s: Tensor) -> Tensor:
        return ops.ones_like(s)


class _Diagonal:
    def __init__(self, slopes: Tensor) -> None:
        self.slopes = slopes

    def __call__(self, s: Tensor) -> Tensor:
        return self.slopes * s

    def slope(self, s: Tensor) -> Tensor:
        return self.slopes

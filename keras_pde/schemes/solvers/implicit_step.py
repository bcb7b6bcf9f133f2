"""ImplicitStep: the implicit step u + τKᵀΦ(Ku) = f as functions of tensors, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from keras import ops


def dot(x: Any, y: Any) -> Any:
    """⟨x, y⟩ of each sample, shape (batch,)."""
    return ops.sum(x * y, axis=tuple(range(1, len(x.shape))))


def spread(values: Any, like: Any) -> Any:
    """Values per sample, (batch,), in a shape that multiplies a state."""
    return ops.reshape(values, (-1,) + (1,) * (len(like.shape) - 1))


def magnitude(x: Any) -> Any:
    """max|x| of each sample, 1 where that is 0.

    To divide by before squaring, which would under- or overflow.
    """
    # an empty batch has no maximum without it
    largest = ops.max(ops.abs(x), axis=tuple(range(1, len(x.shape))), initial=0)
    return ops.where(largest > 0, largest, ops.ones_like(largest))


@dataclass(frozen=True)
class ImplicitStep:
    r"""F(u) = u + τKᵀΦ(Ku) − f = 0: the gradient of ½‖u − f‖² + τE(u).

    The Jacobian I + τKᵀΦ′(Ku)K is symmetric, with spectrum in [1 − m, 1 + q]: q = τLκ², m = τμκ².
    For m < 1 the energy is strongly convex and u unique.

    Args:
        f: right-hand side, (batch, \*spatial, channels).
        operator: K, a `ConvOperator`.
        flux: Φ, a `FluxLayer`.
        kernels, step, parameters: K's kernels, τ and Φ's parameters, in the precision of f.
        q, m: numbers, or scalars where they change with the weights.
    """

    f: Any
    operator: Any
    flux: Any
    kernels: list[Any]
    step: Any
    parameters: list[Any]
    q: Any
    m: Any
    _scale: Any = field(init=False)
    _length: Any = field(init=False)

    def __post_init__(self) -> None:
        scale = spread(magnitude(self.f), self.f)
        square = dot(self.f / scale, self.f / scale)
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(
            self, "_length", ops.sqrt(ops.where(square > 0, square, ops.ones_like(square)))
        )

    def inner(self, u: Any) -> list[Any]:
        """Ku, in parts."""
        return self.operator.parts(u, self.kernels)

    def _outer(self, parts: list[Any]) -> Any:
        return self.step * self.operator.adjoint_of(parts, self.kernels)

    def residual(self, u: Any) -> Any:
        """F(u)."""
        return (
            u
            - self.f
            + self._outer(
                self.flux.in_one_pass("fluxes", self.inner(u), parameters=self.parameters)
            )
        )

    def diffusivities(self, u: Any) -> list[Any]:
        """g at u, in parts."""
        return self.flux.diffusivities(self.inner(u), parameters=self.parameters)

    def lagged(self, diffusivities: list[Any], v: Any) -> Any:
        """(I + τKᵀGK)v for a diffusivity that is kept."""
        return v + self._outer([g * s for g, s in zip(diffusivities, self.inner(v), strict=True)])

    def linearize(self, u: Any) -> list[Any]:
        """Φ′ at Ku."""
        return self.flux.in_one_pass("linearize", self.inner(u), parameters=self.parameters)

    def jacobian(self, linearization: list[Any], v: Any) -> Any:
        """(I + τKᵀΦ′(Ku)K)v."""
        return v + self._outer(self.flux.tangent(linearization, self.inner(v)))

    def relative(self, r: Any) -> Any:
        """‖r‖/‖f‖ of each sample, ‖r‖ where f = 0."""
        r = r / self._scale
        return ops.sqrt(dot(r, r)) / self._length

"""ImplicitStep: the implicit step u + τKᵀΦ(Ku) = f as functions of tensors, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from keras import ops

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.operator import Operator
from keras_pde.runtime.types import Number, Tensor


def dot(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ of each sample, shape (batch,)."""
    return ops.sum(x * y, axis=tuple(range(1, len(x.shape))))


def spread(values: Tensor, like: Tensor) -> Tensor:
    """Values per sample, (batch,), in a shape that multiplies a state."""
    return ops.reshape(values, (-1,) + (1,) * (len(like.shape) - 1))


def magnitude(x: Tensor) -> Tensor:
    """max|x| of each sample, 1 where that is 0.

    It is what to divide by before squaring, which would under- or overflow.
    """
    # an empty batch has no maximum without it
    largest = ops.max(ops.abs(x), axis=tuple(range(1, len(x.shape))), initial=0)
    return ops.where(largest > 0, largest, ops.ones_like(largest))


@dataclass(eq=False)
class ImplicitStep:
    r"""F(u) = u + τKᵀΦ(Ku) − f = 0: the gradient of ½‖u − f‖² + τE(u).

    The Jacobian I + τKᵀΦ′(Ku)K is symmetric, with spectrum in [1 − m, 1 + q], where q = τL‖K‖²,
    m = τμ‖K‖² and Φ′ has its eigenvalues in [−μ, L]. For m < 1 the energy is strongly convex and u
    is unique.

    Args:
        f: right-hand side, (batch, \*spatial, channels).
        operator: K.
        flux: Φ.
        kernels: the weights of K in use, in the precision of f.
        step: τ.
        parameters: the parameters of Φ, in the precision of f.
        q: τL‖K‖², a scalar tensor where it changes with the weights.
        m: τμ‖K‖², likewise.
    """

    f: Tensor
    operator: Operator
    flux: FluxLayer
    kernels: list[Tensor]
    step: Number
    parameters: list[Tensor]
    q: Number
    m: Number
    scale: Tensor = field(init=False)  # max|f| of each sample
    length: Tensor = field(init=False)  # ‖f/scale‖ of each sample

    def __post_init__(self) -> None:
        scale = spread(magnitude(self.f), self.f)
        square = dot(self.f / scale, self.f / scale)
        self.scale = scale
        self.length = ops.sqrt(ops.where(square > 0, square, ops.ones_like(square)))

    @property
    def guess(self) -> Tensor:
        """Iterations begin at f."""
        return self.f

    @property
    def numbers(self) -> list[Number]:
        """Kernels, τ, the parameters of Φ, q and m."""
        return [*self.kernels, self.step, *self.parameters, self.q, self.m]

    def with_numbers(self, f: Tensor, numbers: Sequence[Number]) -> Self:
        """The step from another f with other numbers."""
        n = len(self.kernels)
        *parameters, q, m = numbers[n + 1 :]
        return replace(
            self, f=f, kernels=list(numbers[:n]), step=numbers[n], parameters=parameters, q=q, m=m
        )

    def inner(self, u: Tensor) -> list[Tensor]:
        """Ku, in parts."""
        return self.operator.parts(u, self.kernels)

    def _outer(self, parts: list[Tensor]) -> Tensor:
        return self.step * self.operator.adjoint_of(parts, self.kernels)

    def residual(self, u: Tensor) -> Tensor:
        """F(u)."""
        return u - self.f + self._outer(self.flux.fluxes(self.inner(u), parameters=self.parameters))

    def diffusivities(self, u: Tensor) -> list[Tensor]:
        """g at u, in parts."""
        return self.flux.diffusivities(self.inner(u), parameters=self.parameters)

    def lagged(self, diffusivities: list[Tensor], v: Tensor) -> Tensor:
        """(I + τKᵀGK)v for a diffusivity that is kept."""
        return v + self._outer([g * s for g, s in zip(diffusivities, self.inner(v), strict=True)])

    def linearize(self, u: Tensor) -> list[Tensor]:
        """Φ′ at Ku."""
        return self.flux.linearize(self.inner(u), parameters=self.parameters)

    def jacobian(self, linearization: list[Tensor], v: Tensor) -> Tensor:
        """(I + τKᵀΦ′(Ku)K)v."""
        return v + self._outer(self.flux.tangent(linearization, self.inner(v)))

    def relative(self, r: Tensor) -> Tensor:
        """‖r‖/‖f‖ of each sample, ‖r‖ where f = 0."""
        r = r / self.scale
        return ops.sqrt(dot(r, r)) / self.length

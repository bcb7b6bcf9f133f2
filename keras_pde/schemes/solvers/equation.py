"""Equation: what solvers ask of an equation F(u) = 0 that they solve sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from keras_pde.runtime.types import Number, Tensor

# what is known of the Jacobian F′, which decides the solvers that converge
GRADIENT = "gradient"  # symmetric with its spectrum in [1 − m, 1 + q]
CONTRACTION = "contraction"  # I − wF′ contracts a weighted maximum norm as if it were so
MONOTONE = "monotone"  # F = I − Φ∘(A· + f) with a strongly monotone I − A


class Equation(Protocol):
    """F(u) = 0 for u of the shape of f, in f and in numbers that it depends on besides.

    Args:
        f: right-hand side or source, (batch, ...).
        q: how far the Jacobian exceeds 1.
        m: how far it falls below 1.
    """

    f: Tensor
    q: Number
    m: Number

    @property
    def guess(self) -> Tensor:
        """Where iterations begin."""
        ...

    def residual(self, u: Tensor) -> Tensor:
        """F(u)."""
        ...

    def relative(self, r: Tensor) -> Tensor:
        """The size of a residual relative to f, for each sample, (batch,)."""
        ...

    @property
    def numbers(self) -> Sequence[Number]:
        """What F depends on besides u and f."""
        ...

    def with_numbers(self, f: Tensor, numbers: Sequence[Number]) -> Self:
        """The same equation of another f and other numbers."""
        ...

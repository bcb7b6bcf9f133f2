"""Norm stability: ‖N(u)‖ ≤ a‖u‖."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.bound import Bound
from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class NormStability(Bound):
    """S1: ‖N(u)‖ ≤ a‖u‖ for every u, proved where a ≤ 1.

    For a step u⁺ = u − τ(β(u − f) + KᵀΦ(Ku)) with g in [g₀, g₁] and an upper bound κ ≥ ‖K‖:
    ‖I − τβ − τKᵀGK‖ ≤ ρ = max(|1 − τβ − τκ² min(0, g₀)|, |1 − τβ − τκ² g₁|), so
    ‖u⁺‖ ≤ ρ‖u‖ + τβ‖f‖. Constants multiply in a composition and add up in a sum; those of
    concatenated maps are the legs of a right triangle. With a tolerance δ the bound of what is
    computed is (a + δ)‖u‖.

    Source: Alt et al., arXiv:2103.15419 (2021).

    Example:
        >>> from keras_pde.certificates.norm_stability import NormStability
        >>> NormStability(0.5).then(NormStability(3.0)).constant
        1.5
    """

    key = "norm"
    title = "norm stability"
    word = "norm"
    rank = 1
    place = 2
    claim = "‖N(u)‖ ≤ ‖u‖"

    @property
    def formula(self) -> str:
        """The bound with its constant, rounded up."""
        return f"‖N(u)‖ ≤ {rounded(self.constant)}‖u‖" if self.known else "no bound"

    @property
    def words(self) -> str:
        """For a card."""
        return "norm stable" if self.proved else ""

    def then(self, other: Self) -> Self:
        """Constants multiply.

        "No bound" on ‖N(u)‖/‖u‖ allows N(0) ≠ 0, so a first map to 0 does not help.
        """
        unbounded = math.isinf(other.constant)
        return self.composed(other, math.inf if unbounded else times(self.constant, other.constant))

    def tolerance_then(self, other: Self, gain: float, stretch: float) -> float:
        """(a₁ + δ₁)(a₂ + δ₂) − a₁a₂: no Lipschitz constant is needed."""
        own = times(self.tolerance, other.constant + other.tolerance)
        return own + times(self.constant, other.tolerance)

"""Lipschitz constant: ‖N(u) − N(v)‖ ≤ l‖u − v‖."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.bound import Bound
from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded

VACUOUS = 1e4  # a Lipschitz constant beyond that says nothing in practice


@dataclass(frozen=True)
class LipschitzConstant(Bound):
    """S2: ‖N(u) − N(v)‖ ≤ l‖u − v‖ for every u and v; nonexpansive, and proved, where l ≤ 1.

    For a step u⁺ = u − τ(β(u − f) + KᵀΦ(Ku)) the rule is that of norm stability with the slopes
    Φ′ in [s₀, s₁] in place of g; where Φ′ is only known to be within c of a symmetric matrix with
    that spectrum, plus τκ²c. An extrapolated step w v + (1 − w)uᵏ⁻¹ combines the constants of v and
    uᵏ⁻¹ with weights |w| and |1 − w|. Constants multiply in a composition and add up in a sum;
    those of concatenated maps are the legs of a right triangle. With a tolerance δ what is computed
    is bounded by l‖u − v‖ + δ(‖u‖ + ‖v‖).

    Source: Alt et al., arXiv:2107.14742 (2021).

    Example:
        >>> from keras_pde.certificates.lipschitz_constant import LipschitzConstant
        >>> LipschitzConstant(3.0).beside(LipschitzConstant(4.0)).constant
        5.0
    """

    key = "lipschitz"
    title = "nonexpansiveness"
    word = "nonexpansive"
    rank = 2
    place = 3
    claim = "‖N(u) − N(v)‖ ≤ ‖u − v‖"

    @property
    def formula(self) -> str:
        """The bound with its constant, rounded up."""
        return f"‖N(u) − N(v)‖ ≤ {rounded(self.constant)}‖u − v‖" if self.known else "no bound"

    @property
    def margin(self) -> str:
        """Of both results."""
        return super().margin.replace("‖u‖", "(‖u‖ + ‖v‖)")

    @property
    def words(self) -> str:
        """For a card, where the constant says something in practice."""
        return f"Lipschitz constant {rounded(self.constant, 4)}" if self.constant < VACUOUS else ""

    def then(self, other: Self) -> Self:
        """Constants multiply; a constant map stays one."""
        return self.composed(other, times(self.constant, other.constant))

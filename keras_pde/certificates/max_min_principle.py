"""Max-min principle: min u ≤ N(u) ≤ max u."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class MaxMinPrinciple(Guarantee):
    """S6: every value of N(u) lies between the least and the largest of u; then the constant is 1.

    A linear N = (nᵢⱼ) has it iff nᵢⱼ ≥ 0 and Σⱼnᵢⱼ = 1 for each i. Compositions and means keep it.

    Example:
        >>> from keras_pde.certificates.max_min_principle import MaxMinPrinciple
        >>> one = MaxMinPrinciple(1.0, "weights ≥ 0 with sum 1")
        >>> one.then(one).formula
        'min u ≤ N(u) ≤ max u'
    """

    key = "max_min"
    title = "max-min principle"
    place = 4

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        return "min u ≤ N(u) ≤ max u" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return "max-min principle" if self.proved else ""

    def then(self, other: Self) -> Self:
        """Where both maps have it."""
        return self.composed(other, 1.0 if self.proved and other.proved else None)

    def mixed(self, other: Self, weight: float) -> Self:
        """Where both maps have it: a mean of two values lies between them."""
        return self.then(other)

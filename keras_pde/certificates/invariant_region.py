"""Invariant region: what lies between two constants stays there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class InvariantRegion(Guarantee):
    """low ≤ u ≤ high implies low ≤ N(u) ≤ high at every point; then the constant is 1.

    Weaker than the max-min principle, whose bounds are those of u, and what holds of reactions with
    stable states. Compositions and means of maps with the same region keep it.

    Args:
        low: the least value.
        high: the largest value.

    Example:
        >>> from keras_pde.certificates.invariant_region import InvariantRegion
        >>> one = InvariantRegion(1.0, "monotone", low=0.0, high=1.0)
        >>> one.then(one).formula
        '0 ≤ u ≤ 1 implies 0 ≤ N(u) ≤ 1'
    """

    low: float = 0.0
    high: float = 0.0

    key = "region"
    title = "invariant region"
    place = 4

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        low, high = f"{self.low:g}", f"{self.high:g}"
        return f"{low} ≤ u ≤ {high} implies {low} ≤ N(u) ≤ {high}" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return f"values stay in [{self.low:g}, {self.high:g}]" if self.proved else ""

    def then(self, other: Self) -> Self:
        """Where both maps have it for the same region."""
        if self.proved and other.proved and (self.low, self.high) != (other.low, other.high):
            return self.lost("the two maps have different regions")
        return self.composed(other, 1.0 if self.proved and other.proved else None)

    def mixed(self, other: Self, weight: float) -> Self:
        """Where both maps have it for the same region, which is convex."""
        return self.then(other)

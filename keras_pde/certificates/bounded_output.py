"""Bounded output: low ≤ N(u) ≤ high for every u."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class BoundedOutput(Guarantee):
    """low ≤ N(u) ≤ high at every point and for every u; then the constant is 1 (Y2).

    The second map of a composition alone decides; a mean of two maps lies between the lower of the
    low values and the higher of the high ones.

    Args:
        low: the least value.
        high: the largest value.

    Example:
        >>> from keras_pde.certificates.bounded_output import BoundedOutput
        >>> one = BoundedOutput(1.0, "a logistic function", low=0.0, high=1.0)
        >>> one.formula, BoundedOutput(reason="no bound").then(one).proved
        ('0 ≤ N(u) ≤ 1', True)
    """

    low: float = 0.0
    high: float = 0.0

    key = "range"
    title = "bounded output"
    place = 8

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        return f"{self.low:g} ≤ N(u) ≤ {self.high:g}" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return f"values in [{self.low:g}, {self.high:g}]" if self.proved else ""

    def then(self, other: Self) -> Self:
        """That of the second map, whatever it is given."""
        return other

    def mixed(self, other: Self, weight: float) -> Self:
        """The interval around both."""
        if not (self.proved and other.proved):
            return self.composed(other, None)
        return type(self)(
            1.0, self.reason, low=min(self.low, other.low), high=max(self.high, other.high)
        )

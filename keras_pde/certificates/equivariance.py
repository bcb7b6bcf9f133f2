"""Equivariance: N(g u) = g N(u) for the elements g of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class Equivariance(Guarantee):
    """N(g u) = g N(u) for every g of a finite group; the constant is the number of its elements.

    It holds in exact arithmetic, and to rounding in any other. Maps that share the group keep it in
    compositions, sums and means.

    Args:
        group: the group in words.

    Example:
        >>> from keras_pde.certificates.equivariance import Equivariance
        >>> one = Equivariance(8.0, "weights on orbits", group="the symmetries of the square")
        >>> one.words
        'equivariant under the symmetries of the square'
    """

    group: str = ""

    key = "equivariance"
    title = "equivariance"
    least = 1.0
    place = 7

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        return f"N(gu) = gN(u), {self.constant:g} elements g" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return f"equivariant under {self.group}" if self.proved else ""

    def then(self, other: Self) -> Self:
        """Where both maps have it for the same group."""
        if self.proved and other.proved and self.group != other.group:
            return self.lost("the two maps have different groups")
        return self.composed(other, self.constant if self.proved and other.proved else None)

    def plus(self, other: Self) -> Self:
        """Where both maps have it for the same group."""
        return self.then(other)

    def mixed(self, other: Self, weight: float) -> Self:
        """Where both maps have it for the same group."""
        return self.then(other)

"""Permutation equivariance: N(P u) = P N(u) for every order of the nodes of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class PermutationEquivariance(Guarantee):
    """N(P u, P L Pᵀ) = P N(u, L) for every permutation P of the nodes; then the constant is 1 (Y1).

    u holds the numbers at the nodes and L those of the links, for any number of nodes. It holds in
    exact arithmetic, and to rounding in any other, as sums are taken in another order. Compositions
    on the same links, sums and means of maps keep it.

    Example:
        >>> from keras_pde.certificates.permutation import PermutationEquivariance
        >>> one = PermutationEquivariance(1.0, "shared weights")
        >>> one.then(one).formula, one.then(one.lost("a weight for each node")).proved
        ('N(Pu, PLPᵀ) = P N(u, L)', False)
    """

    key = "permutation"
    title = "permutations"
    claim = "equivariant under permutations of the nodes"
    word = "equivariant"
    rank = 1
    place = 7

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        return "N(Pu, PLPᵀ) = P N(u, L)" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return "equivariant" if self.proved else ""

    def then(self, other: Self) -> Self:
        """Where both maps have it."""
        return self.composed(other, 1.0 if self.proved and other.proved else None)

    def plus(self, other: Self) -> Self:
        """Where both maps have it."""
        return self.then(other)

    def mixed(self, other: Self, weight: float) -> Self:
        """Where both maps have it."""
        return self.then(other)

"""Equivariance: N(g u) = g N(u) for the elements g of a group."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Self

from keras_pde.certificates.guarantee import Guarantee

DIFFERENT = "the two maps have different groups, or these act differently"


@dataclass(frozen=True)
class Equivariance(Guarantee):
    """N(g u) = g N(u) for every g of a finite group; the constant is the number of its elements.

    It holds in exact arithmetic, and to rounding in any other. A composition keeps it where the
    elements do to the output of the first map what they do to the input of the second; a sum or a
    mean of maps does where they do the same to the inputs, and to the outputs, of both.

    Args:
        group: the group in words.
        inputs: what its elements do to u, element by element; anything that compares.
        outputs: what they do to N(u).

    Example:
        >>> from keras_pde.certificates.equivariance import Equivariance
        >>> turn = Equivariance(1.0, group="turns", inputs=((1, 2, 0),), outputs=((1, 2, 0),))
        >>> swap = Equivariance(1.0, group="turns", inputs=((1, 0, 2),), outputs=((1, 0, 2),))
        >>> turn.words, turn.then(turn).proved, turn.then(swap).proved
        ('equivariant under turns', True, False)
    """

    group: str = ""
    inputs: Hashable = ()
    outputs: Hashable = ()

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
        """Where the second map's inputs are moved as the first one's outputs are."""
        both = self.proved and other.proved
        if both and self.outputs != other.inputs:
            return self.lost(DIFFERENT)
        found = self.composed(other, self.constant if both else None)
        return replace(found, outputs=other.outputs)

    def plus(self, other: Self) -> Self:
        """Where both maps have it for the same group, which does the same to both."""
        same = (self.inputs, self.outputs) == (other.inputs, other.outputs)
        if self.proved and other.proved and not same:
            return self.lost(DIFFERENT)
        return self.composed(other, self.constant if self.proved and other.proved else None)

    def mixed(self, other: Self, weight: float) -> Self:
        """As of a sum."""
        return self.plus(other)

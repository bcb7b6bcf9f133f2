"""Well-posedness: an equilibrium has one solution for every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class WellPosedness(Guarantee):
    """z = Φ(Az + Bu + b) has one solution for every u, since the matrix measure μ(A) is below 1.

    The constant is μ(A), in the norm that the reason names. Maps that are well-posed stay so where
    they are composed, added, concatenated or averaged, and the largest of their constants counts.

    Source: Jafarpour, Davydov, Proskurnikov, Bullo, arXiv:2106.03194 (2021); for the Euclidean norm
    Winston, Kolter, arXiv:2006.08591 (2020).

    Example:
        >>> from keras_pde.certificates.well_posedness import WellPosedness
        >>> one = WellPosedness(0.2, "by construction")
        >>> one.formula, one.then(WellPosedness(1.5)).proved
        ('one z for every u, as μ(A) ≤ 0.2 < 1', False)
    """

    key = "well_posed"
    title = "well-posedness"
    place = 5

    @property
    def proved(self) -> bool:
        """Whether the constant is below 1."""
        return self.constant is not None and self.constant < 1

    @property
    def formula(self) -> str:
        """The bound of the matrix measure, rounded up."""
        if self.constant is None:
            return ""
        below = " < 1" if self.proved else ""
        return f"{'one z for every u, as ' * self.proved}μ(A) ≤ {rounded(self.constant)}{below}"

    @property
    def words(self) -> str:
        """For a card."""
        return "well-posed" if self.proved else ""

    def then(self, other: Self) -> Self:
        """The larger constant: each equilibrium is solved by itself."""
        found = [g.constant for g in (self, other) if g.constant is not None]
        return self.composed(other, max(found) if len(found) == 2 else None)

    def plus(self, other: Self) -> Self:
        """As of a composition."""
        return self.then(other)

    def beside(self, other: Self) -> Self:
        """As of a composition."""
        return self.then(other)

    def mixed(self, other: Self, weight: float) -> Self:
        """As of a composition."""
        return self.then(other)

    def lifted(self, squared: float | None) -> Self:
        """As it is: a lifting is no equilibrium."""
        return self

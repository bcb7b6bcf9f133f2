"""Lipschitz constant in the maximum norm: ‖N(u) − N(v)‖∞ ≤ l‖u − v‖∞."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.bound import Bound
from keras_pde.certificates.lipschitz_constant import VACUOUS
from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class LInfinity(Bound):
    """‖N(u) − N(v)‖∞ ≤ l‖u − v‖∞ for every u and v; proved as nonexpansive where l ≤ 1.

    Constants multiply in a composition, add up in a sum, and have their maximum in a concatenation.

    Example:
        >>> from keras_pde.certificates.l_infinity import LInfinity
        >>> a, b = LInfinity(3.0), LInfinity(4.0)
        >>> a.beside(b).constant, a.then(b).constant
        (4.0, 12.0)
    """

    key = "linf"
    title = "ℓ∞ Lipschitz"
    place = 3
    claim = "‖N(u) − N(v)‖∞ ≤ ‖u − v‖∞"

    @property
    def formula(self) -> str:
        """The bound with its constant, rounded up."""
        if not self.known:
            return "no bound"
        return f"‖N(u) − N(v)‖∞ ≤ {rounded(self.constant)}‖u − v‖∞"

    @property
    def words(self) -> str:
        """For a card, where the constant says something in practice."""
        if self.constant >= VACUOUS:
            return ""
        return f"ℓ∞ Lipschitz constant {rounded(self.constant, 4)}"

    def then(self, other: Self) -> Self:
        """Constants multiply; a constant map stays one."""
        return self.composed(other, times(self.constant, other.constant))

    def beside(self, other: Self) -> Self:
        """The larger constant."""
        return self.composed(other, max(self.constant, other.constant))

    def lifted(self, squared: float | None) -> Self:
        """Lost: the norm of a lifting is known in the Euclidean norm."""
        return self.lost("no rule for a lifting in the maximum norm")

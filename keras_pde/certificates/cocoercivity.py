"""Cocoercivity: ⟨N(u) − N(v), u − v⟩ ≥ β‖N(u) − N(v)‖²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from keras_pde.certificates.guarantee import Guarantee
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class Cocoercivity(Guarantee):
    """C6: ⟨N(u) − N(v), u − v⟩ ≥ β‖N(u) − N(v)‖² for every u and v, with β > 0.

    The gradient N of a convex function is 1/L-cocoercive, L its Lipschitz constant (Baillon,
    Haddad); a firmly nonexpansive map is 1-cocoercive. Constants α and β give 1/(1/α + 1/β) for a
    sum of maps and 1/((1 − w)/α + w/β) for their mean. Compositions and concatenations lose it.

    Source: Baillon, Haddad (Israel J. Math. 1977); Bauschke, Combettes (2011), chapter 4.

    Example:
        >>> from keras_pde.certificates.cocoercivity import Cocoercivity
        >>> half = Cocoercivity(0.5)
        >>> half.plus(half).constant, half.mixed(Cocoercivity(1.0), 0.5).formula
        (0.25, '⟨N(u) − N(v), u − v⟩ ≥ 0.66666‖N(u) − N(v)‖²')
    """

    key: ClassVar[str] = "cocoercive"
    title: ClassVar[str] = "cocoercivity"
    place: ClassVar[int] = 4
    claim: ClassVar[str] = "cocoercive"
    least: ClassVar[float] = 0.0
    on_cards: ClassVar[bool] = False

    @property
    def proved(self) -> bool:
        """Whether there is a β > 0."""
        return self.constant is not None and self.constant > 0

    @property
    def formula(self) -> str:
        """The inequality with its constant, rounded down."""
        if self.constant is None:
            return ""
        return f"⟨N(u) − N(v), u − v⟩ ≥ {rounded(self.constant, up=False)}‖N(u) − N(v)‖²"

    @property
    def words(self) -> str:
        """β in a word."""
        return f"{rounded(self.constant, 4, up=False)}-cocoercive" if self.constant else ""

    def then(self, other: Self) -> Self:
        """Lost."""
        return self.lost("a composition of cocoercive maps need not be cocoercive")

    def plus(self, other: Self) -> Self:
        """Harmonic: ‖a + b‖² ≤ (1/α + 1/β)(α‖a‖² + β‖b‖²)."""
        return self.composed(other, _harmonic(self.constant, other.constant, 1.0, 1.0))

    def beside(self, other: Self) -> Self:
        """Lost, as input and result are different spaces."""
        return self.lost("concatenated maps lead to another space than that of their input")

    def mixed(self, other: Self, weight: float) -> Self:
        """The weighted harmonic mean."""
        mean = _harmonic(self.constant, other.constant, 1 - weight, weight)
        return self.composed(other, mean)

    def lifted(self, squared: float | None) -> Self:
        """β/‖P‖²: ⟨PᵀNPu − PᵀNPv, u − v⟩ ≥ β‖NPu − NPv‖²."""
        if squared is None or not self.constant:
            return self
        constant = self.constant / squared if squared else None
        return self.composed(self, constant)


def _harmonic(a: float | None, b: float | None, v: float, w: float) -> float | None:
    if not a or not b:
        return None
    return 1 / (v / a + w / b)

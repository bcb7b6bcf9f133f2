"""Plug-and-play: the steps s for which u ← N(u − s∇F(u)) converges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from keras_pde.certificates.guarantee import Guarantee
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class PlugAndPlay(Guarantee):
    """C8: u ← N(u − s∇F(u)) for a convex F, ∇F with the Lipschitz constant ℓ, and sℓ < t.

    t = 2 for an averaged N: the iterates converge to a fixed point, if there is one. t = 2 − ρ for
    the proximal map of a ρ-weakly convex φ: sF + φ falls by ½(t − sℓ)‖u⁺ − u‖² at least in each
    step, so ‖u⁺ − u‖ → 0 where it is bounded from below, and limits are stationary; F need not be
    convex then. Compositions and means of averaged maps keep t = 2; what is only proximal loses it.

    Source: Bauschke, Combettes (2011), chapter 25; Hurault, Leclaire, Papadakis, arXiv:2201.13256
    (2022).

    Example:
        >>> from keras_pde.certificates.plug_and_play import PlugAndPlay
        >>> averaged, weakly = PlugAndPlay(2.0), PlugAndPlay(1.1)
        >>> averaged.then(averaged).constant, averaged.then(weakly).proved, weakly.formula
        (2.0, False, 's‖∇²F‖ < 1.1 for u ← N(u − s∇F(u))')
    """

    key: ClassVar[str] = "step"
    title: ClassVar[str] = "plug-and-play"
    place: ClassVar[int] = 6
    claim: ClassVar[str] = "plug-and-play converges"
    least: ClassVar[float] = 0.0
    on_cards: ClassVar[bool] = False

    @property
    def formula(self) -> str:
        """The largest step, rounded down."""
        if self.constant is None:
            return ""
        return f"s‖∇²F‖ < {rounded(self.constant, up=False)} for u ← N(u − s∇F(u))"

    @property
    def words(self) -> str:
        """The largest step in a few words."""
        if self.constant is None:
            return ""
        return f"plug-and-play steps below {rounded(self.constant, 4, up=False)}/‖∇²F‖"

    def then(self, other: Self) -> Self:
        """Of averaged maps 2."""
        return self._averaged(other)

    def plus(self, other: Self) -> Self:
        """Lost."""
        return self.lost("a sum of averaged maps need not be averaged")

    def beside(self, other: Self) -> Self:
        """Lost, as input and result are different spaces."""
        return self.lost("concatenated maps lead to another space than that of their input")

    def mixed(self, other: Self, weight: float) -> Self:
        """Of averaged maps 2."""
        return self._averaged(other)

    def lifted(self, squared: float | None) -> Self:
        """Kept behind an isometry: PᵀNP is averaged, or proximal, as N is."""
        return self if squared is None else self.lost("the lifting is learned, and no isometry")

    def _averaged(self, other: Self) -> Self:
        constants = (self.constant, other.constant)
        if all(t is not None and t >= 2 for t in constants):
            return self.composed(other, 2.0)
        return self.lost("it needs maps that are averaged both")

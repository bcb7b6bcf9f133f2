"""Averagedness: N = (1 − θ)I + θR with R nonexpansive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class Averagedness(Guarantee):
    """S4: N = (1 − θ)I + θR with R nonexpansive and θ in [0, 1); firmly nonexpansive for θ ≤ ½.

    An explicit step with a monotone flux and τLκ² < 2 has θ = τLκ²/2. Compositions of averaged maps
    are averaged (Combettes, Yamada 2015), means of them as well, with the mean of their constants;
    sums and concatenations are not.

    Example:
        >>> from keras_pde.certificates.averagedness import Averagedness
        >>> half = Averagedness(0.5)
        >>> half.firm, round(half.then(half).constant, 4)
        (True, 0.6667)
    """

    key = "averaged"
    title = "averagedness"
    word = "averaged"
    rank = 3
    place = 1
    claim = "averaged"
    least = 0.0

    @property
    def firm(self) -> bool:
        """θ ≤ ½: what plug-and-play iterations by ADMM need to converge."""
        return self.constant is not None and self.constant <= 0.5

    @property
    def proved(self) -> bool:
        """Whether there is a θ."""
        return self.constant is not None

    @property
    def formula(self) -> str:
        """θ, rounded up."""
        firm = " (firmly nonexpansive)" if self.firm else ""
        return "" if self.constant is None else f"θ = {rounded(self.constant)}{firm}"

    @property
    def words(self) -> str:
        """For a card."""
        if self.constant is None:
            return ""
        return "firmly nonexpansive" if self.firm else f"averaged (θ = {rounded(self.constant, 3)})"

    def then(self, other: Self) -> Self:
        """S/(1 + S) with S = Σ θ/(1 − θ)."""
        return self.composed(other, compose_averaged([self.constant, other.constant]))

    def plus(self, other: Self) -> Self:
        """Lost."""
        return self.lost("a sum of averaged maps need not be averaged")

    def beside(self, other: Self) -> Self:
        """Lost, as input and result are different spaces."""
        return self.lost("concatenated maps lead to another space than that of their input")

    def mixed(self, other: Self, weight: float) -> Self:
        """The mean of the constants: the mean of the maps R, so weighted, is nonexpansive."""
        one, two = self.constant, other.constant
        mean = None if one is None or two is None else (1 - weight) * one + weight * two
        return self.composed(other, mean)

    def lifted(self, squared: float | None) -> Self:
        """Pᵀ((1 − θ)I + θR)P = (1 − θ)I + θPᵀRP for an isometry P; lost for others."""
        return self if squared is None else self.lost("the lifting is learned, and no isometry")


def compose_averaged(constants: Sequence[float | None]) -> float | None:
    """Averagedness constant of a composition of θᵢ-averaged maps: S/(1 + S) with S = Σ θᵢ/(1−θᵢ).

    None if one is none.

    Source: Combettes, Yamada (2015).

    Example:
        >>> from keras_pde.certificates.averagedness import compose_averaged
        >>> round(compose_averaged([0.5, 0.5]), 4)
        0.6667
    """
    if not constants or any(t is None or not 0 <= t < 1 for t in constants):
        return None
    total = sum(t / (1 - t) for t in constants if t is not None)
    return total / (1 + total)

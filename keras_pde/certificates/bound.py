"""Bound: a guarantee whose constant bounds how much a map can enlarge, and how bounds combine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee, enlarged
from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class Bound(Guarantee):
    """A guarantee ‖…‖ ≤ c‖…‖, proved where c ≤ 1.

    Constants a and b give a + b for a sum of maps, √(a² + b²) for concatenated maps, and
    (1 − w)a + wb for their mean. A kind of bound adds its own rule for a composition.
    """

    constant: float = math.inf

    nothing = math.inf
    least = 0.0

    @property
    def proved(self) -> bool:
        """Whether the constant is at most 1."""
        return self.constant <= 1

    @property
    def why(self) -> str:
        """The reason; of a constant above 1, that it is, and where it comes from."""
        if self.proved or not self.known:
            return self.reason
        above = f"{rounded(self.constant)} is not ≤ 1"
        return f"{above}: {self.reason}" if self.reason else above

    def plus(self, other: Self) -> Self:
        """Constants add up."""
        return self.composed(other, self.constant + other.constant)

    def beside(self, other: Self) -> Self:
        """Constants are the legs of a right triangle."""
        return self.composed(other, math.hypot(self.constant, other.constant))

    def mixed(self, other: Self, weight: float) -> Self:
        """The mean of the constants; a map of weight 0 does not count, whatever its constant."""
        mean = times(1 - weight, self.constant) + times(weight, other.constant)
        return self.composed(other, mean)

    def lifted(self, squared: float | None) -> Self:
        """The constant times ‖P‖²; of an isometry, the constant."""
        return self if squared is None else enlarged(self, squared)

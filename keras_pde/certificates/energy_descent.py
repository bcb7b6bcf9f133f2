"""Energy descent: E(N(u)) ≤ E(u)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class EnergyDescent(Guarantee):
    """S5: the energy of the scheme never increases, E(N(u)) ≤ E(u); then the constant is 1.

    A step with τ(β + Lκ²) ≤ 2 lowers E(u) = Σψ(Ku) + β/2‖u − f‖² by at least
    τ(1 − τ(β + Lκ²)/2)‖∇E‖². Each map has an energy of its own, so that compositions, sums and
    lifted maps have none that is known.

    Example:
        >>> from keras_pde.certificates.energy_descent import EnergyDescent
        >>> EnergyDescent(1.0).proved, EnergyDescent().proved
        (True, False)
    """

    key = "energy"
    title = "energy descent"
    claim = "energy descent"

    @property
    def formula(self) -> str:
        """What is proved, if it is."""
        return "E(N(u)) ≤ E(u)" if self.proved else ""

    @property
    def margin(self) -> str:
        """Of the point, not of the energy."""
        return super().margin.replace("to", "with N(u) to", 1)

    def then(self, other: Self) -> Self:
        """Lost."""
        return self.lost("the two maps have no energy in common")

    def plus(self, other: Self) -> Self:
        """Lost."""
        return self.then(other)

    def beside(self, other: Self) -> Self:
        """Lost."""
        return self.then(other)

    def mixed(self, other: Self, weight: float) -> Self:
        """Lost."""
        return self.then(other)

    def lifted(self, squared: float | None) -> Self:
        """Lost, as the state has more channels than the image."""
        return self.lost("the energy is one of the state, which has channels of its own")

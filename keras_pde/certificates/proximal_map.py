"""Proximal map: N = prox φ of a weakly convex φ, the gradient of a convex function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from keras_pde.certificates.guarantee import Guarantee
from keras_pde.runtime.printed import rounded


@dataclass(frozen=True)
class ProximalMap(Guarantee):
    """C7: N(u) = argmin ½‖x − u‖² + φ(x) with φ + ρ/2‖·‖² convex, ρ < 1; convex φ for ρ = 0.

    The gradient N of a convex function, with the constant L = 1/(1 − ρ), is such a map (Moreau;
    Gribonval, Nikolova). So constants L add up in a sum of maps, and their mean is that of the
    mean. Compositions and concatenations lose it.

    Source: Moreau (1965); Gribonval, Nikolova, arXiv:1806.06695 (2020); Hurault, Leclaire,
    Papadakis, arXiv:2201.13256 (2022).

    Example:
        >>> from keras_pde.certificates.proximal_map import ProximalMap
        >>> half = ProximalMap(0.5)
        >>> half.constant_of_gradient, half.mixed(ProximalMap(0.0), 0.5).formula
        (2.0, 'N = prox φ, φ + 0.33334/2‖·‖² convex')
    """

    key: ClassVar[str] = "proximal"
    title: ClassVar[str] = "proximal map"
    place: ClassVar[int] = 5
    claim: ClassVar[str] = "proximal map"
    on_cards: ClassVar[bool] = False

    @property
    def proved(self) -> bool:
        """Whether there is a ρ < 1."""
        return self.constant is not None and self.constant < 1

    @property
    def constant_of_gradient(self) -> float | None:
        """L = 1/(1 − ρ), None where nothing is proved."""
        return 1 / (1 - self.constant) if self.constant is not None and self.proved else None

    @property
    def formula(self) -> str:
        """What φ is, with ρ rounded up."""
        if self.constant is None:
            return ""
        if self.constant <= 0:
            return "N = prox φ, φ convex"
        return f"N = prox φ, φ + {rounded(self.constant)}/2‖·‖² convex"

    @property
    def words(self) -> str:
        """What it is a proximal map of."""
        if self.constant is None:
            return ""
        kind = "convex" if self.constant <= 0 else f"{rounded(self.constant, 4)}-weakly convex"
        return f"proximal map of a {kind} function"

    def then(self, other: Self) -> Self:
        """Lost."""
        return self.lost("a composition of proximal maps need not be a gradient")

    def plus(self, other: Self) -> Self:
        """Constants L add up."""
        return self._of(other, 1.0, 1.0)

    def beside(self, other: Self) -> Self:
        """Lost, as input and result are different spaces."""
        return self.lost("concatenated maps lead to another space than that of their input")

    def mixed(self, other: Self, weight: float) -> Self:
        """The mean of the constants L."""
        return self._of(other, 1 - weight, weight)

    def lifted(self, squared: float | None) -> Self:
        """PᵀNP is the gradient of h∘P where N is that of h: L‖P‖²."""
        one = self.constant_of_gradient
        if squared is None or one is None:
            return self
        return self.composed(self, 1 - 1 / (one * squared) if squared else None)

    def _of(self, other: Self, v: float, w: float) -> Self:
        one, two = self.constant_of_gradient, other.constant_of_gradient
        total = None if one is None or two is None else 1 - 1 / (v * one + w * two)
        return self.composed(other, total)

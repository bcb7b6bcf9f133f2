"""Consistency: to which order a map approximates a differential equation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class Order(Guarantee):
    """The error of N against the exact evolution falls like a power of a step; the constant is it.

    It is stated of smooth solutions, where the scheme is stable; infinite where the error falls
    faster than every power. Steps of one order in a row have
    that order; of two orders, the lower one.

    Example:
        >>> from keras_pde.certificates.consistency import OrderInTime
        >>> OrderInTime(2.0).then(OrderInTime(4.0)).constant
        2.0
    """

    least = 0.0
    step: ClassVar[str] = "h"

    @property
    def formula(self) -> str:
        """The order, if there is one."""
        if self.constant is None:
            return ""
        if math.isinf(self.constant):
            return f"error below every power of {self.step}"
        return f"error O({self.step}{_superscript(self.constant)})"

    @property
    def proved(self) -> bool:
        """Whether there is an order at all: an operator of order 0 does not converge."""
        return self.constant is not None and self.constant > 0

    def then(self, other: Self) -> Self:
        """The lower order."""
        orders = (self.constant, other.constant)
        known = self.proved and other.proved
        return self.composed(other, min(x for x in orders if x is not None) if known else None)


@dataclass(frozen=True)
class OrderInSpace(Order):
    """The order in the spacing h of the points, for a fixed time.

    Example:
        >>> from keras_pde.certificates.consistency import OrderInSpace
        >>> OrderInSpace(2.0).formula, OrderInSpace(1.0).formula
        ('error O(h²)', 'error O(h)')
    """

    key = "order_space"
    title = "order in space"
    place = 20

    @property
    def words(self) -> str:
        """For a card."""
        if self.constant == math.inf:
            return "spectral in space"
        return f"order {self.constant:g} in space" if self.proved else ""


@dataclass(frozen=True)
class OrderInTime(Order):
    """The order in the time step.

    Example:
        >>> from keras_pde.certificates.consistency import OrderInTime
        >>> OrderInTime(4.0).formula
        'error O(Δt⁴)'
    """

    key = "order_time"
    title = "order in time"
    step = "Δt"
    place = 21

    @property
    def words(self) -> str:
        """For a card."""
        return f"order {self.constant:g} in time" if self.proved else ""


def _superscript(order: float) -> str:
    text = f"{order:g}"
    return "" if text == "1" else text.translate(str.maketrans("0123456789.", "⁰¹²³⁴⁵⁶⁷⁸⁹·"))

"""Metric: the number by which networks of a task are compared, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Metric"]


@dataclass(frozen=True)
class Metric:
    """The number by which networks of a task are compared.

    Args:
        name: of the quantity.
        unit: that is written behind it; "" for none.
        digits: after the decimal point, in lists.
        higher_is_better: the direction.
        tolerance: by which the number may differ when it is measured again.
        factor: whether that is a factor: of numbers that extend over many powers of ten, which are
            written as such.

    Example:
        >>> from keras_pde.tasks.metric import Metric
        >>> psnr = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)
        >>> psnr.text(28.648), psnr.text(31.1, 28.6), psnr.full(28.648)
        ('28.65 dB', '31.10 / 28.60 dB', '28.648 ± 0.02 dB')
        >>> error = Metric("nRMSE", digits=1, higher_is_better=False, tolerance=2, factor=True)
        >>> error.text(1.62e-7), error.full(1.62e-7), error.apart(1.5e-7, 3e-7)
        ('1.6e-07', '1.62e-07, within a factor of 2', 2.0)
    """

    name: str
    unit: str = ""
    digits: int = 2
    higher_is_better: bool = True
    tolerance: float = 0.0
    factor: bool = False

    @property
    def least_gain(self) -> float:
        """What counts as a gain in training: half the tolerance, or any where it is a factor."""
        return 0.0 if self.factor else self.tolerance / 2

    def number(self, value: float, more: int = 0) -> str:
        """A value rounded, with so many digits more than in lists."""
        return f"{value:.{self.digits + more}{'e' if self.factor else 'f'}}"

    def apart(self, a: float, b: float) -> float:
        """How far two values are apart: their difference, or the larger over the smaller."""
        if not self.factor or a == b:
            return float(self.factor) if a == b else abs(a - b)
        return max(a, b) / min(a, b) if min(a, b) > 0 else float("inf")

    def text(self, *values: float) -> str:
        """Values rounded, with the unit."""
        return f"{' / '.join(map(self.number, values))} {self.unit}".rstrip()

    def full(self, value: float, tolerance: float | None = None) -> str:
        """A value with all its digits, its tolerance and the unit."""
        allowed = self.tolerance if tolerance is None else tolerance
        if self.factor:
            return f"{value:.3g} {self.unit}".rstrip() + f", within a factor of {allowed:g}"
        return f"{value:g} ± {allowed:g} {self.unit}".rstrip()

    def entry(self, name: str, value: float) -> dict[str, Any]:
        """The metric of an index entry: what exactly was measured, and the value."""
        return {"name": name, "value": value, "unit": self.unit, "tolerance": self.tolerance}

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return a > b if self.higher_is_better else a < b

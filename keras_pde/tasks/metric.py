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

    Example:
        >>> from keras_pde.tasks.metric import Metric
        >>> psnr = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)
        >>> psnr.text(28.648), psnr.text(31.1, 28.6), psnr.full(28.648)
        ('28.65 dB', '31.10 / 28.60 dB', '28.648 ± 0.02 dB')
    """

    name: str
    unit: str = ""
    digits: int = 2
    higher_is_better: bool = True
    tolerance: float = 0.0

    def text(self, *values: float) -> str:
        """Values rounded, with the unit."""
        return f"{' / '.join(f'{value:.{self.digits}f}' for value in values)} {self.unit}".rstrip()

    def full(self, value: float, tolerance: float | None = None) -> str:
        """A value with all its digits, its tolerance and the unit."""
        allowed = self.tolerance if tolerance is None else tolerance
        return f"{value:g} ± {allowed:g} {self.unit}".rstrip()

    def entry(self, name: str, value: float) -> dict[str, Any]:
        """The metric of an index entry: what exactly was measured, and the value."""
        return {"name": name, "value": value, "unit": self.unit, "tolerance": self.tolerance}

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return a > b if self.higher_is_better else a < b

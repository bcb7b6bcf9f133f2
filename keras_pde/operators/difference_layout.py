"""DifferenceLayout: the kernels of prescribed derivatives on a grid, and what they say."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.operators import derivatives as orders
from keras_pde.operators import moments
from keras_pde.operators.moments import Combination, Consistency
from keras_pde.operators.shifted import Shifts, taps_of
from keras_pde.runtime import gate

TINY = 1e-300


@dataclass(frozen=True)
class DifferenceLayout:
    """Derivatives, their order, the grid, and the windows of their kernels.

    Args:
        derivatives: checked by `derivatives.checked`.
        ndim: number of axes.
        accuracy: the order n.
        spacing: one number, or one an axis.
        side: one word, or one an axis.
        learned: whether kernels have room for two more points an axis.

    Raises:
        ValueError: an odd accuracy of central stencils; values for another number of axes; weights
            that no float holds.

    Example:
        >>> from keras_pde.operators.difference_layout import DifferenceLayout
        >>> grid = DifferenceLayout("laplacian", 1, 2, 0.5, "central")
        >>> grid.window, grid.classical[:, 0].tolist()
        ((3,), [4.0, -8.0, 4.0])
    """

    derivatives: Any
    ndim: int
    accuracy: int
    spacing: Any
    side: Any
    learned: bool = False

    def __post_init__(self) -> None:
        central = [axis for axis, side in enumerate(self.sides) if side == "central"]
        used = any(a[axis] for row in self.rows for a in row for axis in central)
        if self.accuracy % 2 and used:
            raise ValueError(
                "Central stencils have even orders. Received:"
                f" accuracy={self.accuracy}. Use accuracy={self.accuracy + 1}, or another side."
            )
        if not np.isfinite(self.classical).all():
            raise ValueError(
                "spacing makes weights that no float holds. Received:"
                f" spacing={gate.said(self.spacing)}"
            )

    @functools.cached_property
    def rows(self) -> tuple[dict[tuple[int, ...], float], ...]:
        """The derivatives, each a combination {multi-index: coefficient}."""
        return tuple(orders.rows_of(self.derivatives, self.ndim))

    @functools.cached_property
    def sides(self) -> tuple[str, ...]:
        """The side that stencils look to, along each axis."""
        return _each(self.side, "side", self.ndim)

    @functools.cached_property
    def steps(self) -> tuple[float, ...]:
        """The spacing along each axis."""
        return _each(self.spacing, "spacing", self.ndim)

    @functools.cached_property
    def reach(self) -> tuple[tuple[int, int], ...]:
        """How many points kernels reach before and after their centre, on each axis."""
        return tuple(orders.reaches(self.rows, self.accuracy, self.sides, int(self.learned)))

    @property
    def window(self) -> tuple[int, ...]:
        """Odd widths in which the centre of a kernel is the centre."""
        return tuple(2 * max(before, after) + 1 for before, after in self.reach)

    @property
    def box(self) -> tuple[int, ...]:
        """Widths of what kernels reach: one-sided ones keep to their side."""
        return tuple(before + after + 1 for before, after in self.reach)

    @property
    def margins(self) -> list[tuple[int, int]]:
        """What the window has around the box."""
        return [(max(0, after - before), max(0, before - after)) for before, after in self.reach]

    def stencil(self, row: Combination) -> np.ndarray:
        """The classical kernel of a combination of derivatives."""
        return orders.kernel_of(row, self.accuracy, self.sides, self.steps, self.window)

    @functools.cached_property
    def classical(self) -> np.ndarray:
        """The classical kernels of all rows, (*window, rows)."""
        return np.stack([self.stencil(row) for row in self.rows], -1)

    @functools.cached_property
    def shifts(self) -> Shifts:
        """The classical kernels as sums of slices."""
        zero = (0,) * self.ndim
        return Shifts(
            [taps_of(self.classical[..., r], row.get(zero, 0.0)) for r, row in enumerate(self.rows)]
        )

    def free_scale(self, row: Combination) -> tuple[int, float]:
        """The highest degree of a row, and the size of its weights."""
        degree = max(map(sum, row))
        largest = max(abs(c) for a, c in row.items() if sum(a) == degree) or 1.0
        return degree, float(largest / min(self.steps) ** degree)

    def symbol(self, kernels: np.ndarray, frequencies: Any) -> np.ndarray:
        """Σ kⱼ exp(i⟨j, ω⟩) of kernels (*window, rows)."""
        angles = gate.array(frequencies, "frequencies", channels=self.ndim).astype("float64")
        points = [np.arange(n) - n // 2 for n in self.window]
        offsets = np.stack(np.meshgrid(*points, indexing="ij"), -1).reshape(-1, self.ndim)
        taps = kernels.reshape(-1, kernels.shape[-1])
        used = np.abs(taps).sum(axis=-1) > 0
        return np.exp(1j * (angles @ offsets[used].T)) @ taps[used]

    def consistency(self, kernel: np.ndarray, row: Combination, unit: float) -> Consistency:
        """What a kernel is that approximates a row; its parts of several degrees scale apart."""
        degrees = sorted({sum(a) for a in row})
        rest, found = kernel, []
        for degree in degrees:
            terms = {a: c for a, c in row.items() if sum(a) == degree}
            part = self.stencil(terms) if degree < degrees[-1] else rest
            rest = rest - part
            share = np.abs(kernel).sum() / max(np.abs(part).sum(), TINY)
            found.append(
                moments.consistency_of(part, self.steps, terms, unit=unit * max(1.0, share))
            )
        order = min(each.order for each in found)
        leading = {p: e for each in found if each.order == order for p, e in each.leading.items()}
        return Consistency(dict(row), order, leading)


def _each(value: Any, name: str, ndim: int) -> tuple[Any, ...]:
    """A value for each axis."""
    if not isinstance(value, list | tuple):
        return (value,) * ndim
    if len(value) != ndim:
        raise ValueError(
            f"{name} must have {ndim} values, one for each axis. Received:"
            f" {name}={gate.said(list(value))}"
        )
    return tuple(value)

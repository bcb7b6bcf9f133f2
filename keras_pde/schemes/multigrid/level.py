"""Level: what a multigrid cycle asks of the operator A on one grid of the hierarchy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.correction import Correction
from keras_pde.schemes.multigrid.grid import Grid


class Level(ABC):
    """A on one grid: its diagonal, the transfers to the next coarser grid, and a solution there.

    A subclass gives `operator`, `diagonal` and, where it is exact, `solve`.

    Args:
        grid: the grid.
        dtype: precision of the states.
    """

    exact: bool = True  # whether the coarsest grid is solved by `solve`, not smoothed
    # whether a state is better stored than computed again for each of many neighbours
    stores: bool = False
    convolves: bool = False  # whether `operator` has convolutions, which a loop slows down
    # for the error that smoothing at points leaves: before the steps on the way down, and in
    # reverse order after those on the way up
    corrections: Sequence[Correction] = ()

    def __init__(self, grid: Grid, dtype: str) -> None:
        self.grid = grid
        self.dtype = dtype

    @abstractmethod
    def operator(self, u: Tensor) -> Tensor:
        """A u."""

    @abstractmethod
    def diagonal(self, u: Tensor | None = None) -> Tensor | float:
        """D, what a smoothing step divides by; at the state u where A is nonlinear."""

    def divide(self, b: Tensor, diagonal: Tensor | float) -> Tensor:
        """b/D, for a diagonal without zeros."""
        return b / diagonal

    def update(self, residual: Tensor, weight: Number) -> Tensor:
        """What a smoothing step adds to x, from D⁻¹(b − Ax) and the step's weight."""
        return residual * weight

    def restrict(self, r: Tensor) -> Tensor:
        """A residual on the next coarser grid."""
        return self.grid.restrict(r)

    def prolong(self, e: Tensor) -> Tensor:
        """A correction from the next coarser grid."""
        return self.grid.prolong(e)

    def inject(self, u: Tensor) -> Tensor:
        """The values at the points of the next coarser grid."""
        return self.grid.inject(u)

    def parity(self) -> Tensor | float:
        """1 and −1 on the two colours of the points."""
        return self.grid.parity(self.dtype)

    def solve(self, b: Tensor) -> Tensor:
        """The solution of A x = b, on a grid that is small enough."""
        raise NotImplementedError(f"{type(self).__name__} smooths its coarsest grid")


class ClassicalLevel(Level):
    """A level of a problem without weights, whose spectrum is known: smoothers choose by it."""

    @property
    @abstractmethod
    def smoothing_range(self) -> tuple[Number, Number]:
        """(low, high): the eigenvalues of D⁻¹A that the next coarser grid cannot represent."""

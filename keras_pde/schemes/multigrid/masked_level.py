"""MaskedLevel: the operator of inpainting on the finest grid."""

from __future__ import annotations

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.linear_level import LinearLevel


class MaskedLevel(LinearLevel):
    """A u = M Lᵏ M u + C u, k = order/2.

    M is 1 on unknown pixels, C = 1 − M on known ones.

    Args:
        grid: the finest grid.
        dtype: precision of the states.
        unknown: M, (batch, *spatial, 1).
        order: 2 or 4.
    """

    def __init__(self, grid: Grid, dtype: str, unknown: Tensor, order: int) -> None:
        super().__init__(grid, dtype, order=order)
        self.unknown = unknown
        self.singular = False

    def operator(self, u: Tensor) -> Tensor:
        """A u."""
        return self.unknown * super().operator(self.unknown * u) + (1 - self.unknown) * u

    def diagonal(self, u: Tensor | None = None) -> Tensor:
        """D, 1 on known pixels."""
        return self.unknown * super().diagonal() + (1 - self.unknown)

    def source(self, f: Tensor) -> Tensor:
        """The right-hand side −M Lᵏ C f + C f."""
        known = (1 - self.unknown) * f
        return known - self.unknown * super().operator(known)

    def restrict(self, r: Tensor) -> Tensor:
        """The residual of the unknown pixels: known ones have none."""
        return self.grid.restrict(self.unknown * r)

    def prolong(self, e: Tensor) -> Tensor:
        """The correction of the unknown pixels."""
        return self.unknown * self.grid.prolong(e)

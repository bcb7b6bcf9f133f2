"""LinearLevel: Poisson, screened Poisson and biharmonic operators on one grid."""

from __future__ import annotations

import functools
import operator

from keras import ops

from keras_pde.operators.boundary import cut, extend
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel

DENSE = 1100  # points up to which a coarsest level is solved by a dense matrix


class LinearLevel(ClassicalLevel):
    """A u = s V u + τ L u, or s V u + τ L V⁻¹ L u (order 4).

    L = Σₐ Kₐᵀ diag(c ⊗ m)Kₐ with the walls of a zero boundary, V the masses. D⁻¹A has its spectrum
    in [0, high]: for order 2 since A is diagonally dominant, for order 4 since with d = diag L and
    ρ ≥ d/V: L V⁻¹ L ⪯ ρ L d⁻¹ L ⪯ 4ρ d, so that D = sV + τρd serves there as the diagonal.

    Args:
        grid: the grid.
        dtype: precision of the states.
        screening: s.
        stiffness: τ.
        order: 2 or 4.
    """

    def __init__(
        self,
        grid: Grid,
        dtype: str,
        *,
        screening: float = 0.0,
        stiffness: float = 1.0,
        order: int = 2,
    ) -> None:
        super().__init__(grid, dtype)
        self.screening = screening
        self.stiffness = stiffness
        self.order = order
        self.neighbours = grid.neighbour_weights(dtype)
        self.mass = grid.mass(dtype)
        self.singular = screening == 0 and grid.boundary != "dirichlet"

    def operator(self, u: Tensor) -> Tensor:
        """A u."""
        out = self.laplacian(u)
        if self.order == 4:
            out = self.laplacian(out / self.mass)
        return self.weighted(out, u)

    def weighted(self, stiff: Tensor, u: Tensor) -> Tensor:
        """s V u + τ times the stiff part."""
        out = self.stiffness * stiff if self.stiffness != 1 else stiff
        return out + (self.screening * self.mass) * u if self.screening else out

    def laplacian(self, u: Tensor) -> Tensor:
        """L u, positive semidefinite."""
        # as neighbours of a padded state: faster under XLA than differences and their adjoint
        ndim = self.grid.ndim
        boundary = "periodic" if self.grid.boundary == "periodic" else "dirichlet"
        wide = extend(u, [(1, 1)] * ndim, boundary)
        total = self.grid.degree(self.dtype) * u
        for axis, (before, after) in enumerate(self.neighbours, start=1):
            line = wide
            for other in range(1, ndim + 1):
                line = line if other == axis else cut(line, other, 1, -1)
            total = total - (before * cut(line, axis, None, -2) + after * cut(line, axis, 2, None))
        return total

    def diagonal(self, u: Tensor | None = None) -> Tensor | float:
        """D."""
        factor = self.stiffness * (self.grid.density(self.dtype) if self.order == 4 else 1.0)
        return factor * self.grid.degree(self.dtype) + self.screening * self.mass

    @property
    def smoothing_range(self) -> tuple[Number, Number]:
        """(low, high): the eigenvalues of D⁻¹A that the next coarser grid cannot represent."""
        d, k = self.grid.coarsening_axes or 1, self.order // 2
        low, high = 1 / d**k, 2**k
        if not self.screening:
            return low, high
        s, stiff = self.screening, self.stiffness * self.grid.density(self.dtype) ** k
        return (s + stiff / d**k) / (s + stiff), (s + high * stiff) / (s + stiff)

    def solve(self, b: Tensor) -> Tensor:
        """The solution by a dense matrix, on one point by a division.

        It is the one of mean 0 where A is singular.
        """
        if not self.grid.coarsens:
            return ops.zeros_like(b) if self.singular else b / self.diagonal(b)
        sizes = ops.shape(b)[1:-1]
        n = functools.reduce(operator.mul, sizes)
        basis = ops.reshape(ops.eye(n, dtype=b.dtype), (n, *sizes, 1))
        matrix = ops.reshape(self.operator(basis), (n, n))
        if self.singular:
            matrix = matrix + ops.ones_like(matrix) * (ops.trace(matrix) / ops.cast(n * n, b.dtype))
        columns = ops.reshape(ops.moveaxis(b, -1, 0), (-1, n))  # one for each channel and sample
        found = ops.transpose(ops.linalg.solve(matrix, ops.transpose(columns)))
        return ops.moveaxis(ops.reshape(found, (b.shape[-1], *ops.shape(b)[:-1])), 0, -1)

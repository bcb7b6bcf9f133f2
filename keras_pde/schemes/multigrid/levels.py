"""Level operators: A on one grid of the hierarchy, with its diagonal and the range that a smoother
has to damp.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.boundary import cut, extend
from keras_pde.operators.stencils import differences, differences_adjoint
from keras_pde.schemes.multigrid.grids import Grid

DENSE = 1100  # points up to which a coarsest level is solved by a dense matrix
# Least part of the diffusivity that a nonlinear smoothing step divides by. Dividing by g alone
# converges as slowly as lagged diffusivity does, by Φ′ alone it diverges at edges; between, the
# weights 1.15/0.7 of Gauss-Seidel stay below 2.
LEAST_SLOPE = 0.7


class Level:
    """A u = s V u + τ L u, or s V u + τ L V⁻¹ L u (order 4), or s V u + τ Kᵀ(W∘Φ(Ku)) with a flux,
    on one grid.

    L = Σₐ Kₐᵀ diag(c ⊗ m)Kₐ with the walls of a zero boundary, V the masses. Φ acts on differences
    over the grid size h = 2^level. D⁻¹A has its spectrum in [0, high], for order 2 since A is
    diagonally dominant, for order 4 since with d = diag L and ρ ≥ d/V: L V⁻¹ L ⪯ ρ L d⁻¹ L ⪯ 4ρ d,
    so D = sV + τρd serves there as the diagonal.
    """

    colours = True  # whether neighbours always differ in the parity of their indices

    convolves = False  # slices

    def __init__(
        self,
        grid: Grid,
        dtype: str,
        *,
        screening: float = 0.0,
        stiffness: float = 1.0,
        order: int = 2,
        flux: FluxLayer | None = None,
    ) -> None:
        self.grid, self.dtype, self.order, self.flux = grid, dtype, order, flux
        self.screening, self.stiffness = screening, stiffness
        self.boundary = grid.axes[0].boundary
        self.weights = [grid.edge_weight(i, dtype) for i in range(len(grid.axes))]
        self.neighbours = [grid.neighbour_weights(i, dtype) for i in range(len(grid.axes))]
        self.wall, self.mass = grid.wall(dtype), grid.mass(dtype)
        self.singular = screening == 0 and self.boundary != "dirichlet"
        self.ndim = len(grid.axes)
        self.size_h = float(2**grid.level)

    def operator(self, u: Any) -> Any:
        """A u."""
        out = self.laplacian(u) if self.flux is None else self._diffusion(u)
        if self.order == 4:
            out = self.laplacian(out / self.mass)
        out = self.stiffness * out if self.stiffness != 1 else out
        return out + (self.screening * self.mass) * u if self.screening else out

    def laplacian(self, u: Any) -> Any:
        """L u, positive semidefinite."""
        # as neighbours of a padded state: faster under XLA than differences and their adjoint
        wide = extend(
            u, [(1, 1)] * self.ndim, "periodic" if self.boundary == "periodic" else "dirichlet"
        )
        total = self.grid.degree(self.dtype) * u
        for axis, (before, after) in enumerate(self.neighbours, start=1):
            line = wide
            for other in range(1, self.ndim + 1):
                line = line if other == axis else cut(line, other, 1, -1)
            total = total - (before * cut(line, axis, None, -2) + after * cut(line, axis, 2, None))
        return total

    def _diffusion(self, u: Any) -> Any:
        parts = differences(u, "forward", self.boundary)
        fluxes = [
            w * (g * s)
            for w, g, s in zip(self.weights, self._diffusivities(parts), parts, strict=True)
        ]
        return differences_adjoint(fluxes, "forward", self.boundary) + self.wall * u

    def _diffusivities(self, parts: list[Any]) -> list[Any]:
        assert self.flux is not None
        return self.flux.diffusivities([s / self.size_h for s in parts])

    def _slopes(self, parts: list[Any]) -> list[Any]:
        """⟨Φ′(s)e, e⟩ for each direction e by itself."""
        assert self.flux is not None
        linear = self.flux.linearize([s / self.size_h for s in parts])
        if not self.flux.coupled:
            return linear
        g, twice, *units = linear
        return [g + twice * s * s for s in units]

    def diagonal(self, u: Any = None) -> Any:
        """D: what a smoother divides by.

        With a flux, its slope at u, or 0.7 of its diffusivity where that is more.
        """
        if self.flux is not None:
            parts = differences(u, "forward", self.boundary)
            degree = self.wall
            for axis, (w, g, slope, s) in enumerate(
                zip(
                    self.weights,
                    self._diffusivities(parts),
                    self._slopes(parts),
                    parts,
                    strict=True,
                ),
                start=1,
            ):
                edge = w * ops.maximum(slope, LEAST_SLOPE * g) * ops.ones_like(s)
                if self.boundary == "neumann":
                    edge = edge * self._has_neighbour(axis)
                last = cut(edge, axis, -1, None)
                first = last if self.boundary == "periodic" else ops.zeros_like(last)
                degree = degree + edge + ops.concatenate([first, cut(edge, axis, None, -1)], axis)
        else:
            degree = self.grid.degree(self.dtype)
        factor = self.stiffness * (self._density if self.order == 4 else 1.0)
        return factor * degree + self.screening * self.mass

    def _has_neighbour(self, axis: int) -> Any:
        n = self.grid.sizes[axis - 1]
        return self.grid.along(
            (
                np.append(np.ones(n - 1), 0.0)
                if isinstance(n, int)
                else ops.cast(ops.arange(n) < n - 1, self.dtype)
            ),
            axis - 1,
            self.dtype,
        )

    @property
    def exact(self) -> bool:
        """Whether `solve` is exact.

        Always on one point, where no difference is left, else for a linear operator.
        """
        return self.flux is None or not self.grid.coarsens

    @property
    def _density(self) -> Any:
        """ρ ≥ d/V, over all points."""
        xp = np if all(isinstance(n, int) for n in self.grid.sizes) else ops
        total = sum(
            xp.max(xp.convert_to_tensor(a.degree) / a.mass if xp is ops else a.degree / a.mass)
            for a in self.grid.axes
        )
        return float(total) if xp is np else ops.cast(total, self.dtype)

    @property
    def smoothing_range(self) -> tuple[Any, Any]:
        """(low, high): the eigenvalues of D⁻¹A that the next coarser grid cannot represent."""
        d = sum(axis.coarsens for axis in self.grid.axes) or 1
        k = self.order // 2
        if self.flux is not None or not self.screening:
            return 1 / d**k, 2**k
        stiff = self.stiffness * self._density**k
        return (self.screening + stiff / d**k) / (self.screening + stiff), (
            self.screening + 2**k * stiff
        ) / (self.screening + stiff)

    def parity(self) -> Any:
        """1 at the points whose indices sum to an even number, −1 at the others."""
        product: Any = 1.0
        for i, n in enumerate(self.grid.sizes):
            sign = (
                1.0 - 2.0 * (np.arange(n) % 2)
                if isinstance(n, int)
                else 1 - 2 * ops.cast(ops.arange(n) % 2, self.dtype)
            )
            product = product * self.grid.along(sign, i, self.dtype)
        return product

    def restrict(self, r: Any) -> Any:
        """To the next coarser grid."""
        return self.grid.restrict(r)

    def prolong(self, e: Any) -> Any:
        """From the next coarser grid."""
        return self.grid.prolong(e)

    def inject(self, u: Any) -> Any:
        """Values at the points of the next coarser grid."""
        return self.grid.inject(u)

    def divide(self, b: Any, diagonal: Any) -> Any:
        """b/D, where the diagonal has no zeros."""
        return b / diagonal

    def solve(self, b: Any) -> Any:
        """Exact solution on the coarsest grid: a division on one point, else a dense matrix.

        Of mean 0 if A is singular.
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
        return ops.moveaxis(
            ops.reshape(
                ops.transpose(ops.linalg.solve(matrix, ops.transpose(columns))),
                (b.shape[-1], *ops.shape(b)[:-1]),
            ),
            0,
            -1,
        )

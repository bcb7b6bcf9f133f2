"""DiffusionLevel: the operator of an implicit step of nonlinear diffusion on one grid."""

from __future__ import annotations

from keras import ops

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.boundary import cut
from keras_pde.operators.stencils import differences, differences_adjoint
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.linear_level import LinearLevel

# Least part of the diffusivity that a nonlinear smoothing step divides by. Dividing by g alone
# converges as slowly as lagged diffusivity does, by Φ′ alone it diverges at edges; between, the
# weights 1.15/0.7 of Gauss-Seidel stay below 2.
LEAST_SLOPE = 0.7


class DiffusionLevel(LinearLevel):
    """A u = s V u + τ Kᵀ(W∘Φ(Ku)) with a flux that acts on differences over the grid size.

    One point has no differences, so that A is linear there; larger coarsest grids are smoothed.

    Args:
        grid: the grid.
        dtype: precision of the states.
        flux: Φ.
        screening: s.
        stiffness: τ.
    """

    def __init__(
        self, grid: Grid, dtype: str, flux: FluxLayer, *, screening: float, stiffness: float
    ) -> None:
        super().__init__(grid, dtype, screening=screening, stiffness=stiffness)
        self.flux = flux
        self.exact = not grid.coarsens
        self.weights = grid.edge_weights(dtype)
        self.wall = grid.wall(dtype)

    def operator(self, u: Tensor) -> Tensor:
        """A u."""
        boundary = self.grid.boundary
        parts = differences(u, "forward", boundary)
        fluxes = [
            w * (g * s)
            for w, g, s in zip(self.weights, self._diffusivities(parts), parts, strict=True)
        ]
        stiff = differences_adjoint(fluxes, "forward", boundary) + self.wall * u
        return self.weighted(stiff, u)

    def _diffusivities(self, parts: list[Tensor]) -> list[Tensor]:
        return self.flux.diffusivities(self._slopes_of(parts))

    def _slopes_of(self, parts: list[Tensor]) -> list[Tensor]:
        return [s / axis.spacing for s, axis in zip(parts, self.grid.axes, strict=True)]

    def _slopes(self, parts: list[Tensor]) -> list[Tensor]:
        """⟨Φ′(s)e, e⟩ for each direction e by itself."""
        linear = self.flux.linearize(self._slopes_of(parts))
        if not self.flux.coupled:
            return linear
        g, twice, *units = linear
        return [g + twice * s * s for s in units]

    def diagonal(self, u: Tensor | None = None) -> Tensor | float:
        """The slope of A at u, with 0.7 of the diffusivity in place of Φ′ where that is more."""
        grid = self.grid
        parts = differences(u, "forward", grid.boundary)
        edges = zip(
            self.weights, self._diffusivities(parts), self._slopes(parts), parts, strict=True
        )
        degree = self.wall
        for axis, (w, g, slope, s) in enumerate(edges, start=1):
            edge = w * ops.maximum(slope, LEAST_SLOPE * g) * ops.ones_like(s)
            if grid.boundary == "neumann":
                has_next = grid.along(grid.axes[axis - 1].has_next, axis - 1, self.dtype)
                edge = edge * has_next
            last = cut(edge, axis, -1, None)
            first = last if grid.boundary == "periodic" else ops.zeros_like(last)
            degree = degree + edge + ops.concatenate([first, cut(edge, axis, None, -1)], axis)
        return self.stiffness * degree + self.screening * self.mass

    @property
    def smoothing_range(self) -> tuple[Number, Number]:
        """That of the Laplacian: the diffusivity is not known beforehand."""
        return 1 / (self.grid.coarsening_axes or 1), 2

"""Diffusion: with a coefficient that is given at every point, or an implicit nonlinear step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.operators.boundary import cut
from keras_pde.runtime import gate
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.black_box_level import Offsets
from keras_pde.schemes.multigrid.diffusion_level import DiffusionLevel
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel
from keras_pde.schemes.multigrid.problems.conductances import conductances, near_walls
from keras_pde.schemes.multigrid.problems.problem import Problem, checked_step_size
from keras_pde.schemes.multigrid.problems.stencil_problem import (
    StencilProblem,
    checked_spacing,
)
from keras_pde.schemes.multigrid.problems.walls import (
    checked_walls,
    closed,
    conductance,
    per_axis,
)

LAYOUTS = ("cells", "edges")


@keras.saving.register_keras_serializable(package="keras_pde")
class Diffusion(StencilProblem):
    r"""cu − τ∇·(a∇u) = b with a given a, or u + τKᵀΦ(Ku) = b with a flux Φ.

    Given ``coefficient``, a model takes [b, a]: a > 0 may jump by orders of magnitude, and each
    sample has its own. It is a finite-volume scheme on cells of the size ``spacing``: the
    coefficient of an edge is the harmonic mean of its two cells. Without, it is an implicit step of
    nonlinear diffusion with forward differences K, for the full approximation scheme.

    Args:
        flux: of a nonlinear step, a flux name or `Flux` (coupled: one diffusivity for all
            directions and channels), or a `FluxActivation` without weights; None is "charbonnier"
            where no coefficient is given.
        step_size: τ > 0.
        boundary: "neumann", "dirichlet" (u = 0 a cell beyond the last; with a coefficient only), or
            "periodic" (with a flux only).
        coefficient: "cells" for a (batch, \*spatial, 1), a number a cell, or "edges" for (batch,
            \*spatial, axes), channel k that of the edge behind each cell along axis k (the wall
            before the first cell has that of the first edge).
        reaction: c ≥ 0 with a coefficient, or "cells" for a further, last channel of it.
        spacing: size of the cells along each axis, a number or one for each.
        walls: with a coefficient, for each axis what holds before and behind it: "neumann",
            "dirichlet", or (α, β) for αu + βa∂ₙu = g at the outer edge of the cells (Robin).
            `with_walls` adds the data g to b; without, g = 0.

    Raises:
        ValueError: step_size ≤ 0, a flux with weights, a zero boundary of a nonlinear step, a flux
            and a coefficient, options of a coefficient without one.

    Source: Brandt (1977) for the nonlinear scheme; Alt et al., arXiv:2107.14742 (2021) for its
    reading as a U-net; Alcouffe, Brandt, Dendy, Painter (1981) for jumping coefficients.

    Example:
        >>> from keras_pde import MultigridUNet, activations, problems
        >>> problems.Diffusion(activations.Charbonnier(0.05), step_size=10.0).equation
        'u + 10KᵀΦ(Ku) = b, charbonnier flux, contrast 0.05'
        >>> solver = MultigridUNet(problems.Diffusion(coefficient="cells", boundary="dirichlet"))
        >>> a = np.where(np.arange(16) < 8, 1.0, 1e4).reshape(1, 16, 1)
        >>> solver.solve([np.ones((1, 16, 1)), a], tolerance=1e-10).converged
        True
    """

    flux: FluxActivation | None

    def __init__(
        self,
        flux: str | Flux | FluxActivation | None = None,
        step_size: float = 1.0,
        boundary: str = "neumann",
        *,
        coefficient: str | None = None,
        reaction: float | str = 0.0,
        spacing: float | tuple[float, ...] = 1.0,
        walls: Any = None,
    ) -> None:
        Problem.__init__(self, boundary)
        self.step_size = checked_step_size(step_size)
        self.stiffness = self.step_size
        self.coefficient = (
            None if coefficient is None else gate.word(coefficient, "coefficient", LAYOUTS)
        )
        self.reaction = (
            gate.word(reaction, "reaction", ("cells",))
            if isinstance(reaction, str)
            else gate.number(reaction, "reaction", low=0)
        )
        self.spacing = checked_spacing(spacing)
        self.walls = checked_walls(walls)
        self.galerkin = self.accelerated = self.coefficient is not None
        if self.coefficient is None:
            self._of_flux("charbonnier" if flux is None else flux)
        else:
            self._of_coefficient(flux)

    def _of_flux(self, flux: str | Flux | FluxActivation) -> None:
        if (self.reaction, self.spacing, self.walls) != (0.0, 1.0, None):
            raise ValueError(
                "reaction, spacing and walls are for diffusion with a coefficient: give"
                ' coefficient="cells" or "edges", or none of them'
            )
        if self.boundary == "dirichlet":
            raise ValueError(
                "Nonlinear diffusion is for boundary='neumann' or 'periodic': across a zero"
                " boundary K has no row for the first wall"
            )
        self.flux = flux if isinstance(flux, FluxActivation) else FluxActivation(flux, coupled=True)
        if self.flux.learn_contrast or self.flux.noise_conditioned:
            raise ValueError("The flux of a problem has no weights: give it a fixed contrast")
        self.screening, self.singular = 1.0, False
        self.default_cycle = Problem.default_cycle
        self.default_smoother = Problem.default_smoother
        self.equation = (
            f"u + {self.step_size:g}KᵀΦ(Ku) = b, {self.flux.law} flux, contrast"
            f" {self.flux.contrast:g}"
        )

    def _of_coefficient(self, flux: object) -> None:
        if flux is not None:
            raise ValueError(
                "Diffusion has a flux or a coefficient: with both it would be nonlinear with"
                " coefficients that jump, for which no coarse operators are made"
            )
        if self.boundary == "periodic":
            raise ValueError(
                "Diffusion with a coefficient is for boundary='neumann' or 'dirichlet', or for"
                " walls: its coarse points have no neighbours around a periodic axis"
            )
        self.flux = None
        faces = [(self.boundary,)] if self.walls is None else self.walls
        self.singular = self.reaction == 0 and all(closed(w) for pair in faces for w in pair)
        c = "c" if isinstance(self.reaction, str) else f"{self.reaction:g}"
        tau = "" if self.step_size == 1 else f"{self.step_size:g}"
        self.equation = f"{c}u - {tau}∇·(a∇u) = b".removeprefix("0u ")

    def check_coefficient(self, a: np.ndarray) -> None:
        """Refuse a ≤ 0, and c < 0."""
        reacts = self.reaction == "cells"
        least = float(a[..., : a.shape[-1] - reacts].min(initial=np.inf))
        if least <= 0 or (reacts and a[..., -1].min(initial=0) < 0):
            raise ValueError(
                "A coefficient a must be > 0 everywhere, and a reaction c in its last channel ≥ 0."
                f" Received: a ≥ {least:.3g}" + reacts * f", c ≥ {a[..., -1].min():.3g}"
            )

    @property
    def grid_boundary(self) -> str:
        """Every second point is coarse: of a coefficient's grid those of even index."""
        return self.boundary if self.coefficient is None else super().grid_boundary

    def coarser(self, grid: Grid) -> Grid:
        """The next grid of the hierarchy."""
        return grid.coarser() if self.coefficient is None else super().coarser(grid)

    def coarsest(self, points: int) -> int:
        """Points of the coarsest grid."""
        return 1 if self.coefficient is None else super().coarsest(points)

    def coefficient_channels(self, ndim: int) -> int:
        """Channels of [a] or [a, c]."""
        if self.coefficient is None:
            return 0
        return (1 if self.coefficient == "cells" else ndim) + (self.reaction == "cells")

    def offsets(self, ndim: int) -> Offsets:
        """A point, and those before and behind it along each axis."""
        units = [tuple(int(i == k) for i in range(ndim)) for k in range(ndim)]
        before = [tuple(-i for i in unit) for unit in units]
        return [*before, (0,) * ndim, *units[::-1]]

    def apply(self, u: Tensor, coefficient: Tensor | None) -> Tensor:
        """−τ∇·(a∇u) + cu, by differences: on constants exact to the last digit."""
        a: Any = coefficient
        total = self._reaction(a) * u
        for axis, (edges, before, behind) in enumerate(self._edges(a), start=1):
            inner = edges * (cut(u, axis, 1, None) - cut(u, axis, None, -1))
            first, last = before * cut(u, axis, None, 1), -behind * cut(u, axis, -1, None)
            inflow = ops.concatenate([inner, last], axis)
            outflow = ops.concatenate([first, inner], axis)
            total = total - (inflow - outflow)
        return total

    def stencil(
        self, coefficient: Tensor | None, sizes: tuple[int, ...], dtype: str
    ) -> list[Tensor]:
        """Minus the conductances of the edges around each point, and their sum."""
        a: Any = coefficient
        diagonal = self._reaction(a) * ops.ones_like(a[..., :1])
        sides: list[list[Tensor]] = [[], []]
        for axis, (edges, before, behind) in enumerate(self._edges(a), start=1):
            left = ops.concatenate([before, edges], axis)
            right = ops.concatenate([edges, behind], axis)
            diagonal = diagonal + left + right
            none = ops.zeros_like(cut(left, axis, None, 1))
            sides[0].append(-ops.concatenate([none, edges], axis))
            sides[1].append(-ops.concatenate([edges, none], axis))
        return [*sides[0], diagonal, *sides[1][::-1]]

    def _edges(self, a: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        ndim = len(a.shape) - 2
        faces = per_axis(self.walls, self.boundary, ndim)
        return conductances(a, self.coefficient, self.step_size, self.distances(ndim), faces)

    def _reaction(self, a: Tensor) -> Any:
        return a[..., -1:] if self.reaction == "cells" else self.reaction

    def with_walls(self, b: Tensor, coefficient: Tensor, data: Any) -> Any:
        r"""B plus what the data g of the walls add to it: τg·s/h in the cells along each wall.

        Args:
            b: right-hand side (batch, \*spatial, channels), an array or a tensor.
            coefficient: a, as the model is given it.
            data: for each axis (before, behind), each g a number or (batch, \*spatial, channels)
                with one point along the axis.

        Returns:
            The right-hand side that the model is given; an array where b and a are arrays.

        Raises:
            ValueError: no coefficient; data without a pair for each axis.

        Example:
            >>> from keras_pde import MultigridUNet, problems
            >>> problem = problems.Diffusion(coefficient="cells", boundary="dirichlet")
            >>> b, a = np.zeros((1, 9, 1)), np.ones((1, 9, 1))
            >>> u = MultigridUNet(problem).solve([problem.with_walls(b, a, [(0.0, 1.0)]), a]).x
            >>> np.round(10 * u[0, :, 0], 6).tolist()
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        """
        ndim = len(b.shape) - 2
        if self.coefficient is None or len(data) != ndim or any(len(pair) != 2 for pair in data):
            raise ValueError(
                f"with_walls takes (before, behind) for each of {ndim} axes, of a problem with a"
                f" coefficient. Received: {gate.said(data)} for {self!r}"
            )
        xp = np if isinstance(b, np.ndarray) and isinstance(coefficient, np.ndarray) else ops
        faces = per_axis(self.walls, self.boundary, ndim)
        for k, (h, walls) in enumerate(zip(self.distances(ndim), faces, strict=True)):
            near = near_walls(coefficient, k, self.coefficient)
            for end, (wall, a, g) in enumerate(zip(walls, near, data[k], strict=True)):
                inflow = self.step_size / h * conductance(wall, a, h)[1] * g
                cell = cut(b, k + 1, -1, None) if end else cut(b, k + 1, None, 1)
                rest = cut(b, k + 1, None, -1) if end else cut(b, k + 1, 1, None)
                parts = [rest, cell + inflow] if end else [cell + inflow, rest]
                b = xp.concatenate(parts, k + 1)
        return b

    def prepare(self, grids: list[Grid], dtype: str, given: Tensor | None) -> list[Any]:
        """What the levels need of a coefficient."""
        return [] if self.coefficient is None else super().prepare(grids, dtype, given)

    def levels(
        self, grids: list[Grid], dtype: str, data: list[Any] | None = None
    ) -> list[ClassicalLevel]:
        """Stencils of a coefficient; of a flux the operator with differences over the grid size."""
        if self.flux is None:
            return super().levels(grids, dtype, data)
        return [
            DiffusionLevel(
                grid, dtype, self.flux, screening=self.screening, stiffness=self.stiffness
            )
            for grid in grids
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "flux": None if self.flux is None else serialize_unbuilt(self.flux),
            "step_size": self.step_size,
            "boundary": self.boundary,
            "coefficient": self.coefficient,
            "reaction": self.reaction,
            "spacing": self.spacing,
            "walls": self.walls,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Diffusion:
        """Rebuild from `get_config`."""
        flux = config["flux"]
        if isinstance(flux, dict):
            flux = keras.saving.deserialize_keras_object(flux)
        return cls(**{**config, "flux": flux})

"""Problem: an equation A u = b, with its operator on every grid of a hierarchy."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.operators.boundary import check_boundary
from keras_pde.runtime import gate
from keras_pde.runtime.registry import Configured
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel
from keras_pde.schemes.multigrid.linear_level import LinearLevel
from keras_pde.schemes.multigrid.smoothers import Smoother


class Problem(Configured):
    """Base: A u = b with A = sI + τL, or sI + τL² (order 4).

    A subclass declares its ``equation`` and s, τ and the order, as class attributes or in its
    constructor. One with another operator is a `StencilProblem`, which says how to apply it. A
    model with such a problem can be saved if the class is registered by
    ``keras.saving.register_keras_serializable``.

    Args:
        boundary: "dirichlet", "neumann" or "periodic".

    Raises:
        ValueError: unknown boundary.

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> class Reaction(problems.Problem):
        ...     equation = "3u - 2Δu = b"
        ...     screening, stiffness = 3.0, 2.0
        >>> MultigridUNet(Reaction("periodic")).solve(np.ones((1, 16, 1))).x.mean().round(6).item()
        0.333333
    """

    equation: str = ""
    screening: float = 0.0  # s
    stiffness: float = 1.0  # τ
    order: int = 2
    flux: FluxActivation | None = None  # of a nonlinear A
    masked: bool = False  # whether it is told which pixels are known
    galerkin: bool = False  # whether coarse operators are those of corrections, made from data
    accelerated: bool = False  # whether `solve` takes the cycle to precondition conjugate gradients
    default_cycle: str = "V(2,1)"
    default_smoother: str | Smoother = "red_black"

    def __init__(self, boundary: str = "dirichlet") -> None:
        self.boundary = check_boundary(boundary)

    @property
    def linear(self) -> bool:
        """Whether A is linear."""
        return self.flux is None

    @property
    def singular(self) -> bool:
        """Whether constants solve A u = 0.

        Then b must have mean 0, and the solution of mean 0 is meant.
        """
        return not self.masked and self.screening == 0 and self.boundary != "dirichlet"

    @property
    def grid_boundary(self) -> str:
        """Which points are coarse: every second one as for this boundary."""
        return self.boundary

    def coarser(self, grid: Grid) -> Grid:
        """The next grid of the hierarchy."""
        return grid.coarser()

    def coarsest(self, points: int) -> int:
        """Points from which levels="auto" halves no further, for a finest grid of so many."""
        return 1

    def coefficient_channels(self, ndim: int) -> int:
        """Channels of the coefficient that it is given as a tensor; 0 for none."""
        return 0

    def check_coefficient(self, a: np.ndarray) -> None:
        """Refuse a coefficient for which A is not positive definite.

        Args:
            a: (batch, *spatial, channels), finite.

        Raises:
            ValueError: it is not.
        """

    def levels(
        self, grids: list[Grid], dtype: str, data: list[Any] | None = None
    ) -> list[ClassicalLevel]:
        """The operator on every grid.

        Args:
            grids: the hierarchy, finest first.
            dtype: precision of the states.
            data: what `prepare` made.
        """
        return [
            LinearLevel(
                grid,
                dtype,
                screening=self.screening,
                stiffness=self.stiffness,
                order=self.order,
            )
            for grid in grids
        ]

    def prepare(self, grids: list[Grid], dtype: str, given: Tensor | None) -> list[Any]:
        """What the levels need besides their grids, computed once for many cycles.

        Args:
            grids: the hierarchy, finest first.
            dtype: precision of the states.
            given: the mask, 1 on known pixels, (batch, *spatial, 1), or the coefficient; None where
                the problem has neither.
        """
        return []

    def source(self, f: Tensor, finest: Grid, dtype: str, data: list[Any]) -> Tensor:
        """The right-hand side b of what a model is given, with what `prepare` made."""
        return f

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"boundary": self.boundary}


def checked_step_size(step_size: float) -> float:
    """The step size τ of an implicit step.

    Raises:
        ValueError: not a finite number > 0.

    Example:
        >>> checked_step_size(2)
        2.0
    """
    return gate.number(step_size, "step_size", low=0, low_open=True)

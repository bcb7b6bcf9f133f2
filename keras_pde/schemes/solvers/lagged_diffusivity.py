"""LaggedDiffusivity: solve the linear implicit step with the diffusivity of the last iterate."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.conjugate_gradients import conjugate_gradients
from keras_pde.schemes.solvers.equation import GRADIENT
from keras_pde.schemes.solvers.implicit_step import ImplicitStep
from keras_pde.schemes.solvers.solver import Solver


@keras.saving.register_keras_serializable(package="keras_pde")
class LaggedDiffusivity(Solver):
    """(I + τKᵀG(uˡ)K)uˡ⁺¹ = f, G = diag g(|Kuˡ|²): linear systems in place of the nonlinear one.

    They are symmetric positive definite, and conjugate gradients solve them for each sample. Each
    iteration lowers ½‖u − f‖² + τE(u) for every τ where g falls with s² (all fluxes but splines,
    fab, relu and smooth_relu): the quadratic that it minimises touches the energy from above.
    Conjugate gradients start at uˡ, so also with few of them. Few iterations for every τ, for
    Perona-Malik as well; each costs a linear system, about √(1 + q) times K and Kᵀ.

    Args:
        inner_tolerance: of the linear system's residual, relative to that at uˡ.
        inner_iterations: conjugate gradient steps at most.

    Raises:
        ValueError: inner_tolerance outside (0, 1), inner_iterations < 1; where the layer is built:
            a diffusivity that is negative somewhere.

    Source: Vogel, Oman, Iterative methods for total variation denoising (1996); Chan, Mulet (1999).

    Example:
        >>> from keras_pde import ImplicitDiffusion
        >>> options = {"step_size": 100.0, "solver": "lagged_diffusivity"}
        >>> layer = ImplicitDiffusion("forward", "perona_malik", **options)
        >>> int(layer.solve(keras.random.normal((1, 16, 16, 1), seed=0)).iterations[0]) < 40
        True
    """

    key = "lagged_diffusivity"
    equations = (GRADIENT,)

    def __init__(self, inner_tolerance: float = 0.1, inner_iterations: int = 100) -> None:
        self.inner_tolerance = gate.number(
            inner_tolerance, "inner_tolerance", low=0, high=1, low_open=True, high_open=True
        )
        self.inner_iterations = gate.whole(inner_iterations, "inner_iterations", low=1)

    def check(self, q: float | None, m: float | None, flux: Flux | FluxLayer) -> None:
        """Refuse a system that is not positive definite."""
        if flux.diffusivity_bounds[0] < 0:
            raise ValueError(
                "Lagged diffusivity needs g >= 0, for positive definite systems, and this flux has"
                f" g >= {flux.diffusivity_bounds[0]:.4g}. Use solver='fixed_point'."
            )

    def advance(
        self, equation: ImplicitStep, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """u + d with (I + τKᵀG(u)K)d = −F(u)."""
        frozen = equation.diffusivities(u)
        step, _ = conjugate_gradients(
            lambda v: equation.lagged(frozen, v), -r, self.inner_tolerance, self.inner_iterations
        )
        return u + step, memory

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"inner_tolerance": self.inner_tolerance, "inner_iterations": self.inner_iterations}

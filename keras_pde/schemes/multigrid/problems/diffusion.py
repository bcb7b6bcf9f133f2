"""Diffusion: an implicit step of nonlinear diffusion."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.schemes.multigrid.diffusion_level import DiffusionLevel
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel
from keras_pde.schemes.multigrid.problems.problem import Problem, checked_step_size


@keras.saving.register_keras_serializable(package="keras_pde")
class Diffusion(Problem):
    """u + τKᵀΦ(Ku) = b with forward differences K, for the full approximation scheme.

    Args:
        flux: a flux name or `Flux` (coupled: one diffusivity for all directions and channels), or a
            `FluxActivation` without weights.
        step_size: τ > 0.
        boundary: "neumann" or "periodic".

    Raises:
        ValueError: step_size ≤ 0, a flux with weights, a zero boundary.

    Source: Brandt (1977) for the scheme; Alt et al., arXiv:2107.14742 (2021) for its reading as a
    U-net.

    Example:
        >>> from keras_pde import activations, problems
        >>> problems.Diffusion(activations.Charbonnier(0.05), step_size=10.0).equation
        'u + 10KᵀΦ(Ku) = b, charbonnier flux, contrast 0.05'
    """

    screening = 1.0
    flux: FluxActivation

    def __init__(
        self,
        flux: str | Flux | FluxActivation = "charbonnier",
        step_size: float = 1.0,
        boundary: str = "neumann",
    ) -> None:
        super().__init__(boundary)
        if boundary == "dirichlet":
            raise ValueError(
                "Nonlinear diffusion is for boundary='neumann' or 'periodic': across a zero"
                " boundary K has no row for the first wall"
            )
        self.step_size = checked_step_size(step_size)
        self.flux = flux if isinstance(flux, FluxActivation) else FluxActivation(flux, coupled=True)
        if self.flux.learn_contrast or self.flux.noise_conditioned:
            raise ValueError("The flux of a problem has no weights: give it a fixed contrast")
        self.stiffness = self.step_size
        self.equation = (
            f"u + {self.step_size:g}KᵀΦ(Ku) = b, {self.flux.law} flux, contrast"
            f" {self.flux.contrast:g}"
        )

    def levels(
        self, grids: list[Grid], dtype: str, data: list[Any] | None = None
    ) -> list[ClassicalLevel]:
        """The operator on every grid, with differences over its grid size."""
        return [
            DiffusionLevel(
                grid, dtype, self.flux, screening=self.screening, stiffness=self.stiffness
            )
            for grid in grids
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "flux": serialize_unbuilt(self.flux),
            "step_size": self.step_size,
            "boundary": self.boundary,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Diffusion:
        """Rebuild from `get_config`."""
        flux = config["flux"]
        if isinstance(flux, dict):
            flux = keras.saving.deserialize_keras_object(flux)
        return cls(**{**config, "flux": flux})

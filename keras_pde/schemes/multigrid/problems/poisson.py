"""Poisson and ScreenedPoisson: the Laplace operator, alone and in an implicit step."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.schemes.multigrid.problems.problem import Problem, checked_step_size


@keras.saving.register_keras_serializable(package="keras_pde")
class Poisson(Problem):
    """−Δu = b.

    With a reflecting or periodic boundary b must have mean 0, to rounding; the solution of mean 0
    is found, in float64.

    Args:
        boundary: "dirichlet", "neumann" or "periodic".

    Raises:
        ValueError: unknown boundary.

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> solver = MultigridUNet(problems.Poisson("periodic"))
        >>> b = np.cos(2 * np.pi * np.arange(32) / 32).reshape(1, 32, 1)
        >>> bool(np.allclose(solver.solve(b).x * (2 - 2 * np.cos(2 * np.pi / 32)), b, atol=1e-6))
        True
    """

    equation = "-Δu = b"


@keras.saving.register_keras_serializable(package="keras_pde")
class ScreenedPoisson(Problem):
    """(I − τΔ)u = b: an implicit step of homogeneous diffusion.

    Args:
        step_size: τ > 0.
        boundary: "neumann", "dirichlet" or "periodic".

    Raises:
        ValueError: step_size ≤ 0, unknown boundary.

    Example:
        >>> from keras_pde import problems
        >>> problems.ScreenedPoisson(step_size=4.0).equation
        'u - 4Δu = b'
    """

    screening = 1.0

    def __init__(self, step_size: float = 1.0, boundary: str = "neumann") -> None:
        super().__init__(boundary)
        self.step_size = checked_step_size(step_size)
        self.stiffness = self.step_size
        self.equation = f"u - {self.step_size:g}Δu = b"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"step_size": self.step_size, "boundary": self.boundary}

"""What an implicit step does with samples whose solve, or whose gradient's solve, has failed.

"warn" tells it in eager calls, "nan" returns NaN for them, and "ignore" does nothing. In a compiled
function there are no numbers to look at, so only "nan" reports there.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.implicit_step import spread
from keras_pde.schemes.solvers.solver import SolverResult

ON_FAILURE = ("warn", "nan", "ignore")
_REMEDY = "Raise max_iterations, or take a larger tolerance,{} another solver or dtype='float64'."


@dataclass(frozen=True)
class SolveFailures:
    """The rule of one layer.

    Args:
        on_failure: one of `ON_FAILURE`.
        name: of the layer, for the warning.
        solver: of the step.
        tolerance: that solves are to reach.
        max_iterations: of a solve.
        remedy: what else may help, in words.
        cause: why else a gradient's system may not be solved, in words.
    """

    on_failure: str
    name: str
    solver: Any
    tolerance: float
    max_iterations: int
    remedy: str = " a smaller step_size,"
    cause: str = ", or is not positive definite (τμ‖K‖² ≥ 1)"

    def solution(self, u: Tensor, result: SolverResult) -> Tensor:
        """The solution to use.

        The gradient is attached already: a sample that failed has none, and leaves that of its
        batch mates alone.
        """
        if self.on_failure == "nan":
            return ops.where(spread(result.converged, u), u, float("nan"))
        converged = _values(result.converged) if self.on_failure == "warn" else None
        if converged is not None and not converged.all():
            residual = np.max(np.asarray(result.residual))
            most = int(np.max(np.asarray(result.iterations)))
            warnings.warn(
                f"{self.name}: {np.sum(~converged)} of {converged.size} samples did not converge:"
                f" relative residual {residual:.2g} > tolerance {self.tolerance:g} after {most}"
                f" iterations of {self.solver!r}. {_REMEDY.format(self.remedy)}",
                RuntimeWarning,
                stacklevel=3,
            )
        return u

    def gradient(self, adjoint: Tensor, converged: Tensor) -> Tensor:
        """The gradient to use, where its linear system may not be solved."""
        if self.on_failure == "nan":
            return ops.where(spread(converged, adjoint), adjoint, float("nan"))
        known = _values(converged) if self.on_failure == "warn" else None
        if known is not None and not known.all():
            warnings.warn(
                f"{self.name}: the gradient of {np.sum(~known)} of {known.size} samples is not"
                f" accurate to the tolerance {self.tolerance:g}: its linear system was not solved"
                f" in {self.max_iterations} iterations{self.cause}. {_REMEDY.format(self.remedy)}",
                RuntimeWarning,
                stacklevel=2,
            )
        return adjoint


def _values(x: Tensor) -> np.ndarray | None:
    """A tensor as NumPy; None in a graph under construction, which has no numbers."""
    try:
        return np.asarray(x)
    except (NotImplementedError, TypeError):
        return None

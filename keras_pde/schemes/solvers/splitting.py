"""Splittings of equilibria with a monotone matrix: forward-backward and Peaceman-Rachford."""

from __future__ import annotations

import keras
from keras import ops

from keras_pde.runtime.precision import product
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.equation import MONOTONE
from keras_pde.schemes.solvers.equilibrium import EuclideanNorm
from keras_pde.schemes.solvers.solver import Solver


@keras.saving.register_keras_serializable(package="keras_pde")
class ForwardBackward(Solver):
    """zˡ⁺¹ = Φ(zˡ − α((I − A)zˡ − f)), α = (1 − m)/(1 + q)²: an explicit step, then a projection.

    It contracts the Euclidean norm by √(1 − (1 − m)²/(1 + q)²), where 1 − m is the constant of
    strong monotonicity and 1 + q ≥ ‖I − A‖. Cost: A and Φ an iteration.

    Source: Passty (1979); for networks Winston, Kolter, arXiv:2006.08591 (2020).

    Example:
        >>> from keras_pde import MonotoneImplicit
        >>> layer = MonotoneImplicit(8, norm="l2", margin=0.5, solver="forward_backward")
        >>> bool(ops.all(layer.solve(np.ones((2, 3))).converged))
        True
    """

    key = "forward_backward"
    equations = (MONOTONE,)

    def advance(
        self, equation: EuclideanNorm, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One explicit step and the proximal map."""
        step = (1 - equation.m) / (1 + equation.q) ** 2
        return equation.proximal(u - step * equation.monotone(u), step), memory


@keras.saving.register_keras_serializable(package="keras_pde")
class PeacemanRachford(Solver):
    """Alternating directions: w ← 2V(2z − w + αf) − 2z + w, z = Φ(w), V = (I + α(I − A))⁻¹.

    The Cayley transform of I − A contracts the Euclidean norm by √(1 − (1 − m)/(1 + q)) for
    α = 1/(1 + q), and the reflection 2Φ − I is nonexpansive. Cost: one inverse a solve, and A, V
    and Φ an iteration.

    Source: Peaceman, Rachford (1955); Lions, Mercier (1979); for networks Winston, Kolter,
    arXiv:2006.08591 (2020).

    Example:
        >>> from keras_pde import MonotoneImplicit
        >>> count = {}
        >>> for solver in ("peaceman_rachford", "forward_backward"):
        ...     keras.utils.set_random_seed(0)
        ...     layer = MonotoneImplicit(32, norm="l2", margin=0.5, solver=solver)
        ...     count[solver] = int(layer.solve(np.ones((1, 3))).iterations[0])
        >>> count["peaceman_rachford"] < count["forward_backward"]
        True
    """

    key = "peaceman_rachford"
    equations = (MONOTONE,)

    def start(self, equation: EuclideanNorm) -> list[Tensor]:
        """The state w before the projection, and Vᵀ, which multiplies rows."""
        step = 1 / (1 + equation.q)
        eye = ops.eye(int(equation.kernel.shape[0]), dtype=equation.kernel.dtype)
        return [equation.guess, ops.linalg.inv(eye + step * (eye - equation.kernel))]

    def advance(
        self, equation: EuclideanNorm, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """A reflected step of the matrix and one of the projection."""
        w, inverse = memory
        step = 1 / (1 + equation.q)
        w = w + 2 * (product(2 * u - w + step * equation.f, inverse) - u)
        return equation.proximal(w, step), [w, inverse]

"""Accelerated: momentum, so that the iterations grow with √(1 + q) and not with 1 + q."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.equation import Equation
from keras_pde.schemes.solvers.implicit_step import dot, spread
from keras_pde.schemes.solvers.solver import Solver, choose, damping, steepest

METHODS = ("nesterov", "chebyshev")


@keras.saving.register_keras_serializable(package="keras_pde")
class Accelerated(Solver):
    """uˡ⁺¹ = uˡ − wF(uˡ) plus momentum from the step before.

    It takes about √(1 + q) iterations a digit.

    * "nesterov": x⁺ = u − F(u)/(1 + q), u⁺ = x⁺ + β(x⁺ − x), β = (√κ − 1)/(√κ + 1) for the
      condition κ = (1 + q)/(1 − m). A sample whose momentum points uphill, ⟨F(u), x⁺ − x⟩ > 0,
      drops it.
    * "chebyshev": u⁺ = ω(u − wF(u)) + (1 − ω)u⁻, w = 2/(2 + q − m), ω₁ = 1, ω₂ = 1/(1 − ρ²/2), ωₗ₊₁
      = 1/(1 − ρ²ωₗ/4), ρ = (q + m)/(2 + q − m): the Fast Semi-Iterative scheme for elliptic
      problems, optimal where Φ is linear. It may stall where Φ′ changes sign: on the weakly convex
      preset, where "nesterov" takes some 50 iterations, it has not converged after 200.

    Steps are safeguarded (see `Solver`); for m ≥ 1, with no condition number, both take that of a
    convex energy, κ = 1 + q. Cost: K, Φ and Kᵀ an iteration, two states more.

    Args:
        method: "nesterov" or "chebyshev".

    Raises:
        ValueError: unknown method.

    Source: Nesterov (1983); restart: O'Donoghue, Candès, arXiv:1204.3982 (2012); Hafner, Ochs,
    Weickert, Reissel, Grewenig (GCPR 2016).

    Example:
        >>> from keras_pde import ImplicitDiffusion, solvers
        >>> u = keras.random.normal((1, 16, 16, 1), seed=0)
        >>> count = {}
        >>> for solver in ("accelerated", "fixed_point"):
        ...     layer = ImplicitDiffusion("forward", "linear", step_size=10.0, solver=solver)
        ...     count[solver] = int(layer.solve(u).iterations[0])
        >>> count["accelerated"] < count["fixed_point"] / 3
        True
    """

    key = "accelerated"
    safeguarded = True

    def __init__(self, method: str = "nesterov") -> None:
        if method not in METHODS:
            raise ValueError(
                f"method must be one of {', '.join(METHODS)}. Received: method={method!r}"
            )
        self.method = method

    def start(self, equation: Equation) -> list[Tensor]:
        """The point before and the weight of the step to it, 0 where there is none."""
        return [ops.zeros_like(equation.f), ops.zeros_like(dot(equation.f, equation.f))]

    def advance(
        self, equation: Equation, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One step with momentum; without memory one of gradient descent."""
        before, weight = memory
        m = choose(equation.m < 1, equation.m, 0.0)
        if self.method == "nesterov":
            root = ((1 + equation.q) / (1 - m)) ** 0.5
            # the first step is the damped one: it falls by the envelope's rate, which 1/(1 + q)
            # alone does not
            w = ops.where(
                weight > 0,
                1 / (1 + steepest(equation.q, equation.m)),
                damping(equation.q, equation.m) + 0 * weight,
            )
            x = u - spread(w, u) * r
            pushed = ops.logical_and(weight > 0, dot(r, x - before) <= 0)
            beta = ops.cast(pushed, u.dtype) * ((root - 1) / (root + 1))
            return x + spread(beta, u) * (x - before), [x, ops.ones_like(weight)]
        rho = (equation.q + m) / (2 + equation.q - m)
        second = 1 / (1 - rho**2 / 2)
        omega = ops.where(
            weight == 0, 1.0, ops.where(weight == 1, second, 1 / (1 - rho**2 * weight / 4))
        )
        w = spread(omega, u)
        return w * (u - damping(equation.q, equation.m) * r) + (1 - w) * before, [u, omega]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"method": self.method}

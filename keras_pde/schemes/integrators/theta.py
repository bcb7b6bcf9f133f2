"""θ-methods: Crank-Nicolson and implicit Euler, by the resolvent of the linear part."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.integrator import Integrator
from keras_pde.schemes.integrators.stability import longest_stable


class Theta(Integrator):
    """(I − θhL)u⁺ = (I + (1 − θ)hL)u + h((1 − θ)N(u) + θN(v)), with v the same for N(v) := N(u).

    θ = ½ is Crank-Nicolson, of order 2, and θ = 1 implicit Euler. N is treated explicitly, by a
    predictor v and a corrector. With the resolvent R = (I − θhL)⁻¹ a step is

        v = ((θ − 1)/θ)u + (1/θ)R(u + θhN(u)),    u⁺ = v + θhR(N(v) − N(u)),

    so that L is not applied, and any boundary serves where its resolvent is known: a periodic one
    in Fourier space, others by multigrid.

    R(z) = (1 + (1 − θ)z)/(1 − θz), which is A-stable for θ ≥ ½. Where L keeps the max-min principle
    with Euler's steps, this keeps it up to ``linear_ssp`` = 1/(1 − θ)
    times these.

    Args:
        theta: θ in (0, 1].

    Raises:
        ValueError: a θ out of range.

    Source: Crank, Nicolson (1947); Hundsdorfer, Verwer (2003).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> cn = integrators.Theta(0.5)
        >>> cn, cn.order, cn.linear_ssp, cn.longest_step([-1e9, 1j])
        (Integrator crank_nicolson, 2, 2.0, inf)
        >>> round(integrators.Theta(0.25).longest_step([-1.0]), 9)
        4.0
    """

    splits = True
    stages = 2

    def __init__(self, theta: float) -> None:
        self.theta = gate.number(theta, "theta", low=0, low_open=True, high=1)
        self.name = {0.5: "crank_nicolson", 1.0: "implicit_euler"}.get(
            self.theta, f"theta:{self.theta!r}"
        )
        self.order = 2 if self.theta == 0.5 else 1
        self.linear_ssp = math.inf if self.theta == 1 else 1 / (1 - self.theta)

    def prepare(self, rhs: Any, dt: float, u: Tensor) -> Any:
        """The map v ↦ (I − θhL)⁻¹v."""
        return rhs.resolvent(self.theta * dt, u)

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        theta, n = self.theta, rhs.nonlinear(u)
        solved = prepared(u if n is None else u + (theta * dt) * n)
        v = solved if theta == 1 else ((theta - 1) / theta) * u + (1 / theta) * solved
        if n is None:
            return v
        return v + (theta * dt) * prepared(rhs.nonlinear(v) - n)

    def amplification(self, z: Any) -> np.ndarray:
        """R(z) of the linear part."""
        z = np.asarray(z, np.complex128)
        return (1 + (1 - self.theta) * z) / (1 - self.theta * z)

    def longest_step(self, spectrum: Any) -> float:
        """Infinite for θ ≥ ½ and Re λ ≤ 0; else the least −2 Re λ/((1 − 2θ)|λ|²)."""
        return longest_stable(
            np.array([1.0, 1 - self.theta]), spectrum, np.array([1.0, -self.theta])
        )

"""IMEX methods: the linear part implicitly, the rest explicitly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.integrator import Unconditional

GAMMA = 1 - 1 / math.sqrt(2)
DELTA = 1 - 1 / (2 * GAMMA)


class ImexEuler(Unconditional):
    """u⁺ = (I − hL)⁻¹(u + hN(u)): order 1, R(z) = 1/(1 − z).

    For a normal L with Re λ ≤ 0 the inverse has norm at most 1 for every h, so that the Lipschitz
    constant of a step is at most that of I + hN. Where (I − hL)⁻¹ ≥ 0 has row sums 1, as for
    diffusion by classical stencils, it keeps every bound that I + hN keeps.

    Source: Ascher, Ruuth, Wetton (SIAM J. Numer. Anal. 32, 1995); as networks Haber, Lensink,
    Treister, Ruthotto, arXiv:1903.02639 (2019).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> imex = integrators.get("imex_euler")
        >>> imex.longest_step([-1e6]), imex.norm_gain([-100.0, 0.0])
        (inf, 1.0)
    """

    name, order, stages = "imex_euler", 1, 1
    splits = True
    linear_ssp = math.inf

    def prepare(self, rhs: Any, dt: float, u: Tensor) -> Any:
        """The map v ↦ (I − hL)⁻¹v."""
        return rhs.resolvent(dt, u)

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        n = rhs.nonlinear(u)
        return prepared(u if n is None else u + dt * n)

    def amplification(self, z: Any) -> np.ndarray:
        """1/(1 − z)."""
        return 1 / (1 - np.asarray(z, np.complex128))


class ImexArs2(Unconditional):
    """ARS(2,2,2): order 2 in L and N, and L-stable.

    With γ = 1 − 1/√2, δ = 1 − 1/(2γ) and the resolvent R = (I − γhL)⁻¹,

        v = R(u + γhN(u)),
        u⁺ = R(u + h(δN(u) + (1 − δ)N(v)) + ((1 − γ)/γ)(v − u − γhN(u))),

    where the last bracket is γhLv without applying L. R(z) = (1 + (1 − 2γ)z)/(1 − γz)².

    Source: Ascher, Ruuth, Spiteri (Appl. Numer. Math. 25, 1997).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> ars = integrators.get("imex_ars2")
        >>> ars.order, ars.longest_step([-1e6, 3j]), float(abs(ars.amplification(-1e9)).round(6))
        (2, inf, 0.0)
    """

    name, order, stages = "imex_ars2", 2, 2
    splits = True
    linear_ssp = 1 + math.sqrt(2)

    def prepare(self, rhs: Any, dt: float, u: Tensor) -> Any:
        """The map v ↦ (I − γhL)⁻¹v."""
        return rhs.resolvent(GAMMA * dt, u)

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        ratio, n = (1 - GAMMA) / GAMMA, rhs.nonlinear(u)
        start = u if n is None else u + (GAMMA * dt) * n
        v = prepared(start)
        total = u + ratio * (v - start)
        if n is not None:
            total = total + (DELTA * dt) * n + ((1 - DELTA) * dt) * rhs.nonlinear(v)
        return prepared(total)

    def amplification(self, z: Any) -> np.ndarray:
        """R(z) of the linear part."""
        z = np.asarray(z, np.complex128)
        return (1 + (1 - 2 * GAMMA) * z) / (1 - GAMMA * z) ** 2

"""Exponential integrators: the linear part exactly in Fourier space, the rest by φ functions."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from keras_pde.runtime.precision import narrow
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators import fourier
from keras_pde.schemes.integrators.complex_pair import Complex
from keras_pde.schemes.integrators.fourier import Multiplier
from keras_pde.schemes.integrators.functions import phi_multipliers
from keras_pde.schemes.integrators.integrator import Unconditional


class Exponential(Unconditional):
    """What exponential integrators share: R(z) = eᶻ, so that a linear equation is solved exactly.

    All its steps are stable where Re λ ≤ 0. What N allows is not in R: where N is Lipschitz with
    the constant ℓ, errors grow like e^{ct} with c of the size of ℓ, whatever L is.
    """

    splits = True
    linear_ssp = math.inf

    def prepare(self, rhs: Any, dt: float, u: Tensor) -> dict[str, Multiplier]:
        """The multipliers of a step, for the sizes of u."""
        m, ndim = rhs.multipliers(fourier.sizes_of(u)), len(u.shape) - 2
        return {key: Multiplier(z, u) for key, z in self.factors(m, dt, ndim).items()}

    @abstractmethod
    def factors(self, m: Any, dt: float, ndim: int) -> dict[str, Complex]:
        """The multipliers of a step by name; "all" is e^{Δt L}."""

    def amplification(self, z: Any) -> np.ndarray:
        """e^z."""
        return np.exp(np.asarray(z, np.complex128))


class _Spectral:
    """Transforms of states and of N, for one step."""

    def __init__(self, u: Tensor, rhs: Any) -> None:
        self.u, self.rhs = u, rhs
        self.sizes = fourier.sizes_of(u)
        self.state = fourier.transform(u)

    def back(self, z: Complex) -> Tensor:
        """A state from its transform."""
        return fourier.shaped_like(narrow(fourier.inverse(z, self.sizes), self.u), self.u)

    def nonlinear(self, u: Tensor) -> Any:
        """The transform of N(u); None for N = 0."""
        n = self.rhs.nonlinear(u)
        return None if n is None else fourier.transform(n)


class ExponentialEuler(Exponential):
    """u⁺ = e^{hL}u + hφ₁(hL)N(u): order 1, and exact where N is constant.

    Source: Cox, Matthews (J. Comput. Phys. 176, 2002), as ETD1.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.ExponentialEuler().longest_step([-1e6, 5j])
        inf
    """

    name, order, stages = "exponential_euler", 1, 1

    def factors(self, m: Any, dt: float, ndim: int) -> dict[str, Complex]:
        """e^{hL} and hφ₁(hL)."""
        phi = phi_multipliers(m, dt, 1, ndim)
        return {"all": phi[0], "first": dt * phi[1]}

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        spectral = _Spectral(u, rhs)
        n, whole = spectral.nonlinear(u), prepared["all"](spectral.state)
        return spectral.back(whole if n is None else whole + prepared["first"](n))


class Etdrk2(Exponential):
    """a = e^{hL}u + hφ₁(hL)N(u), u⁺ = a + hφ₂(hL)(N(a) − N(u)): order 2.

    Source: Cox, Matthews (J. Comput. Phys. 176, 2002).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.get("etdrk2").stages
        2
    """

    name, order, stages = "etdrk2", 2, 2

    def factors(self, m: Any, dt: float, ndim: int) -> dict[str, Complex]:
        """e^{hL}, hφ₁(hL) and hφ₂(hL)."""
        phi = phi_multipliers(m, dt, 2, ndim)
        return {"all": phi[0], "first": dt * phi[1], "second": dt * phi[2]}

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        spectral = _Spectral(u, rhs)
        n, a = spectral.nonlinear(u), prepared["all"](spectral.state)
        if n is None:
            return spectral.back(a)
        a = a + prepared["first"](n)
        change = spectral.nonlinear(spectral.back(a))
        return spectral.back(a + prepared["second"](change - n))


class Etdrk4(Exponential):
    """ETDRK4: four evaluations of N, order 4.

    With E = e^{hL/2} and Q = (h/2)φ₁(hL/2): a = Eu + QN(u), b = Eu + QN(a),
    c = Ea + Q(2N(b) − N(u)), and u⁺ = e^{hL}u + h(αN(u) + 2β(N(a) + N(b)) + γN(c)) with
    α = φ₁ − 3φ₂ + 4φ₃, β = φ₂ − 2φ₃, γ = 4φ₃ − φ₂ at hL.

    The order falls to 2 or 3 where N feeds waves that L damps within a step.

    Source: Cox, Matthews (J. Comput. Phys. 176, 2002); Kassam, Trefethen (SIAM J. Sci. Comput. 26,
    2005); for the order of stiff problems Hochbruck, Ostermann (SIAM J. Numer. Anal. 43, 2005).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.get("etdrk4").order
        4
    """

    name, order, stages = "etdrk4", 4, 4

    def factors(self, m: Any, dt: float, ndim: int) -> dict[str, Complex]:
        """The multipliers of the half steps and of the whole one."""
        half, phi = phi_multipliers(m, dt / 2, 1, ndim), phi_multipliers(m, dt, 3, ndim)
        return {
            "all": phi[0],
            "half": half[0],
            "inner": dt / 2 * half[1],
            "alpha": dt * (phi[1] - 3 * phi[2] + 4 * phi[3]),
            "beta": 2 * dt * (phi[2] - 2 * phi[3]),
            "gamma": dt * (4 * phi[3] - phi[2]),
        }

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        spectral = _Spectral(u, rhs)
        n, whole = spectral.nonlinear(u), prepared["all"](spectral.state)
        if n is None:
            return spectral.back(whole)
        half, inner = prepared["half"](spectral.state), prepared["inner"]
        a = half + inner(n)
        at_a = spectral.nonlinear(spectral.back(a))
        at_b = spectral.nonlinear(spectral.back(half + inner(at_a)))
        c = prepared["half"](a) + inner(2 * at_b - n)
        at_c = spectral.nonlinear(spectral.back(c))
        found = whole + prepared["alpha"](n) + prepared["beta"](at_a + at_b)
        return spectral.back(found + prepared["gamma"](at_c))

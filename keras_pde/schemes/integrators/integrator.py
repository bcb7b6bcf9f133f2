"""Integrator: one step of a method for ∂ₜu = F(u), with the theorems that are its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.stability import spectrum_of

ROUNDING = 1e-9  # by which a step may exceed the longest one


class Integrator(ABC):
    r"""u⁺ = S(u, Δt): a one-step method for ∂ₜu = F(u).

    A subclass gives `step`, made of `keras.ops`, and `amplification`, R(z): what a step does to an
    eigenvector of a linear F with the eigenvalue λ, z = Δt λ. Where ``splits`` is true, F(u) =
    Lu + N(u) has to be a `RightHandSide`, which tells its linear part L apart, and R is for N = 0.
    Otherwise F is any function of a state.

    `register` makes an integrator known by its name, so that networks with it are saved and loaded.

    Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I and II (1993, 1996).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> rk4 = integrators.get("rk4")
        >>> rk4, rk4.order, round(rk4.longest_step([-4.0]), 4)
        (Integrator rk4, 4, 0.6963)
        >>> round(float(rk4.step(np.ones((1, 1, 1)), 0.1, lambda u: -u, None)[0, 0, 0]), 7)
        0.9048375
    """

    name: str
    order: int  # the error after a fixed time is O(Δtᵖ), for smooth F
    stages: int  # evaluations of F, or of N, a step
    splits: ClassVar[bool] = False
    # steps up to ssp times Euler's keep each convex bound that Euler's step keeps, such as the
    # max-min principle; up to linear_ssp times for a linear F, without N where the method splits
    ssp: float = 0.0
    linear_ssp: float = 0.0

    def prepare(self, rhs: Any, dt: float, u: Tensor) -> Any:
        """What all steps from a state share: multipliers, factors. None for explicit methods."""
        return None

    @abstractmethod
    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step.

        Args:
            u: the state.
            dt: the time Δt of the step.
            rhs: F, or a `RightHandSide` where the method ``splits``.
            prepared: what `prepare` gave for the same right-hand side, Δt and sizes.
        """

    @abstractmethod
    def amplification(self, z: Any) -> np.ndarray:
        """R(z), complex: the factor of a step for F(u) = λu, z = Δt λ."""

    @abstractmethod
    def longest_step(self, spectrum: Any) -> float:
        """The largest Δt such that |R(sλ)| ≤ 1 for all s in [0, Δt] and all λ.

        Where an eigenvalue has Re λ > 0, states grow whatever the step, and it is 0 for most
        methods. Leave those of an equation out that is to grow, as `spectrum[spectrum.real <= 0]`.

        Args:
            spectrum: the eigenvalues of F, or of its derivative at a state.
        """

    def norm_gain(self, z: Any) -> float:
        """sup |R(z)|: the norm of a step for a linear F that is normal, with the spectrum z/Δt.

        Args:
            z: Δt times the spectrum, or samples that hold its extremes.
        """
        return float(np.abs(self.amplification(np.asarray(z, np.complex128))).max())

    def check_step(self, dt: float, spectrum: Any) -> float:
        """Return Δt, or refuse one beyond the longest stable step.

        Raises:
            ValueError: with the longest step and the growth of the one asked for.

        Example:
            >>> from keras_pde.schemes import integrators
            >>> integrators.get("euler").check_step(1.0, [-4.0])
            Traceback (most recent call last):
            ...
            ValueError: dt=1 is beyond the longest stable step of euler here, 0.5, ...
        """
        dt = gate.number(dt, "dt", low=0, low_open=True)
        longest = self.longest_step(spectrum)
        if dt <= longest * (1 + ROUNDING):
            return dt
        gain = self.norm_gain(dt * spectrum_of(spectrum))
        remedy = (
            f"Take dt ≤ {longest:.6g}, or an implicit or exponential integrator."
            if longest > 0
            else "No step of it is stable here. Take another integrator."
        )
        raise ValueError(
            f"dt={dt:g} is beyond the longest stable step of {self.name} here, {longest:.6g}, and"
            f" multiplies a state by up to {gain:.4g} a step. {remedy}"
        )

    def __repr__(self) -> str:
        return f"Integrator {self.name}"


class Unconditional(Integrator):
    """What A-stable methods share: |R(z)| ≤ 1 for all Re z ≤ 0, so that every step is stable."""

    def longest_step(self, spectrum: Any) -> float:
        """Infinite; 0 where an eigenvalue has a positive real part."""
        return math.inf if (spectrum_of(spectrum).real <= 0).all() else 0.0


INTEGRATORS: dict[str, Integrator] = {}
FAMILIES: dict[str, Callable[[float], Integrator]] = {}  # of one number, as in "fed:5"


def register(integrator: Integrator) -> Integrator:
    """Make an integrator known by its name, and return it.

    Raises:
        ValueError: an object that is no `Integrator`, or a name of keras_pde's own.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> ralston = integrators.RungeKutta("ralston", [[0, 0], [2 / 3, 0]], [1 / 4, 3 / 4])
        >>> integrators.register(ralston).order, integrators.get("ralston")
        (2, Integrator ralston)
    """
    if not isinstance(integrator, Integrator):
        raise ValueError(
            "An integrator is an instance of keras_pde.schemes.integrators.Integrator. Received:"
            f" {integrator!r}"
        )
    name = integrator.name
    if name in BUILT_IN or name.partition(":")[0] in FAMILIES:
        raise ValueError(
            f"The name {name!r} is that of an integrator of keras_pde, on whose theorems saved"
            " networks rely. Give the new integrator another name."
        )
    INTEGRATORS[name] = integrator
    return integrator


BUILT_IN: set[str] = set()


def get(identifier: str | Integrator) -> Integrator:
    """Find an integrator by its name, or return the one given.

    Args:
        identifier: a name of `names`; families take a number, as "fed:5" (steps of a cycle) or
            "theta:0.7".

    Raises:
        ValueError: no integrator of that name, or a number that its family does not take.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.get("fed:5").stages, integrators.get("theta:0.7").order
        (5, 1)
    """
    if isinstance(identifier, Integrator):
        return identifier
    family, _, number = str(identifier).partition(":")
    if isinstance(identifier, str) and number and family in FAMILIES:
        try:
            value = float(number)
        except ValueError:
            raise ValueError(
                f"The integrator {family!r} takes a number after its colon. Received:"
                f" {identifier!r}"
            ) from None
        return FAMILIES[family](value)
    return INTEGRATORS[gate.word(identifier, "integrator", names())]


def names() -> list[str]:
    """The integrators that `get` finds by name.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> "etdrk4" in integrators.names()
        True
    """
    return sorted(INTEGRATORS)

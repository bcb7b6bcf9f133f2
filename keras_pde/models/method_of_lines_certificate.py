"""What is proved about a step of the method of lines, from the kernels and the step at hand."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from keras_pde.certificates.amplification import (
    ROUNDING,
    Region,
    eigenvalue_region,
    matrix_gain,
    polynomial_gain,
    polynomial_kernel,
)
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.conservation import MeanKept, NormKept
from keras_pde.certificates.consistency import OrderInSpace, OrderInTime
from keras_pde.certificates.guarantee import Guarantee
from keras_pde.certificates.invariant_region import InvariantRegion
from keras_pde.certificates.max_min_principle import MaxMinPrinciple
from keras_pde.layers.polynomial_facts import even, sums_to_zero
from keras_pde.layers.polynomial_right_hand_side import PolynomialRightHandSide
from keras_pde.runtime.precision import unit_roundoff
from keras_pde.schemes.integrators import Cycle, RungeKutta, Theta
from keras_pde.schemes.integrators.exponential import Exponential
from keras_pde.schemes.integrators.integrator import Integrator, Unconditional

SMALL = 1e-13  # of a weight beside the largest: rounding


class Scheme(NamedTuple):
    """A step: right-hand side, integrator, Δt, and what is kept by projection."""

    rhs: Any
    integrator: Integrator
    dt: float
    conserve: str | None

    @property
    def coefficients(self) -> np.ndarray | None:
        """Those of R where it is a polynomial."""
        return self.integrator.coefficients if isinstance(self.integrator, RungeKutta) else None


def step_certificate(subject: str, scheme: Scheme) -> Certificate:
    """The certificate of one step; of steps in 16 bits nothing is proved."""
    if unit_roundoff(dtype := scheme.rhs.compute_dtype):
        return uncertified(subject, f"no rule for the roundings of {dtype}")
    gain, why = norm_gain(scheme)
    lipschitz, slope = (gain, why) if scheme.rhs.linear else lipschitz_constant(scheme)
    if scheme.conserve == "norm":
        lipschitz, slope = math.inf, "the projection has no rule"
    no_energy = "no energy is stated for the method of lines"
    reasons = {
        "norm": why,
        "lipschitz": slope,
        "averaged": "no rule for the method of lines",
        "energy": no_energy,
    }
    certificate = Certificate(subject, norm_gain=gain, lipschitz=lipschitz, reasons=reasons)
    found: list[Guarantee] = [max_min(scheme), mean_kept(scheme), *orders(scheme)]
    if scheme.conserve == "norm":
        found.append(NormKept(1.0, "each step is scaled to the norm of the state"))
    region = invariant_region(scheme)
    if region is not None:
        found.append(region)
    return certificate.with_guarantees(*found)


def norm_gain(scheme: Scheme) -> tuple[float, str]:
    """A bound of ‖u⁺‖/‖u‖ (E21), and why."""
    rhs = scheme.rhs
    if scheme.conserve == "norm":
        return 1.0, "the norm is kept by projection"
    if not rhs.linear:
        return math.inf, "no rule: the right-hand side is not linear"
    if not rhs.knows_spectrum:
        return math.inf, "no rule: the spectrum of the right-hand side is not known"
    if scheme.conserve != "mean" or rhs.mean_kept()[0]:
        return linear_gain(scheme)
    if rhs.boundary == "dirichlet":
        return math.inf, "no rule for a mean that is kept by projection at a zero boundary"
    gain, why = linear_gain(scheme)  # of all waves but the mean, whose factor is 1
    return max(1.0, gain), why if gain > 1 else "the mean is kept by projection"


def linear_gain(scheme: Scheme) -> tuple[float, str]:
    """A bound of ‖u⁺‖/‖u‖ for a linear F without projection, and why."""
    rhs = scheme.rhs
    kernels = rhs.kernels()
    if rhs.components > 1:
        if kernels is None or scheme.coefficients is None or rhs.boundary != "periodic":
            return math.inf, "no rule for systems but for explicit methods on periodic grids"
        scaled = {key: scheme.dt * kernel for key, kernel in kernels.items()}
        gain = matrix_gain(scheme.coefficients, scaled, rhs.components)
        return gain, "‖R(Δt Λ(ω))‖ of the matrices Λ(ω) of the system, by samples and a margin"
    if kernels is None:
        return _on_region(scheme, rhs.region().scaled(scheme.dt))
    kernel = kernels.get((0, 0), np.zeros((1,) * rhs.ndim))
    if rhs.boundary != "periodic" and not even(kernel):
        return math.inf, f"no rule for kernels that are not symmetric at a {rhs.boundary} boundary"
    # what grows everywhere alike is told apart: beside fine differences it would be rounding
    growth = plain_growth(rhs)
    region = eigenvalue_region(with_centre(kernel, -growth)).shifted(growth)
    best, why = _on_region(scheme, region.scaled(scheme.dt))
    if best > 1 and scheme.coefficients is not None:
        kernel = scheme.dt * kernel
        weights = polynomial_kernel(scheme.coefficients, kernel)
        size = float(np.abs(weights).sum())
        if size < best:
            best, why = size, "the weights of a step add up to as much (N4)"
        sampled = matrix_gain(scheme.coefficients, {(0, 0): kernel}, 1)
        if sampled < best:
            best, why = sampled, "|R(Δt λ(ω))|, by samples and a margin"
    return (1.0 if 1 < best <= 1 + ROUNDING else best), why


def plain_growth(rhs: Any) -> float:
    """The coefficient of u itself in a scalar F."""
    reaction = rhs.reaction()
    return 0.0 if reaction is None else float(reaction[1])


def with_centre(kernel: np.ndarray, x: float) -> np.ndarray:
    """A centred kernel with x added at its centre."""
    found = kernel.copy()
    found[tuple(n // 2 for n in kernel.shape)] += x
    return found


def _on_region(scheme: Scheme, region: Region) -> tuple[float, str]:
    """sup |R| on a region of eigenvalues of a normal L."""
    where = f"|R| on a region with the eigenvalues, [{region.low:.4g}, {region.high:.4g}]"
    if region.height:
        where += f" × [−{region.height:.4g}, {region.height:.4g}]i"
    if scheme.coefficients is not None:
        return polynomial_gain(scheme.coefficients, region), where
    if isinstance(scheme.integrator, Exponential):
        return math.exp(min(max(region.high, 0.0), 700.0)), f"|eᶻ| {where[4:]}"
    method, real = scheme.integrator, not region.height
    if region.high <= 0:
        if isinstance(method, Unconditional) or (isinstance(method, Theta) and method.theta >= 0.5):
            return 1.0, "|R(z)| ≤ 1 for Re z ≤ 0, and no eigenvalue has a positive real part"
        if isinstance(method, Theta) and real:  # R falls from 1 on the negative axis
            return max(1.0, abs(complex(method.amplification(region.low)))), where
        if isinstance(method, Cycle) and real:
            longest = method.longest_step([-1.0])
            if -region.low <= longest * (1 + ROUNDING):
                return 1.0, f"Δt ≤ {longest:.5g}/ρ of a cycle, and [−ρ, 0] has all eigenvalues"
    return math.inf, f"no rule for {method.name} with these eigenvalues"


def lipschitz_constant(scheme: Scheme) -> tuple[float, str]:
    """Σ cⱼ(Δt ℓ)ʲ for F with the Lipschitz constant ℓ, of Runge-Kutta methods with weights ≥ 0."""
    method, size = scheme.integrator, scheme.rhs.lipschitz()
    if math.isinf(size):
        return math.inf, "no Lipschitz constant of the right-hand side is known"
    if not isinstance(method, RungeKutta) or min(method.matrix.min(), method.weights.min()) < 0:
        return math.inf, f"no rule for {method.name}"
    powers = (scheme.dt * size) ** np.arange(len(method.coefficients))
    return float(method.coefficients @ powers), "Lipschitz constants of the stages add up"


def max_min(scheme: Scheme) -> MaxMinPrinciple:
    """The max-min principle (E24) where the weights of a step, or of Euler's, are not negative."""
    rhs, lost = scheme.rhs, MaxMinPrinciple
    if not isinstance(rhs, PolynomialRightHandSide) or not rhs.linear or rhs.components > 1:
        return lost(reason="only linear equations of one component have a rule")
    if scheme.conserve == "norm" or rhs.boundary == "dirichlet":
        return lost(reason="a projection, or a zero boundary, may lead out of the range")
    kernels = rhs.kernels()
    if kernels is None:
        return lost(reason="derivatives in Fourier space have weights of both signs")
    kernel = kernels.get((0, 0), np.zeros((1,) * rhs.ndim))
    if plain_growth(rhs) or not sums_to_zero(kernel, rhs.learned):
        return lost(reason="constants change")
    if scheme.conserve == "mean" and not rhs.mean_kept()[0]:
        return lost(reason="subtracting a mean may lead out of the range")
    euler = euler_share(scheme, kernel)
    longest = max(scheme.integrator.ssp, scheme.integrator.linear_ssp)
    if euler is not None and euler <= longest * (1 + ROUNDING):
        return MaxMinPrinciple(1.0, f"weights ≥ 0 of Euler's step, {euler:.3g} of the longest one")
    if scheme.coefficients is not None and (rhs.boundary == "periodic" or even(kernel)):
        weights = polynomial_kernel(scheme.coefficients, scheme.dt * kernel)
        if weights.min() >= -SMALL * np.abs(weights).max():
            return MaxMinPrinciple(1.0, "all weights of a step are ≥ 0 and have the sum 1")
    return lost(reason="a weight of a step is negative")


def euler_share(scheme: Scheme, kernel: np.ndarray, slope: float = 0.0) -> float | None:
    """Δt over the longest Euler step with weights ≥ 0; None where no step has them.

    Args:
        scheme: the step.
        kernel: of L, centred.
        slope: the least slope of a reaction beside L.
    """
    centre = tuple(n // 2 for n in kernel.shape)
    around = with_centre(kernel, -kernel[centre])
    if around.min(initial=0.0) < -SMALL * np.abs(kernel).max(initial=0.0):
        return None
    return max(0.0, -scheme.dt * (float(kernel[centre]) + slope))


def invariant_region(scheme: Scheme) -> InvariantRegion | None:
    """[low, high] of a reaction p with p(low) ≥ 0 ≥ p(high) and monotone Euler steps (E25)."""
    rhs = scheme.rhs
    if not isinstance(rhs, PolynomialRightHandSide) or scheme.conserve is not None:
        return None
    reaction, kernels = rhs.reaction(), rhs.kernels()
    if reaction is None or kernels is None or not np.any(reaction) or scheme.integrator.splits:
        return None
    ((low, high),) = rhs.equation.ranges
    p = np.polynomial.Polynomial(reaction)
    # the linear part of p is in L too
    kernel = with_centre(kernels.get((0, 0), np.zeros((1,) * rhs.ndim)), -float(reaction[1]))
    region = InvariantRegion(low=low, high=high)
    inward = exact_value(reaction, low) >= 0 >= exact_value(reaction, high)
    if not inward or not sums_to_zero(kernel, rhs.learned):
        return region.lost(f"the reaction leads out of [{low:g}, {high:g}]")
    if rhs.boundary == "dirichlet" and not low <= 0 <= high:
        return region.lost("0 beyond the boundary is not in the region")
    slope = p.deriv()
    inner = np.real(slope.deriv().roots())
    places = [low, high, *inner[(inner > low) & (inner < high)]]
    euler = euler_share(scheme, kernel, min(float(slope(x)) for x in places))
    if euler is None or euler > scheme.integrator.ssp * (1 + ROUNDING):
        return region.lost("Euler's step is not monotone for this Δt")
    return InvariantRegion(1.0, "convex sums of monotone Euler steps", low=low, high=high)


def exact_value(coefficients: np.ndarray, x: float) -> Fraction:
    """p(x) without rounding: states leave an unstable end that is missed by little, too."""
    start, at = Fraction(0), Fraction(x)
    return functools.reduce(lambda p, c: p * at + Fraction(float(c)), reversed(coefficients), start)


def mean_kept(scheme: Scheme) -> MeanKept:
    """Whether each step keeps the mean of each channel (E23)."""
    if scheme.conserve == "norm":
        return MeanKept(reason="scaling to the norm changes the mean")
    if scheme.conserve == "mean":
        return MeanKept(1.0, "the mean of the change is subtracted")
    kept, why = scheme.rhs.mean_kept()
    return MeanKept(1.0 if kept else None, why)


def orders(scheme: Scheme) -> list[Guarantee]:
    """The orders in space (E22) and time."""
    space, why = scheme.rhs.order_in_space()
    if space is None and not isinstance(scheme.rhs, PolynomialRightHandSide):
        return [OrderInSpace(reason=why), OrderInTime(reason=why)]
    time = f"{scheme.integrator.name} on smooth solutions"
    if scheme.conserve is not None:
        time += f" of equations that keep the {scheme.conserve}"
    return [OrderInSpace(space, why), OrderInTime(float(scheme.integrator.order), time)]

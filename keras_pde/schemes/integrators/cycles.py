"""FED and FSI cycles as integrators of any right-hand side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.fed import fed
from keras_pde.schemes.fsi import fsi
from keras_pde.schemes.integrators.integrator import Integrator
from keras_pde.schemes.integrators.stability import spectrum_of
from keras_pde.schemes.lengths import whole
from keras_pde.schemes.schedule import Schedule

SAMPLES = 64  # times n², between which the first growth is looked for
GROWTH = 1e-12  # of |R|, which is rounding


class Cycle(Integrator):
    r"""v = uᵏ + τₖF(uᵏ), uᵏ⁺¹ = wₖv + (1 − wₖ)uᵏ⁻¹, k = 0..n−1: a cycle of FED or FSI as one step.

    With the τₖ and wₖ of `schemes.fed` or `schemes.fsi`, scaled such that the cycle takes the time
    Δt. It is made for diffusion: for a spectrum in [−ρ, 0] it is stable up to Δt = ``limit``/ρ with
    ``limit`` = 2n(n+1)/3, (n+1)/3 times as far as n of Euler's steps. An imaginary part of
    eigenvalues shortens it.

    Args:
        kind: "fed" or "fsi". All states within an FSI cycle are stable too.
        steps: n.

    Raises:
        ValueError: another kind, or steps that are no count.

    Source: Weickert et al. (IJCV 2016); Hafner et al. (GCPR 2016).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> fed = integrators.Cycle("fed", 5)
        >>> fed, fed.limit, round(fed.longest_step([-1.0]), 3)
        (Integrator fed:5, 20.0, 21.662)
    """

    order = 1

    def __init__(self, kind: str, steps: int) -> None:
        kind = gate.word(kind, "kind", ("fed", "fsi"))
        self.stages = gate.count(steps, "steps")
        make = fed if kind == "fed" else fsi
        whole_cycle: Schedule = make(self.stages)
        self.schedule = whole_cycle.scaled(1 / whole_cycle.time)
        self.limit = 2 * self.stages * (self.stages + 1) / 3
        self.name = f"{kind}:{self.stages}"
        # the roots of R are real, so that all its derivatives are ≥ 0 from its first root on
        self.linear_ssp = 1 / max(fed(self.stages).scaled(1 / whole_cycle.time).step_sizes)

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after a cycle."""
        before = u
        for tau, w in zip(self.schedule.step_sizes, self.schedule.extrapolations, strict=True):
            after = u + (w * tau * dt) * rhs(u)
            if w != 1:
                after = after + (1 - w) * (before - u)
            before, u = u, after
        return u

    def amplification(self, z: Any) -> np.ndarray:
        """The polynomial of the cycle."""
        z = np.asarray(z, np.complex128)
        before = now = np.ones_like(z)
        for tau, w in zip(self.schedule.step_sizes, self.schedule.extrapolations, strict=True):
            before, now = now, w * (1 + tau * z) * now + (1 - w) * before
        return now

    def longest_step(self, spectrum: Any) -> float:
        """The first Δt at which a |R(Δt λ)| exceeds 1; for real λ a little beyond ``limit``/ρ.

        It is exact for a real spectrum. Otherwise the growth is looked for at samples first.
        """
        lam = spectrum_of(spectrum)
        lam = lam[lam != 0]
        if not lam.size:
            return math.inf
        size = float(np.abs(lam).max())
        if lam.imag.any():
            return self._first_growth(np.unique(lam / size), SAMPLES * self.stages**2) / size
        if lam.real.max() > 0:
            return 0.0
        # beyond the limit, which has all roots behind it, |R| only grows
        return self._bisected(np.array([-1.0 + 0j]), self.limit, 2 * self.limit) / size

    def _first_growth(self, lam: np.ndarray, samples: int) -> float:
        """The first Δt at which a |R(Δt λ)| exceeds 1, for |λ| ≤ 1."""
        low = 0.0
        for t in np.linspace(0, 2 * self.limit, samples + 1)[1:]:
            if self.norm_gain(t * lam) > 1 + GROWTH:
                found = self._bisected(lam, low, float(t))
                return found if found > GROWTH * self.limit else 0.0
            low = float(t)
        return low

    def _bisected(self, lam: np.ndarray, low: float, high: float) -> float:
        for _ in range(60):
            t = (low + high) / 2
            low, high = (low, t) if self.norm_gain(t * lam) > 1 + GROWTH else (t, high)
        return low


def shortest_cycle(kind: str, dt: float, spectrum: Any) -> Cycle:
    """The cycle of the fewest steps that is stable for a step Δt on a real spectrum.

    Args:
        kind: "fed" or "fsi".
        dt: the time of the cycle.
        spectrum: eigenvalues in [−ρ, 0].

    Raises:
        ValueError: a spectrum that is not real and ≤ 0.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.shortest_cycle("fed", 2.0, [-4.0])              # 4 times Euler's limit
        Integrator fed:3
    """
    lam = spectrum_of(spectrum)
    if lam.imag.any() or lam.real.max() > 0:
        raise ValueError(
            f"Cycles of {kind} are for real spectra in [−ρ, 0]. Received: real parts up to"
            f" {lam.real.max():.4g}, imaginary parts up to {np.abs(lam.imag).max():.4g}. Take"
            " another integrator, as an exponential one."
        )
    rho = -lam.real.min()
    dt = gate.number(dt, "dt", low=0, low_open=True)
    return Cycle(kind, whole(math.sqrt(1.5 * rho * dt + 0.25) - 0.5))

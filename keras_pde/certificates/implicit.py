"""Certificate of implicit steps u = f − τKᵀΦ(Ku).

With g ≥ −γ, Φ′ in [−μ, L] and an upper bound κ ≥ ‖K‖:

* norm: ⟨u, f⟩ = ‖u‖² + τ⟨GKu, Ku⟩ ≥ (1 − τκ²γ)‖u‖², so ‖u‖ ≤ ‖f‖ for every τ and g ≥ 0, of any
  solution where there are several; else ‖u‖ ≤ ‖f‖/(1 − τκ²γ) while τκ²γ < 1.
* Lipschitz: ⟨u − v, f − h⟩ ≥ (1 − τμκ²)‖u − v‖²: 1 for monotone Φ and every τ, else 1/(1 − τμκ²)
  while τμκ² < 1, where u is unique.
* gates that the network's input y opens, with c the Lipschitz constant of Φ in Ky: steps from f and
  h with the inputs y and z have (1 − m)‖u − v‖ ≤ ‖f − h‖ + τκ²c‖y − z‖, so step by step a
  constant l becomes (l + τκ²c)/(1 − m). Norm and energy are as they are, for gates in (0, 1).
* averaged: for monotone Φ the step is the proximal map of the convex τE: firmly nonexpansive, θ = ½
  (Moreau 1965).
* energy: u minimises ½‖u − f‖² + τE(u), so E(u) ≤ E(f), where the minimiser is unique.
* a solve that stops at the residual ε‖f‖ solves the step exactly from an f that is off by as much.
  So the norm bound holds times 1 + ε, and u is off by ε‖f‖/(1 − τμκ²) at most. Through n steps the
  norm bound holds times (1 + ε)ⁿ; errors are passed on by the Lipschitz constants of the steps
  behind. These terms are the tolerance of each guarantee.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras_pde.certificates.averagedness import compose_averaged
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.facts import BlockFacts, flaw
from keras_pde.certificates.further import further
from keras_pde.runtime.bounds import times
from keras_pde.runtime.precision import unit_roundoff
from keras_pde.runtime.printed import rounded

ROUNDING = 1e-9  # m this close below 1 is not told from 1


def implicit_certificate(
    subject: str,
    steps: Sequence[BlockFacts],
    *,
    tied: bool,
    tolerance: float,
    dtype: Any = "float32",
) -> Certificate:
    """Certificate of implicit steps one after another.

    Args:
        subject: what is certified.
        steps: the facts of each step.
        tied: whether all steps share one energy.
        tolerance: ε, the relative residual that solves stop at.
        dtype: of the states; in 16 bits the input and each state are rounded, while the solves run
            in float32.

    Example:
        >>> from keras_pde.certificates.implicit import implicit_certificate
        >>> from keras_pde.certificates.facts import BlockFacts
        >>> weakly = BlockFacts(strength=4.0, slope=(-0.125, 1.0))  # Perona-Malik, τ‖K‖² = 4
        >>> certificate = implicit_certificate("a step", [weakly], tied=True, tolerance=1e-6)
        >>> certificate.lipschitz, certificate["lipschitz"].tolerance
        (2.0, 2e-06)
    """
    why_not = flaw(steps)
    if why_not:
        return uncertified(subject, why_not)
    gamma = [times(step.strength, max(0.0, -step.diffusivity[0])) for step in steps]
    m = [times(step.strength, max(0.0, -step.slope[0])) for step in steps]
    norm, held = (math.prod(_inverse(x) for x in values) for values in (gamma, m))
    monotone, unique = max(m) == 0, held < math.inf
    driven = max(step.guided for step in steps)
    lipschitz = 1.0
    for step, x in zip(steps, m, strict=True):
        lipschitz = (lipschitz + step.guided) * _inverse(x)
    theta = compose_averaged([0.5] * len(steps)) if monotone and not driven else None
    worst = rounded(max(m))
    slope = (
        "Φ is monotone"
        if monotone
        else f"Φ is not monotone: Φ′ ≥ {min(step.slope[0] for step in steps):.4g}"
    )
    gates = f"; gates of the input add up to {rounded(driven, 4)} a step" if driven else ""
    not_unique = f"τμ‖K‖² ≤ {worst} is not below 1: there may be several solutions"
    reasons = {
        "norm": (
            "implicit, g ≥ 0: for every τ"
            if max(gamma) == 0
            else (
                f"the diffusivity is negative somewhere, and τγ‖K‖² ≤ {rounded(max(gamma))}"
                f" {'<' if norm < math.inf else 'is not below'} 1"
            )
        ),
        "lipschitz": (
            f"{slope}{': for every τ' if monotone else f', and τμ‖K‖² ≤ {worst} < 1'}{gates}"
            if unique
            else f"{slope}, and {not_unique}"
        ),
        "averaged": (
            "needs a monotone flux"
            if not monotone
            else "needs gates that are held, and the input opens these"
            if driven
            else "proximal map of a convex energy, for every τ"
        ),
        "energy": _why_energy(tied, unique, not_unique),
    }
    used = any(gamma) or any(m)  # a bound of ‖K‖ that is not used assumes nothing
    assumptions = dict.fromkeys(
        a for step in steps for a in step.assumptions if used or not a.startswith("spatial sizes")
    )
    solves = (
        f"solves to the relative residual {tolerance:g} in every sample; the constants are those of"
        " the exact solution, from which the computed one is as far as stated"
    )
    unit, granted = unit_roundoff(dtype), "exact arithmetic"
    if unit:
        norm *= (1 + unit) ** (len(steps) + 1)
        reasons["norm"] += f"; with the states rounded to {dtype}"
        granted = (
            "exact arithmetic but for the norm, which holds the rounding of the states, and no"
            " overflow or underflow"
        )
    exact = Certificate(
        subject, norm, lipschitz, theta, tied and unique, reasons, (*assumptions, solves, granted)
    )
    alone = len(steps) == 1 and unique and not driven
    exact = exact.with_guarantees(*further(theta, (0.0, lipschitz) if alone else None))
    off = {"norm": norm * math.expm1(len(steps) * math.log1p(tolerance))}
    moved = _moved([_inverse(x) for x in gamma], [_inverse(x) for x in m], tolerance)
    return exact.with_guarantees(*(g.within(off.get(g.key, moved)) for g in exact.guarantees))


def _moved(gains: Sequence[float], constants: Sequence[float], tolerance: float) -> float:
    """δ with ‖ũ − u‖ ≤ δ‖f‖ for the last of the states ũ that solves reach.

    Args:
        gains: the norm bound of each step.
        constants: the Lipschitz constant of each step.
        tolerance: ε. A state ũ is the step's solution from a right-hand side that is off by
            ε‖ũ′‖, with ũ′ the state before.
    """
    moved, size = 0.0, 1.0
    for gain, constant in zip(gains, constants, strict=True):
        moved = constant * (moved + tolerance * size)
        size *= gain * (1 + tolerance)
    return moved


def _inverse(x: float) -> float:
    """1/(1 − x), inf from 1 on."""
    return 1 / (1 - x) if x < 1 - ROUNDING else math.inf


def _why_energy(tied: bool, unique: bool, not_unique: str) -> str:
    if not tied:
        return "each step has an energy of its own"
    return "the minimiser of ½‖u − f‖² + τE(u) is unique" if unique else not_unique

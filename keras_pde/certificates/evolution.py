"""Certificate of a whole evolution: the rules of one step, applied along a `Schedule`.

A cycle with one frozen or linear operator B = τβ + τKᵀGK maps u to p(B)u + (1 − p(B))B⁻¹τβ f, with
p the schedule's amplification polynomial. On [0, first root of p] p lies in [0, 1]; beyond it |p|
is bounded by sampling with a proved margin. Everything else is bounded step by step.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

import numpy as np

from keras_pde.certificates.averagedness import compose_averaged
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.facts import ROUNDING, BlockFacts, flaw
from keras_pde.certificates.further import further, step_spectrum
from keras_pde.certificates.rounding import rounded_norm
from keras_pde.fluxes.declared import said
from keras_pde.runtime.bounds import or_none, times
from keras_pde.runtime.printed import rounded
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import LIMIT, scheme_of

UNBOUNDED = "gates have no constant with an unbounded flux, nor with steps for each channel"


def sup_amplification(
    cycle: Schedule,
    low: float,
    high: float,
    before: float = 1.0,
    data: float = 0.0,
    same: bool = False,
) -> tuple[float, float]:
    """Upper bounds of ‖p(B)u + (1 − p(B))B⁻¹ data·f‖ and of −p, with p one cycle's polynomial.

    The spectrum of B lies in [low, high]. With ‖u‖ ≤ before and ‖f‖ ≤ 1 that is sup|p|·before +
    sup|q|, q = data(1 − p)/λ: two suprema, as u and f may lie in different eigenspaces; where u = f
    (``same``), sup|p + q|. A polynomial of degree n sampled at m = 32n Chebyshev points is at most
    its largest sample over cos(πn/(2m)) (Ehlich, Zeller 1964). Up to its first root p is convex and
    falls, and so does q.

    Example:
        >>> from keras_pde import schemes
        >>> from keras_pde.certificates.evolution import sup_amplification
        >>> sup_amplification(schemes.fed(20), 0.0, 2.0)[0]
        1.0
        >>> sup_amplification(schemes.fed(20), 0.0, 3.0)[0] > 1e6
        True
    """
    if not math.isfinite(low + high):
        return math.inf, math.inf
    tau, w, n = np.array(cycle.step_sizes), np.array(cycle.extrapolations), len(cycle)
    within, scheme = low >= 0 and tau.max() * high <= LIMIT, scheme_of(cycle)
    if (w <= 1).all() and within and not data:
        return before, 1.0
    root = scheme.first_root(cycle) if low >= 0 else None
    p = q = mix = negative = 0.0
    if root is not None and low <= root:
        p = float(cycle.amplification(low))
        q = float(_source_response(cycle, np.array(low), data))
        mix = p + q
    if root is None or root < high:
        start, m = low if root is None else max(low, root), 32 * n
        nodes = np.cos(np.pi * (np.arange(m) + 0.5) / m)
        lam = (start + high) / 2 + (high - start) / 2 * nodes
        margin = 1 / math.cos(math.pi * n / (2 * m))
        with np.errstate(over="ignore", invalid="ignore"):  # of a spectrum far beyond the limit
            values, sources = cycle.amplification(lam), _source_response(cycle, lam, data)
            both = values + sources
        negative = or_none(float(np.abs(values).max())) * margin
        p, q = max(p, negative), max(q, or_none(float(np.abs(sources).max())) * margin)
        # q = (1 − p)·data/λ with data ≤ λ, so p + q is a mean of 1 and p
        mix = (
            1.0
            if negative <= 1 and low >= data
            else max(mix, or_none(float(np.abs(both).max())) * margin)
        )
    if within:
        p = min(p, scheme.transient(cycle))
    bound = mix if same and data else times(before, p) + q
    least = max(before, 1.0 if data else 0.0)
    near = math.isfinite(bound) and abs(bound - least) <= least * n * ROUNDING
    return least if near else bound, negative


def _source_response(cycle: Schedule, lam: np.ndarray, data: float) -> np.ndarray:
    """data·(1 − p(λ))/λ for one cycle, without dividing by λ."""
    old = new = np.zeros_like(lam)
    for tau, w in zip(cycle.step_sizes, cycle.extrapolations, strict=True):
        old, new = new, w * ((1 - tau * lam) * new + tau * data) + (1 - w) * old
    return new


def _stepwise(
    cycle: Schedule,
    blocks: Sequence[BlockFacts],
    factor: Callable[[BlockFacts], float],
    before: float,
    added: Callable[[BlockFacts], float] = operator.attrgetter("data"),
) -> float:
    """Constant after a cycle, step by step: lₖ₊₁ = |wₖ|(factor·lₖ + added) + |1 − wₖ|lₖ₋₁.

    What is added comes from the input itself: by the data term and, of a Lipschitz constant, by
    gates that the input opens.
    """
    old = new = before
    for tau, w, block in zip(cycle.step_sizes, cycle.extrapolations, blocks, strict=True):
        step = block.scaled(tau)
        off = 0.0 if step.rounding is None else step.rounding.errors(step)[1]  # a rounded τβ
        wide = 1 if step.rounding is None or w == 1 else 1 + step.rounding.unit
        gain = factor(step)
        moved = abs(w) * (times(gain + off, new) + added(step) + off)
        old, new = new, wide * (moved + times(abs(1 - w), old))
    return 1.0 if 1 < new <= 1 + len(cycle) * ROUNDING else new


def _from_input(step: BlockFacts) -> float:
    return step.data + step.guided


def evolution_certificate(
    subject: str, schedule: Schedule, blocks: Sequence[BlockFacts], *, tied: bool
) -> Certificate:
    """Certificate of an evolution u⁰ = f ↦ uᴺ.

    Args:
        subject: what is certified.
        schedule: step sizes as multiples of the blocks' own.
        blocks: the facts of each step's block at scale 1, as many as steps; one object for one
            block.
        tied: whether all steps share one block, so that there is one energy.
    """
    why_not = flaw(blocks)
    if why_not:
        return uncertified(subject, why_not)
    linear, n, rounding = all(b.linear for b in blocks), schedule.cycle_length, blocks[0].rounding
    lipschitz = ideal = 1.0
    norm = 1.0 if rounding is None else 1 + rounding.unit  # of the rounded input
    averaged: list[float | None] = []
    for index, cycle in enumerate(schedule.cycles):
        facts = blocks[index * n : (index + 1) * n]
        first, one = facts[0], all(b is facts[0] for b in facts)
        low = first.data + times(first.strength, min(0.0, first.diffusivity[0]))
        high = first.data + times(first.strength, first.diffusivity[1])
        bound = negative = math.inf
        if one and (schedule.frozen or linear):
            bound, negative = sup_amplification(
                cycle, low, high, ideal, first.data, same=index == 0
            )
        if linear:
            lipschitz = min(bound, _stepwise(cycle, facts, BlockFacts.lipschitz, ideal))
        else:
            lipschitz = (
                math.inf
                if schedule.frozen
                else _stepwise(cycle, facts, BlockFacts.lipschitz, lipschitz, _from_input)
            )
        if rounding is not None:
            norm = rounded_norm(cycle, facts, norm, bound / ideal if ideal else 0.0)
            lipschitz = norm if linear else lipschitz  # the polynomial's coefficients are rounded
        ideal = min(bound, _stepwise(cycle, facts, BlockFacts.norm_gain, ideal))
        averaged += _averaged(
            cycle, facts, linear and one and rounding is None, schedule.frozen, negative
        )
    norm = ideal if rounding is None else norm
    reasons = {
        "norm": _why_norm(schedule, blocks, linear, ideal),
        "lipschitz": _why_lipschitz(schedule, blocks, linear, lipschitz),
    }
    energy, reasons["energy"] = _energy(schedule, blocks, linear, tied, norm)
    theta = compose_averaged(averaged)
    reasons["averaged"] = _why_averaged(schedule, blocks, linear, theta is not None)
    if any(b.biased for b in blocks):
        norm, reasons["norm"] = math.inf, "an inner bias drives the state even from u = 0 (S3)"
    assumptions = tuple(dict.fromkeys(a for b in blocks for a in b.assumptions))
    if rounding is not None:
        if schedule.extrapolates:
            energy, reasons["energy"] = (
                False,
                "the rule for extrapolations needs their weights, and these are rounded",
            )
        reasons["norm"] += f"; with the roundings of {rounding.dtype}"
    assumptions += said(scheme_of(schedule), f"the scheme {schedule.kind}")
    granted = ("exact arithmetic",) if rounding is None else rounding.assumptions()
    exact = Certificate(subject, norm, lipschitz, theta, energy, reasons, (*assumptions, *granted))
    alone = len(blocks) == 1 and not schedule.frozen
    step = blocks[0].scaled(schedule.step_sizes[0])
    return exact.with_guarantees(*further(theta, step_spectrum(step) if alone else None))


def _averaged(
    cycle: Schedule, facts: Sequence[BlockFacts], linear: bool, frozen: bool, negative: float
) -> list[float | None]:
    """Averagedness constants of the maps a cycle consists of; None where there is none."""
    if any(b.data or b.slope[0] < 0 or not b.potential or b.guidance for b in facts):
        return [None]
    thetas = [
        times(tau, b.strength, b.slope[1]) / 2
        for tau, b in zip(cycle.step_sizes, facts, strict=True)
    ]
    if not cycle.extrapolates and (linear or not frozen) and max(thetas) < 1:
        return list(thetas)
    # a polynomial of one linear operator is symmetric, with spectrum in [−negative, 1]
    return [(1 + negative) / 2 if linear and negative < 1 else None]


def _energy(
    schedule: Schedule, blocks: Sequence[BlockFacts], linear: bool, tied: bool, norm: float
) -> tuple[bool, str]:
    if not all(b.potential for b in blocks):
        return False, "the flux is no gradient, so there is no energy"
    if not tied:
        return False, "each block has an energy of its own"
    first = blocks[0]
    if linear and not first.data and norm <= 1:
        return True, "the cycle is a polynomial |p| ≤ 1 of the energy's own operator"
    if schedule.frozen and linear:
        rule = "no rule for a cycle with a data term"
        return False, rule if first.data else "the cycle polynomial is not |p| ≤ 1 on the spectrum"
    if schedule.frozen:
        return False, "the energy changes with the diffusivity, which is frozen over a cycle"
    curvature = times(first.strength, first.slope[1]) + first.data  # of a unit step: τ(β + L‖K‖²)
    return scheme_of(schedule).energy(schedule, curvature)


def _why_norm(schedule: Schedule, blocks: Sequence[BlockFacts], linear: bool, norm: float) -> str:
    if any(b.diffusivity[0] < 0 for b in blocks):
        return (
            "the diffusivity is negative somewhere: forward-and-backward diffusion amplifies (S7)"
        )
    if schedule.frozen or linear:
        law = (
            "cycle polynomial |p| ≤ 1 on the spectrum"
            if norm <= 1
            else "sup |p| over the spectrum, cycle by cycle"
        )
        return f"{law} of the {'linear' if linear else 'frozen'} operator"
    if schedule.extrapolates and max(schedule.extrapolations) > 1:
        return "worst case of a varying operator: the extrapolation theorem needs a frozen one"
    source = "2β + " if any(b.data for b in blocks) else ""
    return (
        f"step sizes ≤ 2/({source}L_g‖K‖²) (S1)"
        if norm <= 1
        else f"a step size exceeds 2/({source}L_g‖K‖²)"
    )


def _why_lipschitz(
    schedule: Schedule, blocks: Sequence[BlockFacts], linear: bool, lipschitz: float
) -> str:
    symmetric = not any(b.asymmetry for b in blocks)
    if linear and symmetric:
        return "linear: the norm bound"
    if schedule.frozen:
        return "no theorem: the frozen diffusivity depends on the state without a global bound"
    slope = min(b.slope[0] for b in blocks)
    law = "Φ is monotone" if slope >= 0 else f"Φ is not monotone: Φ′ ≥ {slope:.4g}"
    strengths = [b.data + times(b.strength, b.slope[1]) for b in blocks]
    longer = f"a step size exceeds 2/({'2β + ' if any(b.data for b in blocks) else ''}L‖K‖²)"
    plain = symmetric and not schedule.extrapolates and not any(b.guidance for b in blocks)
    if plain and slope >= 0 and lipschitz > 1:
        law = f"{longer}, though Φ is monotone"
    elif plain and max(map(operator.mul, schedule.step_sizes, strengths)) > 2 * (1 + ROUNDING):
        law += f", and {longer}"
    most = max(times(b.strength, b.asymmetry) + b.guided for b in blocks)
    if math.isinf(most):
        return UNBOUNDED
    if most:
        how = "; gates of the input add" if symmetric else "; gates add"
        law += f"{how} up to {rounded(most, 4)} a step"
    if not schedule.extrapolates:
        return f"{law} (S2)"
    worst = "worst case of the extrapolation"
    return f"{law} (S2), {worst}" if lipschitz <= 1 else f"{law} (S2), but this is the {worst}"


def _why_averaged(
    schedule: Schedule, blocks: Sequence[BlockFacts], linear: bool, proved: bool
) -> str:
    if any(b.data for b in blocks):
        return "no rule for a data term towards the input"
    if not all(b.potential for b in blocks):
        return "needs a flux that is the gradient of a potential"
    if any(b.guidance for b in blocks):
        return "needs gates that are held, and the input opens these"
    if any(b.slope[0] < 0 for b in blocks):
        return "needs a monotone flux"
    if linear and proved:
        return "symmetric with spectrum in (−1, 1] (S4)"
    if linear:
        return "needs a spectrum above −1, which steps up to 2/(L‖K‖²) may reach (S4)"
    if schedule.frozen or schedule.extrapolates:
        return "no rule for frozen diffusivities and extrapolations"
    steps = "step sizes < 2/(L‖K‖²)"
    return f"{steps}, monotone flux (S4)" if proved else f"a step is too long: needs {steps} (S4)"

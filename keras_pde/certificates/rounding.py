r"""Rounding in 16 bits.

What the certificate of a network adds for computing in float16 or bfloat16.

Let γ be the unit roundoff (2⁻⁸ or 2⁻¹¹): fl(x ∘ y) = (x ∘ y)(1 + δ), |δ| ≤ γ. A block rounds its
kernels, its step size and its data weight once (they are computed in float32), then the values of
every operation; fluxes are computed in float32 and rounded; a convolution sums in float32 and
rounds its result. So with |K| the kernels' absolute values and κₐ ≥ ‖|K|‖ (Young's bound holds for
it):

* weights: the kernels in use K̂ have |K̂ − K| ≤ γ|K| entry by entry, so ‖K̂‖ ≤ κ + γκₐ, and τ̂ ≤ (1
  + γ)τ. The diffusivity in use is at most (1 + γ)² sup g. With these in the place of κ, τ and g
  every rule of `stability` holds for the map M that K̂, τ̂ and Ĝ define in exact arithmetic: what
  is said of Lipschitz constants, averagedness and energy is said of M. Of the computed values no
  Lipschitz constant can be true: neighbouring inputs round apart.
* arithmetic: ‖fl(K̂u) − K̂u‖ ≤ εκ‖u‖ and the same for Kᵀ, with ε from the number of roundings, so a
  computed step differs from M(u) by at most S g((1 + ε)(1 + ε′)(1 + γ)⁵ − 1)‖u‖ + γ‖u‖ + τβ((1 +
  γ)⁷ − 1)(‖u‖ + ‖f‖), S = τκ²: five and seven roundings lie on the two paths from u to u⁺.
* an extrapolation wv + (1 − w)uᵏ⁻¹ adds ((1 + γ)³ − 1)(|w|‖v‖ + |1 − w|‖uᵏ⁻¹‖).
* the norm: step by step the errors add to the gain; in a cycle of one operator B the error made at
  step j reaches step k by the polynomial that the scheme applies from there, so ‖uᵏ‖ ≤ sup|pₖ|‖u⁰‖
  + Σⱼ sup|r_{jk}| · error j, all on the spectrum of B. The input is rounded once.

Fewer roundings, by fusion or wider intermediates, only make the errors smaller. Granted are
convolutions that sum in float32 (the exception, float16 transposed convolutions of TensorFlow and
PyTorch on a CPU, sum in float32 when compiled by XLA) and that nothing over- or underflows;
roundings of float32 inside a flux, 2⁻¹³γ at most, are left out, as they are in a certificate of 32
bits.

Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), chapters 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from keras_pde.certificates.facts import BlockFacts
    from keras_pde.schemes.schedule import Schedule
from keras_pde.certificates.facts import Rounding
from keras_pde.operators.operator import Operator
from keras_pde.runtime.bounds import or_none, times
from keras_pde.runtime.precision import unit_roundoff


def outward(facts: BlockFacts, operator: Operator, dtype: Any, tau: float) -> BlockFacts:
    """The facts of a block in a 16-bit precision.

    Strength enlarged by what rounding does to K, τ and g, and the errors of its arithmetic.

    Args:
        facts: computed from the weights as they are stored.
        operator: K.
        dtype: that the block computes in; the facts return as they are for 32 and 64 bits.
        tau: the largest step size of a channel.

    Example:
        >>> from keras_pde import ConvOperator
        >>> from keras_pde.certificates.rounding import outward
        >>> from keras_pde.certificates.facts import BlockFacts
        >>> K = ConvOperator(initializer="forward")
        >>> K.build((None, None, None, 1))
        >>> 1.0 < outward(BlockFacts(1.0), K, "bfloat16", 0.125).strength < 1.02
        True
    """
    unit = unit_roundoff(dtype)
    if not unit:
        return facts
    errors = operator.rounding_errors(unit)
    root = math.sqrt(facts.strength) + math.sqrt(tau) * errors.cast

    def relative(error: float) -> float:
        return math.sqrt(tau) * error / root if root else 0.0

    rounding = Rounding(
        keras.backend.standardize_dtype(dtype),
        unit,
        relative(errors.forward),
        relative(errors.adjoint),
    )
    return replace(facts, strength=root**2 * (1 + unit) ** 3, rounding=rounding)


def rounded_norm(
    cycle: Schedule, blocks: Sequence[BlockFacts], before: float, after: float
) -> float:
    """Bound of ‖uᴺ‖ behind one cycle with its roundings, for ‖u‖ ≤ before and ‖f‖ ≤ 1.

    Args:
        cycle: the schedule of the cycle.
        blocks: the facts of its steps, at scale 1.
        before: bound of the state before the cycle.
        after: what the cycle does to that bound in exact arithmetic, by its polynomial; inf where
            it has none.
    """
    rounding = blocks[0].rounding
    if rounding is None:
        return math.inf
    w, n = cycle.extrapolations, len(cycle)
    whole = math.isfinite(after) and not any(b.data for b in blocks)
    reach = _responses(cycle, blocks[0]) if whole else None
    combine = (1 + rounding.unit) ** 3 if cycle.extrapolates else 1.0
    states, errors = [before, before], []  # u⁻¹ = u⁰, then u⁰, u¹, …
    for k in range(n):
        step = blocks[k].scaled(cycle.step_sizes[k])
        own, source = rounding.errors(step)
        gain, old = step.gain(step.diffusivity), states[-2]
        exact = abs(w[k]) * (times(gain, states[-1]) + step.data) + times(abs(1 - w[k]), old)
        added = abs(w[k]) * combine * (times(own, states[-1]) + source)
        errors.append(added + times(combine - 1, exact))
        bound = exact + errors[-1]
        if reach is not None:
            clean = times(after if k == n - 1 else reach[0][k + 1], before)
            spread = sum(times(reach[j + 1][k - j], errors[j]) for j in range(k + 1))
            bound = min(bound, clean + spread)
        states.append(bound)
    return states[-1]


def _responses(cycle: Schedule, block: BlockFacts) -> list[list[float]]:
    """sup over the spectrum of |state i|, for a start and for an error of each step.

    The first list is that of u⁰ = u⁻¹ = 1, each other one that of an error 1 made by step j, with
    i = 0 right behind that step.
    """
    n, m = len(cycle), 32 * len(cycle)
    low = times(block.strength, min(0.0, block.diffusivity[0]))
    high = times(block.strength, block.diffusivity[1])
    lam = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(m) + 0.5) / m)
    margin = 1 / math.cos(math.pi * n / (2 * m))  # samples of a polynomial: Ehlich, Zeller (1964)
    found = []
    for start in range(n + 1):
        old, new = (np.ones_like(lam) if start == 0 else np.zeros_like(lam)), np.ones_like(lam)
        sizes = [1.0]
        for k in range(start, n):
            weight = cycle.extrapolations[k]
            with np.errstate(over="ignore", invalid="ignore"):
                moved = weight * (1 - cycle.step_sizes[k] * lam) * new
                old, new = new, moved + (1 - weight) * old
            sizes.append(or_none(float(np.abs(new).max())) * margin)
        found.append(sizes)
    return found

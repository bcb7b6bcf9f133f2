"""Time discretisations as two short lists: step sizes τₖ and extrapolation weights wₖ.

Every scheme of this library is an instance of

    v = uᵏ − τₖ A uᵏ,    uᵏ⁺¹ = wₖ v + (1 − wₖ) uᵏ⁻¹,    u⁻¹ := u⁰ at the start of each cycle,

with A u = KᵀΦ(Ku). Explicit: τₖ = τ, wₖ = 1. FED: varying τₖ, wₖ = 1, A frozen within a cycle. FSI: τₖ = τ,
wₖ = (4k+2)/(2k+3). Du Fort-Frankel: τₖ = 1/(2α), wₖ = w constant. Pure NumPy: no tensors.

A schedule's ``max_step`` is the largest explicit step it is made for, 2/ρ(A). It is 1 by default: the step
sizes are then multiples of the block's own step, which is how the models use them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from keras_pde.schedule import Schedule

__all__ = ["Schedule", "dufort_frankel", "explicit", "fed", "fsi", "leja_order", "retimed"]


def leja_order(values: Any) -> np.ndarray:
    """Leja ordering: an order of the roots in which every partial product stays small.

    Starts at the largest value; each next one maximises the product of distances to those chosen. In this
    order a FED cycle of 40 steps keeps float32 accuracy, where increasing steps overflow it. Cost O(n²).

    Source: Reichel (1990); Calvetti, Reichel (1996).

    Example:
        >>> from keras_pde import schemes
        >>> [int(i) for i in schemes.leja_order([0.0, 1.0, 2.0, 3.0, 4.0])]
        [4, 0, 2, 1, 3]
    """
    z = np.asarray(values, dtype=np.float64)
    order = [int(np.argmax(np.abs(z)))]
    with np.errstate(divide="ignore"):
        score = np.log(np.abs(z - z[order[0]]))
        while len(order) < len(z):
            score[order] = -np.inf
            order.append(int(np.argmax(score)))
            score = score + np.log(np.abs(z - z[order[-1]]))
    return np.array(order)


def _length(steps: int | None, time: float | None, shortest: Callable[[float], int], reach: Callable[[int], float], scheme: str) -> tuple[int, float]:
    """(steps, factor in (0, 1] on the step sizes) from steps, a stopping time, or both."""
    if time is not None and not (math.isfinite(time) and time > 0):
        raise ValueError(f"A stopping time must be finite and > 0. Received: time={time}")
    if steps is None:
        if time is None:
            raise ValueError(f"schemes.{scheme} needs steps, time, or both")
        steps = shortest(time)
    if isinstance(steps, bool) or int(steps) != steps or steps < 1:
        raise ValueError(f"steps must be a whole number >= 1. Received: steps={steps}")
    steps = int(steps)
    if time is None:
        return steps, 1.0
    factor = time / reach(steps)
    if factor > 1 + 1e-12:
        raise ValueError(
            f"{steps} {scheme} step{'s' * (steps > 1)} reach time {reach(steps):.6g} at most, and time={time:g} was asked for. "
            f"Take at least {shortest(time)} steps, or more cycles."
        )
    return steps, min(1.0, factor)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0. Received: {name}={value}")


def _ceil(x: float) -> int:
    return max(1, math.ceil(x * (1 - 1e-12) - 1e-12))


def explicit(steps: int | None = None, *, time: float | None = None, max_step: float = 1.0) -> Schedule:
    """Explicit scheme: τₖ = τ ≤ max_step, w = 1. Stable for a varying A as well; n steps reach n·max_step.

    Args:
        steps: number of steps n; with ``time`` alone, the least that reaches it.
        time: stopping time, met exactly by steps of time/n.
        max_step: step-size limit 2/ρ(A).

    Raises:
        ValueError: neither steps nor time, or a time beyond what n stable steps reach.

    Example:
        >>> from keras_pde import schemes
        >>> len(schemes.explicit(time=100, max_step=0.5))
        200
    """
    _positive(max_step=max_step)
    n, q = _length(steps, time, lambda t: _ceil(t / max_step), lambda n: n * max_step, "explicit")
    return Schedule((q * max_step,) * n, (1.0,) * n, False, n, max_step, "explicit")


def _cycle_length(time: float, max_step: float) -> int:
    return _ceil(math.sqrt(3 * time / max_step + 0.25) - 0.5)


def fed(steps: int | None = None, *, cycles: int = 1, time: float | None = None, max_step: float = 1.0) -> Schedule:
    """Fast Explicit Diffusion: τᵢ = (max_step/2)/cos²(π(2i+1)/(4n+2)), i = 0..n−1, in Leja order.

    A cycle of n steps reaches max_step·n(n+1)/3, (n+1)/3 times as far as explicit steps; for a linear A it is a box
    filter. Single steps exceed the limit, so only the whole cycle is stable, for an A frozen in it.

    Args:
        steps: steps n of each cycle; with ``time`` alone, the least that reaches time/cycles.
        cycles: number of equal cycles; more cycles update a nonlinear diffusivity more often.
        time: stopping time, met exactly by scaling every step with q ≤ 1.
        max_step: step-size limit 2/ρ(A).

    Raises:
        ValueError: neither steps nor time, or a time beyond what the cycles reach.

    Source: Grewenig, Weickert, Bruhn (DAGM 2010); Weickert et al. (IJCV 2016).

    Example:
        >>> from keras_pde import schemes
        >>> schedule = schemes.fed(time=100, max_step=0.5)
        >>> len(schedule), round(schedule.time, 9)
        (24, 100.0)
    """
    _positive(max_step=max_step, cycles=cycles)
    cycle_time = None if time is None else time / cycles
    n, q = _length(steps, cycle_time, lambda t: _cycle_length(t, max_step), lambda n: max_step * n * (n + 1) / 3, "fed")
    tau = max_step / 2 / np.cos(np.pi * (2 * np.arange(n) + 1) / (4 * n + 2)) ** 2
    tau = tau[leja_order(1 / tau)] * q
    return Schedule(tuple(tau.tolist()) * cycles, (1.0,) * (n * cycles), True, n, max_step, "fed")


def fsi(steps: int | None = None, *, cycles: int = 1, time: float | None = None, max_step: float = 1.0, frozen: bool = False) -> Schedule:
    """Fast Semi-Iterative scheme: τₖ = max_step, wₖ = (4k+2)/(2k+3), restarted each cycle.

    For a frozen A a cycle equals FED's, and every intermediate state is stable too, so no ordering is needed
    and A may follow the evolution. The theorem is for a frozen A.

    Args, errors: as `fed`; ``frozen`` freezes the diffusivity over a cycle, for which the theorem holds.

    Source: Hafner, Ochs, Weickert, Reissel, Grewenig (GCPR 2016).

    Example:
        >>> from keras_pde import schemes
        >>> a, b = schemes.fsi(10).amplification(1.3), schemes.fed(10).amplification(1.3)
        >>> bool(abs(a - b) < 1e-14)
        True
    """
    _positive(max_step=max_step, cycles=cycles)
    cycle_time = None if time is None else time / cycles
    n, q = _length(steps, cycle_time, lambda t: _cycle_length(t, max_step), lambda n: max_step * n * (n + 1) / 3, "fsi")
    k = np.arange(n)
    w = ((4 * k + 2) / (2 * k + 3)).tolist()
    return Schedule((q * max_step,) * (n * cycles), tuple(w) * cycles, frozen, n, max_step, "fsi")


def dufort_frankel(steps: int | None = None, *, time: float | None = None, max_step: float = 1.0, extrapolation: float = 4 / 3) -> Schedule:
    """Du Fort-Frankel scheme: τₖ = 1/(2α) = max_step, wₖ = w = 4τα/(1+2τα) in (0, 2).

    The physical step is τ = max_step·w/(2−w): any size is stable for a frozen A, up to a transient of max(1, w/(2−w)).
    For w ≤ 1 a varying A is stable too. The first step starts from u⁻¹ := u⁰.

    Args:
        steps: number of steps; with ``time`` alone, the least that reaches it.
        time: stopping time, met exactly by scaling the inner step.
        max_step: step-size limit 2/ρ(A), the largest stable 1/(2α).
        extrapolation: w; 4/3 doubles the explicit step.

    Raises:
        ValueError: neither steps nor time, w outside (0, 2), or a time beyond what the steps reach.

    Source: Du Fort, Frankel (1953); Alt et al., arXiv:2103.15419 (2021).

    Example:
        >>> from keras_pde import schemes
        >>> round(schemes.dufort_frankel(100).time / schemes.explicit(100).time, 2)
        1.99
    """
    _positive(max_step=max_step)
    if not 0 < extrapolation < 2:
        raise ValueError(f"Extrapolation weights must lie in (0, 2). Received: extrapolation={extrapolation}")

    def build(n: int) -> Schedule:
        return Schedule((max_step,) * n, (extrapolation,) * n, False, n, max_step, "dufort_frankel")

    def shortest(t: float) -> int:
        n = _ceil(t / max_step * (2 - extrapolation) / extrapolation)
        while build(n).time < t * (1 - 1e-12):
            n += 1
        return n

    n, q = _length(steps, time, shortest, lambda n: build(n).time, "dufort_frankel")
    return replace(build(n), step_sizes=(q * max_step,) * n)


_BUILDERS: dict[str, Callable[..., Schedule]] = {"explicit": explicit, "fed": fed, "fsi": fsi, "dufort_frankel": dufort_frankel}


def retimed(schedule: Schedule, time: float) -> Schedule:
    """The same scheme, with its number of cycles and ``max_step`` kept, and as many steps as ``time`` needs.

    Raises:
        ValueError: a time that is not finite and > 0.

    Example:
        >>> from keras_pde import schemes
        >>> len(schemes.retimed(schemes.explicit(4), 100.0)), len(schemes.retimed(schemes.fed(4), 100.0))
        (100, 17)
    """
    if schedule.kind not in _BUILDERS:
        _positive(time=time)
        return schedule.scaled(time / schedule.time)
    options: dict[str, Any] = {"max_step": schedule.max_step}
    if schedule.kind in ("fed", "fsi"):
        options["cycles"] = len(schedule) // schedule.cycle_length
    if schedule.kind == "dufort_frankel":
        options["extrapolation"] = schedule.extrapolations[0]
    return replace(_BUILDERS[schedule.kind](time=time, **options), frozen=schedule.frozen)

"""Fast Explicit Diffusion, and Leja ordering."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.schemes.lengths import _ceil, _length, _positive
from keras_pde.schemes.schedule import Schedule


def leja_order(values: Any) -> np.ndarray:
    """Leja ordering: an order of the roots in which every partial product stays small.

    Starts at the largest value; each next one maximises the product of distances to those chosen.
    In this order a FED cycle of 40 steps keeps float32 accuracy, where increasing steps overflow
    it. Cost O(n²).

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


def _cycle_length(time: float, max_step: float) -> int:
    return _ceil(math.sqrt(3 * time / max_step + 0.25) - 0.5)


def fed(
    steps: int | None = None, *, cycles: int = 1, time: float | None = None, max_step: float = 1.0
) -> Schedule:
    """Fast Explicit Diffusion: τᵢ = (max_step/2)/cos²(π(2i+1)/(4n+2)), i = 0..n−1, in Leja order.

    A cycle of n steps reaches max_step·n(n+1)/3, (n+1)/3 times as far as explicit steps; for a
    linear A it is a box filter. Single steps exceed the limit, so only the whole cycle is stable,
    for an A frozen in it.

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
    n, q = _length(
        steps,
        cycle_time,
        lambda t: _cycle_length(t, max_step),
        lambda n: max_step * n * (n + 1) / 3,
        "fed",
    )
    tau = max_step / 2 / np.cos(np.pi * (2 * np.arange(n) + 1) / (4 * n + 2)) ** 2
    tau = tau[leja_order(1 / tau)] * q
    return Schedule(tuple(tau.tolist()) * cycles, (1.0,) * (n * cycles), True, n, max_step, "fed")

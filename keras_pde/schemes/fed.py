"""Fast Explicit Diffusion, and Leja ordering."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from keras_pde.schemes.lengths import whole
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import Scheme


def leja_order(values: Any) -> np.ndarray:
    """Leja ordering: an order of the roots in which every partial product stays small.

    Starts at the largest value; each next one maximises the product of distances to those chosen.
    In this order a FED cycle of 40 steps keeps float32 accuracy, where increasing steps lose all
    digits. Cost O(n²).

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


@functools.lru_cache(maxsize=64)
def fed_step_sizes(steps: int, max_step: float) -> tuple[float, ...]:
    """τᵢ = (max_step/2)/cos²(π(2i+1)/(4n+2)), i = 0..n−1, in Leja order of their reciprocals.

    Example:
        >>> from keras_pde.schemes.fed import fed_step_sizes
        >>> round(sum(fed_step_sizes(10, 0.5)), 4)
        18.3333
    """
    tau = max_step / 2 / np.cos(np.pi * (2 * np.arange(steps) + 1) / (4 * steps + 2)) ** 2
    return tuple(tau[leja_order(1 / tau)].tolist())


class Cycles(Scheme):
    """What FED and FSI share: cycles of n steps that reach max_step·n(n+1)/3."""

    growth = 0.5

    def reach(self, steps: int, max_step: float, **options: Any) -> float:
        """max_step·n(n+1)/3."""
        return max_step * steps * (steps + 1) / 3

    def shortest(self, time: float, max_step: float, **options: Any) -> int:
        """⌈√(3 time/max_step + ¼) − ½⌉."""
        return whole(math.sqrt(3 * time / max_step + 0.25) - 0.5)


class Fed(Cycles):
    """Varying step sizes without extrapolation, of which only the whole cycle is stable.

    Its polynomial is Π(1 − τᵢλ), with the first root at 1/max τᵢ; the order of the factors is free,
    and rounding asks for Leja's.
    """

    name = "fed"
    frozen = True
    ordered = False

    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """FED's step sizes, and weights 1."""
        return fed_step_sizes(steps, max_step), (1.0,) * steps


def fed(
    steps: int | None = None, *, cycles: int = 1, time: float | None = None, max_step: float = 1.0
) -> Schedule:
    """Fast Explicit Diffusion: τᵢ = (max_step/2)/cos²(π(2i+1)/(4n+2)), i = 0..n−1, in Leja order.

    A cycle of n steps reaches max_step·n(n+1)/3, (n+1)/3 times as far as explicit steps; for a A =
    −Δ in 1-D it is a box filter. Single steps exceed the limit, so only the whole cycle is stable,
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
    return Fed().schedule(steps, time=time, cycles=cycles, max_step=max_step)

"""Scheme: a family of step sizes and extrapolation weights, with the theorems that are its own.

A `Schedule` is two lists; the scheme that its ``kind`` names knows where they come from, how they
are continued to another stopping time, and what is proved about them.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.printed import rounded
from keras_pde.runtime.registry import own
from keras_pde.schemes.declared import check_scheme
from keras_pde.schemes.lengths import check_positive, steps_and_factor
from keras_pde.schemes.registry import SCHEMES, named
from keras_pde.schemes.schedule import Schedule, time_of

LIMIT = 2 * (1 + 1e-12)  # of τ(β + L‖K‖²) and its kin; beyond 2 by rounding only
MOST_STEPS = 10**6  # of a scheme whose reach is searched
NO_ENERGY = "varying extrapolation weights or step sizes have no known energy"


class Scheme(ABC):
    """A time discretisation v = uᵏ − τₖAuᵏ, uᵏ⁺¹ = wₖv + (1 − wₖ)uᵏ⁻¹, as a rule for its lists.

    A subclass gives its ``name`` and `lists`, the step sizes and extrapolation weights of one cycle
    at the limit ``max_step`` = 2/ρ(A). The time they reach, the number of steps to a time, retiming
    and the check of saved lists follow from these. Where the scheme has theorems of its own, it
    states them by `first_root`, `transient` and `energy`; the rules here hold for all lists.
    `register` makes it known, so that a `Schedule` of that kind can be saved and loaded.

    Example:
        >>> from keras_pde import schemes
        >>> class Careful(schemes.Scheme):
        ...     name = "careful"
        ...
        ...     def lists(self, steps, max_step):
        ...         return [max_step / 2] * steps, [1.0] * steps
        >>> careful = schemes.register(Careful())
        >>> careful.schedule(time=3.0)
        Schedule careful: 1 cycle of 6 steps, time 3 (0.50 times the 6 explicit steps of 1)
    """

    name: ClassVar[str]
    frozen: ClassVar[bool] = False  # whether the theorems need a diffusivity kept over a cycle
    baseline: ClassVar[bool] = False  # whether other schemes are compared with this one
    growth: ClassVar[float] = 1.0  # the number of steps grows like time^growth
    ordered: ClassVar[bool] = True  # whether the order of the steps is part of the scheme

    @abstractmethod
    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[Sequence[float], Sequence[float]]:
        """Step sizes and extrapolation weights of one cycle of so many steps, the longest ones."""

    def options(self, schedule: Schedule) -> dict[str, Any]:
        """The further arguments of `lists` that a schedule was made with."""
        return {}

    def reach(self, steps: int, max_step: float, **options: Any) -> float:
        """Time that a cycle of so many steps reaches."""
        tau, w = self.lists(steps, max_step, **options)
        return time_of(tau, w)

    def shortest(self, time: float, max_step: float, **options: Any) -> int:
        """The least number of steps of a cycle that reaches a time, by bisection."""
        enough, goal = 1, time * (1 - 1e-12)
        while self.reach(enough, max_step, **options) < goal:
            enough *= 2
            if enough > MOST_STEPS:
                raise ValueError(
                    f"{MOST_STEPS} {self.name} steps do not reach time {time:g}, but"
                    f" {self.reach(MOST_STEPS, max_step, **options):.4g}. Ask for a shorter time."
                )
        few = enough // 2
        while enough - few > 1:
            middle = (few + enough) // 2
            if self.reach(middle, max_step, **options) < goal:
                few = middle
            else:
                enough = middle
        return enough

    def schedule(
        self,
        steps: int | None = None,
        *,
        time: float | None = None,
        cycles: int = 1,
        max_step: float = 1.0,
        frozen: bool | None = None,
        **options: Any,
    ) -> Schedule:
        """A schedule of this scheme.

        Args:
            steps: steps of each cycle; with ``time`` alone, the least that reaches time/cycles.
            time: stopping time, met exactly by scaling every step with q ≤ 1.
            cycles: number of equal cycles.
            max_step: step-size limit 2/ρ(A).
            frozen: whether the diffusivity is kept over a cycle; None is as the scheme has it.
            options: further arguments of `lists`.

        Raises:
            ValueError: neither steps nor time, or a time beyond what the cycles reach.
        """
        check_positive(max_step=max_step)
        cycles = gate.count(cycles, "cycles")
        time = gate.number(time, "time", low=0, low_open=True, none=True)
        n, q = steps_and_factor(
            steps,
            None if time is None else time / cycles,
            functools.partial(self.shortest, max_step=max_step, **options),
            functools.partial(self.reach, max_step=max_step, **options),
            self.name,
        )
        tau, w = self.lists(n, max_step, **options)
        return Schedule(
            tuple(q * t for t in tau) * cycles,
            tuple(w) * cycles,
            self.frozen if frozen is None else frozen,
            n,
            max_step,
            self.name,
        )

    def retimed(self, schedule: Schedule, time: float) -> Schedule:
        """The scheme to another time, with its cycles and ``max_step`` kept."""
        return self.schedule(
            time=time,
            cycles=len(schedule) // schedule.cycle_length,
            max_step=schedule.max_step,
            frozen=schedule.frozen,
            **self.options(schedule),
        )

    def steps_for(self, schedule: Schedule, factor: float) -> float:
        """About how many steps reach ``factor`` times the time of a schedule."""
        return len(schedule) * factor**self.growth

    def check(self, schedule: Schedule) -> None:
        """Refuse lists that are not the scheme's own, as its theorems would not hold for them.

        Raises:
            ValueError: with the lists that were expected; steps longer than those of max_step.
        """
        n = schedule.cycle_length
        tau, w = self.lists(n, schedule.max_step, **self.options(schedule))
        expected, found = np.asarray(tau, float), np.reshape(schedule.step_sizes, (-1, n))
        if not self.ordered:
            expected, found = np.sort(expected), np.sort(found)
        factor = found[0].sum() / expected.sum()
        expected = expected * factor
        own = np.allclose(found, expected, rtol=1e-9, atol=0) and np.allclose(
            np.reshape(schedule.extrapolations, (-1, n)), w, rtol=1e-9, atol=0
        )
        if not own:
            raise ValueError(
                f"kind={self.name!r} names a scheme, and these lists are not its own, so that its"
                f" theorems do not hold for them. Expected in each cycle of {n}: step sizes in the"
                f" proportions of {_short(tau)}, extrapolations {_short(w)}. Received:"
                f" step_sizes={_short(schedule.step_sizes)},"
                f" extrapolations={_short(schedule.extrapolations)}. Make the schedule by the"
                " scheme itself, or give kind='custom' for lists of your own."
            )
        if factor > 1 + 1e-9:
            raise ValueError(
                f"These {self.name} steps are unstable: they are {factor:.6g} times those of"
                f" max_step={schedule.max_step:g}, the limit 2/ρ(A) that the schedule states."
                f" Received: step_sizes={_short(schedule.step_sizes)}. Make them shorter, state the"
                " right max_step, or give kind='custom' to have them all the same."
            )

    def first_root(self, cycle: Schedule) -> float | None:
        """Smallest root of a cycle's amplification polynomial p, where p = Π(1 − λ/root) is known.

        Up to there p lies in [0, 1], is convex and falls. Without extrapolation p = Π(1 − τₖλ).
        """
        return None if cycle.extrapolates else float(1 / max(cycle.step_sizes))

    def transient(self, cycle: Schedule) -> float:
        """Bound of |p| on the stable spectrum [0, 2/max τ] of a frozen operator.

        It is inf where none is known.
        """
        return math.inf

    def energy(self, schedule: Schedule, curvature: float) -> tuple[bool, str]:
        """Whether the energy never increases for an operator that follows the state, and why.

        Args:
            schedule: of this scheme.
            curvature: β + L‖K‖² times the block's own step size.
        """
        if schedule.extrapolates:
            return False, NO_ENERGY
        longest = max(schedule.step_sizes) * curvature
        if longest <= LIMIT:
            return True, "step sizes ≤ 2/(β + L‖K‖²) (S5)"
        return False, f"needs τ(β + L‖K‖²) ≤ 2, and it is {rounded(longest)}"


def register(scheme: Scheme) -> Scheme:
    """Make a scheme known by its name, and return it.

    A `Schedule` of that ``kind`` is then checked, retimed and certified by it, also when it is
    loaded.

    Raises:
        ValueError: an object that is no `Scheme`, a name of keras_pde's own, statements that its
            own lists contradict.

    Example:
        >>> from keras_pde import schemes
        >>> schemes.register("fed")
        Traceback (most recent call last):
        ...
        ValueError: A scheme is an instance of keras_pde.schemes.Scheme. Received: 'fed'
    """
    if not isinstance(scheme, Scheme):
        raise ValueError(
            f"A scheme is an instance of keras_pde.schemes.Scheme. Received: {scheme!r}"
        )
    present = SCHEMES.get(scheme.name)
    if present is not None and own(present):
        raise ValueError(
            f"The name {scheme.name!r} is that of a scheme of keras_pde, on whose theorems saved"
            " networks rely. Give the new scheme another name."
        )
    if not own(scheme):
        check_scheme(scheme)
    SCHEMES[scheme.name] = scheme
    return scheme


def scheme_of(schedule: Schedule) -> Scheme:
    """The scheme that a schedule's kind names, or the custom one.

    Example:
        >>> from keras_pde import schemes
        >>> schemes.scheme_of(schemes.fed(4)).first_root(schemes.fed(4)) > 0
        True
    """
    return cast(Scheme, named(schedule.kind))


def _short(values: Sequence[float]) -> str:
    """A list for a message, cut after six numbers."""
    shown = ", ".join(f"{x:.6g}" for x in values[:6])
    return f"({shown}{', …' if len(values) > 6 else ''})"

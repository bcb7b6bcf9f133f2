"""The Du Fort-Frankel scheme."""

from __future__ import annotations

import math
from typing import Any

from keras_pde.runtime.printed import rounded
from keras_pde.schemes.lengths import check_positive, positive, whole
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import LIMIT, Scheme


class DuFortFrankel(Scheme):
    """Steps of one size 1/(2α), all extrapolated with one weight w in (0, 2).

    Its theorems: |p| ≤ max(1, w/(2 − w)) for a frozen operator, and a Lyapunov energy for one that
    follows the state.
    """

    name = "dufort_frankel"

    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same step size and the same weight n times."""
        return (max_step,) * steps, (options["extrapolation"],) * steps

    def options(self, schedule: Schedule) -> dict[str, Any]:
        """The weight w."""
        return {"extrapolation": schedule.extrapolations[0]}

    def shortest(self, time: float, max_step: float, **options: Any) -> int:
        """From the steps of size w/(2 − w) at the limit, which the first ones fall short of."""
        w = options["extrapolation"]
        n = whole(time / max_step * (2 - w) / w)
        while self.reach(n, max_step, **options) < time * (1 - 1e-12):
            n += 1
        return n

    def transient(self, cycle: Schedule) -> float:
        """w/(2 − w) for w > 1, the ratio of the physical step and the explicit one."""
        w = cycle.extrapolations[0]
        return max(1.0, w / (2 - w)) if w > 1 else math.inf

    def energy(self, schedule: Schedule, curvature: float) -> tuple[bool, str]:
        """E + (|w−1|α/w)‖uᵏ − uᵏ⁻¹‖² decreases for w ≤ 1 and 1/(2α) ≤ 2/(β + L‖K‖²).

        For w ≥ 1 the physical step has to obey the limit.
        """
        if not schedule.extrapolates:
            return super().energy(schedule, curvature)
        w, tau = schedule.extrapolations[0], max(schedule.step_sizes)
        physical = tau if w <= 1 else tau * w / (2 - w)
        if physical * curvature <= LIMIT:
            return True, "Du Fort-Frankel: E + (|w−1|α/w)‖uᵏ − uᵏ⁻¹‖² decreases, and starts at E"
        return (
            False,
            "needs τ(β + L‖K‖²) ≤ 2 for the physical step τ, and it is"
            f" {rounded(physical * curvature)}",
        )


def dufort_frankel(
    steps: int | None = None,
    *,
    time: float | None = None,
    max_step: float = 1.0,
    extrapolation: float = 4 / 3,
) -> Schedule:
    """Du Fort-Frankel scheme: τₖ = 1/(2α) = max_step, wₖ = w = 4τα/(1+2τα) in (0, 2).

    The physical step is τ = max_step·w/(2−w): any size is stable for a frozen A, up to a transient
    of max(1, w/(2−w)). For w ≤ 1 a varying A is stable too. The first step starts from u⁻¹ := u⁰.

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
    check_positive(max_step=max_step)
    if not (positive(extrapolation) and extrapolation < 2):
        raise ValueError(
            f"Extrapolation weights must lie in (0, 2). Received: extrapolation={extrapolation!r}"
        )
    return DuFortFrankel().schedule(
        steps, time=time, max_step=max_step, extrapolation=extrapolation
    )

"""The explicit scheme."""

from __future__ import annotations

from typing import Any

from keras_pde.schemes.lengths import whole
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import Scheme


class Explicit(Scheme):
    """Steps of one size τ ≤ 2/ρ(A), without extrapolation: what other schemes are compared with."""

    name = "explicit"
    baseline = True

    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same step size n times, and weights 1."""
        return (max_step,) * steps, (1.0,) * steps

    def reach(self, steps: int, max_step: float, **options: Any) -> float:
        """n·max_step."""
        return steps * max_step

    def shortest(self, time: float, max_step: float, **options: Any) -> int:
        """⌈time/max_step⌉."""
        return whole(time / max_step)


def explicit(
    steps: int | None = None, *, time: float | None = None, max_step: float = 1.0
) -> Schedule:
    """Explicit scheme: τₖ = τ ≤ max_step, w = 1.

    Stable for a varying A as well; n steps reach n·max_step.

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
    return Explicit().schedule(steps, time=time, max_step=max_step)

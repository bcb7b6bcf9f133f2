"""The Fast Semi-Iterative scheme."""

from __future__ import annotations

from typing import Any

from keras_pde.schemes.dufort_frankel import DuFortFrankel
from keras_pde.schemes.fed import Cycles, fed_step_sizes
from keras_pde.schemes.schedule import Schedule


class Fsi(Cycles):
    """Steps of one size, extrapolated with wₖ = (4k+2)/(2k+3).

    The polynomial of a cycle is FED's, so its first root is FED's too.
    """

    name = "fsi"

    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same step size n times, and the weights."""
        return (max_step,) * steps, tuple((4 * k + 2) / (2 * k + 3) for k in range(steps))

    def first_root(self, cycle: Schedule) -> float:
        """1/max τ of FED's cycle."""
        return 1 / max(fed_step_sizes(len(cycle), cycle.step_sizes[0]))

    def energy(self, schedule: Schedule, curvature: float) -> tuple[bool, str]:
        """None is known, but for cycles of one step: they are Du Fort-Frankel's with w = ⅔."""
        if schedule.cycle_length == 1:
            return DuFortFrankel().energy(schedule, curvature)
        return super().energy(schedule, curvature)


def fsi(
    steps: int | None = None,
    *,
    cycles: int = 1,
    time: float | None = None,
    max_step: float = 1.0,
    frozen: bool = False,
) -> Schedule:
    """Fast Semi-Iterative scheme: τₖ = max_step, wₖ = (4k+2)/(2k+3), restarted each cycle.

    For a frozen A a cycle equals FED's, and every intermediate state is stable too, so no ordering
    is needed and A may follow the evolution. The theorem is for a frozen A.

    Args, errors: as `fed`; ``frozen`` freezes the diffusivity over a cycle, for which the theorem
    holds.

    Source: Hafner, Ochs, Weickert, Reissel, Grewenig (GCPR 2016).

    Example:
        >>> from keras_pde import schemes
        >>> a, b = schemes.fsi(10).amplification(1.3), schemes.fed(10).amplification(1.3)
        >>> bool(abs(a - b) < 1e-14)
        True
    """
    return Fsi().schedule(steps, time=time, cycles=cycles, max_step=max_step, frozen=frozen)

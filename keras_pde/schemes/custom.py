"""Lists of one's own: a schedule that follows no scheme."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from keras_pde.schemes.lengths import check_positive
from keras_pde.schemes.registry import CUSTOM
from keras_pde.schemes.schedule import TOLERANCE, Schedule
from keras_pde.schemes.scheme import Scheme


class Custom(Scheme):
    """Lists of one's own: nothing is proved beyond what holds for all lists."""

    name = CUSTOM

    def lists(
        self, steps: int, max_step: float, **options: Any
    ) -> tuple[Sequence[float], Sequence[float]]:
        """There is no rule for lists of one's own.

        Raises:
            ValueError: always.
        """
        raise ValueError("Lists of one's own follow no scheme: give them to Schedule(...) directly")

    def check(self, schedule: Schedule) -> None:
        """Every list is one's own; unstable ones are run, and warned of."""
        growth = schedule.growth(2 / schedule.max_step)
        if growth > 1 + TOLERANCE:
            warnings.warn(
                f"This custom schedule is unstable: a cycle multiplies a state by up to"
                f" {growth:.4g} on the spectrum [0, 2/max_step] = [0, {2 / schedule.max_step:.4g}]"
                " that it states, and nothing keeps states from growing. Make the steps shorter,"
                " state the right max_step, or make the schedule by a scheme.",
                stacklevel=2,
            )

    def retimed(self, schedule: Schedule, time: float) -> Schedule:
        """The same lists, with their step sizes scaled."""
        check_positive(time=time)
        return schedule.scaled(time / schedule.time)

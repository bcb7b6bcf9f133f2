"""Lists of one's own: a schedule that follows no scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pde.schemes.lengths import check_positive
from keras_pde.schemes.registry import CUSTOM
from keras_pde.schemes.schedule import Schedule
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
        """Every list is one's own."""

    def retimed(self, schedule: Schedule, time: float) -> Schedule:
        """The same lists, with their step sizes scaled."""
        check_positive(time=time)
        return schedule.scaled(time / schedule.time)

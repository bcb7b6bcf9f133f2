"""The same scheme to another stopping time."""

from __future__ import annotations

from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import scheme_of


def retimed(schedule: Schedule, time: float) -> Schedule:
    """The same scheme with as many steps as ``time`` needs.

    Its number of cycles and ``max_step`` are kept. Of custom lists the step sizes are scaled.

    Raises:
        ValueError: a time that is not finite and > 0.

    Example:
        >>> from keras_pde import schemes
        >>> slow, fast = schemes.explicit(4), schemes.fed(4)
        >>> len(schemes.retimed(slow, 100.0)), len(schemes.retimed(fast, 100.0))
        (100, 17)
    """
    return scheme_of(schedule).retimed(schedule, time)

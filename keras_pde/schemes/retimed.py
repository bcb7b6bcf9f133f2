"""The same scheme to another stopping time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keras_pde.schemes.dufort_frankel import dufort_frankel
from keras_pde.schemes.explicit import explicit
from keras_pde.schemes.fed import fed
from keras_pde.schemes.fsi import fsi
from keras_pde.schemes.lengths import _positive
from keras_pde.schemes.schedule import Schedule

_BUILDERS: dict[str, Callable[..., Schedule]] = {
    "explicit": explicit,
    "fed": fed,
    "fsi": fsi,
    "dufort_frankel": dufort_frankel,
}


def retimed(schedule: Schedule, time: float) -> Schedule:
    """The same scheme, with its number of cycles and ``max_step`` kept, and as many steps as
    ``time`` needs.

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

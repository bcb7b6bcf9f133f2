"""How many steps reach a stopping time: what the schemes share."""

from __future__ import annotations

import math
from collections.abc import Callable


def _length(
    steps: int | None,
    time: float | None,
    shortest: Callable[[float], int],
    reach: Callable[[int], float],
    scheme: str,
) -> tuple[int, float]:
    """(steps, factor in (0, 1] on the step sizes) from steps, a stopping time, or both."""
    if time is not None and not (math.isfinite(time) and time > 0):
        raise ValueError(f"A stopping time must be finite and > 0. Received: time={time}")
    if steps is None:
        if time is None:
            raise ValueError(f"schemes.{scheme} needs steps, time, or both")
        steps = shortest(time)
    if isinstance(steps, bool) or int(steps) != steps or steps < 1:
        raise ValueError(f"steps must be a whole number >= 1. Received: steps={steps}")
    steps = int(steps)
    if time is None:
        return steps, 1.0
    factor = time / reach(steps)
    if factor > 1 + 1e-12:
        raise ValueError(
            f"{steps} {scheme} step{'s' * (steps > 1)} reach time {reach(steps):.6g} at most, and"
            f" time={time:g} was asked for. Take at least {shortest(time)} steps, or more cycles."
        )
    return steps, min(1.0, factor)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0. Received: {name}={value}")


def _ceil(x: float) -> int:
    return max(1, math.ceil(x * (1 - 1e-12) - 1e-12))

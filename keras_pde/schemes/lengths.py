"""How many steps reach a stopping time: what the schemes share."""

from __future__ import annotations

import math
from collections.abc import Callable


def steps_and_factor(
    steps: int | None,
    time: float | None,
    shortest: Callable[[float], int],
    reach: Callable[[int], float],
    scheme: str,
) -> tuple[int, float]:
    """The number of steps, and a factor in (0, 1] on their sizes.

    Args:
        steps: their number; None is the least that reaches the time.
        time: stopping time; None is as far as the steps reach.
        shortest: the least number of steps to a time.
        reach: the time that a number of steps reaches.
        scheme: its name, for messages.

    Raises:
        ValueError: neither steps nor time, values out of range, or a time beyond what the steps
            reach.
    """
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


def check_positive(**values: float) -> None:
    """Refuse a value that is not finite and > 0.

    Raises:
        ValueError: with the name and the value.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0. Received: {name}={value}")


def whole(x: float) -> int:
    """The least whole number ≥ x, at least 1; rounding does not lift it to the next.

    Example:
        >>> from keras_pde.schemes.lengths import whole
        >>> whole(3 + 1e-14), whole(3.1), whole(0.0)
        (3, 4, 1)
    """
    return max(1, math.ceil(x * (1 - 1e-12) - 1e-12))

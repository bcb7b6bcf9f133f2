"""How many steps reach a stopping time: what the schemes share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras_pde.runtime import gate

MOST_STEPS = 1 << 20


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
    if time is not None and not positive(time):
        raise ValueError(f"A stopping time must be finite and > 0. Received: time={time}")
    if steps is None:
        if time is None:
            raise ValueError(f"schemes.{scheme} needs steps, time, or both")
        steps = shortest(time)
    given: Any = steps
    integral = isinstance(given, float) and given.is_integer()
    steps = gate.whole(int(given) if integral else given, "steps", low=1, high=MOST_STEPS)
    if time is None:
        return steps, 1.0
    factor = time / reach(steps)
    if factor > 1 + 1e-12:
        raise ValueError(
            f"{steps} {scheme} step{'s' * (steps > 1)} reach time {reach(steps):.6g} at most, and"
            f" time={time:g} was asked for. Take at least {shortest(time)} steps, or more cycles."
        )
    return steps, min(1.0, factor)


def positive(x: Any) -> bool:
    """Whether x is a finite number > 0, and nothing but a number.

    Example:
        >>> from keras_pde.schemes.lengths import positive
        >>> positive(0.5), positive("0.5"), positive(True), positive(float("nan"))
        (True, False, False, False)
    """
    try:
        return gate.number(x, "x") > 0
    except ValueError:
        return False


def check_positive(**values: Any) -> None:
    """Refuse a value that is not finite and > 0.

    Raises:
        ValueError: with the name and the value.
    """
    for name, value in values.items():
        if not positive(value):
            raise ValueError(f"{name} must be finite and > 0. Received: {name}={value!r}")


def whole(x: float) -> int:
    """The least whole number ≥ x, at least 1; rounding does not lift it to the next.

    Example:
        >>> from keras_pde.schemes.lengths import whole
        >>> whole(3 + 1e-14), whole(3.1), whole(0.0)
        (3, 4, 1)
    """
    return max(1, math.ceil(x * (1 - 1e-12) - 1e-12))

"""Signals that wait for a safe moment."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["deferred"]

TOGETHER = 0.3  # seconds: `timeout` and terminals send one signal to a process and to its group


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Keep SIGINT and SIGTERM inside the block until it asks for them, or ends.

    What is raised in the midst of a step, where TensorFlow calls a generator of Python's, has ended
    in an abort of the process ("free(): invalid next size"). A further signal, 0.3 s later or more,
    does not wait. In other threads than the main one, which get no signals, nothing happens.

    Yields:
        A function that hands over what has come, to the handler of before: by default it raises
        KeyboardInterrupt.

    Example:
        >>> import signal
        >>> from keras_pde.runtime.interrupts import deferred
        >>> try:
        ...     with deferred() as check:
        ...         signal.raise_signal(signal.SIGINT)
        ...         print("a step")
        ...         check()
        ... except KeyboardInterrupt:
        ...     print("stopped")
        a step
        stopped
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[tuple[float, int]] = []

    def note(number: int, frame: Any) -> None:
        came.append((time.monotonic(), number))
        if came[-1][0] - came[0][0] > TOGETHER:
            check()

    def check() -> None:
        if came:
            number = came[0][1]
            came.clear()
            former[number](number, None)

    former: dict[int, Callable[[int, Any], Any]] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):  # else the system ends the process, or nobody listens
                former[number] = handler
                signal.signal(number, note)
        yield check
    finally:
        for code, handler in former.items():
            signal.signal(code, handler)
    check()

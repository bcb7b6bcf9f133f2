"""SIGINT and SIGTERM: the first ends a command in good order, a second one at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from keras_pde.runtime.interrupts import TOGETHER

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 2.0  # seconds until the first is said to have been heard


class Stopped(KeyboardInterrupt):
    """A signal has asked the command to end.

    Args:
        number: of the signal.

    Attributes:
        exit_code: of the command, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` inside the block at the first signal, and end the process at a second one.

    Python calls a handler when it is back from compiled code, which a program of TensorFlow may be
    in for minutes, so a second signal is waited for by a thread.

    Example:
        >>> from keras_pde.cli.signals import Stopped, stoppable
        >>> try:
        ...     with stoppable():
        ...         signal.raise_signal(signal.SIGTERM)
        ... except Stopped as stopped:
        ...     print(stopped, stopped.exit_code)
        stopped by SIGTERM 143
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, telling = socket.socketpair()
    telling.setblocking(False)
    threading.Thread(target=_wait, args=(told,), daemon=True).start()
    heard: list[int] = []

    def stop(number: int, frame: Any) -> None:
        heard.append(number)
        if len(heard) == 1:  # a second one must not interrupt what the first one sets in order
            raise Stopped(number)

    former = {number: signal.signal(number, stop) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in former.items():
            signal.signal(number, handler)
        telling.close()


def _wait(told: socket.socket) -> None:
    """End the process at the second signal; return once the other end is closed."""
    first = None
    with told:
        while True:
            try:
                numbers = told.recv(1)
            except TimeoutError:
                told.settimeout(None)
                os.write(2, b"keras-pde: stopping after this step; a second signal stops at once\n")
                continue
            if not numbers:
                return
            if numbers[0] not in SIGNALS:
                continue
            if first is None:
                first = time.monotonic()
                told.settimeout(PATIENCE)
            elif time.monotonic() - first > TOGETHER:
                os._exit(128 + numbers[0])

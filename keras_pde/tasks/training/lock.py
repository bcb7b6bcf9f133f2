"""A lock of a folder: two trainings in one would write each other's checkpoints."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

LOCK = "training.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder for this process while the block runs.

    The lock is the operating system's, on a file of the folder, and ends with the process, however
    that ends: the file that is left behind locks nothing. Systems and file systems without such
    locks have none.

    Raises:
        BlockingIOError: another process has it; the message says which.
        OSError: the folder cannot be made or written.

    Example:
        >>> import tempfile
        >>> from keras_pde.tasks.training.lock import locked
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder)):
        ...     with locked(Path(folder)):
        ...         pass
        Traceback (most recent call last):
        ...
        BlockingIOError: ... is in use by the training of process ... Wait until it has ended, ...
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle, folder)
        with contextlib.suppress(OSError):  # who has it is told if the disk has room for that
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.read(handle, 200).decode("utf-8", "replace") or "another process"
        raise BlockingIOError(
            f"{folder} is in use by the training of {who}. Wait until it has ended, or name another"
            " folder: --work DIR."
        ) from None
    except OSError:  # a file system without locks
        return

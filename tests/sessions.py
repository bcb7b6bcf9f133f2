"""A command in a session of its own: all its processes, and their end.

They may have groups of their own, which a kill of the group misses.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def session(process: subprocess.Popen[bytes]) -> dict[int, bytes]:
    """The living processes of the command's session: number and command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        # no process, or one that is gone
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, _, _, its = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if int(its) == process.pid and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the session, and wait until nothing of it writes any more."""
    deadline = time.monotonic() + 30
    while (alive := session(process)) and time.monotonic() < deadline:
        for number in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.01)
    assert not alive, alive
    process.wait()

"""Imports Keras without TensorFlow's log lines when the process is the command keras-pde.

Otherwise does nothing.

TensorFlow logs on import, before it has read TF_CPP_MIN_LOG_LEVEL. The package imports this module
first of all: later is too late.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def started_as_command(argv: list[str]) -> bool:
    """Whether a process with these arguments (sys.orig_argv) is keras-pde or python -m keras_pde."""
    return "keras_pde" in (argv[i + 1] for i, a in enumerate(argv[:-1]) if a == "-m") or any(
        Path(a).stem == "keras-pde" for a in argv[:2]
    )


def import_keras_quietly() -> None:
    """Import Keras while stderr goes to a file, which is shown if the import fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        saved = os.dup(2)
    except OSError:  # no stderr, nothing to silence
        return
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            log.seek(0)
            os.write(saved, log.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


if started_as_command(sys.orig_argv):
    import_keras_quietly()

"""Which process is the command keras-pde, and how it imports Keras.

The command answers `--help` or a misspelt file name at once, so it imports Keras late, and without
TensorFlow's log lines. Every other process imports Keras with the package, and as it is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def started_as_command(argv: list[str]) -> bool:
    """Whether a process with these arguments is the command, and no program of the user's.

    Args:
        argv: what the process was started with, as in `sys.orig_argv`.

    Example:
        >>> from keras_pde.runtime.quiet import started_as_command
        >>> started_as_command(["python", "-m", "keras_pde", "list"])
        True
        >>> started_as_command(["python", "/usr/bin/keras-pde", "list"])
        True
        >>> started_as_command(["python", "mine.py", "-m", "keras_pde"])
        False
    """
    module, file = _what_python_runs(argv)
    return module == "keras_pde" or Path(file).name in ("keras-pde", "keras-pde.exe")


def _what_python_runs(argv: list[str]) -> tuple[str, str]:
    """The module behind -m, or the file, that an interpreter with these arguments runs."""
    words = iter(argv[1:])
    for word in words:
        if word == "-" or not word.startswith("-"):  # a program on stdin, or in a file
            return "", word
        if word == "--check-hash-based-pycs":
            next(words, "")
        if word.startswith("--"):
            continue
        for position, letter in enumerate(word[1:], start=2):
            if letter not in "cmWX":
                continue
            # these four take a value: the rest of the word, or the next word
            value = word[position:] or next(words, "")
            if letter in "cm":
                return (value, "") if letter == "m" else ("", "")
            break
    return "", ""


def import_keras_quietly() -> None:
    """Import Keras while stderr goes to a file, which is shown if the import fails.

    TensorFlow logs while it is imported, before it has read TF_CPP_MIN_LOG_LEVEL. Where Keras is
    imported already, nothing happens.
    """
    if "keras" in sys.modules:
        return
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

"""Messages of other libraries, and paths, in one line."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["one_line", "shown_path"]

STYLE = re.compile(r"\x1b\[[0-9;]*m")  # bold and colours, which Keras writes into its errors


def one_line(message: object) -> str:
    r"""The text of a message, or of an error, in one line without the codes of a terminal.

    Example:
        >>> from keras_pde.runtime.one_line import one_line
        >>> one_line(ValueError("\x1b[1mNo such\n  shape\x1b[0m"))
        'No such shape'
    """
    return " ".join(STYLE.sub("", str(message)).split())


def shown_path(path: Path) -> str:
    r"""A path in one line of printable characters.

    Example:
        >>> from keras_pde.runtime.one_line import shown_path
        >>> print(shown_path(Path("a\nb.png")))
        'a\nb.png'
    """
    text = str(path)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 600 else f"…{text[-600:]}"

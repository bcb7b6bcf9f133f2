"""Messages of other libraries in one line."""

from __future__ import annotations

import re

__all__ = ["one_line"]

STYLE = re.compile(r"\x1b\[[0-9;]*m")  # bold and colours, which Keras writes into its errors


def one_line(message: object) -> str:
    r"""The text of a message, or of an error, in one line without the codes of a terminal.

    Example:
        >>> from keras_pde.runtime.one_line import one_line
        >>> one_line(ValueError("\x1b[1mNo such\n  shape\x1b[0m"))
        'No such shape'
    """
    return " ".join(STYLE.sub("", str(message)).split())

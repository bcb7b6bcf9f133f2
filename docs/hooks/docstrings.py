"""What mkdocstrings has to be told of our docstrings: "Example:" holds examples."""

from __future__ import annotations

import re
from typing import Any

import griffe

# a heading of our docstrings, and the one that the reader of docstrings knows
EXAMPLE = re.compile(r"^(\s*)Example:$", re.MULTILINE)
# a paragraph such as "Source: ..." or "Shapes, units, errors: ...", which begins with its heading
INLINE = re.compile(r"^([A-Z][a-z]+(?:, [a-z]+)*): (?=\S)", re.MULTILINE)


class Examples(griffe.Extension):
    """Docstrings as mkdocstrings reads them."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename headings, and set those that begin a paragraph in bold."""
        if obj.docstring is None:
            return
        text = EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
        obj.docstring.value = INLINE.sub(r"**\1:** ", text)

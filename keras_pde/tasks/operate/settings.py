"""The options of a recipe of the task operate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_pde.runtime.options import flag, names, said
from keras_pde.tasks.operate.sources import SOURCES

__all__ = ["Settings"]

FIELDS = ("data", "symmetries")


class Settings:
    """The options of a recipe: the pairs, and whether the equation's symmetries make more of them.

    Args:
        options: "data", "darcy" or "burgers"; "symmetries", whether samples are mirrored, turned or
            moved at random, as the equation allows.

    Raises:
        ValueError: other options, no set.

    Example:
        >>> from keras_pde.tasks.operate.settings import Settings
        >>> Settings({"data": "darcy", "symmetries": True}).data
        'darcy'
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        names(options, FIELDS)
        data = options.get("data")
        if data not in SOURCES:
            raise ValueError(
                f"data must be one of {', '.join(map(repr, SOURCES))}. Received: {said(data)}"
            )
        self.data = str(data)
        self.symmetries = flag(options.get("symmetries", False), "symmetries")

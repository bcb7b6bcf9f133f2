"""The options of a recipe of the task allocate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_pde.runtime.options import names, said, whole

FIELDS = ("links", "sizes")
MOST = 256


class Settings:
    """The options of a recipe: how many links networks have.

    Args:
        options: "links", those of a network of the training; "sizes", those of the networks that
            the trained one is measured on, several.

    Raises:
        ValueError: other options, values out of their range.

    Example:
        >>> from keras_pde.tasks.allocate.settings import Settings
        >>> Settings({"links": 10, "sizes": [10, 30]}).sizes
        (10, 30)
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        names(options, FIELDS)
        self.links = whole(options.get("links", 10), "links", low=2, high=MOST)
        sizes = options.get("sizes", [self.links])
        if not isinstance(sizes, list | tuple) or not sizes or len(set(sizes)) < len(sizes):
            raise ValueError(f"sizes must be different numbers. Received: {said(sizes)}")
        self.sizes = tuple(whole(n, "sizes", low=2, high=MOST) for n in sizes)

"""The schemes by name: what a schedule's ``kind`` stands for.

Below `schedule` and `scheme`, which both ask it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol


class Named(Protocol):
    """What a schedule asks of its scheme."""

    name: ClassVar[str]
    baseline: ClassVar[bool]

    @property
    def schedule(self) -> Callable[..., Any]:
        """What makes a schedule of the scheme."""

    def check(self, schedule: Any) -> None:
        """Refuse lists that are not the scheme's own."""


SCHEMES: dict[str, Named] = {}
CUSTOM = "custom"


def named(kind: str) -> Named:
    """The scheme of that name; lists of another kind are custom ones, which own no theorem."""
    return SCHEMES.get(kind, SCHEMES[CUSTOM])

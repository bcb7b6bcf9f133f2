"""CycleType: which cycle, in textbook notation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class CycleType:
    """A cycle in textbook notation: "V(2,1)", "W(1,1)", "F(1,1)", "FMG(2,1)".

    Args:
        kind: "V", "W", "F" or "FMG" (full multigrid).
        before: number of smoothing steps before the coarse correction.
        after: number of smoothing steps after it.

    Example:
        >>> CycleType.parse("V(2,1)").before
        2
    """

    kind: str
    before: int
    after: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the notation.

        Raises:
            ValueError: another notation, no smoothing at all.
        """
        match = (
            re.fullmatch(r"(V|W|F|FMG)\((\d+), ?(\d+)\)", text) if isinstance(text, str) else None
        )
        if match is None or int(match[2]) + int(match[3]) == 0:
            raise ValueError(
                "cycle is V, W, F or FMG with the smoothing steps before and after the coarse"
                f' correction, such as "V(2,1)". Received: cycle={text!r}'
            )
        return cls(match[1], int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{self.kind}({self.before},{self.after})"

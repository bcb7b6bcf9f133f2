"""Cycles: smoothing, restriction of the residual, coarse correction and its prolongation, as a
recursion over levels.

In architecture: a U-net. Smoothing steps are residual blocks with a source skip b, restriction and
prolongation the down- and upsampling, x + Pe the additive skip between the two sides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keras import ops

from keras_pde.runtime.loops import repeat
from keras_pde.schemes.multigrid.smoothers import Smoother, Step

KINDS = ("V", "W", "F", "FMG")
SWEEPS_OF_THE_COARSEST = 10  # where no dense matrix solves: nonlinear or learned


class LevelLike(Protocol):
    """What a cycle needs of a level."""

    exact: bool  # whether `solve` is
    convolves: bool  # whether `operator` has convolutions

    def operator(self, u: Any) -> Any:
        """A u."""

    def diagonal(self, u: Any = None) -> Any:
        """What a smoothing step divides by."""

    def divide(self, b: Any, diagonal: Any) -> Any:
        """b/D."""

    def restrict(self, r: Any) -> Any:
        """To the next coarser grid."""

    def prolong(self, e: Any) -> Any:
        """From the next coarser grid."""

    def inject(self, u: Any) -> Any:
        """Values at the points of the next coarser grid."""

    def solve(self, b: Any) -> Any:
        """Exact solution, on the coarsest grid."""

    def parity(self) -> Any:
        """1 and −1 on the two colours of the points."""


@dataclass(frozen=True)
class CycleType:
    """A cycle in textbook notation: "V(2,1)", "W(1,1)", "F(1,1)", "FMG(2,1)".

    Example:
        >>> from keras_pde.schemes.multigrid.cycles import CycleType
        >>> CycleType.parse("V(2,1)").before
        2
    """

    kind: str
    before: int
    after: int

    @classmethod
    def parse(cls, text: str) -> CycleType:
        """Kind and smoothing steps.

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


@dataclass
class Cycle:
    """A cycle over levels, finest first.

    Args:
        levels: operators, from the finest to the coarsest.
        plans: smoothing steps (before, after) of each level.
        kind: "V", "W", "F" or "FMG" (full multigrid: from the coarsest level up, one V-cycle a
            level).
        fas: full approximation scheme instead of the correction scheme.
    """

    levels: Sequence[LevelLike]
    plans: Sequence[tuple[Sequence[Step], Sequence[Step]]]
    kind: str = "V"
    fas: bool = False
    record: dict[int, Any] | None = None

    def __call__(self, b: Any, x: Any = None) -> Any:
        """One cycle for A x = b from x, from 0 if there is none."""
        return self.full(b) if self.kind == "FMG" and x is None else self._cycle(0, b, x, self.kind)

    def full(self, b: Any) -> Any:
        """Full multigrid: the right-hand side on every grid, then from coarse to fine one V-cycle
        each.
        """
        sources = [b]
        for level in self.levels[:-1]:
            sources.append(level.restrict(sources[-1]))
        x = self._coarsest(sources[-1], None)
        for index in reversed(range(len(self.levels) - 1)):
            x = self._cycle(index, sources[index], self.levels[index].prolong(x), "V")
        return x

    def _cycle(self, index: int, b: Any, x: Any, kind: str) -> Any:
        level = self.levels[index]
        if index == len(self.levels) - 1:
            x = self._coarsest(b, x)
        else:
            before, after = self.plans[index]
            x = smooth(level, before, b, x)
            residual = level.restrict(b if x is None else b - level.operator(x))
            x = self._corrected(index, level, x, residual, kind)
            x = smooth(level, after, b, x)
        if self.record is not None:
            self.record[index] = x
        return x

    def _corrected(self, index: int, level: LevelLike, x: Any, residual: Any, kind: str) -> Any:
        below = self.levels[index + 1]
        start = level.inject(x) if self.fas and x is not None else None
        source = residual if start is None else residual + below.operator(start)
        coarse = start
        if index + 2 == len(self.levels) or kind in ("V", "FMG"):
            coarse = self._cycle(index + 1, source, coarse, "V")
        elif kind == "F":
            coarse = self._cycle(
                index + 1, source, self._cycle(index + 1, source, coarse, "F"), "V"
            )
        else:  # a loop, as W-cycles written out would be 2ˡ programs of level l
            first = ops.zeros_like(source) if coarse is None else coarse
            twice = ops.zeros((2,), dtype=source.dtype)
            apart = level.convolves or self.record is not None
            coarse = repeat(
                lambda x, _: self._cycle(index + 1, source, x, "W"),
                first,
                [twice],
                written_out=apart,
            )
        correction = level.prolong(coarse if start is None else coarse - start)
        return correction if x is None else x + correction

    def _coarsest(self, b: Any, x: Any) -> Any:
        level = self.levels[-1]
        if level.exact:
            return level.solve(b)
        before, after = self.plans[-1]
        sweeps = ops.zeros((SWEEPS_OF_THE_COARSEST,), dtype=b.dtype)
        return repeat(
            lambda u, _: smooth(level, [*before, *after], b, u),
            ops.zeros_like(b) if x is None else x,
            [sweeps],
        )


def smooth(level: LevelLike, steps: Sequence[Step], b: Any, x: Any) -> Any:
    """Weighted steps x + ωD⁻¹(b − Ax), from 0 if x is None.

    As a loop where A is a stencil: written out under XLA, fusion recomputes each step for every
    neighbour that reads it in the next.
    """
    if x is None and steps:
        x, steps = _step(level, b, None, steps[0].weight, _sign(steps[0])), steps[1:]
    if len(steps) < 2:
        for step in steps:
            x = _step(level, b, x, step.weight, _sign(step))
        return x
    weights = ops.stack([_tensor(step.weight, b.dtype) for step in steps])
    if steps[0].colour is None:
        return repeat(
            lambda u, s: _step(level, b, u, s[0], None), x, [weights], written_out=level.convolves
        )
    signs = ops.convert_to_tensor([_sign(step) for step in steps], dtype=b.dtype)
    return repeat(
        lambda u, s: _step(level, b, u, s[0], s[1]),
        x,
        [weights, signs],
        written_out=level.convolves,
    )


def _tensor(weight: Any, dtype: Any) -> Any:
    # a number through ops.cast alone would be rounded to float32 on its way
    return (
        ops.convert_to_tensor(weight, dtype=dtype)
        if isinstance(weight, float | int)
        else ops.cast(weight, dtype)
    )


def _sign(step: Step) -> float | None:
    return None if step.colour is None else 1.0 - 2.0 * step.colour


def _step(level: LevelLike, b: Any, x: Any, weight: Any, sign: Any) -> Any:
    residual = b if x is None else b - level.operator(x)
    update = level.divide(residual, level.diagonal(ops.zeros_like(b) if x is None else x)) * weight
    if sign is not None:
        update = update * ((1 + sign * level.parity()) / 2)
    return update if x is None else x + update


def plans_for(
    smoother: Smoother, cycle: CycleType, levels: Sequence[Any]
) -> list[tuple[list[Step], list[Step]]]:
    """Smoothing steps of each level."""
    return [
        smoother.steps(cycle.before, cycle.after, level.smoothing_range, level.ndim)
        for level in levels
    ]

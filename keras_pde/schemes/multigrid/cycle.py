"""Cycle: smoothing, restriction of the residual, coarse correction and its prolongation.

It is a recursion over levels. In architecture it is a U-net: smoothing steps are residual blocks
with a source skip b, restriction and prolongation the down- and upsampling, x + Pe the additive
skip between the two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras import ops

from keras_pde.runtime.loops import repeat
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.level import Level
from keras_pde.schemes.multigrid.smoother import Step
from keras_pde.schemes.multigrid.smoothing import smooth

SWEEPS_OF_THE_COARSEST = 10  # where no dense matrix solves: nonlinear or learned


@dataclass
class Cycle:
    """A cycle over levels, finest first.

    Args:
        levels: from the finest to the coarsest.
        plans: smoothing steps (before, after) of each level.
        kind: "V", "W", "F" or "FMG" (full multigrid: from the coarsest level up, one V-cycle a
            level).
        fas: full approximation scheme instead of the correction scheme.
        record: where the state of each level is put, by its index, when the cycle leaves it.
    """

    levels: Sequence[Level]
    plans: Sequence[tuple[Sequence[Step], Sequence[Step]]]
    kind: str = "V"
    fas: bool = False
    record: dict[int, Tensor] | None = None

    def __call__(self, b: Tensor, x: Tensor | None = None) -> Tensor:
        """One cycle for A x = b from x, from 0 if there is none."""
        return self.full(b) if self.kind == "FMG" and x is None else self._cycle(0, b, x, self.kind)

    def full(self, b: Tensor) -> Tensor:
        """Full multigrid: b on every grid, then from coarse to fine one V-cycle each."""
        sources = [b]
        for level in self.levels[:-1]:
            sources.append(level.restrict(sources[-1]))
        x = self._coarsest(sources[-1], None)
        for index in reversed(range(len(self.levels) - 1)):
            x = self._cycle(index, sources[index], self.levels[index].prolong(x), "V")
        return x

    def _cycle(self, index: int, b: Tensor, x: Tensor | None, kind: str) -> Tensor:
        level = self.levels[index]
        if index == len(self.levels) - 1:
            x = self._coarsest(b, x)
        else:
            before, after = self.plans[index]
            x = corrected(level, b, x)
            x = smooth(level, before, b, x)
            residual = level.restrict(b if x is None else b - level.operator(x))
            x = self._corrected(index, level, x, residual, kind)
            x = smooth(level, after, b, x)
            x = corrected(level, b, x, reverse=True)
        if self.record is not None:
            self.record[index] = x
        return x

    def _corrected(
        self, index: int, level: Level, x: Tensor | None, residual: Tensor, kind: str
    ) -> Tensor:
        below = self.levels[index + 1]
        start = level.inject(x) if self.fas and x is not None else None
        source = residual if start is None else residual + below.operator(start)
        coarse = start
        if index + 2 == len(self.levels) or kind in ("V", "FMG"):
            coarse = self._cycle(index + 1, source, coarse, "V")
        elif kind == "F":
            coarse = self._cycle(index + 1, source, coarse, "F")
            coarse = self._cycle(index + 1, source, coarse, "V")
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

    def _coarsest(self, b: Tensor, x: Tensor | None) -> Tensor:
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


def corrected(level: Level, b: Tensor, x: Tensor | None, reverse: bool = False) -> Tensor | None:
    """The state after the level's own corrections, from 0 if x is None."""
    for correction in reversed(level.corrections) if reverse else level.corrections:
        x = correction(b, x, level.operator, reverse)
    return x

"""Smoothing: the weighted steps x + ωD⁻¹(b − Ax) on one level, as a loop where that is faster."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from keras_pde.runtime.loops import repeat
from keras_pde.runtime.types import DType, Number, Tensor
from keras_pde.schemes.multigrid.cycle_type import CycleType
from keras_pde.schemes.multigrid.level import ClassicalLevel, Level
from keras_pde.schemes.multigrid.smoother import Smoother, Step


def smooth(level: Level, steps: Sequence[Step], b: Tensor, x: Tensor | None) -> Tensor | None:
    """The state after the steps from x, from 0 if x is None; None if that stays 0.

    They run as a loop where A is a stencil: written out under XLA, fusion recomputes each step for
    every neighbour that reads it in the next.
    """
    if x is None and len(steps) > 1 and level.stores:
        x = ops.zeros_like(b)
    if x is None and steps:
        x = _step(level, b, None, steps[0].weight, steps[0].sign)
        steps = steps[1:]
    if len(steps) < 2:
        for step in steps:
            x = _step(level, b, x, step.weight, step.sign)
        return x
    weights = ops.stack([_tensor(step.weight, b.dtype) for step in steps])
    if steps[0].sign is None:
        return repeat(
            lambda u, s: _step(level, b, u, s[0], None), x, [weights], written_out=level.convolves
        )
    signs = ops.convert_to_tensor([step.sign for step in steps], dtype=b.dtype)
    return repeat(
        lambda u, s: _step(level, b, u, s[0], s[1]),
        x,
        [weights, signs],
        written_out=level.convolves,
    )


def _tensor(weight: Number, dtype: DType) -> Tensor:
    # a number through ops.cast alone would be rounded to float32 on its way
    return (
        ops.convert_to_tensor(weight, dtype=dtype)
        if isinstance(weight, float | int)
        else ops.cast(weight, dtype)
    )


def _step(level: Level, b: Tensor, x: Tensor | None, weight: Number, sign: Number | None) -> Tensor:
    residual = b if x is None else b - level.operator(x)
    diagonal = level.diagonal(ops.zeros_like(b) if x is None else x)
    update = level.update(level.divide(residual, diagonal), weight)
    if sign is not None:
        update = update * ((1 + sign * level.parity()) / 2)
    return update if x is None else x + update


def plans_for(
    smoother: Smoother, cycle: CycleType, levels: Sequence[ClassicalLevel]
) -> list[tuple[list[Step], list[Step]]]:
    """The smoothing steps of each level, before and after the coarse correction."""
    return [
        smoother.steps(cycle.before, cycle.after, level.smoothing_range, level.grid.ndim)
        for level in levels
    ]

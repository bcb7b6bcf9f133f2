"""Operator-dependent transfers: what a stencil says about the points between the coarse ones.

Coarse points are those of even index along the axes that are halved. A point between coarse ones
along the axes S solves its own equation, with the stencil summed over the other axes, in which its
neighbours along S are known already: first the points between two coarse ones, then those inside
faces, then those inside cells. Where a coefficient jumps, the interpolant has the kink of the
solution. In one dimension it is exact.

Source: Alcouffe, Brandt, Dendy, Painter (1981); Dendy, Black box multigrid (1982).
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_pde.operators.boundary import cut, zeros_around
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.correction import reciprocal

Offset = tuple[int, ...]


@dataclass(frozen=True)
class BlackBox:
    """P and Pᵀ of one grid.

    Args:
        sizes: points of each axis of the fine grid.
        halved: for each axis, whether every second point is coarse.
        weights: for the points of each parity, in the order of `parities`, how much they take from
            each of the coarse points around them, in the order of `corners`: (batch, *coarse, 1).

    Example:
        >>> one = ops.ones((1, 3, 1))
        >>> transfers = BlackBox.of([-one, 2 * one, -one], [(-1,), (0,), (1,)], (3,), (True,))
        >>> ops.convert_to_numpy(transfers.prolong(ops.ones((1, 2, 1))))[0, :, 0].tolist()
        [1.0, 1.0, 1.0]
    """

    sizes: tuple[int, ...]
    halved: tuple[bool, ...]
    weights: list[list[Tensor]]

    @classmethod
    def of(
        cls,
        coefficients: Sequence[Tensor],
        offsets: Sequence[Offset],
        sizes: tuple[int, ...],
        halved: tuple[bool, ...],
    ) -> BlackBox:
        """The transfers of the stencil with these coefficients at these offsets."""
        empty = cls(sizes, halved, [])
        found: dict[Offset, dict[Offset, Any]] = {(0,) * len(sizes): {(0,) * len(sizes): 1.0}}
        for parity in parities(halved):
            found[parity] = empty.interpolation(coefficients, offsets, parity, found)
        return cls(sizes, halved, [[found[s][c] for c in corners(s)] for s in parities(halved)])

    def interpolation(
        self,
        coefficients: Sequence[Tensor],
        offsets: Sequence[Offset],
        parity: Offset,
        known: dict[Offset, dict[Offset, Any]],
    ) -> dict[Offset, Tensor]:
        """Weights of the points of one parity, from those of points between fewer coarse ones."""
        summed: dict[Offset, Any] = {}
        for coefficient, offset in zip(coefficients, offsets, strict=True):
            step = tuple(o if odd else 0 for o, odd in zip(offset, parity, strict=True))
            part = self.part(coefficient, parity)
            summed[step] = summed[step] + part if step in summed else part
        own = summed.pop((0,) * len(parity))
        inverse = reciprocal(own)
        weights: dict[Offset, Any] = dict.fromkeys(corners(parity), 0 * own)
        for step, coefficient in summed.items():
            share = -coefficient * inverse
            behind = tuple(max(s, 0) for s in step)
            between = tuple(0 if s else odd for s, odd in zip(step, parity, strict=True))
            for corner, weight in known[between].items():
                place = tuple(map(operator.add, corner, behind))
                moved = weight if isinstance(weight, float) else moved_by(weight, behind)
                weights[place] = weights[place] + share * moved
        return weights

    def prolong(self, e: Tensor) -> Tensor:
        """P e on the fine grid."""
        zero = (0,) * len(self.sizes)
        values = {zero: e * ops.ones_like(self.weights[0][0])}  # one e may serve many samples
        for parity, weights in zip(parities(self.halved), self.weights, strict=True):
            terms = [w * moved_by(e, c) for w, c in zip(weights, corners(parity), strict=True)]
            values[parity] = functools.reduce(operator.add, terms)
        return self.interleaved(values)

    def restrict(self, r: Tensor) -> Tensor:
        """Pᵀ r on the coarse grid."""
        total = self.part(r, (0,) * len(self.sizes))
        for parity, weights in zip(parities(self.halved), self.weights, strict=True):
            values = self.part(r, parity)
            for weight, corner in zip(weights, corners(parity), strict=True):
                total = total + moved_by(weight * values, tuple(-c for c in corner))
        return total

    def part(self, x: Tensor, parity: Offset) -> Tensor:
        """The points of one parity, 0 where an axis ends before."""
        for axis, (n, halved) in enumerate(zip(self.sizes, self.halved, strict=True), start=1):
            if halved:
                x = x[(slice(None),) * axis + (slice(parity[axis - 1], None, 2),)]
                if n % 2 and parity[axis - 1]:
                    x = zeros_around(x, axis, 0, 1)
        return x

    def interleaved(self, values: dict[Offset, Tensor]) -> Tensor:
        """The fine grid whose points of each parity are given."""
        for axis in reversed(range(len(self.sizes))):
            if not self.halved[axis]:
                continue
            joined = {}
            for parity in {(*s[:axis], 0, *s[axis + 1 :]) for s in values}:
                odd = (*parity[:axis], 1, *parity[axis + 1 :])
                pair = ops.stack([values[parity], values[odd]], axis + 2)
                shape = ops.shape(pair)
                joined[parity] = cut(
                    ops.reshape(pair, (*shape[: axis + 1], -1, *shape[axis + 3 :])),
                    axis + 1,
                    0,
                    self.sizes[axis],
                )
            values = joined
        return values[(0,) * len(self.sizes)]


def parities(halved: Sequence[bool]) -> list[Offset]:
    """The parities of points that are not coarse, those between fewest coarse points first.

    Example:
        >>> parities((True, True))
        [(0, 1), (1, 0), (1, 1)]
    """
    every = itertools.product(*((0, 1) if h else (0,) for h in halved))
    return sorted((s for s in every if any(s)), key=sum)


def corners(parity: Offset) -> list[Offset]:
    """The coarse points around a point of one parity, as steps from the one before it."""
    return list(itertools.product(*((0, 1) if odd else (0,) for odd in parity)))


def moved_by(x: Tensor, steps: Sequence[int]) -> Tensor:
    """The values so many points further along each axis, 0 beyond the last."""
    for axis, step in enumerate(steps, start=1):
        if step > 0:
            x = zeros_around(cut(x, axis, step, None), axis, 0, step)
        elif step < 0:
            x = zeros_around(cut(x, axis, None, step), axis, -step, 0)
    return x

"""Clusters: points that strong couplings join, and corrections that are constant on each.

An island of high conductivity in a poor sea has an error that no step at single points damps, its
own constant, and no coarse grid of every second point holds it where the island lies between these
points. One number for each island does.

Source: Vaněk, Mandel, Brezina (1996), strong couplings; Baker, Falgout, Kolev, Yang (2011), the
ℓ1 scaling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_pde.runtime.loops import repeat
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.black_box import Offset, moved_by
from keras_pde.schemes.multigrid.correction import Correction, reciprocal, rounding

STRONG = 0.15  # |aᵢⱼ| over √(aᵢᵢaⱼⱼ) from which two points are joined
ROUNDS = 8  # of joining: six are enough for percolating clusters on 511² and 1023² points
WEIGHT = 1.8  # below 2, so that a correction never raises the energy of the error


@dataclass(frozen=True)
class Clusters(Correction):
    """x ↦ x + ω Σ_C 1_C ⟨1_C, b − Ax⟩ / Σⱼ|⟨1_C, A 1_Cⱼ⟩|, over all clusters C, with ω = 1.8.

    The denominators are row sums of the absolute values of the Galerkin matrix of the clusters. As
    a diagonal matrix they are no less than it, so no ω in (0, 2) raises the energy of the error.

    Args:
        labels: for each point a number that is the same for all points of its cluster, integers
            from 0 to the number of points: (batch, points).
        weights: ω over the denominator of the cluster of each point, 0 for a denominator of 0,
            (batch, points, 1).

    Example:
        >>> a = ops.convert_to_tensor([[[0.0], [-1.0]], [[1.5], [1.5]], [[-1.0], [0.0]]])
        >>> pair = Clusters.of([x[None] for x in a], [(-1,), (0,), (1,)], (2,))
        >>> ops.convert_to_numpy(pair.update(ops.ones((1, 2, 1)))).round(4).ravel()
        array([3.6, 3.6], dtype=float32)
    """

    labels: Tensor
    weights: Tensor

    @classmethod
    def of(
        cls, coefficients: Sequence[Tensor], offsets: Sequence[Offset], sizes: tuple[int, ...]
    ) -> Clusters:
        """The clusters of the stencil with these coefficients at these offsets."""
        diagonal = coefficients[len(coefficients) // 2]
        scale = ops.sqrt(ops.maximum(diagonal, 0.0))
        strong = [
            (o, -c > STRONG * scale * moved_by(scale, o))
            for c, o in zip(coefficients, offsets, strict=True)
            if any(o)
        ]
        labels = joined(strong, ops.shape(diagonal), sizes)
        place = ops.reshape(labels, ops.shape(diagonal))
        inner: Any = 0 * diagonal
        outer: Any = 0 * diagonal
        for c, o in zip(coefficients, offsets, strict=True):
            same = ops.equal(place, moved_by(place, o))
            inner = inner + ops.where(same, c, ops.zeros_like(c))
            outer = outer + ops.where(same, ops.zeros_like(c), ops.abs(c))
        own, beyond, all_of_it = (
            total(_rows(x), labels) for x in (inner, outer, ops.maximum(diagonal, 0.0))
        )
        rows = ops.maximum(own, 0.0) + beyond
        least = rounding(diagonal.dtype) * all_of_it
        return cls(labels, WEIGHT * spread(reciprocal(rows, least), labels))

    def __call__(
        self, b: Tensor, x: Tensor | None, operator: Callable[[Tensor], Tensor], reverse: bool
    ) -> Tensor:
        """The state after the step, which is its own adjoint."""
        return self.update(b) if x is None else x + self.update(b - operator(x))

    def update(self, r: Tensor) -> Tensor:
        """What is added for a residual (batch, *spatial, channels)."""
        totals = total(_rows(r), self.labels)
        return ops.reshape(self.weights * spread(totals, self.labels), ops.shape(r))


def joined(strong: Sequence[tuple[Offset, Tensor]], shape: Any, sizes: tuple[int, ...]) -> Tensor:
    """A label for each point, equal for those that are joined, (batch, points).

    Each point takes the largest label around it, the root of its label hears of it, and labels are
    replaced by theirs. After few rounds a component has one label; one that needs more stays in
    parts, which are clusters as well.

    Example:
        >>> mask = ops.convert_to_tensor([[[True], [False], [True], [False]]])
        >>> strong = [((1,), mask), ((-1,), ops.roll(mask, 1, 1))]
        >>> ops.convert_to_numpy(joined(strong, (1, 4, 1), (4,))).tolist()
        [[1, 1, 3, 3]]
    """
    points = math.prod(sizes)
    start = ops.reshape(ops.arange(points, dtype="int32"), (1, points))
    batch = shape[0]

    def hear(labels: Tensor, _: Any) -> Tensor:
        place = ops.reshape(labels, shape)
        heard = place
        for o, mask in strong:
            heard = ops.maximum(heard, ops.where(mask, moved_by(place, o), place))
        found = ops.reshape(heard, (-1, points))
        roots = ops.maximum(_segments(ops.segment_max, found[..., None], labels)[..., 0], start)
        found = ops.maximum(found, spread(roots[..., None], found)[..., 0])
        for _ in range(2):
            found = ops.maximum(found, spread(found[..., None], found)[..., 0])
        return found

    return repeat(hear, ops.tile(start, (batch, 1)), [ops.zeros((ROUNDS,))])


def total(rows: Tensor, labels: Tensor) -> Tensor:
    """The sum over the points of each label, (batch, points, channels)."""
    return _segments(ops.segment_sum, rows, labels)


def spread(totals: Tensor, labels: Tensor) -> Tensor:
    """What belongs to the label of each point, (batch, points, channels)."""
    points, channels = totals.shape[1], totals.shape[2]
    flat = ops.reshape(totals, (-1, channels))
    return ops.reshape(
        ops.take(flat, _everywhere(labels, ops.shape(totals)[0]), axis=0), (-1, points, channels)
    )


def _segments(reduce: Any, rows: Tensor, labels: Tensor) -> Tensor:
    points, channels = rows.shape[1], rows.shape[2]
    batch = ops.shape(rows)[0]
    flat = ops.reshape(rows, (-1, channels))
    found = reduce(flat, _everywhere(labels, batch), num_segments=batch * points)
    return ops.reshape(found, (-1, points, channels))


def _everywhere(labels: Tensor, batch: Any) -> Tensor:
    # one coefficient may serve many samples
    first = ops.arange(batch, dtype="int32") * labels.shape[1]
    return ops.reshape(labels + first[:, None], (-1,))


def _rows(x: Tensor) -> Tensor:
    return ops.reshape(x, (-1, math.prod(x.shape[1:-1]), x.shape[-1]))

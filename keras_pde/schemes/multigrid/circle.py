"""Circle: a periodic axis whose points stay equally far apart on every level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.axis import Axis

REACH = 6  # fine points that a coarse one can meet: |i − jH| < H with H ≤ 5/2


class Circle(Axis):
    """A periodic axis of n points whose coarser one has N points at the distance H = n/N.

    An even n has N = n/2, H = 2. An odd one has the even N that is nearest to n/2: every second
    point would leave two coarse points side by side where the axis closes, and in several
    dimensions the strong edge between them, twice as strong on each level, keeps points from
    smoothing. Interpolation is linear by positions, R = ½Pᵀ, and the coarse operator is the
    stencil of the distance H.

    Example:
        >>> axis = Circle.finest(37, "periodic", "float32")
        >>> axis.coarser().size, round(axis.coarser().spacing, 3)
        (18, 2.056)
    """

    @property
    def coarse_size(self) -> Any:
        """N."""
        n = self.size
        if self.arrays.known:
            return max(1, n // 2 if n % 2 == 0 else 2 * ((n + 1) // 4))
        nearest = ops.maximum(2 * ((n + 1) // 4), 1)
        return ops.where(ops.equal(n % 2, 0), n // 2, nearest)

    @property
    def halves(self) -> bool:
        """Whether the coarse points are known to be every second point."""
        return self.arrays.known and self.size % 2 == 0

    def coarser(self) -> Self:
        """The axis of N points."""
        if self.halves or not self.coarsens:
            return super().coarser()
        size, arrays = self.coarse_size, self.arrays
        distance = (
            self.size / size if arrays.known else self._number(self.size) / self._number(size)
        )
        one = arrays.ones(size)
        return replace(
            self,
            size=size,
            conductance=one * (self.conductance[0] / (2 * distance)),
            mass=one * (self.mass[0] * distance / 2),
            spacing=self.spacing * distance,
        )

    def restrict(self, v: Tensor, axis: int) -> Tensor:
        """½Pᵀ v along an axis of a tensor."""
        if self.halves:
            return super().restrict(v, axis)
        n, size = self.size, self.coarse_size
        j = self.arrays.indices(size)
        total: Any = 0.0
        for k in range(REACH):
            i = (j - 1) * n // size + k
            weight = self.arrays.cast(self.arrays.xp.maximum(n - abs(i * size - j * n), 0))
            part = self._along(weight / (2 * self._number(n)), v, axis)
            total = total + part * ops.take(v, i % n, axis=axis)
        return total

    def prolong(self, e: Tensor, axis: int) -> Tensor:
        """P e along an axis of a tensor."""
        return super().prolong(e, axis) if self.halves else self._between(e, axis, self.size)

    def inject(self, u: Tensor, axis: int) -> Tensor:
        """Values at the coarse points, which may lie between two fine ones."""
        return super().inject(u, axis) if self.halves else self._between(u, axis, self.coarse_size)

    def _between(self, x: Tensor, axis: int, count: Any) -> Tensor:
        """Linear interpolation of a periodic axis at so many points at equal distances."""
        size = self.coarse_size if count is self.size else self.size
        place = self.arrays.indices(count) * size
        before = place // count
        weight = self.arrays.cast(place % count) / self._number(count)
        share = self._along(weight, x, axis)
        after = ops.take(x, (before + 1) % size, axis=axis)
        return (1 - share) * ops.take(x, before, axis=axis) + share * after

    def _number(self, n: Any) -> Any:
        return float(n) if self.arrays.known else ops.cast(n, self.arrays.dtype)

    def _along(self, vector: Tensor, like: Tensor, axis: int) -> Tensor:
        shape = [1] * len(like.shape)
        shape[axis] = -1
        vector = ops.convert_to_tensor(vector, dtype=None if not self.arrays.known else like.dtype)
        return ops.cast(ops.reshape(vector, shape), like.dtype)

    @property
    def turned(self) -> Tensor | None:
        """1 at the last of an odd number of points.

        Two neighbours have to share a colour there. That is the last one's and that of the point
        before; if it were that of the first, red-black smoothing would be slower, as measured.
        """
        arrays, n = self.arrays, self.size
        if arrays.known and (n % 2 == 0 or n == 1):
            return None
        return arrays.cast(arrays.indices(n) == n - 1) * arrays.cast(n % 2)

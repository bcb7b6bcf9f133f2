"""StencilLevel: an operator with a stencil of its own at each point, such as a Galerkin product.

A scattered mask has no coarse grid of its own, so the coarse operators of inpainting are the
Galerkin ones R M A M P with M the unknown pixels. They are stencils of (2r + 1)^d weights at each
point, found by applying the finer operator to (2r + 1)^d combs of points at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut
from keras_pde.operators.near_field import box
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel, Level


class StencilLevel(ClassicalLevel):
    """A u = Σₒ aₒ(i) u(i + o), with a weight aₒ at each point for each offset o.

    Args:
        grid: the grid, of known sizes.
        dtype: precision of the states.
        coefficients: aₒ, each (batch, *spatial, 1), of the (2r + 1)^d offsets in lexical order.
        offsets: of the coefficients, where they are others; the middle one is 0.
    """

    def __init__(
        self,
        grid: Grid,
        dtype: str,
        coefficients: list[Tensor],
        offsets: list[tuple[int, ...]] | None = None,
    ) -> None:
        super().__init__(grid, dtype)
        self.coefficients = coefficients
        self.radius = (round(len(coefficients) ** (1 / grid.ndim)) - 1) // 2
        self.offsets = box(self.radius, grid.ndim) if offsets is None else offsets
        if offsets is not None:
            self.radius = max(map(max, offsets))

    def operator(self, u: Tensor) -> Tensor:
        """A u."""
        r = self.radius
        wide = ops.pad(u, [(0, 0), *[(r, r)] * self.grid.ndim, (0, 0)])
        total: Any = None
        for weight, offset in zip(self.coefficients, self.offsets, strict=True):
            shifted = wide
            for axis, o in enumerate(offset, start=1):
                shifted = cut(shifted, axis, r + o, o - r if o < r else None)
            total = weight * shifted if total is None else total + weight * shifted
        return total

    def diagonal(self, u: Tensor | None = None) -> Tensor:
        """The weight of the point itself; 0 where no unknown pixel is near."""
        return self.coefficients[len(self.coefficients) // 2]

    def divide(self, b: Tensor, diagonal: Tensor | float) -> Tensor:
        """b/D, and 0 where D is."""
        return ops.where(
            diagonal > 0,
            b / ops.where(diagonal > 0, diagonal, ops.ones_like(diagonal)),
            ops.zeros_like(b),
        )

    @property
    def smoothing_range(self) -> tuple[Number, Number]:
        """High by Gershgorin's row sums, low as for the finest grid's operator."""
        rows = self.divide(sum(ops.abs(c) for c in self.coefficients), self.diagonal())
        high = ops.maximum(ops.max(rows), 1.0)
        return high / (2.0 * (self.grid.coarsening_axes or 1)) ** self.radius, high

    def solve(self, b: Tensor) -> Tensor:
        """The solution by a dense matrix for each sample, on one point by a division.

        It is 0 at points with no unknown pixel near, whose rows are empty.
        """
        if not self.grid.coarsens:
            return self.divide(b, self.diagonal())
        size = self.grid.points
        spread = ops.reshape(ops.eye(size, dtype=b.dtype), (size, *b.shape[1:-1]))
        columns = [
            self.operator(ops.repeat(spread[j][None, ..., None], ops.shape(b)[0], 0))
            for j in range(size)
        ]
        matrix = ops.reshape(ops.stack(columns, -1), (-1, size, size))
        empty = ops.cast(ops.reshape(self.diagonal(), (-1, size)) <= 0, b.dtype)
        matrix = matrix + ops.eye(size, dtype=b.dtype) * empty[:, :, None]
        right = ops.reshape(b, (-1, size, b.shape[-1]))
        return ops.reshape(ops.linalg.solve(matrix, right), ops.shape(b))


def coarser_stencil(level: Level, radius: int, grid: Grid | None = None) -> list[Tensor]:
    """The Galerkin operator on the next coarser grid, as the coefficients of a `StencilLevel`.

    Args:
        level: the finer one.
        radius: of the coarser stencil.
        grid: the coarser grid, if it is not that of every second point of each axis.
    """
    return probed(
        lambda comb: level.restrict(level.operator(level.prolong(comb))),
        (grid or level.grid.coarser()).sizes,
        radius,
        level.dtype,
    )


def probed(
    apply: Callable[[Tensor], Tensor], sizes: tuple[int, ...], radius: int, dtype: str
) -> list[Tensor]:
    """The stencil of a linear operator, by its images of (2r + 1)^d combs of points.

    Args:
        apply: the operator, on (1, *sizes, channels).
        sizes: points of each axis.
        radius: r, how far a point's neighbours reach.
        dtype: precision.

    Example:
        >>> weights = probed(lambda u: 3 * u, (4,), 1, "float32")
        >>> [float(w[0, 2, 0]) for w in weights]
        [0.0, 3.0, 0.0]
    """
    ndim, k = len(sizes), 2 * radius + 1
    comb: Any = 1.0
    for i, n in enumerate(sizes):
        tooth = (np.arange(n)[:, None] % k == np.arange(k)).astype("float64")  # point × colour
        shape = [1] * (ndim + 1) + [1] * ndim
        shape[i + 1], shape[ndim + 1 + i] = n, k
        comb = comb * tooth.reshape(shape)
    comb = np.broadcast_to(comb, (1, *sizes, *(k,) * ndim)).reshape(1, *sizes, -1)
    image = apply(ops.convert_to_tensor(comb, dtype=dtype))
    image = ops.reshape(image, (-1, *sizes, *(k,) * ndim))
    places, colours = "xyz"[:ndim], "cde"[:ndim]
    for i, n in enumerate(sizes):
        # the weight of offset o at point j is the image of the comb whose colour is that of j + o
        wanted = (np.arange(n)[:, None] + np.arange(-radius, radius + 1)) % k  # point × offset
        # point × colour × offset
        select = (wanted[:, None, :] == np.arange(k)[None, :, None]).astype("float64")
        place, colour = places[i], colours[i]
        rule = f"b{places}{colours},{place}{colour}o->b{places}{colours.replace(colour, 'o')}"
        image = ops.einsum(rule, image, ops.convert_to_tensor(select, dtype=dtype))
    flat = ops.reshape(image, (-1, *sizes, k**ndim))
    return [flat[..., j : j + 1] for j in range(k**ndim)]

"""Levels of inpainting.

The unknown pixels of a mask on the finest grid, Galerkin stencils of them on the coarser ones.

A scattered mask has no coarse grid of its own, so the coarse operators are the Galerkin ones R M A
M P with M the unknown pixels: stencils of (2r + 1)^d weights at each point, found by applying the
finer operator to (2r + 1)^d combs of points at once.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut
from keras_pde.schemes.multigrid.grids import Grid
from keras_pde.schemes.multigrid.levels import Level


class MaskedLevel(Level):
    """A u = M L^k M u + C u on the finest grid.

    M is 1 on unknown pixels, C = 1 − M on known ones, k = order/2.
    """

    colours = False

    def __init__(self, grid: Grid, dtype: str, unknown: Any, order: int) -> None:
        super().__init__(grid, dtype, order=order)
        self.unknown, self.singular = unknown, False

    def operator(self, u: Any) -> Any:
        """A u."""
        return self.unknown * super().operator(self.unknown * u) + (1 - self.unknown) * u

    def diagonal(self, u: Any = None) -> Any:
        """D, 1 on known pixels."""
        return self.unknown * super().diagonal() + (1 - self.unknown)

    def source(self, f: Any) -> Any:
        """Right-hand side: −M L^k C f + C f."""
        known = (1 - self.unknown) * f
        return known - self.unknown * super().operator(known)

    def restrict(self, r: Any) -> Any:
        """Of the unknown pixels' residual only: known ones have none."""
        return self.grid.restrict(self.unknown * r)

    def prolong(self, e: Any) -> Any:
        """To the unknown pixels only."""
        return self.unknown * self.grid.prolong(e)


class StencilLevel(Level):
    """A u = Σₒ aₒ(i) u(i + o), with a weight aₒ at each point for each offset o."""

    colours = False

    def __init__(self, grid: Grid, dtype: str, coefficients: list[Any]) -> None:
        super().__init__(grid, dtype)
        self.coefficients, self.singular = coefficients, False
        self.radius = (round(len(coefficients) ** (1 / self.ndim)) - 1) // 2
        self.offsets = list(
            itertools.product(range(-self.radius, self.radius + 1), repeat=self.ndim)
        )

    def operator(self, u: Any) -> Any:
        """A u."""
        r = self.radius
        wide = ops.pad(u, [(0, 0), *[(r, r)] * self.ndim, (0, 0)])
        total = None
        for weight, offset in zip(self.coefficients, self.offsets, strict=True):
            shifted = wide
            for axis, o in enumerate(offset, start=1):
                shifted = cut(shifted, axis, r + o, o - r if o < r else None)
            total = weight * shifted if total is None else total + weight * shifted
        return total

    def diagonal(self, u: Any = None) -> Any:
        """The weight of the point itself; 0 where no unknown pixel is near."""
        return self.coefficients[len(self.coefficients) // 2]

    def divide(self, b: Any, diagonal: Any) -> Any:
        """b/D, and 0 where D is."""
        return ops.where(
            diagonal > 0,
            b / ops.where(diagonal > 0, diagonal, ops.ones_like(diagonal)),
            ops.zeros_like(b),
        )

    @property
    def smoothing_range(self) -> tuple[Any, Any]:
        """High by Gershgorin's row sums, low as for the finest grid's operator."""
        rows = self.divide(sum(ops.abs(c) for c in self.coefficients), self.diagonal())
        high = ops.maximum(ops.max(rows), 1.0)
        d = sum(axis.coarsens for axis in self.grid.axes) or 1
        return high / (2.0 * d) ** self.radius, high

    def solve(self, b: Any) -> Any:
        """A division on one point, else smoothing is left to do it.

        The dense matrix may be singular where all pixels are known.
        """
        if not self.grid.coarsens:
            return self.divide(b, self.diagonal())
        size = int(np.prod(b.shape[1:-1]))
        spread = ops.reshape(ops.eye(size, dtype=b.dtype), (size, *b.shape[1:-1]))
        columns = [
            self.operator(ops.repeat(spread[j][None, ..., None], ops.shape(b)[0], 0))
            for j in range(size)
        ]
        matrix = ops.reshape(ops.stack(columns, -1), (-1, size, size))
        empty = ops.cast(ops.reshape(self.diagonal(), (-1, size)) <= 0, b.dtype)
        matrix = matrix + ops.eye(size, dtype=b.dtype) * empty[:, :, None]
        return ops.reshape(
            ops.linalg.solve(matrix, ops.reshape(b, (-1, size, b.shape[-1]))), ops.shape(b)
        )


def coarser_stencil(level: Level, radius: int) -> list[Any]:
    """Weights of the Galerkin operator on the next coarser grid, offset by offset, each (batch,
    *spatial, 1).
    """
    grid, k = level.grid.coarser(), 2 * radius + 1
    comb: Any = 1.0
    for i, n in enumerate(grid.sizes):
        tooth = (np.arange(n)[:, None] % k == np.arange(k)).astype("float64")  # point × colour
        shape = [1] * (level.ndim + 1) + [1] * level.ndim
        shape[i + 1], shape[level.ndim + 1 + i] = n, k
        comb = comb * tooth.reshape(shape)
    comb = np.broadcast_to(comb, (1, *grid.sizes, *(k,) * level.ndim)).reshape(1, *grid.sizes, -1)
    image = level.restrict(
        level.operator(level.prolong(ops.convert_to_tensor(comb, dtype=level.dtype)))
    )
    image = ops.reshape(image, (-1, *grid.sizes, *(k,) * level.ndim))
    places, colours = "xyz"[: level.ndim], "cde"[: level.ndim]
    for i, n in enumerate(grid.sizes):
        # the weight of offset o at point j is the image of the comb whose colour is that of j + o
        wanted = (np.arange(n)[:, None] + np.arange(-radius, radius + 1)) % k  # point × offset
        # point × colour × offset
        select = (wanted[:, None, :] == np.arange(k)[None, :, None]).astype("float64")
        rule = f"b{places}{colours},{places[i]}{colours[i]}o->b{places}{colours.replace(colours[i], 'o')}"
        image = ops.einsum(rule, image, ops.convert_to_tensor(select, dtype=level.dtype))
    flat = ops.reshape(image, (-1, *grid.sizes, k**level.ndim))
    return [flat[..., j : j + 1] for j in range(k**level.ndim)]

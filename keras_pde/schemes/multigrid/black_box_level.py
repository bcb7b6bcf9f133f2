"""BlackBoxLevel: a stencil with the transfers that it implies, and a hierarchy of such levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.near_field import box
from keras_pde.runtime.precision import matrix_product
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.black_box import BlackBox
from keras_pde.schemes.multigrid.clusters import Clusters
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.inverse import inverse
from keras_pde.schemes.multigrid.level import ClassicalLevel
from keras_pde.schemes.multigrid.lines import Lines
from keras_pde.schemes.multigrid.stencil_level import StencilLevel, coarser_stencil

Offsets = list[tuple[int, ...]]
COLUMNS = 3  # zeros beside the right-hand side of the coarsest grid


class OperatorLevel(ClassicalLevel):
    """A u on the finest grid as a function computes it, for residuals.

    Args:
        grid: the finest grid.
        dtype: precision of the states.
        apply: u ↦ A u.
    """

    def __init__(self, grid: Grid, dtype: str, apply: Callable[[Tensor], Tensor]) -> None:
        super().__init__(grid, dtype)
        self.apply = apply

    def operator(self, u: Tensor) -> Tensor:
        """A u."""
        return self.apply(u)

    def diagonal(self, u: Tensor | None = None) -> Tensor:
        """Refused: the levels that smooth have stencils."""
        raise NotImplementedError("OperatorLevel computes residuals only")

    @property
    def smoothing_range(self) -> tuple[float, float]:
        """Refused, as the diagonal is."""
        raise NotImplementedError("OperatorLevel computes residuals only")


class BlackBoxLevel(StencilLevel):
    """A u = Σₒ aₒ(i) u(i + o), with the transfers of `BlackBox`.

    Args:
        grid: the grid, of known sizes.
        dtype: precision of the states.
        offsets: of the coefficients.
        below: the next coarser grid, None if there is none.
        data: what `stencils` found of this level.
    """

    stores = True

    def __init__(
        self, grid: Grid, dtype: str, offsets: Offsets, below: Grid | None, data: list[Any]
    ) -> None:
        coefficients, self.reciprocal, self.high, (lines, clusters), *rest = data
        super().__init__(grid, dtype, coefficients, offsets)
        self.corrections = [
            *(Lines(axis, *found) for axis, found in enumerate(lines)),
            *(Clusters(*found) for found in clusters),
        ]
        self.transfers = None if below is None else BlackBox(grid.sizes, halved(grid, below), rest)
        self.inverse = rest[0] if below is None else None

    def divide(self, b: Tensor, diagonal: Tensor | float) -> Tensor:
        """b/D."""
        return b * self.reciprocal

    @property
    def smoothing_range(self) -> tuple[Number, Number]:
        """High by Gershgorin's row sums, low what a coarser grid cannot represent."""
        return self.high / (2.0 * (self.grid.coarsening_axes or 1)), self.high

    def restrict(self, r: Tensor) -> Tensor:
        """Pᵀ r."""
        return self._between().restrict(r)

    def prolong(self, e: Tensor) -> Tensor:
        """P e."""
        return self._between().prolong(e)

    def _between(self) -> BlackBox:
        if self.transfers is None:
            raise ValueError("The coarsest of the grids has no coarser one")
        return self.transfers

    def solve(self, b: Tensor) -> Tensor:
        """The solution by the inverse matrix of each sample."""
        channels = b.shape[-1]
        rows = ops.reshape(b, (-1, self.grid.points, channels))
        # with one column XLA would compute each entry of b again in every row of the product
        wide = ops.pad(rows, [(0, 0), (0, 0), (0, COLUMNS)])
        found = matrix_product(self.inverse, wide)[..., :channels]
        return ops.reshape(found, ops.shape(b))


def halved(grid: Grid, below: Grid) -> tuple[bool, ...]:
    """Which axes have fewer points on the coarser grid."""
    return tuple(n > m for n, m in zip(grid.sizes, below.sizes, strict=True))


def stencils(
    grids: list[Grid], dtype: str, coefficients: list[Tensor], offsets: Offsets, singular: bool
) -> list[list[Any]]:
    """What every level needs: of the Galerkin operators A ← PᵀAP.

    That is [coefficients, 1/D, the largest eigenvalue of D⁻¹A or more, data of corrections, weights
    of P], and of the coarsest A⁻¹ in place of the weights. All is computed in the precision of the
    finest coefficients, as what remains of rows whose coefficients jump is small beside these, and
    cast to that of the states.
    """
    found: list[list[Any]] = []
    for grid, below in zip(grids, [*grids[1:], None], strict=True):
        diagonal = coefficients[len(coefficients) // 2]
        reciprocal = 1 / ops.where(diagonal > 0, diagonal, ops.ones_like(diagonal))
        high = ops.max(sum(ops.abs(c) for c in coefficients) * reciprocal)
        data: list[Any] = [coefficients, reciprocal, ops.maximum(high, 1.0)]
        if below is None:
            dense = _inverse(coefficients, offsets, grid, singular)
            found.append(_cast([*data, [[], []], dense], dtype))
        else:
            data.append(_corrections(coefficients, offsets, grid.sizes, finest=not found))
            transfers = BlackBox.of(coefficients, offsets, grid.sizes, halved(grid, below))
            data = [*data, *transfers.weights]
            found.append(_cast(data, dtype))
            level = BlackBoxLevel(grid, _name(diagonal), offsets, below, data)
            coefficients, offsets = coarser_stencil(level, 1, below), box(1, grid.ndim)
    return found


def _corrections(
    coefficients: list[Tensor], offsets: Offsets, sizes: tuple[int, ...], finest: bool
) -> list[list[Any]]:
    """Of lines and of clusters: in one dimension transfers are exact, and neither is needed.

    Lines of the finest grid would cost as much as all the rest, and layers are resolved there.
    """
    if len(sizes) == 1:
        return [[], []]
    found = Clusters.of(coefficients, offsets, sizes)
    clusters = [[found.labels, found.weights]]
    if finest or len(sizes) > 2:
        return [[], clusters]
    by_offset = dict(zip(offsets, coefficients, strict=True))
    ways = [[(-1, 0), (0, 0), (1, 0)], [(0, -1), (0, 0), (0, 1)]]
    lines = [Lines.of([by_offset[o] for o in way], axis) for axis, way in enumerate(ways)]
    return [[[x.before, x.after, x.inverse] for x in lines], clusters]


def _inverse(coefficients: list[Tensor], offsets: Offsets, grid: Grid, singular: bool) -> Tensor:
    """A⁻¹; of a singular A that of A plus a multiple of the matrix of ones."""
    n = grid.points
    rows = ops.reshape(ops.concatenate(coefficients, -1), (-1, n, len(offsets)))
    places = np.stack(np.unravel_index(np.arange(n), grid.sizes), -1)
    steps = places[None] - places[:, None]  # from row to column
    chosen = np.stack([(steps == np.array(o)).all(-1) for o in offsets])
    dtype = _name(coefficients[0])
    matrix = ops.einsum("bik,kij->bij", rows, ops.convert_to_tensor(chosen, dtype=dtype))
    if singular:
        trace = ops.einsum("bii->b", matrix)[:, None, None]
        matrix = matrix + ops.where(trace > 0, trace, ops.ones_like(trace)) / float(n * n)
    return inverse(matrix)


def black_box_levels(
    grids: list[Grid], dtype: str, data: list[list[Any]], offsets: Offsets
) -> list[ClassicalLevel]:
    """The levels of what `stencils` found; ``offsets`` are those of the finest."""
    levels: list[ClassicalLevel] = []
    for grid, below, level in zip(grids, [*grids[1:], None], data, strict=True):
        levels.append(BlackBoxLevel(grid, dtype, offsets, below, level))
        offsets = box(1, grid.ndim)
    return levels


def _name(x: Tensor) -> str:
    return str(keras.backend.standardize_dtype(x.dtype))


def _cast(tensors: Any, dtype: str) -> Any:
    """Numbers in another precision, labels as they are."""

    def cast(x: Tensor) -> Tensor:
        return ops.cast(x, dtype) if keras.backend.is_float_dtype(_name(x)) else x

    return keras.tree.map_structure(cast, tensors)

"""Grids of a multigrid hierarchy: products of axes, and the transfers between them.

With S = Kᵀ diag(c) K (K forward differences) the stiffness of an axis and M = diag(m) its mass, the
Laplacian is Σₐ Sₐ ⊗ M_others. The next coarser axis has the Galerkin stiffness ½PᵀSP, which is
tridiagonal again, and the restricted mass ½Pᵀm. On a grid of 2ᵏ − 1 points with zero boundary that
is the textbook stencil of grid size 2h; for every other size and boundary it is the finite-volume
stencil of the grid that every second point makes. Periodic axes of a `Circle` are the exception.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.axis import Axis
from keras_pde.schemes.multigrid.circle import Circle


@dataclass(frozen=True)
class Grid:
    """A product of axes, and the transfers to the next coarser one.

    Args:
        axes: the axes, in the order of a tensor's spatial axes.
        level: 0 for the finest grid.

    Example:
        >>> Grid.finest((7, 5), "dirichlet").coarser().sizes
        (3, 2)
    """

    axes: tuple[Axis, ...]
    level: int = 0

    @classmethod
    def finest(
        cls, sizes: Sequence[Any], boundary: str, dtype: str = "float32", *, circles: bool = False
    ) -> Grid:
        """The grid of the given sizes with grid size 1.

        Args:
            sizes: points of each axis, numbers or tensors.
            boundary: "dirichlet", "neumann" or "periodic".
            dtype: precision of vectors of unknown size.
            circles: whether periodic axes keep their points at equal distances on every level.
        """
        kind = Circle if circles and boundary == "periodic" else Axis
        return cls(tuple(kind.finest(n, boundary, dtype) for n in sizes))

    def coarser(self, halved: Sequence[bool] | None = None) -> Grid:
        """The grid of every second point of each axis, or of those axes that are to be halved."""
        chosen = halved or [True] * len(self.axes)
        axes = [a.coarser() if h else a for a, h in zip(self.axes, chosen, strict=True)]
        return Grid(tuple(axes), self.level + 1)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def sizes(self) -> tuple[Any, ...]:
        """Points of each axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def known(self) -> bool:
        """Whether all sizes are numbers."""
        return all(axis.arrays.known for axis in self.axes)

    @property
    def points(self) -> int:
        """Number of points, of a grid of known sizes."""
        return math.prod(self.sizes)

    @property
    def boundary(self) -> str:
        """Boundary condition of all axes."""
        return self.axes[0].boundary

    @property
    def spacing(self) -> float:
        """The grid size h = 2^level."""
        return float(2**self.level)

    @property
    def coarsening_axes(self) -> int:
        """Number of axes with more than one point."""
        return sum(axis.coarsens for axis in self.axes)

    @property
    def coarsens(self) -> bool:
        """Whether any axis has more than one point."""
        return self.coarsening_axes > 0

    def restrict(self, v: Tensor) -> Tensor:
        """Full weighting of (batch, *spatial, channels): Pᵀ over 2 for each axis that coarsens."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                v = axis.restrict(v, i)
        return v

    def prolong(self, e: Tensor) -> Tensor:
        """Linear interpolation to this grid from the next coarser one."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                e = axis.prolong(e, i)
        return e

    def inject(self, u: Tensor) -> Tensor:
        """Values at the points of the next coarser grid."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                u = axis.inject(u, i)
        return u

    def along(self, vector: Tensor, i: int, dtype: str) -> Tensor | float:
        """A vector of axis i as a tensor to multiply (batch, *spatial, channels) with.

        A vector that is constant becomes a number.
        """
        constant = self.axes[i].arrays.constant(vector)
        if constant is not None:
            return constant
        shape = (1,) * (i + 1) + (-1,) + (1,) * (self.ndim - i)
        return ops.cast(ops.reshape(ops.convert_to_tensor(vector, dtype=dtype), shape), dtype)

    def mass(self, dtype: str, skip: int | None = None) -> Tensor | float:
        """The product of the masses of all axes but one, which weighs an edge along axis ``skip``.

        Without ``skip`` it is the product of all, which weighs a point.
        """
        product: Any = 1.0
        for i, axis in enumerate(self.axes):
            if i != skip:
                product = product * self.along(axis.mass, i, dtype)
        return product

    def edge_weights(self, dtype: str) -> list[Tensor | float]:
        """c ⊗ m_others of the edges along each axis.

        The missing edge behind a reflecting end counts as its neighbour.
        """
        return [
            self.along(axis.edges, i, dtype) * self.mass(dtype, i)
            for i, axis in enumerate(self.axes)
        ]

    def neighbour_weights(self, dtype: str) -> list[tuple[Tensor | float, Tensor | float]]:
        """What a point's neighbours before and after it count in the Laplacian, for each axis."""
        weights = []
        for i, axis in enumerate(self.axes):
            others = self.mass(dtype, i)
            before = self.along(axis.before, i, dtype) * others
            weights.append((before, self.along(axis.conductance, i, dtype) * others))
        return weights

    def degree(self, dtype: str) -> Tensor | float:
        """Diagonal of the Laplacian."""
        return sum(
            self.along(axis.degree, i, dtype) * self.mass(dtype, i)
            for i, axis in enumerate(self.axes)
        )

    def wall(self, dtype: str) -> Tensor | float:
        """Diagonal that the walls before the first points add to Σ Kᵀ diag(c ⊗ m)K.

        It is 0 without walls.
        """
        total: Any = 0.0
        for i, axis in enumerate(self.axes):
            if axis.boundary == "dirichlet":
                total = total + self.along(axis.first_wall, i, dtype) * self.mass(dtype, i)
        return total

    def density(self, dtype: str) -> Number:
        """ρ ≥ degree/mass at every point: a number where all sizes are known."""
        total = sum(
            axis.density if axis.arrays.known else ops.cast(axis.density, dtype)
            for axis in self.axes
        )
        return float(total) if self.known else total

    def parity(self, dtype: str) -> Tensor | float:
        """1 at the points whose indices sum to an even number, −1 at the others.

        It is the other way round at points that an axis says are turned.
        """
        product: Any = 1.0
        kept: Any = 1.0
        for i, axis in enumerate(self.axes):
            product = product * self.along(axis.parity, i, dtype)
            if axis.turned is not None:
                kept = kept * (1 - self.along(axis.turned, i, dtype))
        return product * (2 * kept - 1)

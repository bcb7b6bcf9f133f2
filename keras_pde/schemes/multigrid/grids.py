"""Grids of a multigrid hierarchy.

Per axis the masses m of the points and the conductances c of the edges.

The operators live on a product of axes. With S = Kᵀ diag(c) K (K forward differences) the stiffness
of an axis and M = diag(m) its mass, the Laplacian is Σₐ Sₐ ⊗ M_others. The next coarser axis has
the Galerkin stiffness ½PᵀSP, which is tridiagonal again, and the restricted mass ½Pᵀm: on a grid of
2ᵏ − 1 points with zero boundary that is the textbook stencil of grid size 2h, and for every other
size and boundary it is the finite-volume stencil of the grid that every second point makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_pde.operators.transfer import coarse_size, inject_axis, prolong_axis, restrict_axis


@dataclass(frozen=True)
class Axis:
    """One axis: size, conductance of the edge after each point, conductance of the wall before the
    first, and mass of each point.
    """

    size: Any
    boundary: str
    conductance: Any
    wall: Any
    mass: Any

    @classmethod
    def finest(cls, size: Any, boundary: str, dtype: str) -> Axis:
        """Grid size 1; a tensor as size makes everything a tensor."""
        xp = np if isinstance(size, int) else ops
        one = xp.ones((size,), dtype="float64" if xp is np else dtype)
        conductance = (
            one if boundary != "neumann" else xp.concatenate([one[:-1], xp.zeros_like(one[:1])], 0)
        )
        if xp is np and size == 1 and boundary == "periodic":
            conductance = xp.zeros_like(one)  # the only point is its own neighbour
        return cls(
            size, boundary, conductance, one[0] if boundary == "dirichlet" else 0 * one[0], one
        )

    @property
    def coarsens(self) -> bool:
        """Whether a coarser axis exists: one of unknown size is taken to have one."""
        return not isinstance(self.size, int) or self.size > 1

    def coarser(self) -> Axis:
        """The axis of every second point."""
        if not self.coarsens:
            return self
        xp = np if isinstance(self.size, int) else ops
        c, at = self.conductance, 1 if self.boundary == "dirichlet" else 0
        before, after = c[at::2], c[at + 1 :: 2]
        # a last edge that is not halved keeps the whole difference: (a + 3a)/8 = a/2
        after = xp.concatenate([after, 3 * before[-1:]], 0)[: xp.shape(before)[0]]
        conductance = (before + after) / 8
        if self.boundary == "neumann":
            conductance = xp.concatenate([conductance[:-1], xp.zeros_like(conductance[:1])], 0)
        size = coarse_size(self.size, self.boundary)
        if xp is np and size == 1 and self.boundary == "periodic":
            conductance = xp.zeros_like(conductance)
        mass = restrict_axis(self.mass, 0, self.boundary, xp)
        return Axis(
            size,
            self.boundary,
            conductance,
            (self.wall + c[0]) / 8 if self.boundary == "dirichlet" else self.wall,
            mass,
        )

    @property
    def before(self) -> Any:
        """Conductance of the edge or wall before each point."""
        c = self.conductance
        xp = np if isinstance(self.size, int) else ops
        return xp.concatenate(
            [c[-1:] if self.boundary == "periodic" else xp.reshape(self.wall, (1,)), c[:-1]], 0
        )

    @property
    def degree(self) -> Any:
        """Diagonal of the stiffness: the conductances of both edges of each point."""
        return self.conductance + self.before


@dataclass(frozen=True)
class Grid:
    """A product of axes, and the transfers to the next coarser one."""

    axes: tuple[Axis, ...]
    level: int = 0

    @classmethod
    def finest(cls, sizes: Sequence[Any], boundary: str, dtype: str = "float32") -> Grid:
        """Grid of the given sizes with grid size 1."""
        return cls(tuple(Axis.finest(n, boundary, dtype) for n in sizes))

    def coarser(self) -> Grid:
        """The grid of every second point of each axis."""
        return Grid(tuple(axis.coarser() for axis in self.axes), self.level + 1)

    @property
    def sizes(self) -> tuple[Any, ...]:
        """Points of each axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def points(self) -> int:
        """Number of points."""
        return int(np.prod(list(self.sizes)))

    @property
    def coarsens(self) -> bool:
        """Whether any axis has more than one point."""
        return any(axis.coarsens for axis in self.axes)

    def restrict(self, v: Any) -> Any:
        """Full weighting of (batch, *spatial, channels): Pᵀ over 2 for each axis that coarsens."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                v = restrict_axis(v, i, axis.boundary)
        return v

    def prolong(self, e: Any) -> Any:
        """Linear interpolation to this grid from the next coarser one."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                e = prolong_axis(e, i, axis.size, axis.boundary)
        return e

    def inject(self, u: Any) -> Any:
        """Values at the points of the next coarser grid."""
        for i, axis in enumerate(self.axes, start=1):
            if axis.coarsens:
                u = inject_axis(u, i, axis.boundary)
        return u

    def along(self, vector: Any, i: int, dtype: str) -> Any:
        """A vector of axis i as a tensor to multiply (batch, *spatial, channels) with.

        A number where it is constant.
        """
        if isinstance(vector, np.ndarray) and np.ptp(vector) <= 1e-14 * abs(vector[0]):
            return float(vector[0])
        shape = (1,) * (i + 1) + (-1,) + (1,) * (len(self.axes) - i)
        return ops.cast(ops.reshape(ops.convert_to_tensor(vector, dtype=dtype), shape), dtype)

    def mass(self, dtype: str, skip: int | None = None) -> Any:
        """Product of the masses of all axes but one.

        What weighs a point, or an edge along axis ``skip``.
        """
        product: Any = 1.0
        for i, axis in enumerate(self.axes):
            if i != skip:
                product = product * self.along(axis.mass, i, dtype)
        return product

    def edge_weight(self, i: int, dtype: str) -> Any:
        """c ⊗ m_others of the edges along axis i.

        The missing edge behind a reflecting end counts as its neighbour.
        """
        axis = self.axes[i]
        c = axis.conductance
        if axis.boundary == "neumann":
            xp = np if isinstance(axis.size, int) else ops
            c = xp.concatenate([c[:-1], c[-2:][:1]], 0)  # of one point: its own, 0
        return self.along(c, i, dtype) * self.mass(dtype, i)

    def neighbour_weights(self, i: int, dtype: str) -> tuple[Any, Any]:
        """What a point's neighbours before and after it along axis i count in the Laplacian."""
        axis, others = self.axes[i], self.mass(dtype, i)
        return (
            self.along(axis.before, i, dtype) * others,
            self.along(axis.conductance, i, dtype) * others,
        )

    def degree(self, dtype: str) -> Any:
        """Diagonal of the Laplacian."""
        return sum(
            self.along(axis.degree, i, dtype) * self.mass(dtype, i)
            for i, axis in enumerate(self.axes)
        )

    def wall(self, dtype: str) -> Any:
        """Diagonal that the walls before the first points add to Σ Kᵀ diag(c ⊗ m)K.

        0 without walls.
        """
        total: Any = 0.0
        for i, axis in enumerate(self.axes):
            if axis.boundary == "dirichlet":
                xp = np if isinstance(axis.size, int) else ops
                first = xp.concatenate(
                    [xp.reshape(axis.wall, (1,)), xp.zeros_like(axis.mass[1:])], 0
                )
                total = total + self.along(first, i, dtype) * self.mass(dtype, i)
        return total

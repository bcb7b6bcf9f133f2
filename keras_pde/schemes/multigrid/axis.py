"""Axis: one axis of a grid, with the masses of its points and the conductances of its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from keras_pde.operators.transfer import coarse_size, inject_axis, prolong_axis, restrict_axis
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.arrays import Arrays


@dataclass(frozen=True)
class Axis:
    """S = Kᵀ diag(c) K and M = diag(m): the stiffness and the mass of an axis.

    Args:
        size: number of points; a tensor makes the vectors tensors.
        boundary: "dirichlet", "neumann" or "periodic".
        conductance: c of the edge after each point.
        wall: conductance of the wall before the first point, 0 without walls.
        mass: m of each point.
        arrays: what the vectors are made of.
        spacing: distance of neighbouring points; 1 on the finest grid.
    """

    size: Any
    boundary: str
    conductance: Tensor
    wall: Number
    mass: Tensor
    arrays: Arrays
    spacing: Number = 1.0

    @classmethod
    def finest(cls, size: Any, boundary: str, dtype: str) -> Self:
        """The axis of grid size 1, with masses and conductances 1."""
        arrays = Arrays.of(size, dtype)
        one = arrays.ones(size)
        return cls(
            size,
            boundary,
            _without_missing_edges(one, size, boundary, arrays),
            one[0] if boundary == "dirichlet" else 0 * one[0],
            one,
            arrays,
        )

    @property
    def coarsens(self) -> bool:
        """Whether a coarser axis exists: one of unknown size is taken to have one."""
        return not self.arrays.known or self.size > 1

    def coarser(self) -> Self:
        """The axis of every second point."""
        if not self.coarsens:
            return self
        arrays, c = self.arrays, self.conductance
        start = 1 if self.boundary == "dirichlet" else 0
        before, after = c[start::2], c[start + 1 :: 2]
        # a last edge that is not halved keeps the whole difference: (a + 3a)/8 = a/2
        after = arrays.joined(after, 3 * before[-1:])[: arrays.length(before)]
        size = coarse_size(self.size, self.boundary)
        return type(self)(
            size,
            self.boundary,
            _without_missing_edges((before + after) / 8, size, self.boundary, arrays),
            (self.wall + c[0]) / 8 if self.boundary == "dirichlet" else self.wall,
            restrict_axis(self.mass, 0, self.boundary, arrays.xp),
            arrays,
            2 * self.spacing,
        )

    def restrict(self, v: Tensor, axis: int) -> Tensor:
        """½Pᵀ v along an axis of a tensor."""
        return restrict_axis(v, axis, self.boundary)

    def prolong(self, e: Tensor, axis: int) -> Tensor:
        """P e along an axis of a tensor: linear interpolation from the next coarser axis."""
        return prolong_axis(e, axis, self.size, self.boundary)

    def inject(self, u: Tensor, axis: int) -> Tensor:
        """Values at the points of the next coarser axis."""
        return inject_axis(u, axis, self.boundary)

    @property
    def before(self) -> Tensor:
        """Conductance of the edge or wall before each point."""
        c = self.conductance
        first = c[-1:] if self.boundary == "periodic" else self.arrays.vector(self.wall)
        return self.arrays.joined(first, c[:-1])

    @property
    def degree(self) -> Tensor:
        """Diagonal of S: the conductances of both edges of each point."""
        return self.conductance + self.before

    @property
    def edges(self) -> Tensor:
        """c, where the missing edge behind a reflecting end counts as its neighbour."""
        c = self.conductance
        if self.boundary != "neumann":
            return c
        return self.arrays.joined(c[:-1], c[-2:][:1])  # of one point: its own, 0

    @property
    def first_wall(self) -> Tensor:
        """The conductance of the wall at the first point, 0 at the others."""
        return self.arrays.joined(
            self.arrays.vector(self.wall), self.arrays.zeros_like(self.mass[1:])
        )

    @property
    def has_next(self) -> Tensor:
        """1 at each point that another follows, 0 at the last."""
        return self.arrays.cast(self.arrays.indices(self.size) < self.size - 1)

    @property
    def parity(self) -> Tensor:
        """1 at points of even index, −1 at the others."""
        return 1 - 2 * self.arrays.cast(self.arrays.indices(self.size) % 2)

    @property
    def turned(self) -> Tensor | None:
        """1 at points whose colour is not that of their parity, 0 at others; None if none is."""
        return None

    @property
    def density(self) -> Number:
        """The largest degree for a mass of 1."""
        return self.arrays.largest(self.degree / self.mass)


def _without_missing_edges(c: Tensor, size: Any, boundary: str, arrays: Arrays) -> Tensor:
    """The conductances, 0 where there is no edge.

    There is none behind a reflecting end, nor from the only point of a periodic axis to itself.
    """
    if boundary == "neumann":
        return arrays.joined(c[:-1], arrays.zeros_like(c[:1]))
    if boundary == "periodic" and arrays.known and size == 1:
        return arrays.zeros_like(c)
    return c

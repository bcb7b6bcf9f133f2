"""NodeLevels: scattered nodes, nested subsets of them, and which nodes are near on each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime import gate

__all__ = ["NodeLevels"]

COARSEST = 64  # nodes at most that are joined all to all
SLOWEST = 0.9
TINY = 1e-12
WIDE = 1e-12


@dataclass(frozen=True)
class Edges:
    """A sparse matrix by its entries: values from columns to rows."""

    rows: np.ndarray
    columns: np.ndarray
    values: Any  # an array, or a tensor
    shape: tuple[int, int]

    def transposed(self) -> Edges:
        """The transpose, its entries in the order of its rows."""
        order = np.argsort(self.columns, kind="stable")
        return Edges(self.columns[order], self.rows[order], self.values[order], self.shape[::-1])

    def times(self, u: Any) -> Any:
        """The product with (nodes, values): of a tensor by a segment sum, of an array in NumPy."""
        if isinstance(u, np.ndarray):
            found = np.zeros((self.shape[0], u.shape[1]))
            np.add.at(found, self.rows, self.values[:, None] * u[self.columns])
            return found
        terms = ops.convert_to_tensor(self.values[:, None], u.dtype) * ops.take(
            u, self.columns, axis=0
        )
        rows = ops.convert_to_tensor(self.rows, "int32")
        return ops.segment_sum(terms, rows, num_segments=self.shape[0])

    def as_arrays(self) -> Edges:
        """With values in an array of float64."""
        values = np.asarray(ops.convert_to_numpy(self.values), np.float64)
        return Edges(self.rows, self.columns, values, self.shape)

    def absolute(self) -> Edges:
        """The absolute values."""
        return Edges(self.rows, self.columns, np.abs(self.values), self.shape)


class NodeLevels:
    r"""Nested subsets of scattered nodes, the near pairs of each, and interpolation between them.

    Of a level the next one has a node in each cell of twice its mean spacing, the first and the
    last of each row of cells, and the corners of the convex hull. Near pairs are those within
    ``near_field`` mean spacings, found by a k-d tree; on the last level all are. Interpolation is
    linear on the simplices of coarse nodes. Pairs and cost are linear in nodes that fill a box
    about evenly.

    Args:
        nodes: (N, d), d = 2 or 3, more than d + 1.
        near_field: > 0, the radius of near pairs in mean spacings of the level.

    Attributes:
        nodes: those of each level, finest first.
        spacings: the mean spacing of each level.
        pairs: of each level the rows i and the columns j of near pairs, a node's own among them.
        transfers: P of each level but the last.
        volume: of the box around the nodes.

    Raises:
        ValueError: nodes that are no finite points in 2-D or 3-D.

    Example:
        >>> from keras_pde.operators import NodeLevels
        >>> levels = NodeLevels(np.random.default_rng(0).random((500, 2)))
        >>> [len(nodes) for nodes in levels.nodes][-1] <= 64
        True
    """

    def __init__(self, nodes: np.ndarray, near_field: float = 2.5) -> None:
        from scipy.spatial import cKDTree

        nodes = np.asarray(nodes, np.float64)
        if nodes.ndim != 2 or nodes.shape[1] not in (2, 3) or not np.isfinite(nodes).all():
            raise ValueError(
                f"nodes must be finite points (N, d) in 2-D or 3-D. Received: shape {nodes.shape}"
            )
        self.near_field = gate.number(near_field, "near_field", low=0, low_open=True)
        self.volume = float(np.prod(np.maximum(np.ptp(nodes, axis=0), TINY)))
        self.nodes, self.spacings = [nodes], [self._spacing(nodes)]
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self.transfers: list[Edges] = []
        while len(nodes) > COARSEST:
            coarse = _thinned(nodes, self.spacings[-1])
            if len(coarse) > SLOWEST * len(nodes):  # the margin is nearly all of it
                break
            reach = self.near_field * self.spacings[-1]
            near = cKDTree(nodes).query_pairs(reach, output_type="ndarray")
            here = np.arange(len(nodes))
            i = np.concatenate([here, near[:, 0], near[:, 1]])
            j = np.concatenate([here, near[:, 1], near[:, 0]])
            order = np.argsort(i, kind="stable")
            self.pairs.append((i[order], j[order]))
            weights, at = _interpolation(nodes, coarse)
            rows = np.repeat(here, at.shape[1])
            shape = (len(nodes), len(coarse))
            self.transfers.append(Edges(rows, at.ravel(), weights.ravel(), shape))
            nodes = coarse
            self.nodes.append(nodes)
            self.spacings.append(self._spacing(nodes))
        i, j = (k.ravel() for k in np.indices((len(nodes),) * 2))
        self.pairs.append((i, j))

    def _spacing(self, nodes: np.ndarray) -> float:
        return (self.volume / len(nodes)) ** (1 / nodes.shape[1])

    def norm_bound(self, near: list[Edges]) -> float:
        """Upper bound of ‖K‖ of near fields in arrays, by Schur's test on absolute values (J2)."""
        near, transfers = ([e.absolute() for e in part] for part in (near, self.transfers))
        ones = np.ones((near[0].shape[0], 1))
        rows = self.cycle(ones, near, transfers).max()
        columns = self.cycle(ones, [e.transposed() for e in near], transfers).max()
        return math.sqrt(rows * columns) * (1 + WIDE)

    def cycle(self, u: Any, near: list[Edges], transfers: list[Edges] | None = None) -> Any:
        """Σ over levels of P⋯P B Pᵀ⋯Pᵀ u, with B the near fields.

        Args:
            u: (nodes, values).
            near: B of each level, finest first.
            transfers: in the place of P.
        """
        transfers = self.transfers if transfers is None else transfers
        states = [u]
        for transfer in transfers:
            states.append(transfer.transposed().times(states[-1]))
        total = near[-1].times(states[-1])
        for edges, transfer, v in reversed(
            list(zip(near[:-1], transfers, states[:-1], strict=True))
        ):
            total = transfer.times(total) + edges.times(v)
        return total


def _thinned(nodes: np.ndarray, spacing: float) -> np.ndarray:
    """One node, the nearest to the centre, of each cell that is two spacings wide, and the margin.

    Of each row of cells the first and the last node are kept, and the corners of the hull.
    """
    from scipy.spatial import ConvexHull

    cells, inside = np.divmod(nodes - nodes.min(axis=0), 2 * spacing)
    order = np.argsort(np.linalg.norm(inside - spacing, axis=1), kind="stable")
    kept = [
        ConvexHull(nodes).vertices,
        order[np.unique(cells[order], axis=0, return_index=True)[1]],
    ]
    for axis in range(nodes.shape[1]):
        rows = np.delete(cells, axis, axis=1)
        for sign in (1, -1):
            order = np.argsort(sign * nodes[:, axis], kind="stable")
            kept.append(order[np.unique(rows[order], axis=0, return_index=True)[1]])
    return nodes[np.unique(np.concatenate(kept))]


def _interpolation(nodes: np.ndarray, coarse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, d + 1) ≥ 0, and numbers of the corners of the simplex around each node."""
    from scipy.spatial import Delaunay

    mesh = Delaunay(coarse)
    simplex = mesh.find_simplex(nodes, tol=1e-9)
    to = mesh.transform[simplex]
    inner = np.einsum("nij,nj->ni", to[:, :-1], nodes - to[:, -1])
    weights = np.concatenate([inner, 1 - inner.sum(axis=1, keepdims=True)], 1).clip(0)
    return weights / weights.sum(axis=1, keepdims=True), mesh.simplices[simplex]

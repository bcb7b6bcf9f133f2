"""GraphKernel: a kernel between scattered nodes as near fields on nested subsets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["GraphKernel"]

COARSEST = 64  # nodes at most that are joined all to all
SLOWEST = 0.9
TINY = 1e-12
WIDE = 1e-12


@dataclass(frozen=True)
class Edges:
    """A sparse matrix by its entries: values from columns to rows."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
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

    def absolute(self) -> Edges:
        """The absolute values."""
        return Edges(self.rows, self.columns, np.abs(self.values), self.shape)


class GraphKernel:
    r"""K u, (K u)ᵢ = Σⱼ κ(xᵢ, xⱼ)uⱼ over scattered nodes, by K_l = B_l + P K_{l+1}Pᵀ.

    Levels are nested subsets: of level l the next one has a node in each cell of twice its mean
    spacing, the first and the last of each row of cells, and the corners of the convex hull. B_l
    joins the nodes within ``near_field`` mean spacings, found by a k-d tree, and holds κ less what
    the coarser level interpolates; P is linear on the simplices of coarse nodes. Products are
    segment sums. Edges and cost are linear in nodes that fill a box about evenly; the last level
    is dense.

    Args:
        kernel: (x, y) ↦ κ(x, y) for arrays (n, d) of points.
        nodes: (N, d), d = 2 or 3, more than d + 1.
        near_field: > 0, the radius of near fields in mean spacings of the level.

    Call args: u (N, values). Returns K u, a tensor; `adjoint` gives Kᵀ u.

    Raises:
        ValueError: nodes that are no finite points in 2-D or 3-D.

    Source: Li et al., arXiv:2006.09535 (2020), section 3, with κ_l computed instead of learned.

    Example:
        >>> from keras_pde.operators.graph_kernel import GraphKernel
        >>> x = np.random.default_rng(0).random((300, 2))
        >>> log = lambda x, y: -np.log(np.linalg.norm(x - y, axis=-1) + 0.01)
        >>> K, u = GraphKernel(log, x), np.ones((300, 1))
        >>> exact = log(x[:, None], x[None]) @ u
        >>> bool(np.linalg.norm(np.array(K(u)) - exact) < 0.03 * np.linalg.norm(exact))
        True
    """

    def __init__(
        self,
        kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
        nodes: np.ndarray,
        near_field: float = 2.5,
    ) -> None:
        from scipy.spatial import cKDTree

        nodes = np.asarray(nodes, np.float64)
        if nodes.ndim != 2 or nodes.shape[1] not in (2, 3) or not np.isfinite(nodes).all():
            raise ValueError(
                f"nodes must be finite points (N, d) in 2-D or 3-D. Received: shape {nodes.shape}"
            )
        self.near_field = gate.number(near_field, "near_field", low=0, low_open=True)
        volume = float(np.prod(np.maximum(np.ptp(nodes, axis=0), TINY)))
        self.near: list[Edges] = []
        self.transfers: list[Edges] = []
        while len(nodes) > COARSEST:
            spacing = (volume / len(nodes)) ** (1 / nodes.shape[1])
            coarse = _thinned(nodes, spacing)
            if len(coarse) > SLOWEST * len(nodes):  # the margin is nearly all of it
                break
            weights, at = _interpolation(nodes, coarse)
            pairs = cKDTree(nodes).query_pairs(self.near_field * spacing, output_type="ndarray")
            here = np.arange(len(nodes))
            i = np.concatenate([here, pairs[:, 0], pairs[:, 1]])
            j = np.concatenate([here, pairs[:, 1], pairs[:, 0]])
            order = np.argsort(i, kind="stable")
            i, j = i[order], j[order]
            values = kernel(nodes[i], nodes[j])
            for a in range(at.shape[1]):
                for b in range(at.shape[1]):
                    across = kernel(coarse[at[i, a]], coarse[at[j, b]])
                    values = values - weights[i, a] * weights[j, b] * across
            self.near.append(Edges(i, j, values, (len(nodes),) * 2))
            rows = np.repeat(here, at.shape[1])
            shape = (len(nodes), len(coarse))
            self.transfers.append(Edges(rows, at.ravel(), weights.ravel(), shape))
            nodes = coarse
        i, j = (k.ravel() for k in np.indices((len(nodes),) * 2))
        self.near.append(Edges(i, j, kernel(nodes[i], nodes[j]), (len(nodes),) * 2))

    @property
    def entries(self) -> int:
        """Numbers of all near fields and transfers: products of a call."""
        return sum(len(e.rows) for e in self.near) + 2 * sum(len(e.rows) for e in self.transfers)

    def __call__(self, u: Tensor) -> Tensor:
        """K u."""
        return _cycle(ops.convert_to_tensor(u), self.near, self.transfers)

    def adjoint(self, v: Tensor) -> Tensor:
        """Kᵀ v."""
        near = [e.transposed() for e in self.near]
        return _cycle(ops.convert_to_tensor(v), near, self.transfers)

    def norm_bound(self) -> float:
        """Upper bound of ‖K‖, by Schur's test on the absolute values (J2).

        Example:
            >>> from keras_pde.operators.graph_kernel import GraphKernel
            >>> x = np.arange(20.0).reshape(10, 2)
            >>> near = lambda x, y: 1.0 * (np.abs(x - y)[..., 0] < 0.5)  # the identity
            >>> round(GraphKernel(near, x).norm_bound(), 6)
            1.0
        """
        near, transfers = ([e.absolute() for e in part] for part in (self.near, self.transfers))
        ones = np.ones((near[0].shape[0], 1))
        rows = _cycle(ones, near, transfers).max()
        columns = _cycle(ones, [e.transposed() for e in near], transfers).max()
        return math.sqrt(rows * columns) * (1 + WIDE)


def _cycle(u: Any, near: list[Edges], transfers: list[Edges]) -> Any:
    """Restrict, sum over near nodes on every level, and interpolate the sums."""
    states = [u]
    for transfer in transfers:
        states.append(transfer.transposed().times(states[-1]))
    total = near[-1].times(states[-1])
    for edges, transfer, v in reversed(list(zip(near[:-1], transfers, states[:-1], strict=True))):
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

"""GraphKernel: a kernel between scattered nodes as near fields on nested subsets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_pde.operators.node_levels import Edges, NodeLevels
from keras_pde.runtime.types import Tensor

__all__ = ["GraphKernel"]


class GraphKernel:
    r"""K u, (K u)ᵢ = Σⱼ κ(xᵢ, xⱼ)uⱼ over scattered nodes, by K_l = B_l + P K_{l+1}Pᵀ.

    Levels, near pairs and P are those of `NodeLevels`. B_l joins near nodes and holds κ less what
    the coarser level interpolates. Products are segment sums. Entries and cost are linear in nodes
    that fill a box about evenly; the last level is dense.

    Args:
        kernel: (x, y) ↦ κ(x, y) for arrays (n, d) of points.
        nodes: (N, d), d = 2 or 3, more than d + 1.
        near_field: > 0, the radius of near fields in mean spacings of the level.

    Call args: u (N, values). Returns K u, a tensor; `adjoint` gives Kᵀ u.

    Raises:
        ValueError: nodes that are no finite points in 2-D or 3-D.

    Source: Li et al., arXiv:2006.09535 (2020), section 3, with κ_l computed instead of learned:
    `LearnedGraphKernel` learns it.

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
        self.levels = NodeLevels(nodes, near_field)
        self.near: list[Edges] = []
        for level, (i, j) in enumerate(self.levels.pairs):
            here = self.levels.nodes[level]
            values = kernel(here[i], here[j])
            if level < len(self.levels.transfers):
                coarse, transfer = self.levels.nodes[level + 1], self.levels.transfers[level]
                weights, at = (
                    x.reshape(len(here), -1) for x in (transfer.values, transfer.columns)
                )
                for a in range(at.shape[1]):
                    for b in range(at.shape[1]):
                        across = kernel(coarse[at[i, a]], coarse[at[j, b]])
                        values = values - weights[i, a] * weights[j, b] * across
            self.near.append(Edges(i, j, values, (len(here),) * 2))

    @property
    def entries(self) -> int:
        """Numbers of all near fields and transfers: products of a call."""
        transfers = sum(len(e.rows) for e in self.levels.transfers)
        return sum(len(e.rows) for e in self.near) + 2 * transfers

    def __call__(self, u: Tensor) -> Tensor:
        """K u."""
        return self.levels.cycle(ops.convert_to_tensor(u), self.near)

    def adjoint(self, v: Tensor) -> Tensor:
        """Kᵀ v."""
        near = [e.transposed() for e in self.near]
        return self.levels.cycle(ops.convert_to_tensor(v), near)

    def norm_bound(self) -> float:
        """Upper bound of ‖K‖, by Schur's test on the absolute values (J2).

        Example:
            >>> from keras_pde.operators.graph_kernel import GraphKernel
            >>> x = np.arange(20.0).reshape(10, 2)
            >>> near = lambda x, y: 1.0 * (np.abs(x - y)[..., 0] < 0.5)  # the identity
            >>> round(GraphKernel(near, x).norm_bound(), 6)
            1.0
        """
        return self.levels.norm_bound(self.near)

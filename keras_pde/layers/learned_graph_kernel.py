"""LearnedGraphKernel: a kernel between scattered nodes, computed from coefficients by a network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.node_levels import Edges, NodeLevels
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class LearnedGraphKernel(Gated):
    r"""K u, (K u)ᵢ = (V/N)Σⱼ κ_θ(xᵢ, xⱼ; a)uⱼ ≈ ∫κ_θ(xᵢ, y; a)u(y)dy over scattered nodes.

    K_l = B_l + P K_{l+1}Pᵀ on the levels of a `NodeLevels`: nested subsets of the nodes, near pairs
    from a k-d tree, linear interpolation P. An entry of B_l is

        κ_l(i, j) = h^(m−d) n_θ((xⱼ − xᵢ)/h, zᵢ, zⱼ),   h the mean spacing of the level,

    n_θ one small network for all near pairs of all levels, and z the coefficients, averaged to
    coarser nodes, with the places if asked for. The last level, of 64 nodes at most, joins all
    pairs, by a network of its own with the size V^(1/d) of the whole in the place of h. No weight
    belongs to a node: what was learned on some nodes is for any others, and for any number of them.
    K is linear in u, its cost is linear in nodes that fill a box about evenly, and `norm_bound`
    bounds ‖K‖ for the weights at hand (J2).

    Args:
        hidden: units of the network, which has two hidden layers.
        ndim: d, 2 or 3.
        order: m; for an inverse of an equation of order m, whose kernel grows like a distance to
            the power m − d, 0 for a map between functions of equal smoothness.
        positions: whether n_θ sees the coordinates of nodes, and tanh(t/h) of the distance t from
            each side of the box around them; then K is of one domain.

    Call args: u (N, values), each column by itself, a (N, coefficients), and ``levels``, the
    `NodeLevels` of the N nodes. `near_fields` computes what many calls with one a share.

    Shapes: the shape of u.

    Raises:
        ValueError: numbers out of range; tensors of other ranks or of other numbers of nodes.

    Source: Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, arXiv:2006.09535
    (2020), section 3.

    Example:
        >>> from keras_pde.layers import LearnedGraphKernel
        >>> from keras_pde.operators import NodeLevels
        >>> kernel, rng = LearnedGraphKernel(hidden=8, order=2), np.random.default_rng(0)
        >>> for n in (200, 300):  # other nodes, and more of them
        ...     u, a = rng.random((n, 3)), np.ones((n, 1))
        ...     print(tuple(kernel(u, a, levels=NodeLevels(rng.random((n, 2)))).shape))
        (200, 3)
        (300, 3)
    """

    def __init__(
        self,
        hidden: int = 32,
        ndim: int = 2,
        order: int = 0,
        positions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden = gate.count(hidden, "hidden")
        self.ndim = gate.whole(ndim, "ndim", low=2, high=3)
        self.order = gate.whole(order, "order", low=0, high=4)
        self.positions = gate.flag(positions, "positions")

    def check_call(self, u: Tensor = None, a: Tensor = None, levels: Any = None, **_: Any) -> None:
        """Refuse what is no function on the nodes of levels."""
        if not isinstance(levels, NodeLevels):
            raise ValueError(
                f"{self.name} takes u, a and levels=NodeLevels(nodes). Received: levels ="
                f" {gate.said(levels)}"
            )
        shape = levels.nodes[0].shape
        for x, what in ((u, "u"), (a, "a")):
            gate.tensor(x, f"{what} of {self.name}", ranks=(2,))
            if x.shape[0] not in (None, shape[0]) or shape[1] != self.ndim:
                raise ValueError(
                    f"{what} of {self.name} has a row for each of {shape[0]} nodes, which are in"
                    f" {self.ndim}-D. Received: {tuple(x.shape)}, and nodes in {shape[1]}-D"
                )

    def build(self, u_shape: Shape, a_shape: Shape) -> None:
        """Create the network for so many coefficients."""
        self.coefficients = int(a_shape[-1])  # type: ignore[arg-type]
        count = self.coefficients + 3 * self.ndim * self.positions
        wide = 2 * count + self.ndim + 1
        self.near, self.far = (
            [
                self._dense(wide + more, self.hidden, f"{name}_first"),
                self._dense(self.hidden, self.hidden, f"{name}_second"),
                self._dense(self.hidden, 1, f"{name}_last", 0.1),
            ]
            for name, more in (("near", 0), ("far", 1))
        )
        self.built = True

    def _dense(self, columns: int, rows: int, name: str, scale: float = 1.0) -> tuple[Any, Any]:
        start = keras.initializers.VarianceScaling(2 * scale**2, "fan_in")
        kernel = self.add_weight(shape=(columns, rows), initializer=start, name=f"{name}_kernel")
        return kernel, self.add_weight(shape=(rows,), initializer="zeros", name=f"{name}_bias")

    def near_fields(self, a: Tensor, levels: NodeLevels) -> list[Edges]:
        """B of every level for coefficients a (N, coefficients), finest first, V/N included."""
        a, found = ops.convert_to_tensor(a), []
        share = levels.volume / len(levels.nodes[0])
        for level, (i, j) in enumerate(levels.pairs):
            nodes, last = levels.nodes[level], level == len(levels.transfers)
            h = levels.volume ** (1 / self.ndim) if last else levels.spacings[level]
            steps = (nodes[j] - nodes[i]) / h
            parts = [steps, np.linalg.norm(steps, axis=1, keepdims=True)]
            if last:
                parts.append(np.full_like(parts[1], np.log(levels.spacings[level] / h)))
            steps = np.concatenate(parts, 1)
            z = a
            if self.positions:
                seen = _places(nodes, levels.nodes[0], h)
                z = ops.concatenate([a, ops.cast(seen, a.dtype)], 1)
            values = self._values(self.far if last else self.near, z, steps, i, j)
            size = h ** (self.order - self.ndim) * share
            found.append(Edges(i, j, values * size, (len(nodes),) * 2))
            if not last:
                down = levels.transfers[level].transposed()
                a = down.times(a) / ops.cast(down.times(np.ones((len(nodes), 1))), a.dtype)
        return found

    def _values(
        self,
        net: list[tuple[Any, Any]],
        z: Tensor,
        steps: np.ndarray,
        i: np.ndarray,
        j: np.ndarray,
    ) -> Tensor:
        """n_θ of the pairs (i, j): what is known of a node is multiplied before it is gathered."""
        (kernel, bias), *others = [
            tuple(ops.cast(ops.convert_to_tensor(w), z.dtype) for w in layer) for layer in net
        ]
        count = z.shape[-1]
        ends = [ops.matmul(z, kernel[:count]), ops.matmul(z, kernel[count : 2 * count])]
        made = ops.matmul(ops.cast(steps, z.dtype), kernel[2 * count :]) + bias
        for end, at in zip(ends, (i, j), strict=True):
            made = made + ops.take(end, at, axis=0)
        for kernel, bias in others:
            made = ops.matmul(ops.silu(made), kernel) + bias
        return made[:, 0]

    def call(self, u: Tensor, a: Tensor, levels: Any = None) -> Tensor:
        """K_θ(a) u."""
        return levels.cycle(u, self.near_fields(a, levels))

    def norm_bound(self, a: Any, levels: NodeLevels) -> float:
        """Upper bound of ‖K_θ(a)‖ on these nodes, by Schur's test (J2).

        Args:
            a: (N, coefficients).
            levels: of the nodes.
        """
        self.check_call(a, a, levels)
        near = self.near_fields(ops.cast(a, self.compute_dtype), levels)
        return levels.norm_bound([e.as_arrays() for e in near])

    def compute_output_shape(self, u_shape: Shape, a_shape: Shape) -> Shape:
        """The shape of u."""
        return tuple(u_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "ndim": self.ndim,
            "order": self.order,
            "positions": self.positions,
        }


def _places(nodes: np.ndarray, all_nodes: np.ndarray, h: float) -> np.ndarray:
    """Coordinates, and the distances from the sides of the box in units of h, near the sides."""
    low, high = all_nodes.min(axis=0), all_nodes.max(axis=0)
    return np.concatenate([nodes, np.tanh((nodes - low) / h), np.tanh((high - nodes) / h)], 1)

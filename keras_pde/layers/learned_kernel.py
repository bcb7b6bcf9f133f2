"""LearnedKernel: a multilevel kernel whose bands a network computes from coefficients."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pde.layers.windows import window_of
from keras_pde.operators.boundary import check_boundary
from keras_pde.operators.initializing import starting_from
from keras_pde.operators.near_field import near_sum, near_sum_adjoint
from keras_pde.operators.transfer import prolong_axis, restrict_axis
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor

MOST = 12  # levels
LEAST = 1 / 64  # of a symmetric B, on a coefficient of one


class Level(NamedTuple):
    """The bands of one level."""

    sizes: tuple[Any, ...]
    there: Any  # whether the level is coarser than the one before: 1 or 0
    near: Tensor  # B, or G of a symmetric one
    before: Tensor  # S
    after: Tensor  # U, or what a symmetric B is multiplied with on both sides


@keras.saving.register_keras_serializable(package="keras_pde")
class LearnedKernel(Gated):
    r"""K u, (K u)(x) = ∫κ_θ(x, y; a)u(y)dy, by K_l = B_l + U_l P K_{l+1} R S_l, B, S, U from a.

    On every level B joins near points, S acts before the restriction R and U after the
    interpolation P. Each has 3^d bands a point, which one small network computes from the
    coefficients a in the window of 3^d points around x. All levels share its weights, with their
    own restricted coefficients: so the kernel is for grids of any size, and its cost is linear.
    `MultilevelKernel` holds such bands as numbers.

    A symmetric kernel has B = D^(−½)(GGᵀ + I/64)D^(−½) with bands G and a given diagonal D > 0, and
    U = Sᵀ: K is symmetric and positive definite for all weights, on every grid (J5).

    Args:
        hidden: units of the network, which has two hidden layers.
        order: m; R counts 2^m times, as residuals of equations of order m do that are multiplied
            by the mth power of the spacing.
        levels: at most so many; an axis of one point stays.
        boundary: "dirichlet" (zero), "neumann" or "periodic".
        symmetric: whether K = Kᵀ > 0, as conjugate gradients want it.

    Shapes: u (batch, \*spatial, channels), each channel by itself, and a (batch, \*spatial,
    coefficients) → the shape of u. `bands` computes what many calls with one a share.

    Raises:
        ValueError: numbers out of range; an unknown boundary.

    Source: Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, arXiv:2006.09535
    (2020), section 3.

    Example:
        >>> from keras_pde.layers import LearnedKernel
        >>> kernel = LearnedKernel(hidden=8)
        >>> u, a = np.ones((1, 15, 15, 1), "float32"), np.zeros((1, 15, 15, 4), "float32")
        >>> tuple(kernel(u, a).shape), kernel.count_params()
        ((1, 15, 15, 1), 943)
    """

    def __init__(
        self,
        hidden: int = 32,
        order: int = 0,
        levels: int = 6,
        boundary: str = "dirichlet",
        symmetric: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden = gate.count(hidden, "hidden")
        self.order = gate.whole(order, "order", low=0, high=4)
        self.levels = gate.count(levels, "levels", high=MOST)
        self.boundary: str = check_boundary(boundary)
        self.symmetric = gate.flag(symmetric, "symmetric")

    def check_call(self, u: Tensor = None, a: Tensor = None, **_: Any) -> None:
        """Refuse what is no state, and coefficients on another grid."""
        ranks = (self.ndim + 2,) if self.built else gate.SPATIAL
        gate.tensor(u, f"u of {self.name}", ranks=ranks)
        gate.tensor(a, f"a of {self.name}", ranks=(len(u.shape),))
        gate.same_sizes(a, f"a of {self.name}", tuple(u.shape), "u", channels=False)

    def build(self, u_shape: Shape, a_shape: Shape) -> None:
        """Create the network for so many coefficients."""
        self.ndim, count = len(a_shape) - 2, int(a_shape[-1])  # type: ignore[arg-type]
        window, bands = (3,) * self.ndim, 3**self.ndim
        centre = np.eye(bands)[bands // 2]
        # an approximate inverse, or nothing that a repeated kernel could add up
        inverse = self.order > 0
        near = 0.3 * inverse * centre
        start = np.concatenate([near**0.5, centre] if self.symmetric else [near, centre, centre])
        self.first = self._layer((*window, count, self.hidden), "first")
        self.second = self._layer((self.hidden, self.hidden), "second")
        self.last = self._layer((self.hidden, len(start)), "last", 0.1 if inverse else 0.02, start)
        if self.levels > 1:
            self.coarsen = self._layer((*window, count, self.hidden), "coarsen")
            self.coarse = self._layer((self.hidden, count), "coarse", 0.1)
        self.built = True

    def _layer(
        self, shape: tuple[int, ...], name: str, scale: float = 1.0, start: Any = None
    ) -> tuple[Any, Any]:
        kernel = self.add_weight(
            shape=shape,
            initializer=keras.initializers.VarianceScaling(2 * scale**2, "fan_in"),
            name=f"{name}_kernel",
        )
        bias = np.zeros(shape[-1]) if start is None else start
        return kernel, self.add_weight(
            shape=bias.shape,
            initializer=starting_from(bias),
            name=f"{name}_bias",
        )

    def bands(self, a: Tensor, diagonal: Tensor | None = None) -> list[Level]:
        r"""The bands of every level for coefficients a, finest first.

        Args:
            a: (batch, \*spatial, coefficients).
            diagonal: D > 0, (batch, \*spatial, 1), by which B is divided; restricted with a.
        """
        found: list[Level] = []
        sizes, there = tuple(ops.shape(a)[1:-1]), 1
        for level in range(self.levels):
            z = ops.silu(window_of(a, *self.first, self.boundary))
            z = ops.silu(_dense(z, self.second))
            found.append(Level(sizes, there, *self._parts(_dense(z, self.last), diagonal)))
            if _one_point(sizes) or level + 1 == self.levels:
                break
            there = _is_there(sizes, a.dtype)
            a = self._restricted(a)
            diagonal = None if diagonal is None else self._restricted(diagonal)
            a = a + _dense(ops.silu(window_of(a, *self.coarsen, self.boundary)), self.coarse)
            sizes = tuple(ops.shape(a)[1:-1])
        return found

    def _parts(self, z: Tensor, diagonal: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """B, S and U; of a symmetric kernel G, S and D^(−½)."""
        if self.symmetric:
            near, before = ops.split(z, 2, axis=-1)
            return near, before, ops.ones_like(z[..., :1]) if diagonal is None else diagonal**-0.5
        near, before, after = ops.split(z, 3, axis=-1)
        return near if diagonal is None else near / diagonal, before, after

    def _restricted(self, v: Tensor) -> Tensor:
        for axis in range(1, self.ndim + 1):
            v = v if v.shape[axis] == 1 else restrict_axis(v, axis, self.boundary)
        return v

    def multiply(self, u: Tensor, bands: list[Level]) -> Tensor:
        """K_θ u with the bands of `bands`: a V-cycle."""
        states = [u]
        for level in bands[:-1]:
            v = near_sum(states[-1], level.before, 1, self.boundary)
            states.append(self._restricted(v) * 2**self.order)
        total: Any = None
        for v, level in reversed(list(zip(states, bands, strict=True))):
            here = self._near(v, level)
            if total is not None:
                for axis, n in enumerate(level.sizes, start=1):
                    one = isinstance(n, int) and n == 1
                    total = total if one else prolong_axis(total, axis, n, self.boundary)
                here = here + self._after(total, level)
            total = here if isinstance(level.there, int) else here * level.there
        return total

    def _near(self, v: Tensor, level: Level) -> Tensor:
        """B v."""
        if not self.symmetric:
            return near_sum(v, level.near, 1, self.boundary)
        v = v * level.after
        gathered = near_sum_adjoint(v, level.near, 1, self.boundary)
        return (near_sum(gathered, level.near, 1, self.boundary) + LEAST * v) * level.after

    def _after(self, v: Tensor, level: Level) -> Tensor:
        """U v."""
        if self.symmetric:
            return near_sum_adjoint(v, level.before, 1, self.boundary)
        return near_sum(v, level.after, 1, self.boundary)

    def call(self, u: Tensor, a: Tensor) -> Tensor:
        """K_θ(a) u."""
        return self.multiply(u, self.bands(a))

    def compute_output_shape(self, u_shape: Shape, a_shape: Shape) -> Shape:
        """The shape of u."""
        return tuple(u_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "order": self.order,
            "levels": self.levels,
            "boundary": self.boundary,
            "symmetric": self.symmetric,
        }


def _dense(z: Tensor, weights: tuple[Any, Any]) -> Tensor:
    kernel, bias = (ops.cast(ops.convert_to_tensor(w), z.dtype) for w in weights)
    return ops.matmul(z, kernel) + bias


def _one_point(sizes: tuple[Any, ...]) -> bool:
    return all(isinstance(n, int) and n == 1 for n in sizes)


def _is_there(sizes: tuple[Any, ...], dtype: Any) -> Any:
    """1 where the next level is coarser than this one, 0 where this one has one point."""
    if all(isinstance(n, int) for n in sizes):
        return 1
    most = ops.max(ops.stack([ops.convert_to_tensor(n, dtype="int32") for n in sizes]))
    return ops.cast(most > 1, dtype)

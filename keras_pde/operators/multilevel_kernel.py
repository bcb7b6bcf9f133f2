"""MultilevelKernel: a dense kernel as near fields on the levels of a grid, at linear cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.operators.boundary import check_boundary
from keras_pde.operators.initializing import initializer_of
from keras_pde.operators.kernel_levels import Kernel, level_sizes, level_widths, near_fields
from keras_pde.operators.near_field import near_sum, near_sum_adjoint
from keras_pde.operators.operator import Operator
from keras_pde.operators.transfer import prolong_axis, restrict_axis
from keras_pde.runtime import gate
from keras_pde.runtime.precision import at_least_float32, drawn_wide
from keras_pde.runtime.types import Number, Shape, Tensor

OUTWARD = 1e-5  # of a bound in float32
WIDE = 1e-12  # of one in float64
MOST = 16  # points of a near field to each side


@keras.saving.register_keras_serializable(package="keras_pde")
class MultilevelKernel(Operator):
    r"""Kernel sum K u, (K u)(x) = Σ_y κ(x, y)u(y), at linear cost: K = Σ_l Pˡ B_l (Pˡ)ᵀ.

    B_l holds the interactions of near points on level l, (2w + 1)^d numbers a point that differ
    from point to point; P is the linear interpolation of multigrid. So K is the recursion
    K_l = B_l + P K_{l+1}Pᵀ, a V-cycle whose smoothing is the near field. `approximating` computes
    the bands from a kernel, exactly for the Green's function of −u″ (J1); else they are weights.

    ‖K‖ is bounded from the weights at hand by Schur's test: |K| ≤ Σ_l Pˡ|B_l|(Pˡ)ᵀ entry by entry,
    whose row and column sums are two more cycles (J2). The bound is ‖K‖∞ where no band is negative.

    Args:
        near_field: w ≥ 0, points to each side that a level joins itself.
        boundary: "dirichlet" (zero at the walls −1 and n), "neumann" or "periodic".
        initializer: of the bands, a Keras initializer.

    Shapes: (batch, \*spatial, channels) → the same, of the one grid that it is built for; each
    channel by itself.

    Raises:
        ValueError: w that is no whole number from 0 to 16; an unknown boundary; sizes that are not
            fixed.

    Source: Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, arXiv:2006.09535
    (2020); multilevel kernel sums: Brandt, Lubrecht, J. Comput. Phys. 90 (1990).

    Example:
        >>> from keras_pde import MultilevelKernel
        >>> n = 63
        >>> green = lambda i, j: np.minimum(i + 1, j + 1) * (n - np.maximum(i, j)) / (n + 1) ** 2
        >>> K = MultilevelKernel.approximating(green, (n,))  # the inverse of −u″, without 1/h
        >>> u = np.array(K(np.ones((1, n, 1))))[0, :, 0] / (n + 1)  # −u″ = 1
        >>> x = np.arange(1, n + 1) / (n + 1)
        >>> bool(np.abs(u - x * (1 - x) / 2).max() < 1e-6)
        True
    """

    def __init__(
        self,
        near_field: int = 1,
        boundary: str = "dirichlet",
        initializer: Any = "random_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.near_field = gate.whole(near_field, "near_field", low=0, high=MOST)
        self.boundary: str = check_boundary(boundary)
        self.initializer = initializer_of(initializer)

    @classmethod
    def approximating(
        cls,
        kernel: np.ndarray | Kernel,
        sizes: Sequence[int],
        near_field: int = 1,
        boundary: str = "dirichlet",
        channels: int = 1,
        **kwargs: Any,
    ) -> Self:
        """The operator whose level l holds κ_l − Pκ_{l+1}Pᵀ, inside its bands.

        κ_l is the kernel between the points of level l. A function is called for near pairs alone,
        so that the cost is linear.

        Args:
            kernel: a matrix (N, N), or (i, j) ↦ κ(xᵢ, xⱼ) for arrays of numbers of points, the last
                axis fastest.
            sizes: of the grid.
            near_field: w, as of the class.
            boundary: as of the class.
            channels: of the states.
            **kwargs: ``dtype`` and ``name``, as of any Keras layer.

        Raises:
            ValueError: a matrix that is not of the grid.

        Example:
            >>> from keras_pde import MultilevelKernel
            >>> K = MultilevelKernel.approximating(np.eye(9), (3, 3), near_field=2)
            >>> bool(np.allclose(K(np.ones((1, 3, 3, 1))), 1))
            True
        """
        sizes = tuple(gate.count(n, "sizes") for n in sizes)
        if not callable(kernel):
            matrix, points = np.asarray(kernel, np.float64), math.prod(sizes)
            if matrix.shape != (points, points):
                raise ValueError(
                    f"kernel must have the shape {(points, points)} for a grid of the sizes"
                    f" {sizes}. Received: {matrix.shape}"
                )
            kernel = _reader(matrix)
        made = cls(near_field, boundary, **kwargs)
        made.build((None, *sizes, channels))
        bands = near_fields(kernel, sizes, made.near_field, boundary)
        made.set_weights([b[None] for b in bands])
        return made

    def build(self, input_shape: Shape) -> None:
        """Create the bands of every level, for a grid of fixed sizes."""
        shape = tuple(input_shape)
        if not 3 <= len(shape) <= 5 or None in shape[1:]:
            raise ValueError(
                f"{type(self).__name__} needs (batch, *spatial, channels), 1-D to 3-D, of fixed"
                f" sizes and channels, as its bands differ from point to point. Received: {shape}"
            )
        self.ndim = len(shape) - 2
        self.channels = self.rows = int(shape[-1])  # type: ignore[arg-type]
        self.sizes = tuple(int(n) for n in shape[1:-1])  # type: ignore[arg-type]
        self.levels = level_sizes(self.sizes, self.boundary)
        self.widths = level_widths(self.levels, self.near_field, self.boundary)
        self.bands = [
            self.add_weight(
                shape=(1, *sizes, (2 * w + 1) ** self.ndim),
                initializer=drawn_wide(self.initializer),
                autocast=False,
                name=f"bands_{level}",
            )
            for level, (sizes, w) in enumerate(zip(self.levels, self.widths, strict=True))
        ]
        self.built = True

    def check_state(self, u: Tensor, name: str) -> None:
        """Refuse what is no state on the grid that K is built for."""
        super().check_state(u, name)
        if self.built:
            gate.same_sizes(u, name, (None, *self.sizes, self.channels), "the grid of K")

    @property
    def support(self) -> int:
        """Every point is joined to every other."""
        return max(self.sizes)

    @property
    def entries(self) -> float:
        """Numbers of all near fields a point."""
        return sum(math.prod(b.shape) for b in self.bands) / math.prod(self.sizes)

    @property
    def description(self) -> str:
        """Its bands and levels."""
        levels = f", {len(self.levels)} levels" if self.built else ""
        return f"kernel of {2 * self.near_field + 1} bands a level{levels}"

    def compute_weights(self) -> list[Tensor]:
        """The bands, finest first."""
        return [at_least_float32(ops.convert_to_tensor(b)) for b in self.bands]

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """K u, one array: a V-cycle."""
        return [self._cycle(u, self._used(weights, u), near_sum)]

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ: the same V-cycle with transposed near fields."""
        (v,) = parts
        return self._cycle(v, self._used(weights, v), near_sum_adjoint)

    def _used(self, weights: list[Tensor] | None, like: Tensor) -> list[Tensor]:
        used = self.weights_in_use() if weights is None else weights
        return [ops.cast(b, like.dtype) for b in used]

    def _cycle(self, u: Any, bands: Sequence[Any], near: Any, xp: Any = ops) -> Any:
        """Restrict, sum near points on every level, and interpolate the sums."""
        states = [u]
        for sizes in self.levels[:-1]:
            u = states[-1]
            for axis, n in enumerate(sizes, start=1):
                u = u if n == 1 else 2 * restrict_axis(u, axis, self.boundary, xp)
            states.append(u)
        total: Any = None
        for v, b, w, sizes in reversed(
            list(zip(states, bands, self.widths, self.levels, strict=True))
        ):
            if total is not None:
                for axis, n in enumerate(sizes, start=1):
                    if n > 1:
                        total = prolong_axis(total, axis, n, self.boundary, xp)
            here = near(v, b, w, self.boundary, xp)
            total = here if total is None else total + here
        return total

    def _sums(self, bands: Sequence[Any], xp: Any) -> tuple[Any, Any]:
        """The largest row sum and the largest column sum of Σ_l Pˡ|B_l|(Pˡ)ᵀ."""
        absolute = [xp.abs(b) for b in bands]
        ones = xp.ones((1, *self.sizes, 1), absolute[0].dtype)
        rows, columns = (
            xp.max(self._cycle(ones, absolute, near, xp)) for near in (near_sum, near_sum_adjoint)
        )
        return rows, columns

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> Number:
        """Upper bound of ‖K‖², differentiable (J2)."""
        rows, columns = self._sums(self.weights_in_use() if weights is None else weights, ops)
        return rows * columns * (1 + OUTWARD)

    def norm_bound(self) -> float:
        """√(largest row sum × largest column sum) of the absolute values, in float64 (J2).

        Example:
            >>> from keras_pde import MultilevelKernel
            >>> K = MultilevelKernel.approximating(np.eye(7), (7,), near_field=6)
            >>> 1 <= K.norm_bound() < 9
            True
        """
        rows, columns = self._float64_sums()
        return math.sqrt(rows * columns) * (1 + WIDE)

    def max_norm_bound(self) -> float:
        """The largest row sum of the absolute values, in float64 (J2)."""
        return self._float64_sums()[0] * (1 + WIDE)

    def _float64_sums(self) -> tuple[float, float]:
        bands = [np.array(ops.convert_to_numpy(b), np.float64) for b in self.weights_in_use()]
        if not all(np.isfinite(b).all() for b in bands):
            return math.inf, math.inf
        rows, columns = self._sums(bands, np)
        return float(rows), float(columns)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "near_field": self.near_field,
            "boundary": self.boundary,
            "initializer": keras.initializers.serialize(self.initializer),
        }

    def get_build_config(self) -> dict[str, Any]:
        """The grid that its bands are for."""
        return {"input_shape": (None, *self.sizes, self.channels)} if self.built else {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the saved grid."""
        if config:
            self.build(tuple(config["input_shape"]))


def _reader(matrix: np.ndarray) -> Kernel:
    return lambda i, j: matrix[i, j]

"""MeshlessBasis: bumps around centres that move, with their derivatives in closed form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.layers.bumps import BUMPS, HIGHEST
from keras_pde.operators.initializing import starting_from
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Shape, Tensor

Index = tuple[int, ...]
LEAST = 1e-30  # of a sum of bumps that is divided by


@keras.saving.register_keras_serializable(package="keras_pde")
class MeshlessBasis(Gated):
    r"""φᵢ((x − Xᵢ)/hᵢ) for points x, and ∂^α of each: a basis without a mesh.

    φ is a product of bumps along the axes, a Gaussian exp(−z²/2) or a smooth hat of softplus. The
    centres Xᵢ and widths hᵢ are weights: trained, they move where a solution needs them, as an
    adaptive mesh does. With a partition of unity each function is divided by the sum of all, so
    that the basis holds the constants. `derivatives` are closed forms to order 2 along each axis
    (Z3), so a residual of an equation needs no tape inside the tape of the training. Cost: centres
    times axes, a point.

    Args:
        centres: Xᵢ to begin with, a list of points of d coordinates each.
        width: hᵢ to begin with, one for all, or a list.
        kernel: "gaussian" or "softplus".
        partition_of_unity: divide by the sum.
        learned: whether an optimizer moves centres and widths.

    Shapes: (batch, \*any, d) → (batch, \*any, centres).

    Raises:
        ValueError: no centres, or of unequal lengths; widths that are no numbers > 0; points of
            another number of coordinates.

    Source: Ramabathiran, Ramachandran, arXiv:2102.13037 (2021).

    Example:
        >>> from keras_pde import MeshlessBasis
        >>> basis = MeshlessBasis([[0.0], [0.5], [1.0]], width=0.3)
        >>> x = np.linspace(0, 1, 5, dtype="float32")[:, None]
        >>> tuple(basis(x).shape), tuple(basis.derivatives(x, [(0,), (2,)])[1].shape)
        ((5, 3), (5, 3))
    """

    def __init__(
        self,
        centres: Any = ((0.0, 0.0),),
        width: float | Sequence[float] = 1.0,
        kernel: str = "gaussian",
        partition_of_unity: bool = False,
        *,
        learned: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        points = np.asarray(gate.array(centres, "centres", ranks=(2,), integers=True), np.float64)
        self.centres = points.tolist()
        several = isinstance(width, list | tuple)
        given = list(width) if several else [width]  # type: ignore[arg-type]
        numbers = [gate.number(h, "width", low=0.0, low_open=True) for h in given]
        if several and len(numbers) != len(points):
            raise ValueError(
                f"width must be one number, or {len(points)}, one for each centre. Received:"
                f" {len(numbers)}"
            )
        self.width = numbers if several else numbers[0]
        self.kernel = gate.word(kernel, "kernel", tuple(BUMPS))
        self.partition_of_unity = gate.flag(partition_of_unity, "partition_of_unity")
        self.learned = gate.flag(learned, "learned")

    @property
    def axes(self) -> int:
        """Coordinates of a point."""
        return len(self.centres[0])

    @property
    def count(self) -> int:
        """How many centres there are."""
        return len(self.centres)

    def build(self, input_shape: Shape) -> None:
        """Create the centres and the logarithms of the widths."""
        if len(input_shape) < 2 or input_shape[-1] != self.axes:
            raise ValueError(
                f"Input must be points (batch, ..., {self.axes}), as the centres are. Received:"
                f" shape {tuple(input_shape)}"
            )
        places, widths = np.asarray(self.centres), np.broadcast_to(self.width, self.count)
        options = {"trainable": self.learned, "autocast": False}
        self.places = self.add_weight(
            shape=places.shape, initializer=starting_from(places), name="centres", **options
        )
        self.log_widths = self.add_weight(
            shape=(self.count,),
            initializer=starting_from(np.log(widths)),
            name="log_widths",
            **options,
        )
        self.built = True

    def check_call(self, x: Tensor = None, **_: Any) -> None:
        """Refuse what are no points of so many coordinates."""
        gate.tensor(x, f"x of {self.name}", ranks=range(2, 9), channels=self.axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """A number for each centre."""
        return (*input_shape[:-1], self.count)

    def call(self, x: Tensor) -> Tensor:
        """The functions at the points."""
        return narrow(self.derivatives(x, [(0,) * self.axes])[0], x)

    def derivatives(self, x: Tensor, indices: Sequence[Sequence[int]]) -> list[Tensor]:
        """∂^α of every function at the points, for several multi-indices α, in at least float32.

        Args:
            x: points (..., d).
            indices: each α, of d whole numbers from 0 to 2.

        Raises:
            ValueError: an α of another length, or beyond order 2 along an axis.
        """
        wanted = [self._checked(index) for index in indices]
        if not self.built:
            self.build((None, self.axes))
        wide = at_least_float32(ops.convert_to_tensor(x))
        factors = self._factors(wide)

        def plain(index: Index) -> Tensor:
            found = factors[0][index[0]]
            for axis, order in enumerate(index[1:], 1):
                found = found * factors[axis][order]
            return found

        if not self.partition_of_unity:
            return [plain(index) for index in wanted]
        known: dict[Index, Tensor] = {}
        return [self._shared(index, plain, known) for index in wanted]

    def _factors(self, x: Tensor) -> list[list[Tensor]]:
        """Bumps along each axis, (..., centres), and their derivatives by x."""
        places, logs = (
            ops.cast(ops.convert_to_tensor(w), x.dtype) for w in (self.places, self.log_widths)
        )
        inverse = ops.exp(-logs)
        found = []
        for axis in range(self.axes):
            z = (x[..., axis : axis + 1] - places[:, axis]) * inverse
            value, first, second = BUMPS[self.kernel](z)
            found.append([value, first * inverse, second * ops.square(inverse)])
        return found

    def _shared(
        self, index: Index, plain: Callable[[Index], Tensor], known: dict[Index, Tensor]
    ) -> Tensor:
        """∂^α of φ/Σφ, by Leibniz's rule for φ = (φ/Σφ)·Σφ."""
        if index not in known:

            def total(order: Index) -> Tensor:
                return ops.sum(plain(order), axis=-1, keepdims=True)

            found = plain(index)
            for lower in itertools.product(*(range(order + 1) for order in index)):
                if lower != index:
                    rest = tuple(n - k for n, k in zip(index, lower, strict=True))
                    ways = math.prod(map(math.comb, index, lower))
                    found = found - ways * self._shared(lower, plain, known) * total(rest)
            known[index] = found / (total((0,) * self.axes) + LEAST)
        return known[index]

    def _checked(self, index: Sequence[int]) -> Index:
        known = isinstance(index, list | tuple) and len(index) == self.axes
        if not known or not all(type(n) is int and 0 <= n <= HIGHEST for n in index):
            raise ValueError(
                f"A derivative is a multi-index of {self.axes} whole numbers from 0 to {HIGHEST}."
                f" Received: {gate.said(index)}"
            )
        return tuple(index)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "centres": self.centres,
            "width": self.width,
            "kernel": self.kernel,
            "partition_of_unity": self.partition_of_unity,
            "learned": self.learned,
        }

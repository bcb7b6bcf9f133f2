"""Lattice: streaming along the velocities of a lattice, an exactly orthogonal operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut
from keras_pde.operators.operator import Operator
from keras_pde.operators.rounding import RoundingErrors
from keras_pde.operators.velocity_sets import velocity_set
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.types import Shape, Tensor

BOUNDARIES = ("periodic", "walls")
AXES = "xyz"


@keras.saving.register_keras_serializable(package="keras_pde")
class Lattice(Operator):
    r"""Streaming K u, (K u)ᵢ(x) = uᵢ(x − cᵢ): each population moves along its velocity by a point.

    A population that would come from behind a wall is the opposite one, which left for it: halfway
    bounce-back, for a wall half a spacing beyond the last points. Either way K permutes the numbers
    uᵢ(x), so KᵀK = I exactly, without rounding (L1); with the exchange R of opposite velocities
    Kᵀ = RKR. Cost: a copy.

    Args:
        lattice: "D1Q3", "D2Q9", "D3Q19" or "D3Q27".
        boundary: "periodic" or "walls", or a list of these, one an axis.

    Attributes:
        velocity_set: velocities c, weights w, opposites and the point group, as NumPy arrays.
        boundaries: what stands beyond each axis.

    Shapes: (batch, \*spatial, q) → the same, for as many axes as the lattice has.

    Raises:
        ValueError: an unknown lattice or boundary; a state of other axes or channels.

    Source: Qian, d'Humières, Lallemand (1992); bounce-back halfway: Ladd (1994).

    Example:
        >>> from keras_pde import Lattice
        >>> square = Lattice("D2Q9", boundary=["periodic", "walls"])
        >>> u = np.random.default_rng(0).random((1, 4, 5, 9)).astype("float32")
        >>> bool(np.array_equal(square.adjoint(square(u)), u)), square.norm_bound()
        (True, 1.0)
    """

    fixed = True
    sliced = True

    def __init__(
        self,
        lattice: str = "D2Q9",
        boundary: str | Sequence[str] = "periodic",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lattice = lattice
        self.velocity_set = velocity_set(lattice)
        self.ndim = self.velocity_set.velocities.shape[1]
        self.boundaries = check_boundaries(boundary, self.ndim)
        self.boundary: Any = boundary if isinstance(boundary, str) else list(boundary)

    @property
    def description(self) -> str:
        """The lattice and what bounds it."""
        return f"streaming on {self.lattice}, {', '.join(dict.fromkeys(self.boundaries))}"

    def build(self, input_shape: Shape) -> None:
        """Check the axes and the channels of a state."""
        q = len(self.velocity_set.weights)
        if len(input_shape) != self.ndim + 2 or input_shape[-1] != q:
            raise ValueError(
                f"{self.lattice} needs a state (batch, *spatial, channels) of {self.ndim}"
                f" {'axes' if self.ndim > 1 else 'axis'} and {q} channels, its populations."
                f" Received: shape {tuple(input_shape)}"
            )
        self.channels = self.rows = q
        self.built = True

    def behind_walls(self, u: Tensor) -> Tensor | None:
        r"""Which populations come from behind a wall, (1, \*spatial, q); None without walls."""
        behind = None
        for axis, kind in enumerate(self.boundaries):
            if kind == "walls":
                for low in (True, False):
                    face = self.from_face(u, axis, low)
                    behind = face if behind is None else ops.logical_or(behind, face)
        return behind

    def from_face(self, u: Tensor, axis: int, low: bool) -> Tensor:
        r"""Which populations come from beyond the low or the high face of an axis, (1, \*…, q)."""
        size = ops.shape(u)[axis + 1]
        places = ops.arange(size, dtype="int32")
        last = places == (0 if low else size - 1)
        shape = [1] * (self.ndim + 2)
        shape[axis + 1] = -1
        inward = self.velocity_set.velocities[:, axis] == (1 if low else -1)
        return ops.logical_and(ops.reshape(last, shape), ops.convert_to_tensor(inward))

    def stream(self, u: Tensor, behind: Tensor | None = None) -> Tensor:
        """K u, given `behind_walls` of it where there are walls."""
        moved = []
        for i, velocity in enumerate(self.velocity_set.velocities):
            x = u[..., i : i + 1]
            for axis, step in enumerate(velocity, start=1):
                if step > 0:
                    x = ops.concatenate([cut(x, axis, -1, None), cut(x, axis, None, -1)], axis)
                elif step < 0:
                    x = ops.concatenate([cut(x, axis, 1, None), cut(x, axis, None, 1)], axis)
            moved.append(x)
        streamed = ops.concatenate(moved, -1)
        return streamed if behind is None else ops.where(behind, self.reversed(u), streamed)

    def reversed(self, u: Tensor) -> Tensor:
        """R u: opposite velocities exchanged."""
        return ops.take(u, self.velocity_set.opposite, axis=-1)

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """K u, one array."""
        return [self.stream(u, self.behind_walls(u))]

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ of the one part, RKR: its inverse."""
        (v,) = parts
        return self.reversed(self.stream(self.reversed(v), self.behind_walls(v)))

    def transformed(self, u: np.ndarray, element: int) -> np.ndarray:
        r"""g u for an element of the point group: the grid and the velocities turned together.

        Args:
            u: (batch, \*spatial, q).
            element: its index in ``velocity_set.rotations``.

        Example:
            >>> from keras_pde import Lattice
            >>> Lattice("D1Q3").transformed(np.arange(6.0).reshape(1, 2, 3), 1).tolist()
            [[[3.0, 5.0, 4.0], [0.0, 2.0, 1.0]]]
        """
        rotation = self.velocity_set.rotations[element]
        permutation = self.velocity_set.permutations[element]
        axes = [int(np.flatnonzero(row)[0]) for row in rotation]  # old axis of each new one
        turned = np.transpose(np.asarray(u), (0, *[a + 1 for a in axes], self.ndim + 1))
        turned = np.flip(turned, tuple(i + 1 for i, row in enumerate(rotation) if row.sum() < 0))
        return turned[..., np.argsort(permutation)]

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> float:
        """‖K‖² = 1."""
        return 1.0

    def norm_bound(self) -> float:
        """‖K‖ = 1."""
        return 1.0

    def max_norm_bound(self) -> float:
        """‖K‖∞ = 1: values are only moved."""
        return 1.0

    def rounding_errors(self, unit: float) -> RoundingErrors:
        """None: nothing is computed."""
        return RoundingErrors(0.0, 0.0, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "lattice": self.lattice,
            "boundary": self.boundary,
        }


def check_boundaries(boundary: str | Sequence[str], ndim: int) -> tuple[str, ...]:
    """The boundary of each axis.

    Raises:
        ValueError: an unknown one, or another number of them than there are axes.

    Example:
        >>> from keras_pde.operators.lattice import check_boundaries
        >>> check_boundaries("walls", 2)
        ('walls', 'walls')
    """
    if isinstance(boundary, list | tuple):
        if len(boundary) != ndim:
            raise ValueError(
                f"boundary must be one word, or {ndim}, one an axis. Received: boundary={boundary}"
            )
        return tuple(gate.word(one, "boundary", BOUNDARIES) for one in boundary)
    return (gate.word(boundary, "boundary", BOUNDARIES),) * ndim

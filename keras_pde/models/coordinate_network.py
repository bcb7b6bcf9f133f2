"""CoordinateNetwork: a network that is a function of points, of any number and arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pde.models.influence import Influence
from keras_pde.models.network import Network
from keras_pde.runtime import gate
from keras_pde.runtime.types import Shape, Tensor


class CoordinateNetwork(Network):
    r"""Base: u(x) at each point of (batch, \*any, d), whatever the other points are.

    Attributes:
        outputs: channels of u.
    """

    boundary = None
    outputs: int

    @property
    def coordinates(self) -> int | None:
        """d, coordinates of a point; None until the network is built."""
        return self.input_channels if self.built else None

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The points."""
        return ("coordinates",)

    def image_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """Shape of the points, checked.

        Raises:
            ValueError: not (batch, ..., d) of 2 to 5 axes with the network's d, or a fixed one.
        """
        first = input_shape[0]
        shape: Any = tuple(first if isinstance(first, list | tuple) else input_shape)
        wrong = not 2 <= len(shape) <= 5 or shape[-1] is None
        if wrong or self.coordinates not in (None, shape[-1]):
            fixed = "d), d fixed," if self.coordinates is None else f"{self.coordinates})"
            raise ValueError(
                f"{type(self).__name__} needs coordinates (batch, ..., {fixed} of 2 to 5 axes."
                f" Received: shape {shape}"
            )
        return shape

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """Refuse what is no array of points.

        Raises:
            ValueError: no real floats; fewer than 2 or more than 5 axes; other coordinates.
        """
        gate.tensor(x, f"{name} of {self.name}", ranks=range(2, 6), channels=self.coordinates)

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """The channels of u at each point."""
        return (*self.image_shape(input_shape)[:-1], self.outputs)

    def influence(self) -> Influence:
        """A point acts on itself alone."""
        return Influence(0, exact=True)

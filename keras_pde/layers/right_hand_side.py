"""RightHandSideLayer: the base of layers F of an evolution equation ∂ₜu = F(u)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.certificates.amplification import Region
from keras_pde.layers.symbols import eigenvalues
from keras_pde.operators.boundary import check_boundary
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor

FREQUENCIES = {1: 512, 2: 48, 3: 16}  # an axis, at which a symbol is looked at


class RightHandSideLayer(Gated):
    r"""u ↦ F(u) = Lu + N(u), the discretised right-hand side of ∂ₜu = F(u).

    A subclass writes `evolve`; where its linear part L is known apart, `nonlinear` and
    `multipliers`; and what is known of L for the step size and the certificate: `symbol`,
    `kernels`, `order_in_space`, `mean_kept`. Their defaults promise nothing.

    The state has ``components`` · m channels, m copies of the equation side by side: component c of
    copy i stands at c·m + i.

    Args:
        ndim: number of spatial axes.
        components: of the state.
        spacing: of the points: one number, or one an axis.
        boundary: "periodic", "neumann" (reflecting) or "dirichlet" (zero).
        activity_regularizer, trainable, dtype, autocast, name: as of any Keras layer.

    Shapes: (batch, \*spatial, channels) → the same.

    Raises:
        ValueError: states of other axes, or whose channels are no multiple of the components.

    Source: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723 (2023).

    Example:
        >>> from keras_pde.layers.right_hand_side import RightHandSideLayer
        >>> class Decay(RightHandSideLayer):
        ...     def evolve(self, u, weights=None):
        ...         return -u
        >>> print(np.array(Decay(1)(np.ones((1, 2, 1))))[0, :, 0])
        [-1. -1.]
    """

    linear: bool = False  # whether N is 0
    learned: bool = False  # whether it has weights
    knows_spectrum: bool = False  # whether the eigenvalues of L bound the step

    def __init__(
        self,
        ndim: int,
        components: int = 1,
        spacing: float | Sequence[float] = 1.0,
        boundary: str = "periodic",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ndim = gate.whole(ndim, "ndim", low=1, high=3)
        self.components = gate.count(components, "components")
        self.spacing = spacings(spacing, self.ndim)
        self.boundary = check_boundary(boundary)

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what is no state of real floats with these axes and components."""
        self.check_state(u, f"u of {self.name}")

    def check_state(self, u: Tensor, name: str) -> None:
        """Refuse what is no state of the equation; the argument's name is for the message."""
        gate.tensor(u, name, ranks=(self.ndim + 2,))
        self.check_channels(tuple(u.shape), name)

    def check_channels(self, shape: Shape, name: str) -> None:
        """Refuse a number of channels that is no multiple of the components."""
        if len(shape) != self.ndim + 2 or shape[-1] is None or shape[-1] % self.components:
            many = f"a multiple of {self.components}" if self.components > 1 else "any number of"
            raise ValueError(
                f"{name} is (batch, *spatial, channels) in {self.ndim}-D with {many} channels."
                f" Received: shape {shape}"
            )

    def get_build_config(self) -> dict[str, Any]:
        """Nothing: the network that holds it is built for its own inputs."""
        return {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Do nothing: a layer is built where it is called first."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the state."""
        return tuple(input_shape)

    # Computation

    def weights_in_use(self) -> Any:
        """What is made of the weights once for many calls of `evolve`; None without any."""
        return None

    def evolve(self, u: Tensor, weights: Any = None) -> Tensor:
        """F(u), with what `weights_in_use` returned where it is computed once for many calls."""
        raise NotImplementedError

    def call(self, u: Tensor) -> Tensor:
        """F(u)."""
        return self.evolve(ops.convert_to_tensor(u))

    def nonlinear(self, u: Tensor, weights: Any = None) -> Tensor:
        """N(u) = F(u) − Lu; by default F itself, with L = 0."""
        return self.evolve(u, weights)

    # What is known of it

    @property
    def written_out(self) -> bool:
        """Whether it has convolutions, which XLA for the CPU runs on one thread in a loop."""
        return False

    @property
    def operators(self) -> list[Operator]:
        """The operators inside, whose kernels an export holds as numbers."""
        return []

    @property
    def reach(self) -> int | None:
        """Pixels that F looks to each side; None for all."""
        return None

    def multipliers(self, sizes: Sequence[Any], copies: int = 1) -> Any:
        r"""λ(ω) of L on a periodic grid, as `RightHandSide.multipliers`; 0 unless L is told apart.

        Args:
            sizes: of the grid.
            copies: of the equation, side by side.
        """
        return np.zeros((*sizes[:-1], sizes[-1] // 2 + 1, 1))

    def kernels(self) -> dict[tuple[int, int], np.ndarray] | None:
        """The kernel of L from each source to each component, centred; None where it has none."""
        return {}

    def region(self) -> Region:
        """A region with the eigenvalues of L, for one component without kernels."""
        return Region(0.0, 0.0)

    def symbol(self, omega: Sequence[np.ndarray]) -> np.ndarray:
        """L on the wave e^{iω·x} of a periodic grid: (…, components, components).

        Args:
            omega: angles a point, one array an axis.
        """
        shape = np.broadcast(*omega).shape
        return np.zeros((*shape, self.components, self.components), complex)

    def frequencies(self) -> list[np.ndarray]:
        """Angles ω at which a symbol is looked at, one array an axis, π among them."""
        n = FREQUENCIES[self.ndim]
        # beside π, where odd derivatives in Fourier space are largest, and at it 0
        angles = np.append(2 * np.pi * np.arange(n) / n, np.pi * (1 - 1e-7))
        return list(np.meshgrid(*[angles] * self.ndim, indexing="ij"))

    def spectrum(self, *, of_range: bool = False) -> np.ndarray:
        """Eigenvalues of L on a periodic grid, sampled.

        Args:
            of_range: those of F linearised at constant states of the equation's range as well.
        """
        return eigenvalues(self.symbol(self.frequencies()))

    def alternates(self) -> bool:
        """Whether each half of the components is driven by the other half alone, as of waves."""
        return False

    def lipschitz(self) -> float:
        """A Lipschitz constant of F where it is not linear; inf where none is known."""
        return math.inf

    def lines(self) -> list[str]:
        """F in a few lines, for ``print(model)``."""
        return [f"  right-hand side  {type(self).__name__}, {self.boundary} boundary"]

    def order_in_space(self) -> tuple[float | None, str]:
        """The order of consistency in the spacing, None where none is known, and why."""
        return None, "it does not say which equation it approximates"

    def reaction(self) -> np.ndarray | None:
        """The coefficients, lowest first, of p where F(u) = Du + p(u) with derivatives Du."""
        return None

    def mean_kept(self) -> tuple[bool, str]:
        """Whether the mean of F(u) over all points is 0 for each channel, and why."""
        return False, "nothing is known about the mean of F(u)"

    def example_range(self) -> list[tuple[float, float]]:
        """The least and the largest value of each component in an example."""
        return [(0.0, 1.0)] * self.components

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "spacing": list(self.spacing),
            "boundary": self.boundary,
        }


def spacings(spacing: Any, ndim: int) -> list[float]:
    """The distance of the points along each axis.

    Example:
        >>> from keras_pde.layers.right_hand_side import spacings
        >>> spacings(0.5, 2)
        [0.5, 0.5]
    """
    values = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * ndim
    if len(values) != ndim:
        raise ValueError(
            f"spacing is a number > 0, or {ndim} numbers, one an axis. Received: {spacing!r}"
        )
    return [gate.number(h, "spacing", low=0, low_open=True) for h in values]

"""KernelPropagator: an evolution as sums over a kernel that depends on the state, learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.conservation import MeanKept
from keras_pde.layers.learned_kernel import LearnedKernel
from keras_pde.layers.windows import WindowFeatures
from keras_pde.models.network import Network
from keras_pde.operators.boundary import check_boundary
from keras_pde.runtime import gate
from keras_pde.runtime.precision import point_mean
from keras_pde.runtime.printed import counted
from keras_pde.runtime.types import Inputs, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class KernelPropagator(Network):
    r"""uᵏ⁺¹ = uᵏ + Π∫κ_θ(x, y; uᵏ)uᵏ(y)dy for k < K, and Π takes off the mean: u⁰ ↦ (u¹, …, uᴷ).

    Of a linear evolution κ is its Green's function less the identity; of one that is not, the bands
    of the kernel (`LearnedKernel`) follow the state. The mean of u is kept for all weights, as for
    any equation of the form u_t = ∇·F (J4). One step is learned and repeated, so a call may have
    more steps than the training had. Cost: linear in the points.

    Args:
        steps: K, the number of times at which u is returned.
        filters: channels of what is known of u around a point.
        hidden: units of the network of bands.
        levels: of the kernel, at most.
        boundary: "periodic", "neumann" or "dirichlet".
        positions: whether the networks see where a point is.

    Shapes: u (batch, \*spatial, 1) → (batch, \*spatial, steps), 1-D to 3-D.

    Raises:
        ValueError: counts below 1, an unknown boundary; at build, more than one channel.

    Source: Li et al., arXiv:2006.09535 (2020); Burgers' equation as an operator: section 4 there.

    Example:
        >>> from keras_pde import KernelPropagator
        >>> net = KernelPropagator(steps=3, filters=4, hidden=8)
        >>> u = np.sin(2 * np.pi * np.arange(16) / 16).astype("float32")[None, :, None]
        >>> later = np.array(net(u))
        >>> later.shape, bool(np.abs(later.mean(axis=1)).max() < 1e-6)
        ((1, 16, 3), True)
    """

    prefers_xla = False  # which would compile every step

    def __init__(
        self,
        steps: int = 16,
        filters: int = 12,
        hidden: int = 32,
        levels: int = 6,
        boundary: str = "periodic",
        positions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = self.step_count = gate.count(steps, "steps")
        self.filters = gate.count(filters, "filters")
        self.hidden = gate.count(hidden, "hidden")
        self.levels = gate.count(levels, "levels")
        self.boundary = check_boundary(boundary)
        self.positions = gate.flag(positions, "positions")
        policy = self.dtype_policy
        self.windows = WindowFeatures(filters, boundary, positions, dtype=policy)
        self.kernel = LearnedKernel(hidden, 0, levels, boundary, dtype=policy, name="kernel")

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The state alone."""
        return ("state",)

    @property
    def width(self) -> int:
        """Numbers a point: three bands."""
        return max(3 ** (self.ndim + 1), self.hidden)

    @property
    def description(self) -> str:
        """What it computes."""
        return f"{self.step_count} steps by a learned kernel"

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights."""
        super().build(input_shape)
        if self.input_channels != 1:
            raise ValueError(
                f"{type(self).__name__} is for states of one channel. Received: shape"
                f" {self.image_shape(input_shape)}"
            )
        inner = (None,) * (self.ndim + 1)
        self.windows.build((*inner, 1))
        self.kernel.build((*inner, 1), (*inner, self.filters))

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """A number a point and step."""
        return (*self.image_shape(input_shape)[:-1], self.step_count)

    def call(self, state: Tensor) -> Tensor:
        """u¹, …, uᴷ as channels."""
        return ops.concatenate(self.states(state), -1)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """u¹, …, uᴷ."""
        u, found = inputs, []
        if keras.backend.backend() == "jax":  # compiled once, not for each step
            _, stack = ops.scan(lambda u, _: (self._step(u),) * 2, u, length=self.steps)
            return [stack[k] for k in range(self.steps)]
        for _ in range(self.steps):
            u = self._step(u)
            found.append(u)
        return found

    def _step(self, u: Tensor) -> Tensor:
        change = self.kernel(u, self.windows(u))
        return u + change - point_mean(change)

    def certificate(self) -> Certificate:
        """That the mean is kept, for all weights (J4)."""
        kept = MeanKept(1.0, "the mean is taken off every change (J4)")
        return super().certificate().with_guarantees(kept)

    def example(self) -> dict[str, np.ndarray]:
        """A smooth periodic state."""
        rng = np.random.default_rng(20260)
        sizes = (16, 12, 8)[: self.ndim]
        x = np.stack(np.meshgrid(*(np.arange(n) / n for n in sizes), indexing="ij"), -1)
        waves = rng.integers(-2, 3, (4, self.ndim))
        values = sum(np.cos(2 * np.pi * (x @ w) + k) for k, w in enumerate(waves)) / 8
        return {"input": values[None, ..., None].astype("float32")}

    def __repr__(self) -> str:
        seen = ", and where they are" if self.positions else ""
        return "\n".join(
            [
                f"{type(self).__name__} {self.name!r}",
                f"  {f'{self.steps} steps':<17}sums over a kernel that follows the state,"
                f" {self.levels} levels at most",
                f"  boundary         {self.boundary}; the mean is kept",
                f"  of a point       {self.filters} features of the 5^d points around it{seen};"
                f" {self.hidden} hidden units",
                f"  parameters       {counted(self)}",
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "filters": self.filters,
            "hidden": self.hidden,
            "levels": self.levels,
            "boundary": self.boundary,
            "positions": self.positions,
        }

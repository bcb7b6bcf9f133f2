"""KernelNetwork: the solution of −∇·(a∇u) = 1 from a, by learned fluxes and a learned kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.layers.learned_kernel import LearnedKernel
from keras_pde.layers.windows import WindowFeatures
from keras_pde.models.network import Network
from keras_pde.operators.boundary import cut
from keras_pde.operators.conductances import diagonal_of, laplacian
from keras_pde.runtime import gate
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.precision import at_least_float32
from keras_pde.runtime.printed import counted
from keras_pde.runtime.types import Inputs, Shape, Tensor
from keras_pde.schemes.solvers.implicit_step import dot, spread


@keras.saving.register_keras_serializable(package="keras_pde")
class KernelNetwork(Network):
    r"""uᵏ⁺¹ = uᵏ + αₖdᵏ, dᵏ = ∫κ_θ(x, y; a)(f − A_θ(a)uᵏ)(y)dy + βₖdᵏ⁻¹, an operator a ↦ u.

    A_θ is −∇·(c∇u) by differences: c > 0 of an edge is the exponential of a network of the
    coefficients a around its two ends, the same for both directions, so that A_θ is symmetric and
    positive definite for all weights (J3). κ_θ is a symmetric `LearnedKernel`, an inverse of A_θ
    that is nearly right, and positive for all weights. αₖ minimises the energy ½⟨u, A_θu⟩ − ⟨f, u⟩
    along dᵏ, and βₖ makes dᵏ conjugate to dᵏ⁻¹: conjugate gradients with a learned preconditioner.
    So for all weights and all sizes every cycle is nearer to the solution of A_θu = f than the one
    before, in the energy's norm, and cycles without end reach it (J5).
    No weight belongs to a size, and all levels share theirs, so a network that learned on one grid
    is for finer ones too.

    The points are i/n with i = 0, …, n − 1 along each axis of the unit cube; u = 0 at its walls,
    of which i = 0 is one. f is one number, learned as a multiple of ``source``. Cost: linear in the
    points, about 50 products a point and cycle.

    Args:
        filters: channels of what is known of a around a point.
        hidden: units of the networks of edges and of bands.
        cycles: K, how often the kernel is applied.
        levels: of the kernel, at most.
        positions: whether the networks see where a point is; then they are of one domain.
        source: f where its learned factor is 1.

    Shapes: a (batch, \*spatial, channels) → u (batch, \*spatial, 1), 1-D to 3-D, at least 3 points
    an axis.

    Raises:
        ValueError: counts below 1.

    Source: Li et al., arXiv:2006.09535 (2020), the multipole graph kernel, here between points of
    a grid; with residuals: Huang, Zhang et al., arXiv:2102.12071 (2021), learned iterative solvers.

    Example:
        >>> from keras_pde import KernelNetwork
        >>> net = KernelNetwork(filters=4, hidden=8, cycles=3)
        >>> a = np.zeros((1, 16, 16, 1), "float32")
        >>> u = np.array(net(a))[0, :, :, 0]
        >>> u.shape, bool((u[0] == 0).all()), bool((u[1:, 1:] > 0).all())
        ((16, 16), True, True)
    """

    prefers_xla = False  # which would compile every cycle
    smallest_size = 3
    boundary = "dirichlet"

    def __init__(
        self,
        filters: int = 12,
        hidden: int = 32,
        cycles: int = 8,
        levels: int = 6,
        positions: bool = False,
        source: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = gate.count(filters, "filters")
        self.hidden = gate.count(hidden, "hidden")
        self.cycles = gate.count(cycles, "cycles")
        self.levels = gate.count(levels, "levels")
        self.positions = gate.flag(positions, "positions")
        self.source = gate.number(source, "source")
        self.step_count = self.cycles
        policy = self.dtype_policy
        self.windows = WindowFeatures(filters, "dirichlet", positions, dtype=policy)
        self.kernel = LearnedKernel(
            hidden, 2, levels, "dirichlet", symmetric=True, dtype=policy, name="kernel"
        )
        self.edge = keras.layers.Dense(hidden, activation="silu", dtype=policy, name="edge")
        self.flow = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.VarianceScaling(0.02),
            dtype=policy,
            name="flow",
        )

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The coefficient alone."""
        return ("coefficient",)

    @property
    def width(self) -> int:
        """Numbers a point: three bands, or the hidden units of the edges."""
        return max(3 ** (self.ndim + 1), self.hidden * self.ndim)

    @property
    def description(self) -> str:
        """What it computes."""
        return f"{self.cycles} cycles of a learned kernel"

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights for so many channels of a."""
        super().build(input_shape)
        inner = (None,) * (self.ndim + 1)
        self.windows.build((*inner, self.input_channels))
        count = self.filters
        self.edge.build((*inner, 2 * count))
        self.flow.build((*inner, self.hidden))
        self.kernel.build((*inner, 1), (*inner, count))
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """One number a point."""
        return (*self.image_shape(input_shape)[:-1], 1)

    def call(self, coefficient: Tensor) -> Tensor:
        """u after all cycles."""
        cycle, state = self._start(coefficient)
        state = repeat(lambda state, _: cycle(state), state, [ops.zeros((self.cycles,))])
        return self._with_walls(state[0])

    def states(self, inputs: Inputs) -> list[Tensor]:
        """u¹, …, uᴷ."""
        cycle, state = self._start(inputs)
        found = []
        for _ in range(self.cycles):
            state = cycle(state)
            found.append(self._with_walls(state[0]))
        return found

    def _start(self, inputs: Inputs) -> tuple[Callable[[list[Tensor]], list[Tensor]], list[Tensor]]:
        """A cycle on [u, f − Au, d, Ad], and its start."""
        z, flows = self._prepare(inputs)
        diagonal = diagonal_of(flows)
        bands = self.kernel.bands(z, diagonal)
        zero = 0 * diagonal

        def cycle(state: list[Tensor]) -> list[Tensor]:
            u, r, before, image = state
            p = self.kernel.multiply(r, bands)
            beta = -_quotient(p, image, before)
            d = p + beta * before
            image = laplacian(p, flows) + beta * image
            alpha = _quotient(r, d, image)
            return [u + alpha * d, r - alpha * image, d, image]

        return cycle, [zero, self._right_hand_side(inputs) + zero, zero, zero]

    def with_cycles(self, cycles: int) -> Self:
        """The same weights with another number of cycles: finer grids take more.

        Example:
            >>> import keras_pde
            >>> keras_pde.from_preset("darcy_2d").with_cycles(40).cycles
            40
        """
        return self._with(cycles=cycles)

    def certificate(self) -> Certificate:
        """The energy of its own equation, which no cycle raises for any weights (J5)."""
        why = "no bound is stated of learned fluxes"
        reasons = dict.fromkeys(("norm", "lipschitz", "averaged"), why)
        reasons["energy"] = "each cycle minimises ½⟨u, A_θu⟩ − ⟨f, u⟩ along its direction (J5)"
        return Certificate(
            self.subject,
            energy_descent=True,
            reasons=reasons,
            assumptions=("exact arithmetic",),
        )

    def conductances(self, coefficient: Any) -> tuple[list[np.ndarray], float]:
        """The numbers c of all edges, axis by axis, and f over n²: A_θu = f as an equation.

        Along its own axis an array has an edge before each inner point and one after the last.

        Args:
            coefficient: a, as the network is called with.

        Example:
            >>> from keras_pde import KernelNetwork
            >>> net = KernelNetwork(filters=4, hidden=8, cycles=3)
            >>> (down, across), f = net.conductances(np.zeros((1, 8, 8, 1), "float32"))
            >>> down.shape, across.shape, bool((down > 0).all())
            ((1, 8, 7, 1), (1, 7, 8, 1), True)
        """
        a = self.tensors(coefficient)
        _, flows = self._prepare(a)
        found = [np.asarray(ops.convert_to_numpy(c), np.float64) for c in flows]
        return found, float(ops.convert_to_numpy(self._right_hand_side(a)))

    def _prepare(self, a: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The features of inner points, and the numbers of the edges between all points."""
        z = a
        for axis in range(1, self.ndim + 1):  # the wall behind the last point
            z = ops.concatenate([z, cut(z, axis, -1, None)], axis)
        z = self.windows(z)
        flows = []
        for axis in range(1, self.ndim + 1):
            line = z
            for other in range(1, self.ndim + 1):
                line = line if other == axis else cut(line, other, 1, -1)
            one, two = cut(line, axis, None, -1), cut(line, axis, 1, None)
            ends = ops.concatenate([one + two, ops.abs(one - two)], -1)
            flows.append(ops.exp(self.flow(self.edge(ends))))
        for axis in range(1, self.ndim + 1):
            z = cut(z, axis, 1, -1)
        return z, flows

    def _right_hand_side(self, a: Tensor) -> Tensor:
        """f over n², n that of the first axis."""
        n = ops.cast(ops.shape(a)[1], a.dtype)
        return self.source * ops.cast(ops.convert_to_tensor(self.factor), a.dtype) / (n * n)

    def _with_walls(self, u: Tensor) -> Tensor:
        return ops.pad(u, [(0, 0), *[(1, 0)] * self.ndim, (0, 0)])

    def example(self) -> dict[str, np.ndarray]:
        """Two phases of random shape, 0 and 1."""
        rng = np.random.default_rng(20260)
        waves = rng.standard_normal((4, self.ndim, self.input_channels))
        sizes = (16, 16, 8)[: self.ndim]
        x = np.stack(np.meshgrid(*(np.arange(n) / n for n in sizes), indexing="ij"), -1)
        values = sum(np.cos(2 * np.pi * (x @ w) + k) for k, w in enumerate(waves))
        return {"input": (values > 0)[None].astype("float32")}

    def __repr__(self) -> str:
        seen = ", and where they are" if self.positions else ""
        return "\n".join(
            [
                f"{type(self).__name__} {self.name!r}",
                f"  {f'{self.cycles} cycles':<17}conjugate directions from a learned kernel of"
                f" {self.levels} levels at most",
                f"  equation         learned fluxes, f = {self.source:g} times a learned number",
                f"  of a point       {self.filters} features of the 5^d points around it{seen};"
                f" {self.hidden} hidden units",
                f"  parameters       {counted(self)}",
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "cycles": self.cycles,
            "levels": self.levels,
            "positions": self.positions,
            "source": self.source,
        }


def _quotient(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """⟨x, y⟩/⟨y, z⟩ of each sample, 0 where the denominator is, to be multiplied with y."""
    x, wide, z = (at_least_float32(v) for v in (x, y, z))
    above, below = dot(x, wide), dot(wide, z)
    zero = ops.equal(below, 0)
    found = ops.where(zero, ops.zeros_like(above), above / ops.where(zero, 1.0, below))
    return ops.cast(spread(found, y), y.dtype)

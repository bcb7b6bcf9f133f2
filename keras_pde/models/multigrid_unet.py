"""MultigridUNet: a multigrid cycle as a U-net, without weights or as a network to train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_pde.layers.learned_level import LearnedLevel, lifting_and_head, smallest_size
from keras_pde.models.describe_multigrid import describe
from keras_pde.models.multigrid_inputs import scaled_input, spatial_sizes, split_inputs
from keras_pde.models.multigrid_inverse import DifferentiableSolver
from keras_pde.models.multigrid_solver import LEARNED_LEVELS
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.types import Inputs, Shape, Tensor
from keras_pde.schemes.multigrid import problems, smoothers
from keras_pde.schemes.multigrid.cycle import Cycle
from keras_pde.schemes.multigrid.cycle_type import CycleType
from keras_pde.schemes.multigrid.linear_level import LinearLevel


@keras.saving.register_keras_serializable(package="keras_pde")
class MultigridUNet(DifferentiableSolver):
    r"""One multigrid cycle for A u = b: smooth, correct from the coarser grid, smooth again.

    In architecture it is a U-net: smoothing steps x + ωD⁻¹(b − Ax) are residual blocks with a
    source skip, the correction x + Pe is the additive skip between its sides, and W, F and full
    multigrid cycles are U-nets in series. It has two lives. Without ``channels`` the model has no
    weights: it is the textbook cycle, and `solve` iterates it. A V(2,1) cycle for the Poisson
    equation in 2-D lowers the residual by a factor that was measured, at O(1) operations a point,
    below 0.03 for a zero boundary, 0.1 for others: 0.09 for reflecting axes of even size, 0.075 for
    periodic ones of odd size, 0.065 else (M3; python benchmarks/factors.py). With ``channels`` the
    kernels of every level's operator, its flux, smoothing weights, R and P are learned; it starts
    as the cycle itself, in every channel (periodic axes of odd size have every second point on the
    coarse grid, and no `Circle`).

    Args:
        problem: a name ("poisson", "screened_poisson", "biharmonic", "inpainting", "diffusion") or
            a `keras_pde.problems.Problem`.
        cycle: "V(2,1)", "W(1,1)", "F(2,1)" or "FMG(2,1)" with the smoothing steps before and after
            the correction; None is the problem's own.
        levels: number of grids, or "auto": down to one point (learned: 4).
        smoother: "jacobi", "chebyshev", "red_black" or a `keras_pde.smoothers.Smoother`; None is
            the problem's own ("chebyshev" if learned).
        fas: full approximation scheme, which a nonlinear operator needs; None is only where needed.
        channels: state channels of a learned net.
        outputs: channels of a learned net's output (classes, say), by a 1×1 convolution with bias;
            None is those of its input.
        noise_conditioned: of a learned net N₁, made for noise of 25/255: it is told the level σ and
            computes r N₁(b/r), r = 255σ/25.

    Call args: b (batch, \*spatial, channels), or [b, x] to start from x instead of 0; [b, noise]
    for a noise-conditioned net, σ per sample (batch,) or as a map (batch, \*spatial, 1); for
    inpainting [f, mask] or [f, mask, x], mask (batch, \*spatial, 1), 1 where f is known; [b, a] or
    [b, a, x] for a coefficient a. Returns x
    after one cycle (a learned net: the output), the shape of b. Sizes are dynamic, with "auto"
    fixed when traced.

    Raises:
        ValueError: unknown names, a smoother or scheme that the problem does not allow, levels
            whose coarsest grid is too large to be solved exactly, learned options without
            ``channels``.

    Source: Brandt (1977); Trottenberg, Oosterlee, Schüller, Multigrid (2001); as U-nets: Alt et
    al., arXiv:2107.14742 (2021).

    Example:
        >>> import numpy as np
        >>> from keras_pde import MultigridUNet
        >>> solver = MultigridUNet("poisson")
        >>> b = np.random.default_rng(0).standard_normal((1, 63, 63, 1))
        >>> print(solver.solve(b, tolerance=1e-9).converged, solver.count_params())
        True 0
        >>> net = MultigridUNet("screened_poisson", channels=4, levels=3, outputs=2)
        >>> tuple(net(b).shape)
        (1, 63, 63, 2)
    """

    def __init__(
        self,
        problem: str | problems.Problem = "poisson",
        cycle: str | None = None,
        levels: int | str = "auto",
        smoother: str | smoothers.Smoother | None = None,
        *,
        fas: bool | None = None,
        channels: int | None = None,
        outputs: int | None = None,
        noise_conditioned: bool = False,
        **kwargs: Any,
    ) -> None:
        problem = problems.get(problem)
        if not isinstance(levels, str) or levels != "auto":
            levels = gate.whole(levels, 'levels, a number of grids or "auto",', low=1, high=64)
        channels = None if channels is None else gate.count(channels, "channels")
        outputs = None if outputs is None else gate.count(outputs, "outputs")
        fas = None if fas is None else gate.flag(fas, "fas")
        super().__init__(
            problem,
            CycleType.parse(problem.default_cycle if cycle is None else cycle),
            smoothers.get(smoother or ("chebyshev" if channels else problem.default_smoother)),
            levels,
            not problem.linear if fas is None else fas,
            channels,
            **kwargs,
        )
        self.outputs = outputs
        self.noise_conditioned = gate.flag(noise_conditioned, "noise_conditioned")
        self._check()
        self.learned_levels: list[LearnedLevel] = []

    def _check(self) -> None:
        if self.smoother.needs_colours and (self.problem.galerkin or self.problem.order != 2):
            raise ValueError(
                f"red_black needs an operator between neighbours only, and {self.problem!r} couples"
                " more. Use 'chebyshev' or 'jacobi'."
            )
        if not self.problem.linear and not self.fas:
            raise ValueError(
                f"{self.problem!r} is nonlinear: its coarse correction needs fas=True, or None"
            )
        if self.problem.galerkin and self.fas:
            raise ValueError(
                f"{self.problem!r} has coarse operators of corrections only: use fas=False, or None"
            )
        if self.channels is None and self.smoother.learned:
            raise ValueError(f"{self.smoother!r} is for a learned net: give channels as well")
        if self.channels is None and self.outputs is not None:
            raise ValueError("outputs is for a learned net: give channels as well")
        if self.channels is None and self.noise_conditioned:
            raise ValueError("noise_conditioned is for a learned net: give channels as well")
        if self.channels is not None and (self.problem.galerkin or self.problem.order != 2):
            raise ValueError(
                "A learned net starts from an operator of order 2 without mask or coefficient."
                " Received:"
                f" problem={self.problem!r}"
            )

    @property
    def denoises(self) -> bool:  # type: ignore[override]
        """Whether it is a filter of noisy images, which is told their noise."""
        return self.noise_conditioned

    @property
    def smallest_size(self) -> int:  # type: ignore[override]
        """Points an axis that the input needs."""
        if self.channels is None:
            return 1
        return smallest_size(len(self.learned_levels), self.problem.boundary)

    @property
    def width(self) -> int:
        """Numbers that Ku has for each point."""
        return self.ndim * (self.channels or self.input_channels)

    @property
    def operators(self) -> list[Operator]:
        """The learned levels' operators."""
        return [level.convolution for level in self.learned_levels]

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Rank, channels, and for a learned net its weights."""
        super().build(input_shape)
        if self.channels is not None:
            self._build_learned(self.image_shape(input_shape))

    def _build_learned(self, shape: Shape) -> None:
        count = LEARNED_LEVELS if self.levels == "auto" else int(self.levels)
        inner = (shape[0], *(None,) * self.ndim, self.channels)
        self.lifting, head = lifting_and_head(int(self.channels or 1), self.dtype_policy)
        self.lifting.build(shape)
        self.head = (
            head(shape[-1])
            if self.outputs is None
            else keras.layers.Dense(self.outputs, dtype=self.dtype_policy, name="head")
        )
        self.head.build(inner)
        sizes = self.sizes or (4 * smallest_size(count, self.problem.boundary) - 1,) * self.ndim
        for index, level in enumerate(self._hierarchy(sizes, count)):
            steps = self.smoother.steps(
                self.cycle_type.before, self.cycle_type.after, level.smoothing_range, self.ndim
            )
            layer = LearnedLevel(
                self.problem,
                index,
                int(self.channels or 1),
                self.smoother,
                steps,
                index == count - 1,
                dtype=self.dtype_policy,
                name=f"level_{index}",
            )
            layer.build(inner)
            self.learned_levels.append(layer)

    def _hierarchy(self, sizes: tuple[int, ...], count: int) -> list[LinearLevel]:
        """Linear levels of the problem, from whose smoothing ranges the learned weights start."""
        return [
            LinearLevel(
                g, "float32", screening=self.problem.screening, stiffness=self.problem.stiffness
            )
            for g in self.grids(sizes, count=count)
        ]

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """One cycle."""
        return self._run(inputs)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The state of every level when the cycle leaves it for the last time, finest first.

        A learned net's states have its state channels.

        Example:
            >>> import numpy as np
            >>> from keras_pde import MultigridUNet
            >>> states = MultigridUNet("poisson").features(np.ones((1, 7, 7, 1)))
            >>> [tuple(x.shape[1:-1]) for x in states]
            [(7, 7), (3, 3), (1, 1)]
        """
        record: dict[int, Any] = {}
        self._run(inputs, record)
        return [record[i] for i in sorted(record)]

    def _run(self, inputs: Inputs, record: dict[int, Any] | None = None) -> Tensor:
        ratio: Any = 1.0
        if self.noise_conditioned:
            inputs, ratio = scaled_input(self.name, inputs)
        b, given, x = split_inputs(self.problem, inputs)
        sizes = spatial_sizes(b)
        if all(isinstance(n, int) for n in sizes):
            self.sizes = sizes
        if self.channels is not None:
            return ratio * self._run_learned(b, x, record)
        narrow = b.dtype
        # a residual is a difference of near numbers
        if keras.backend.standardize_dtype(narrow) in ("float16", "bfloat16"):
            b, given, x = (None if t is None else ops.cast(t, "float32") for t in (b, given, x))
        dtype = keras.backend.standardize_dtype(b.dtype)
        data = self.problem.prepare(self.grids(sizes, dtype), dtype, given)
        if self.problem.masked:
            b = self.problem.source(b, self.grids(sizes, dtype)[0], dtype, data)
        return ops.cast(self.cycle(b, x, data, record), narrow)

    def _run_learned(self, b: Tensor, x: Tensor | None, record: dict[int, Any] | None) -> Tensor:
        sizes, dtype = spatial_sizes(b), keras.backend.standardize_dtype(b.dtype)
        least = smallest_size(len(self.learned_levels), self.problem.boundary)
        if any(isinstance(n, int) and n < least for n in sizes):
            raise ValueError(
                f"A learned net of {len(self.learned_levels)} levels needs at least {least} points"
                f" along each axis. Received: {sizes}"
            )
        grids = self.grids(sizes, dtype, count=len(self.learned_levels))
        levels = [
            layer.on(grid, dtype) for layer, grid in zip(self.learned_levels, grids, strict=True)
        ]
        state = self.lifting(b)
        cycle = Cycle(
            levels, [level.plan for level in levels], self.cycle_type.kind, self.fas, record
        )
        return self.head(cycle(state, None if x is None else self.lifting(x)))

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """The shape of b, with the output's channels."""
        shape = self.image_shape(input_shape)
        return (*shape[:-1], shape[-1] if self.outputs is None else self.outputs)

    # Configuration

    def __repr__(self) -> str:
        return describe(self, self.outputs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "problem": keras.saving.serialize_keras_object(self.problem),
            "cycle": str(self.cycle_type),
            "levels": self.levels,
            "smoother": keras.saving.serialize_keras_object(self.smoother),
            "fas": self.fas,
            "channels": self.channels,
            "outputs": self.outputs,
            "noise_conditioned": self.noise_conditioned,
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        config = dict(config)
        for key in ("problem", "smoother"):
            if isinstance(config.get(key), dict):
                config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)

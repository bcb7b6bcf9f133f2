"""ImplicitRecurrent: implicit diffusion steps as a recurrent network with source skips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.implicit import implicit_certificate
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.implicit_diffusion import ImplicitDiffusion
from keras_pde.layers.lifting import Lifting
from keras_pde.models.block_network import BlockModel, block_arguments, lifting_of
from keras_pde.models.describe import describe_implicit
from keras_pde.models.diagnosis import Diagnosis
from keras_pde.operators import ConvOperator
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.positive import inverse_softplus
from keras_pde.schemes.solvers.implicit_step import spread

FILTERS = 32


@keras.saving.register_keras_serializable(package="keras_pde")
class ImplicitRecurrent(BlockModel, keras.Model):
    r"""Implicit scheme uᵏ⁺¹ = uᵏ − τKᵀΦ(Kuᵏ⁺¹).

    Each step an equilibrium, reached by a recurrent network with a skip from uᵏ.

    Norm stable for every τ and g ≥ 0; for monotone Φ each step is firmly nonexpansive. So few steps
    reach any stopping time. One step with learned kernels is the equilibrium denoiser argmin ½‖u −
    f‖² + E_σ(u), a variational model whose regulariser is trained: ``ImplicitRecurrent(filters=(4,
    8, 60), flux=SplineFlux(slopes=(-0.9, 1.0), learn_contrast=True, noise_conditioned=True))``.
    With τ = 1 and ‖K‖ ≤ 1 (normalised kernels) slopes above −1 keep ½‖u − f‖² + E(u) strictly
    convex for every weight: the solution is unique and depends on f with the Lipschitz constant
    1/(1 − μ); slopes ≥ 0 make it firmly nonexpansive. Cost: a solve a step.

    Args:
        steps: number of implicit steps.
        filters, kernel_size, flux: of the default block, ImplicitDiffusion(ConvOperator(filters,
            kernel_size, boundary="dirichlet", zero_mean=True, normalize=True), flux, 1.0): the norm
            bound is tight with zero boundaries. filters is 32 unless given.
        block: an `ImplicitDiffusion` to copy instead, with its operator, flux, step size and
            solver.
        tied: one block for all steps; otherwise one a step.
        lifting: a `Lifting` to a state with more channels, or their number; the guarantees stay
            (its learned form multiplies them).

    Call args: a tensor (batch, \*spatial, channels), or a pair (tensor, noise level) for a
    noise-conditioned flux. Sizes are dynamic; values in the units of the flux's contrast. Returns
    the shape of the input.

    Raises:
        ValueError: block together with filters or flux; a pair where the flux takes no noise level,
            or the reverse; steps < 1.

    Source: Alt et al., arXiv:2107.14742 (2021); learned weakly convex regularisers: Goujon,
    Neumayer, Unser, arXiv:2308.10542 (2023).

    Example:
        >>> import keras_pde
        >>> flux = keras_pde.SplineFlux(slopes=(-0.9, 1.0), learn_contrast=True)
        >>> net = keras_pde.ImplicitRecurrent(filters=(4, 8), kernel_size=3, flux=flux)
        >>> tuple(net(np.zeros((1, 20, 30, 1))).shape)
        (1, 20, 30, 1)
        >>> certificate = net.certificate()
        >>> certificate.norm_stable, certificate.lipschitz < 10, certificate.energy_descent
        (True, True, True)
    """

    def __init__(
        self,
        steps: int = 1,
        filters: int | tuple[int, ...] | None = None,
        kernel_size: int = 5,
        flux: str | activations.Flux | FluxLayer | None = None,
        *,
        block: ImplicitDiffusion | None = None,
        tied: bool = True,
        lifting: int | Lifting | None = None,
        **kwargs: Any,
    ) -> None:
        if block is not None and kwargs.get("dtype") is None:
            kwargs["dtype"] = block.dtype_policy  # a model computes in its block's precision
        super().__init__(**kwargs)
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps must be a whole number >= 1. Received: steps={steps}")
        if block is None:
            operator = ConvOperator(
                FILTERS if filters is None else filters,
                kernel_size,
                boundary="dirichlet",
                zero_mean=True,
                normalize=True,
            )
            block = ImplicitDiffusion(
                operator, "charbonnier" if flux is None else flux, dtype=self.dtype_policy
            )
        elif filters is not None or flux is not None:
            raise ValueError(
                "Give either block, or filters, kernel_size and flux: the block has an operator and"
                " a flux of its own"
            )
        self.steps, self.filters, self.kernel_size, self.flux, self.tied = (
            steps,
            filters,
            kernel_size,
            flux,
            tied,
        )
        self.lifting = lifting_of(lifting, self.dtype_policy)
        self._template = serialize_unbuilt(block)
        self.blocks = [
            _copy(self._template, f"block_{i}", self.dtype_policy)
            for i in range(1 if tied else steps)
        ]
        self.noise_conditioned = self.blocks[0].flux.noise_conditioned

    def build(self, input_shape: Any) -> None:
        """Build the blocks for the rank and the channels of the input."""
        shape = self.image_shape(input_shape)
        self.input_channels = shape[-1]
        inner = shape
        if self.lifting is not None:
            self.lifting.build(shape)
            inner = (shape[0], *(None,) * (len(shape) - 2), self.lifting.state_channels)
        for block in self.blocks:
            if not block.built:
                block.build(inner)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The state after the last step."""
        states, lower = self._run(inputs)
        return lower(states[-1])

    def features(self, inputs: Any) -> list[Any]:
        """States after each implicit step, input first.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.ImplicitRecurrent(3, block=keras_pde.ImplicitDiffusion("forward"))
            >>> len(net.features(np.zeros((1, 8, 8, 1))))
            4
        """
        return self._run(self._tensors(inputs))[0]

    def diagnose(self, inputs: Any) -> Diagnosis:
        """Iterations, residuals and convergence of every solve, by one compiled run.

        Example:
            >>> import keras_pde
            >>> block = keras_pde.ImplicitDiffusion("forward", step_size=100.0, solver="fixed_point", max_iterations=10)
            >>> net = keras_pde.ImplicitRecurrent(1, block=block, name="hasty")
            >>> print(net.diagnose(np.eye(16)[None, ..., None]).summary())
            FixedPoint(damping='auto'): 10 iterations a step, largest relative residual ...; NOT CONVERGED: 1 of 1 solves are above ...
        """
        from keras_pde.runtime.compiling import compiled

        return self.diagnosis(
            ops.convert_to_numpy(compiled(self.traced())(self._tensors(inputs))[1])
        )

    def traced(self) -> Callable[[Any], tuple[Any, Any]]:
        """A function to compile.

        Input to output, and the residuals (steps, iterations + 1, batch) for `diagnosis`.
        """

        def run(inputs: Any) -> tuple[Any, Any]:
            traces: list[Any] = []
            states, lower = self._run(self._tensors(inputs), traces)
            return lower(states[-1]), ops.stack(traces)

        run.prefers_xla = self.prefers_xla  # type: ignore[attr-defined]
        return run

    def diagnosis(self, traces: np.ndarray) -> Diagnosis:
        """What the residuals of one run of `traced`, or of several joined along the batch, say."""
        block = self.blocks[0]
        return Diagnosis.of(
            f"{type(self).__name__} {self.name!r}", repr(block.solver), block.tolerance, traces
        )

    def _tensors(self, inputs: Any) -> Any:
        inputs = keras.tree.map_structure(
            lambda x: ops.convert_to_tensor(x, dtype=self.compute_dtype), inputs
        )
        if not self.built:
            self.build(
                [x.shape for x in inputs] if isinstance(inputs, list | tuple) else inputs.shape
            )
        return inputs

    def _run(
        self, inputs: Any, traces: list[Any] | None = None
    ) -> tuple[list[Any], Callable[[Any], Any]]:
        u, noise, lower = self.lift(inputs)
        prepared = [block.prepare(noise) for block in self.blocks]
        states = [u]
        for k in range(self.steps):
            block, ready = self.blocks[k % len(self.blocks)], prepared[k % len(self.blocks)]
            if traces is None:
                states.append(block.step(states[-1], ready))
            else:
                solution = block.solve_prepared(states[-1], ready, trace=True)
                traces.append(solution.trace)
                refuses = block.on_failure == "nan"
                solved = (
                    ops.where(spread(solution.converged, solution.u), solution.u, float("nan"))
                    if refuses
                    else solution.u
                )
                states.append(ops.cast(solved, u.dtype))
        return states, lower

    def energy(self, inputs: Any) -> Any:
        """E(u) = Σψ(Ku) of a state, a value per sample; for tied blocks."""
        if len(self.blocks) > 1 or self.lifting is not None:
            raise ValueError(
                "Blocks with kernels of their own, or behind a lifting, have no common energy of"
                " the image: use tied=True, no lifting"
            )
        u, noise = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.blocks[0].energy(ops.convert_to_tensor(u), noise)

    @property
    def prefers_xla(self) -> bool:
        """Whether XLA is the faster way to run the solves.

        Not for convolutions inside their loop.
        """
        return self.blocks[0].operator.sliced

    @property
    def time(self) -> float:
        """Diffusion time: the sum of the step sizes, in units of grid size²."""
        return sum(self.blocks[k % len(self.blocks)].tau for k in range(self.steps))

    def steps_for(self, time: float) -> int:
        """Steps that `with_time` takes to a stopping time.

        As many as now, since each is stable for every size.
        """
        return self.steps

    @property
    def step_count(self) -> int:
        """Number of steps."""
        return self.steps

    def with_time(self, time: float) -> ImplicitRecurrent:
        """The same weights and number of steps to another stopping time.

        All step sizes times one factor.

        Raises:
            ValueError: a time that is not finite or not > 0; a solver that cannot solve such large
                steps.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.ImplicitRecurrent(4, block=keras_pde.ImplicitDiffusion("forward", step_size=2.0))
            >>> net.with_time(20.0).time
            20.0
        """
        if not 0 < time < np.inf:
            raise ValueError(f"The stopping time must be finite and > 0. Received: time={time}")
        if not self.built and isinstance(self.blocks[0].step_size, str):
            raise ValueError(
                "Learned step sizes are weights: build the model first, by calling it or by"
                " build(input_shape)"
            )
        factor = time / self.time
        template = {**self._template, "config": dict(self._template["config"])}
        step = template["config"]["step_size"]
        if not isinstance(step, str):
            template["config"]["step_size"] = step * factor
        block = keras.saving.deserialize_keras_object(template)
        model = ImplicitRecurrent(
            self.steps,
            block=block,
            tied=self.tied,
            lifting=self.lifting,
            name=f"{self.name}_retimed",
            dtype=self.dtype_policy,
        )
        if self.built:
            model.build(self._input_shape())
            model.set_weights(self.get_weights())
        if isinstance(step, str):
            for old, new in zip(self.blocks, model.blocks, strict=True):
                new.raw_step.assign(inverse_softplus(old.tau * factor))
        return model

    def certificate(self) -> Certificate:
        """What is proved about input ↦ output, from the weights at hand."""
        if not self.built:
            raise ValueError(
                "A certificate is computed from weights: build the model first, by calling it or by"
                " build(input_shape)"
            )
        facts = [block.facts() for block in self.blocks]
        steps = [facts[k % len(facts)] for k in range(self.steps)]
        tolerance = self.blocks[0].tolerance
        subject = f"{type(self).__name__} {self.name!r}"
        certificate = implicit_certificate(
            subject, steps, tied=len(facts) == 1, tolerance=tolerance, dtype=self.compute_dtype
        )
        return certificate if self.lifting is None else self.lifting.certify(certificate)

    def __repr__(self) -> str:
        return describe_implicit(self)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "steps": self.steps,
            **self.block_config(),
            "tied": self.tied,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**block_arguments(config))


def _copy(template: dict[str, Any], name: str, dtype: Any) -> ImplicitDiffusion:
    """A block with weights of its own, in the model's precision."""
    own = {**template["config"], "name": name, "dtype": keras.saving.serialize_keras_object(dtype)}
    return keras.saving.deserialize_keras_object({**template, "config": own})

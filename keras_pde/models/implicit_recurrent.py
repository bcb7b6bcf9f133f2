"""ImplicitRecurrent: implicit diffusion steps as a recurrent network with source skips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.facts import BlockFacts
from keras_pde.certificates.implicit import implicit_certificate
from keras_pde.fluxes import noise_level
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.implicit_diffusion import ImplicitDiffusion
from keras_pde.layers.lifting import Lifting
from keras_pde.models.block_network import BlockNetwork, block_arguments
from keras_pde.models.describe import describe_implicit
from keras_pde.models.diagnosis import Diagnosis
from keras_pde.models.diagram import flowchart
from keras_pde.models.influence import Influence, decay
from keras_pde.models.program import Program
from keras_pde.operators import ConvOperator
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.positive import inverse_softplus
from keras_pde.runtime.types import Inputs, Tensor
from keras_pde.schemes.solvers.implicit_step import spread


@keras.saving.register_keras_serializable(package="keras_pde")
class ImplicitRecurrent(BlockNetwork):
    r"""Implicit scheme uᵏ⁺¹ = uᵏ − τKᵀΦ(Kuᵏ⁺¹).

    Each step is an equilibrium, reached by a recurrent network with a skip from uᵏ. It is norm
    stable for every τ and g ≥ 0; for monotone Φ each step is firmly nonexpansive. So few steps
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
        steps = gate.count(steps, "steps")
        super().__init__(
            steps, filters, kernel_size, flux, block=block, tied=tied, lifting=lifting, **kwargs
        )
        self.steps = steps

    def default_block(
        self, filters: int | tuple[int, ...], kernel_size: int, flux: Any
    ) -> ImplicitDiffusion:
        """The step with learned kernels of zero mean and norm at most 1, beyond which u is 0."""
        operator = ConvOperator(
            filters, kernel_size, boundary="dirichlet", zero_mean=True, normalize=True
        )
        return ImplicitDiffusion(operator, flux, dtype=self.dtype_policy)

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """The state after the last step."""
        return self.run(inputs)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The state after each implicit step, the input first."""
        return self._run(inputs)[0]

    def _run(
        self, inputs: Inputs, traces: list[Tensor] | None = None, guide: Tensor | None = None
    ) -> tuple[list[Tensor], Callable[[Tensor], Tensor]]:
        u, noise, lower = self.lift(inputs)
        u = u if noise is None else noise_level.samples_or_nan(u, noise)
        prepared = [block.prepare(noise, u if guide is None else guide) for block in self.blocks]
        states = [u]
        for k in range(self.steps):
            block, ready = self.block_of(k), prepared[k // self.steps_per_block]
            if traces is None:
                states.append(block.step(states[-1], ready))
                continue
            solution = block.solve_prepared(states[-1], ready, trace=True)
            traces.append(solution.trace)
            solved = solution.u
            if block.on_failure == "nan":
                solved = ops.where(spread(solution.converged, solved), solved, float("nan"))
            states.append(ops.cast(solved, u.dtype))
        return states, lower

    def run(self, inputs: Inputs, guide: Tensor | None = None) -> Tensor:
        """The last state, with gates of the input opened by a guide, a state, or by the input."""
        states, lower = self._run(inputs, guide=guide)
        return lower(states[-1])

    @property
    def prefers_xla(self) -> bool:  # type: ignore[override]
        """Whether XLA is the faster way to run the solves: not for convolutions in their loop."""
        return self.blocks[0].operator.sliced

    def program(self, snapshot: bool = False) -> Program:
        """What to compile of the network; its ``trace`` also returns the solvers' residuals."""
        return Program(
            lambda inputs: self._traced(inputs)[0],
            self.prefers_xla,
            trace=self._traced,
            diagnosis=self._diagnosis,
            network=self,
        )

    def _traced(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        traces: list[Tensor] = []
        states, lower = self._run(self.tensors(inputs), traces)
        return lower(states[-1]), ops.stack(traces)

    def _diagnosis(self, residuals: np.ndarray) -> Diagnosis:
        block = self.blocks[0]
        return Diagnosis.of(self.subject, repr(block.solver), block.tolerance, residuals)

    def diagnose(self, inputs: Inputs) -> Diagnosis:
        """Iterations, residuals and convergence of every solve, by one compiled run.

        Example:
            >>> import keras_pde
            >>> block = keras_pde.ImplicitDiffusion(
            ...     "forward", step_size=100.0, solver="fixed_point", max_iterations=10
            ... )
            >>> net = keras_pde.ImplicitRecurrent(1, block=block, name="hasty")
            >>> diagnosis = net.diagnose(np.eye(16)[None, ..., None])
            >>> int(diagnosis.iterations.max()), diagnosis.all_converged
            (10, False)
        """
        program = self.program()
        residuals = compiled(program.trace)(self.tensors(inputs))[1]
        return program.diagnosis(ops.convert_to_numpy(residuals))

    def energy(self, inputs: Inputs, guide: Tensor | None = None) -> Tensor:
        """E(u) = Σψ(Ku) of a state, a value per sample; for tied blocks.

        Gates of the input are opened by the guide, the network's input, which is u unless given.
        """
        u, noise = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.block_with_energy().energy(ops.convert_to_tensor(u), noise, guide)

    def influence(self) -> Influence:
        """The distance from which a pixel acts with a weight below 1e-4, from 64 to 480.

        Of each step the inverse of I + τKᵀΦ′K decays at the rate of conjugate gradients (see
        `keras_pde.models.influence.decay`), and the steps add up. This is a rule, not a proof.
        Where m = τμ‖K‖² ≥ 1 there is no rate, and the distance is the largest.
        """
        radius = 0.0
        for k in range(self.steps):
            block = self.block_of(k)
            q, m = block.spectral_bounds
            if q is None:
                squared = block.tau * block.operator.norm_bound() ** 2
                q = squared * block.flux.stiffness
                m = squared * max(0.0, -block.flux.slope_range[0])
            radius += (block.operator.support + block.flux.support) * decay(q, m or 0.0)
        return Influence.fading(radius * self.patch_size)

    def certificate(self) -> Certificate:
        """What is proved about input ↦ output, from the weights at hand."""
        return self.certificate_of(self.step_facts())

    def certificate_of(self, facts: list[BlockFacts]) -> Certificate:
        """What is proved from the facts of the steps."""
        certificate = implicit_certificate(
            self.subject,
            facts,
            tied=len(self.blocks) == 1,
            tolerance=self.blocks[0].tolerance,
            dtype=self.compute_dtype,
        )
        return self.lowered(certificate)

    # Other stopping times

    @property
    def time(self) -> float:  # type: ignore[override]
        """Diffusion time: the sum of the step sizes, in units of grid size²."""
        return sum(self.block_of(k).tau for k in range(self.steps))

    def steps_for(self, time: float) -> int:
        """Steps that `with_time` takes: as many as now, since each is stable for every size."""
        return self.steps

    def with_time(self, time: float) -> ImplicitRecurrent:
        """The same weights and number of steps to another stopping time.

        All step sizes are multiplied by one factor.

        Raises:
            ValueError: a time that is not finite and > 0; a solver that cannot solve such steps.

        Example:
            >>> import keras_pde
            >>> block = keras_pde.ImplicitDiffusion("forward", step_size=2.0)
            >>> keras_pde.ImplicitRecurrent(4, block=block).with_time(20.0).time
            20.0
        """
        if not 0 < time < np.inf:
            raise ValueError(f"The stopping time must be finite and > 0. Received: time={time}")
        step = self.block_template["config"]["step_size"]
        learned = isinstance(step, str)
        if learned:
            self.require_weights("Learned step sizes are weights")
        factor = time / self.time
        model = self._changed(f"{self.name}_retimed", step_size=step if learned else step * factor)
        if learned:
            for old, new in zip(self.blocks, model.blocks, strict=True):
                new.raw_step.assign(inverse_softplus(old.tau * factor))
        return model

    def solved_to(self, tolerance: float) -> ImplicitRecurrent:
        """The same weights, with solves to a relative residual at most."""
        accurate = all(block.tolerance <= tolerance for block in self.blocks)
        return self if accurate else self._changed(self.name, tolerance=tolerance)

    def _changed(self, name: str, **arguments: Any) -> ImplicitRecurrent:
        """The network with the same weights and other arguments of its blocks."""
        config = {**self.block_template["config"], **arguments}
        model = ImplicitRecurrent(
            self.steps,
            block=keras.saving.deserialize_keras_object({**self.block_template, "config": config}),
            tied=self.tied,
            lifting=self.lifting,
            name=name,
            dtype=self.dtype_policy,
        )
        model.take_weights(self)
        return model

    # Configuration

    def diagram(self) -> str:
        """The implicit steps as a mermaid flowchart."""
        return flowchart(
            "solve u + τKᵀΦ(Ku) = f", self.noise_conditioned, self.lifting, iterates=True
        )

    def __repr__(self) -> str:
        return describe_implicit(self)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "steps": self.steps}

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**block_arguments(config))

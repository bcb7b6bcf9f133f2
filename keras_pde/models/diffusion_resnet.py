"""DiffusionResNet: an operator, a flux and a schedule; the base that runs every scheme."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.facts import BlockFacts
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.diffusion_step import PreparedBlock
from keras_pde.layers.lifting import Lifting
from keras_pde.models import retiming
from keras_pde.models.block_network import BlockNetwork, block_arguments
from keras_pde.models.depth import redeepened
from keras_pde.models.describe import describe
from keras_pde.models.diagram import flowchart
from keras_pde.models.evolution import evolve
from keras_pde.models.influence import Influence
from keras_pde.models.program import Program
from keras_pde.operators import ConvOperator
from keras_pde.runtime import gate
from keras_pde.runtime.types import Inputs, Shape, Tensor
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import scheme_of


@keras.saving.register_keras_serializable(package="keras_pde")
class DiffusionResNet(BlockNetwork):
    r"""Residual network v = blockₖ(uᵏ; τₖ), uᵏ⁺¹ = wₖv + (1 − wₖ)uᵏ⁻¹ for any τₖ and wₖ.

    With an explicit schedule (an integer) this is the explicit scheme of ∂ₜu = −KᵀΦ(Ku) as a ResNet
    of symmetric blocks: norm stable for g ≥ 0 and any kernels, tied or not, without bias (S1), at
    half the weights of a free ResNet. With other schedules it is FED, FSI or Du Fort-Frankel, for
    which FEDResNet, FSIResNet and DuFortFrankelResNet are the names. Weights do not depend on the
    schedule: `with_schedule` re-times a trained network. Cost: one block a step.

    Args:
        schedule: number of explicit steps, or a `keras_pde.schemes.Schedule`; its step sizes
            multiply the block's own.
        filters, kernel_size, flux: of the default block, DiffusionBlock(ConvOperator(filters,
            kernel_size, zero_mean=True, normalize=True), flux). filters is 32 unless given.
        block: a `DiffusionBlock` to copy instead, with its operator, flux, step size, bias and data
            term.
        tied: one block for all steps; otherwise one a step (one a cycle for a schedule that freezes
            the diffusivity).
        lifting: a `Lifting` to a state with more channels, or their number; the guarantees stay
            (its learned form multiplies them).

    Call args: a tensor (batch, \*spatial, channels), or a pair (tensor, noise level) for a
    noise-conditioned flux. Sizes are dynamic; values in the units of the flux's contrast. Returns
    the shape of the input.

    Raises:
        ValueError: block together with filters or flux; a pair where the flux takes no noise level,
            or the reverse; at build, steps of a scheme that are too long for the block (lists of
            kind "custom" are run, with a warning).

    Source: Alt et al., arXiv:2103.15419 (2021) and arXiv:2107.14742; Ruthotto, Haber,
    arXiv:1804.04272 (2018).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(4, filters=8, kernel_size=3, flux="perona_malik")
        >>> tuple(net(np.zeros((1, 20, 30, 1))).shape), net.count_params()
        ((1, 20, 30, 1), 288)
        >>> net.certificate().norm_stable
        True
    """

    def __init__(
        self,
        schedule: int | Schedule = 8,
        filters: int | None = None,
        kernel_size: int = 5,
        flux: str | activations.Flux | FluxLayer | None = None,
        *,
        block: DiffusionBlock | None = None,
        tied: bool = False,
        lifting: int | Lifting | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(schedule, Schedule):
            schedule = schemes.explicit(gate.count(schedule, "schedule"))
        super().__init__(
            len(schedule),
            filters,
            kernel_size,
            flux,
            block=block,
            tied=tied,
            lifting=lifting,
            together=schedule.cycle_length if schedule.frozen else 1,
            **kwargs,
        )
        self.schedule = schedule

    def default_block(
        self, filters: int | tuple[int, ...], kernel_size: int, flux: Any
    ) -> DiffusionBlock:
        """The step with learned kernels of zero mean and norm at most 1."""
        operator = ConvOperator(filters, kernel_size, zero_mean=True, normalize=True)
        return DiffusionBlock(operator, flux, dtype=self.dtype_policy)

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build the blocks, and check that their steps on this schedule are stable.

        Raises:
            ValueError: the steps of a scheme are too long for the block; of a custom schedule that
                is a warning.
        """
        super().build(input_shape)
        retiming.check_stable(self.schedule, self.blocks[0])

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """uᴺ, from u⁰ = the input."""
        return self._run(inputs)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The state after each step (after each cycle if frozen), the input first."""
        states: list[Tensor] = []
        self._run(inputs, states)
        return states

    def _run(
        self,
        inputs: Inputs,
        states: list[Tensor] | None = None,
        prepared: list[PreparedBlock] | None = None,
        guide: Tensor | None = None,
    ) -> Tensor:
        f, noise, lower = self.lift(inputs)
        prepared = prepared or [block.prepare() for block in self.blocks]
        return lower(evolve(self.schedule, self.blocks, prepared, f, noise, states, guide))

    def run(self, inputs: Inputs, guide: Tensor | None = None) -> Tensor:
        """uᴺ, with gates of the input opened by a guide, a state, or by the input."""
        return self._run(inputs, guide=guide)

    @property
    def prefers_xla(self) -> bool:  # type: ignore[override]
        """Whether XLA is the faster way to run the network on a CPU."""
        return bool(self.blocks[0].operator.prefers_xla)

    def program(self, snapshot: bool = False) -> Program:
        """What to compile of the network.

        A snapshot holds the weights as they are now. Then the bounds of ‖K‖ are computed once, and
        not in every call: the smaller the image, the more this saves.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.DiffusionResNet(2, filters=4)
            >>> u = np.eye(8, dtype="float32")[None, ..., None]
            >>> expected = net(u)
            >>> bool(np.allclose(net.program(snapshot=True)(u), expected, atol=1e-6))
            True
        """
        if not snapshot:
            return super().program()
        self.require_weights()
        twin = self.twin()
        prepared = [block.prepare().constant() for block in twin.blocks]
        return Program(
            lambda inputs: twin._run(twin.tensors(inputs), prepared=prepared), self.prefers_xla
        )

    def energy(self, inputs: Inputs, source: Tensor | None = None) -> Tensor:
        """E(u) = Σψ(Ku) + β/2‖u − f‖² of a state u with source f, for tied blocks."""
        u, noise = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.block_with_energy().energy(ops.convert_to_tensor(u), source=source, noise=noise)

    def influence(self) -> Influence:
        """How far a pixel acts on the output, which is exact.

        A step u − τKᵀΦ(Ku) whose kernels reach l pixels back and r forward acts within l + r, and N
        steps within N(l + r). A state of patches of p pixels counts in patches: p·N(l + r) + p − 1
        pixels. Extrapolation and the source add nothing, gates of the input their window once.
        """
        patch = self.patch_size
        reach = self.step_count * max(block.support for block in self.blocks)
        reach += max(block.guide_support for block in self.blocks)
        return Influence(patch * reach + patch - 1, exact=True)

    def certificate(self) -> Certificate:
        """What is proved about input ↦ output, from the weights at hand."""
        return self.certificate_of(self.step_facts())

    def certificate_of(self, facts: list[BlockFacts]) -> Certificate:
        """What is proved from the facts of the steps."""
        tied = len(self.blocks) == 1
        return self.lowered(evolution_certificate(self.subject, self.schedule, facts, tied=tied))

    # Other schedules

    @property
    def time(self) -> float:  # type: ignore[override]
        """Diffusion time of the schedule.

        Its unit is grid size² where the step size is a number, else a step.
        """
        return self.schedule.time * retiming.unit_of(self.blocks[0])

    def steps_for(self, time: float) -> float:
        """About how many steps `with_time` takes to a stopping time."""
        return scheme_of(self.schedule).steps_for(self.schedule, time / self.time)

    def with_schedule(self, schedule: Schedule, time: float | None = None) -> DiffusionResNet:
        """The same weights on another schedule, scaled to the same diffusion time, or to ``time``.

        Raises:
            ValueError: the schedule's stable steps do not reach the time (with the number that
                would), or untied blocks do not match its length.

        Example:
            >>> import keras_pde
            >>> model = keras_pde.from_preset("perona_malik_2d")
            >>> slow = model.with_schedule(keras_pde.schemes.explicit(60))
            >>> round(slow.time / model.time, 6), len(slow.schedule)
            (1.0, 60)
        """
        target = self.time if time is None else time
        model = retiming.on_schedule(self, DiffusionResNet, schedule, target, schedule.kind)
        if len(model.blocks) != len(self.blocks):
            raise ValueError(
                f"{len(self.blocks)} blocks of their own do not fit a schedule for"
                f" {len(model.blocks)}: use tied=True, or with_depth, which interpolates them"
            )
        model.take_weights(self)
        return model

    def with_depth(self, depth: int | Schedule) -> DiffusionResNet:
        """The untied network with another number of blocks, to the same diffusion time.

        Weights are interpolated over the time and step sizes scaled. Where the weights are smooth
        in depth (`SmoothInDepth`, `keras_pde.optimizers.DepthAdam`), outputs converge with the
        number of blocks (H4). ``depth`` is their number, in the same scheme, or a schedule that is
        scaled to the time. Guarantees are those of the new weights.

        Raises:
            ValueError: tied blocks, no weights, or stable steps that do not reach the time.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.DiffusionResNet(4, filters=4)
            >>> net.build((None, None, None, 1))
            >>> deep = net.with_depth(16)
            >>> len(deep.blocks), deep.time == net.time, deep.certificate().norm_stable
            (16, True, True)
        """
        return redeepened(self, DiffusionResNet, depth)

    def with_time(self, time: float) -> DiffusionResNet:
        """The same weights and scheme to another time, in as many stable steps as it needs.

        Example:
            >>> import keras_pde
            >>> model = keras_pde.from_preset("linear_2d").with_time(12.5)
            >>> round(model.time, 6)
            12.5
        """
        schedule = retiming.with_enough_steps(self.schedule, self.blocks[0], time)
        return self.with_schedule(schedule, time)

    # Configuration

    def diagram(self) -> str:
        """The steps as a mermaid flowchart."""
        count = len(self.blocks)
        steps = f"{self.step_count} steps ({self.schedule.kind})"
        blocks = "one block" if count == 1 else f"{count} blocks"
        text = f"{steps}, {blocks}: u − τKᵀΦ(Ku)"
        return flowchart(text, self.noise_conditioned, self.lifting)

    def __repr__(self) -> str:
        return describe(self, self.schedule)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "schedule": dataclasses.asdict(self.schedule)}

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        config = block_arguments(config)
        if isinstance(config.get("schedule"), dict):
            config["schedule"] = Schedule(**config["schedule"])
        return cls(**config)

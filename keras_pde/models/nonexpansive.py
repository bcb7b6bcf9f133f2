"""Nonexpansive: the base of networks of isometries, nonexpansive blocks and a head of unit rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import keras
import numpy as np

from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.margin import NOT_SQUARE, classified
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.diffusion_step import PreparedBlock
from keras_pde.layers.stage_entry import StageEntry
from keras_pde.layers.unit_rows import UnitRows
from keras_pde.models import certified_radius
from keras_pde.models.describe_stages import describe, diagram
from keras_pde.models.named_classes import NamedClasses
from keras_pde.models.program import Program
from keras_pde.models.stages import Stage, check_fit
from keras_pde.operators.operator import Operator
from keras_pde.operators.smooth_in_depth import at_depth
from keras_pde.runtime.copying import copy_from
from keras_pde.runtime.types import Inputs, Shape, Tensor


class Nonexpansive(NamedClasses):
    """Logits z = C u + c of a state that isometries P u and steps u − τKᵀΦ(Ku + b) lead to.

    A subclass calls `make_layers` in its constructor and `build_stages` in its ``build``. By
    `last_state` it says what the head acts on; the map to it must not grow any norm.

    Attributes:
        stages: of `keras_pde.models.stages`, a grid each.
        entries: the isometries into the stages.
        steps: the blocks of all stages.
        head: the rows C of norm 1.
    """

    stages: list[Stage]
    entries: list[StageEntry]
    steps: Sequence[DiffusionBlock]
    head: UnitRows

    def make_layers(self, found: list[Stage], pixelwise: bool = False) -> None:
        """Make the entries and blocks of stages, and the head."""
        self.stages = found
        self.entries = [
            StageEntry(
                stage.patch_size,
                stage.pooling,
                stage.channels,
                stage.flat,
                name=f"entry_{k}",
                dtype=self.dtype_policy,
            )
            for k, stage in enumerate(found)
        ]
        order = [stage.template for stage in found for _ in range(stage.count)]
        self.steps = [
            copy_from(at_depth(kind, (k + 0.5) / len(order)), f"block_{k}", self.dtype_policy)
            for k, kind in enumerate(order)
        ]
        self.head = UnitRows(self.classes, pixelwise, name="head", dtype=self.dtype_policy)
        self.step_count = len(self.steps)

    def build_stages(self, shape: Shape) -> Shape:
        """Build entries and blocks for an image of a shape, and return that of the last state."""
        rest = iter(self.steps)
        for entry, stage in zip(self.entries, self.stages, strict=True):
            entry.build(shape)
            shape = entry.compute_output_shape(shape)
            state = (None, *(None,) * (len(shape) - 2), shape[-1])
            for _ in range(stage.count):
                block = next(rest)
                if not block.built:
                    block.build(state)
                check_fit(block, shape)
        return shape

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """The logits."""
        return self.run(inputs)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The state behind each entry and each block, then the logits."""
        states: list[Tensor] = []
        logits = self.run(inputs, states=states)
        return [*states, logits]

    def run(
        self,
        image: Tensor,
        prepared: Sequence[PreparedBlock] | None = None,
        states: list[Tensor] | None = None,
    ) -> Tensor:
        """The logits, with the states on the way appended to a list.

        Args:
            image: a tensor.
            prepared: what the blocks' `prepare` returned, to compute once for many images.
            states: takes the state behind each entry and each block.
        """
        seen = [] if states is None else states
        u = image
        for u in self._evolved(image, prepared):
            seen.append(u)
        return self.head(self.last_state(u, image))

    def _evolved(self, u: Tensor, prepared: Sequence[PreparedBlock] | None) -> Iterator[Tensor]:
        given = prepared or [block.prepare() for block in self.steps]
        rest = iter(zip(self.steps, given, strict=True))
        for entry, stage in zip(self.entries, self.stages, strict=True):
            u = entry(u)
            yield u
            for _ in range(stage.count):
                block, kept = next(rest)
                u = block.step(u, kept, parameters=block.flux_parameters(kept, None, u))
                yield u

    def last_state(self, u: Tensor, image: Tensor) -> Tensor:
        """What the head acts on, from the state behind the last block; that state by default."""
        return u

    @property
    def operators(self) -> list[Operator]:
        """The blocks' operators."""
        return [block.operator for block in self.steps]

    @property
    def boundary(self) -> str | None:  # type: ignore[override]
        """That of the first blocks; None where they act on vectors."""
        return self.steps[0].operator.boundary

    @property
    def prefers_xla(self) -> bool:  # type: ignore[override]
        """Whether XLA is the faster way to run the network on a CPU."""
        return bool(self.steps[0].operator.prefers_xla)

    def program(self, snapshot: bool = False) -> Program:
        """What to compile of the network; a snapshot computes bounds of ‖K‖ once."""
        if not snapshot:
            return super().program()
        self.require_weights()
        twin = self.twin()
        prepared = [block.prepare().constant() for block in twin.steps]
        return Program(lambda x: twin.run(twin.tensors(x), prepared), self.prefers_xla)

    # What is proved

    def state_certificate(self) -> Certificate:
        """The Lipschitz constant of image ↦ last state: entries have norm 1, blocks have facts."""
        self.require_weights("A certificate is computed from weights")
        facts = [block.facts() for block in self.steps]
        found = evolution_certificate(self.subject, schemes.explicit(len(facts)), facts, tied=False)
        reasons = dict.fromkeys(("norm", "averaged", "energy"), NOT_SQUARE)
        reasons["lipschitz"] = found.reasons.get("lipschitz", "")
        return Certificate(
            self.subject,
            lipschitz=found.lipschitz,
            reasons=reasons,
            assumptions=found.assumptions,
        )

    def certificate(self) -> Certificate:
        """What is proved about image ↦ logits, from the weights at hand (K1, K2)."""
        return classified(self.subject, self.state_certificate(), self.head.matrix())

    def radius(self, x: Any) -> np.ndarray:
        """r of each class that is answered: no ‖e‖ < r changes it (K2, K3).

        It is computed in float64, and its rounding errors are subtracted.

        Raises:
            ValueError: a network that computes in 16 bits.
        """
        return certified_radius.certified_radii(self, x)

    def in_float64(self) -> Self:
        """A copy that computes in float64, with the same weights."""
        return self._with(dtype="float64")

    # Configuration

    def diagram(self) -> str:
        """The network as a mermaid flowchart."""
        return diagram(self)

    def __repr__(self) -> str:
        return describe(self)

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        block = config.get("block")
        if isinstance(block, dict):
            block = keras.saving.deserialize_keras_object(block)
        elif isinstance(block, list | tuple):
            block = [keras.saving.deserialize_keras_object(one) for one in block]
        return cls(**{**config, "block": block})

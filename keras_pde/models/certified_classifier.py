"""CertifiedClassifier: nonexpansive blocks, isometries and unit rows, with a proved radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from keras_pde.models import certified_radius, stages
from keras_pde.models.classifier import Classifier
from keras_pde.models.describe_stages import describe, diagram
from keras_pde.models.program import Program
from keras_pde.operators.operator import Operator
from keras_pde.operators.smooth_in_depth import at_depth
from keras_pde.runtime.copying import MARK, copy_from, serialize_unbuilt
from keras_pde.runtime.types import Inputs, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedClassifier(Classifier):
    r"""Logits z = C u + c of a state that isometries P u and steps u − τKᵀΦ(Ku + b) lead to.

    Every step is nonexpansive (S2), every P has norm 1, every row of C has norm 1. So the logits
    z_y − z_j change by at most L‖C_y − C_j‖‖e‖ where the image changes by e, with L ≤ 1 (K1), and
    no ‖e‖ < minⱼ (z_y − z_j)/(L‖C_y − C_j‖) changes the class y (K2): `radius` computes that for
    each image. It holds for every weight, so training needs no constraint.

    The network has stages of blocks. A stage is entered through patches or averages of the one
    before and gets further channels, which start at zero. A stage whose operator does not look at
    neighbours, such as a `DenseOperator`, acts on the vector of all pixels. Blocks with ReLU, bias
    and step_size "auto" are convex potential layers; with "per_channel" or "scaled" they are
    SDP-based Lipschitz layers. Cost: an application of K and one of Kᵀ a block.

    Args:
        classes: number of classes.
        block: a `DiffusionBlock` to copy, or one for each stage; DiffusionBlock(DenseOperator(96),
            "relu", use_bias=True) unless given. It must be nonexpansive for every weight.
        blocks: number of blocks of a stage, or of each stage.
        channels: of the state in a stage, or in each; at least those that arrive. None adds none.
        patch_size: pixels an axis that become one: a number for every stage but the first, or one
            for each stage.
        pooling: "patches", which keeps all pixels as channels, or "average", with a sum that is
            scaled to norm 1; for all stages, or for each.
        class_names: names of the classes, or None.

    Shapes: (batch, \*spatial, channels), 1-D to 3-D with fixed sizes → (batch, classes).

    Raises:
        ValueError: a block that some weights make expansive; arguments for other numbers of stages;
            a convolution behind a dense stage; at build, fewer channels than arrive.

    Source: Meunier et al., arXiv:2110.12690 (2021), convex potential layers; Araujo et al.,
    arXiv:2303.03169 (2023), SDP-based layers; Sherry et al., arXiv:2306.17332 (2023), averaged
    ones; Singla et al., arXiv:2108.04062 (2022), unit rows.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.CertifiedClassifier(10, blocks=2, channels=64)
        >>> image = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
        >>> tuple(net(image).shape), net.certificate().lipschitz <= 1 + 1e-6
        ((1, 10), True)
        >>> logits = np.sort(net.logits(image)[0].astype("float64"))
        >>> bool(np.isclose(net.radius(image)[0], (logits[-1] - logits[-2]) / 2**0.5, rtol=1e-3))
        True
    """

    def __init__(
        self,
        classes: int,
        block: DiffusionBlock | Sequence[DiffusionBlock] | None = None,
        blocks: int | Sequence[int] = 6,
        channels: int | Sequence[int | None] | None = None,
        patch_size: int | Sequence[int] = 2,
        pooling: str | Sequence[str] = "patches",
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if block is None:
            block = stages.default_block(kwargs.get("dtype"))
        kinds = stages.checked_blocks(block)
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = kinds[0].dtype_policy  # a network computes in its blocks' precision
        super().__init__(classes, class_names, **kwargs)
        templates = [serialize_unbuilt(kind) for kind in kinds]
        self.block_templates = templates if isinstance(block, list | tuple) else templates[0]
        self.blocks = stages.or_tuple(blocks)
        self.channels = stages.or_tuple(channels)
        self.patch_size = stages.or_tuple(patch_size)
        self.pooling = stages.or_tuple(pooling)
        self.stages = stages.staged(
            {
                "block": self.block_templates,
                "blocks": self.blocks,
                "channels": self.channels,
                "patch_size": self.patch_size,
                "pooling": self.pooling,
            },
            [kind.operator.boundary is None for kind in kinds],
        )
        self.entries = [
            StageEntry(
                stage.patch_size,
                stage.pooling,
                stage.channels,
                stage.flat,
                name=f"entry_{k}",
                dtype=self.dtype_policy,
            )
            for k, stage in enumerate(self.stages)
        ]
        order = [stage.template for stage in self.stages for _ in range(stage.count)]
        self.steps: Sequence[DiffusionBlock] = [
            copy_from(at_depth(kind, (k + 0.5) / len(order)), f"block_{k}", self.dtype_policy)
            for k, kind in enumerate(order)
        ]
        self.head = UnitRows(self.classes, name="head", dtype=self.dtype_policy)
        self.step_count = len(self.steps)

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build stages, blocks and head for images of one size.

        Raises:
            ValueError: fewer channels than arrive; a block that some weights make expansive; an
                image that is smaller than a bound of ‖K‖ holds for.
        """
        super().build(input_shape)
        shape = self.image_shape(input_shape)
        rest = iter(self.steps)
        for entry, stage in zip(self.entries, self.stages, strict=True):
            entry.build(shape)
            shape = entry.compute_output_shape(shape)
            state = (None, *(None,) * (len(shape) - 2), shape[-1])
            for _ in range(stage.count):
                block = next(rest)
                if not block.built:
                    block.build(state)
                stages.check_fit(block, shape)
        self.head.build(shape)

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
        given = prepared or [block.prepare() for block in self.steps]
        rest = iter(zip(self.steps, given, strict=True))
        u, seen = image, [] if states is None else states
        for entry, stage in zip(self.entries, self.stages, strict=True):
            u = entry(u)
            seen.append(u)
            for _ in range(stage.count):
                block, kept = next(rest)
                u = block.step(u, kept, parameters=block.flux_parameters(kept, None, u))
                seen.append(u)
        return self.head(u)

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

    @property
    def width(self) -> int:
        """Numbers that the widest Ku has for each pixel of the image."""
        if not self.built:
            return max(block.operator.rows for block in self.steps)
        shape: Shape = (None, *self.sizes, self.input_channels)
        numbers, rest = [1], iter(self.steps)
        for entry, stage in zip(self.entries, self.stages, strict=True):
            shape = entry.compute_output_shape(shape)
            points = math.prod(n for n in shape[1:-1] if n is not None)
            numbers += [points * next(rest).operator.rows for _ in range(stage.count)]
        return -(-max(numbers) // math.prod(self.sizes))

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
            self.subject, lipschitz=found.lipschitz, reasons=reasons, assumptions=found.assumptions
        )

    def certificate(self) -> Certificate:
        """What is proved about image ↦ logits, from the weights at hand (K1, K2)."""
        return classified(self.subject, self.state_certificate(), self.head.matrix())

    def radius(self, x: Any) -> np.ndarray:
        """r of each image (batch,): no ‖e‖ < r changes the class that is answered (K2, K3).

        It is computed in float64, and its rounding errors are subtracted.

        Raises:
            ValueError: a network that computes in 16 bits.
        """
        return certified_radius.certified_radii(self, x)

    def reader_facts(self) -> dict[str, Any] | None:
        """The slopes of differences of logits, and the error of computed ones (K5)."""
        return certified_radius.reader_facts(self)

    def in_float64(self) -> Self:
        """A copy that computes in float64, with the same weights."""
        config = {k: v for k, v in self.get_config().items() if k != MARK}
        copy = type(self).rebuilt({**config, "dtype": "float64"})
        copy.build_from_config(self.get_build_config())
        copy.set_weights(self.get_weights())
        return copy

    # Configuration

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        stages = f" in {len(self.stages)} stages" if len(self.stages) > 1 else ""
        return f"{self.step_count} nonexpansive blocks{stages}, {self.classes} classes"

    def diagram(self) -> str:
        """The network as a mermaid flowchart."""
        return diagram(self)

    def __repr__(self) -> str:
        return describe(self)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "block": stages.or_list(self.block_templates),
            "blocks": stages.or_list(self.blocks),
            "channels": stages.or_list(self.channels),
            "patch_size": stages.or_list(self.patch_size),
            "pooling": stages.or_list(self.pooling),
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        block = config.get("block")
        if isinstance(block, dict):
            block = keras.saving.deserialize_keras_object(block)
        elif isinstance(block, list | tuple):
            block = [keras.saving.deserialize_keras_object(one) for one in block]
        return cls(**{**config, "block": block})

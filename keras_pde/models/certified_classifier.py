"""CertifiedClassifier: nonexpansive blocks, isometries and unit rows, with a proved radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.models import certified_radius, stages
from keras_pde.models.classifier import Classifier
from keras_pde.models.nonexpansive import Nonexpansive
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.types import Shape


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedClassifier(Nonexpansive, Classifier):
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
        found = stages.staged(
            {
                "block": self.block_templates,
                "blocks": self.blocks,
                "channels": self.channels,
                "patch_size": self.patch_size,
                "pooling": self.pooling,
            },
            [kind.operator.boundary is None for kind in kinds],
        )
        self.make_layers(found)

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build stages, blocks and head for images of one size.

        Raises:
            ValueError: fewer channels than arrive; a block that some weights make expansive; an
                image that is smaller than a bound of ‖K‖ holds for.
        """
        super().build(input_shape)
        self.head.build(self.build_stages(self.image_shape(input_shape)))

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

    def reader_facts(self) -> dict[str, Any] | None:
        """The slopes of differences of logits, and the error of computed ones (K8)."""
        return certified_radius.reader_facts(self)

    # Configuration

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        stages = f" in {len(self.stages)} stages" if len(self.stages) > 1 else ""
        return f"{self.step_count} nonexpansive blocks{stages}, {self.classes} classes"

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

"""CertifiedSegmenter: a class for each pixel, by nonexpansive blocks, with a proved radius each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_pde.certificates import pixels
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.lifting import Lifting
from keras_pde.models import stages
from keras_pde.models.influence import Influence
from keras_pde.models.nonexpansive import Nonexpansive
from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.runtime import gate
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.types import Shape, Tensor

FILTERS, KERNEL_SIZE = 32, 3  # of the default block


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedSegmenter(Nonexpansive):
    r"""Logits z_p = C u_p + c of each pixel p of the state that steps u − τKᵀΦ(Ku + b) lead to.

    Further channels of a pixel start at zero, patches of pixels become channels, the steps act on
    them, and the patches become pixels again: isometries and nonexpansive steps (S2), and rows of
    norm 1. So no ‖e‖ < r_p = minⱼ (z_y − z_j)(p)/(L‖C_y − C_j‖) changes the class y of the pixel p
    (K5), where ‖e‖ is taken over the whole image, and pixels that change together need Σr_p² ≤
    ‖e‖² (K6). `radius` computes r_p and `changed_at_most` how many pixels some ‖e‖ ≤ ε can change.
    It holds for every weight, so training needs no constraint.

    Images have any sizes; those that are no multiples of patch_size are extended by zeros inside,
    and the logits are cut to the image again. Cost: an application of K and one of Kᵀ a block.

    Args:
        classes: number of classes.
        block: a `DiffusionBlock` to copy; DiffusionBlock(ConvOperator(32, 3), "relu",
            use_bias=True) unless given. It must be nonexpansive for every weight, and know
            neighbours.
        blocks: number of blocks.
        channels: numbers that the state has for each pixel; at least the image's channels. None is
            as many. The operators act on channels·patch_sizeᵈ channels.
        patch_size: pixels an axis that become one.
        class_names: names of the classes, or None.

    Shapes: (batch, \*spatial, channels), 1-D to 3-D → (batch, \*spatial, classes).

    Raises:
        ValueError: a block that some weights make expansive, or that acts on vectors; at build,
            fewer channels than the image has.

    Source: Meunier et al., arXiv:2110.12690 (2021), convex potential layers; Araujo et al.,
    arXiv:2303.03169 (2023), SDP-based layers; Singla et al., arXiv:2108.04062 (2022), unit rows.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.CertifiedSegmenter(3, blocks=2, channels=4)
        >>> image = np.random.default_rng(0).random((1, 9, 12, 1)).astype("float32")
        >>> tuple(net(image).shape), net.radius(image).shape, net.certificate().lipschitz <= 2
        ((1, 9, 12, 3), (1, 9, 12), True)
        >>> eps = float(np.sort(net.radius(image).ravel())[3])
        >>> bool(net.changed_at_most(image, eps)[0] <= 4)
        True
    """

    norm: ClassVar[str] = "l2"

    def __init__(
        self,
        classes: int,
        block: DiffusionBlock | None = None,
        blocks: int = 6,
        channels: int | None = None,
        patch_size: int = 2,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if block is None:
            dtype = kwargs.get("dtype")
            operator = ConvOperator(FILTERS, KERNEL_SIZE, dtype=dtype)
            block = DiffusionBlock(operator, "relu", use_bias=True, dtype=dtype)
        if isinstance(block, list | tuple):
            raise ValueError(
                f"block must be one DiffusionBlock. Received: block={gate.said(block)}"
            )
        (kind,) = stages.checked_blocks(block)
        if kind.operator.boundary is None:
            raise ValueError(
                f"A segmenter needs blocks that know neighbours. Received: {kind.operator.name},"
                " which acts on vectors. Take a ConvOperator"
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = kind.dtype_policy  # a network computes in its block's precision
        super().__init__(classes, class_names, **kwargs)
        self.block_template = serialize_unbuilt(kind)
        self.blocks = gate.whole(blocks, "blocks", low=1, high=stages.MOST)
        self.channels = None if channels is None else gate.count(channels, "channels")
        self.patch_size = gate.count(patch_size, "patch_size")
        template, group = self.block_template, self.patch_size
        found = [
            stages.Stage(template, 0, self.channels, 1, "patches", flat=False),
            stages.Stage(template, self.blocks, None, group, "patches", flat=False),
        ]
        self.make_layers(found, pixelwise=True)
        self.to_pixels = Lifting(
            patch_size=self.patch_size, name="to_pixels", dtype=self.dtype_policy
        )

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build the blocks and the head.

        Raises:
            ValueError: fewer channels than the image has.
        """
        super().build(input_shape)
        image = self.image_shape(input_shape)
        self.build_stages(image)
        pixelwise = self.entries[0].compute_output_shape(image)
        self.to_pixels.build(pixelwise)
        self.head.build(pixelwise)

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """The image's, with a number for each class."""
        return (*self.image_shape(input_shape)[:-1], self.classes)

    def last_state(self, u: Tensor, image: Tensor) -> Tensor:
        """The patches as pixels again, an isometry, and what lies outside the image dropped."""
        return self.to_pixels.lower(u, ops.shape(image)[1:-1])

    @property
    def width(self) -> int:
        """Numbers that the widest Ku has for each pixel of the image."""
        rows = max(block.operator.rows for block in self.steps)
        return -(-rows // self.patch_size**self.ndim) if self.built else rows

    @property
    def smallest_size(self) -> int:  # type: ignore[override]
        """Pixels an axis from which on the bound of ‖K‖ holds."""
        return (self.steps[0].operator.smallest_size - 1) * self.patch_size + 1

    def influence(self) -> Influence:
        """How far a pixel acts on the output, which is exact: whole patches count."""
        reach = sum(block.support for block in self.steps)
        return Influence(self.patch_size * reach + self.patch_size - 1, exact=True)

    # What is proved

    def radius(self, x: Any) -> np.ndarray:
        r"""r_p of each pixel (batch, \*spatial): no ‖e‖ < r_p changes its class (K5, K3).

        The norm is that of the whole image's change. It is computed in float64, and its rounding
        errors are subtracted.

        Raises:
            ValueError: a network that computes in 16 bits; an image too small for the bound of ‖K‖.
        """
        x = np.asarray(x)
        if min(x.shape[1:-1], default=0) < self.smallest_size:
            raise ValueError(
                f"The bound of ‖K‖ of {self.name} holds from {self.smallest_size} pixels an axis"
                f" on. Received: an image of {x.shape[1:-1]}"
            )
        return super().radius(x)

    def changed_at_most(self, x: Any, eps: float) -> np.ndarray:
        """The number of pixels of each image, (batch,), that some ‖e‖ ≤ eps can change (K6)."""
        eps = gate.number(eps, "eps", low=0.0)
        return np.array([pixels.changed(r.ravel(), eps) for r in self.radius(x)], dtype=np.int64)

    # Configuration

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        return f"{self.step_count} nonexpansive blocks, {self.classes} classes a pixel"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "block": self.block_template,
            "blocks": self.blocks,
            "channels": self.channels,
            "patch_size": self.patch_size,
        }

"""The stages of a classifier: so many nonexpansive blocks on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.stage_entry import POOLINGS
from keras_pde.operators.dense import DenseOperator
from keras_pde.runtime import gate
from keras_pde.runtime.types import DType, Shape

ROWS = 96  # of the default block
MOST = 32  # blocks of a stage
MOST_STAGES = 8


@dataclass(frozen=True)
class Stage:
    """How one grid is entered, and which blocks it has.

    Args:
        template: configuration that the blocks are copies of.
        count: their number.
        channels: of the state; None is as many as arrive.
        patch_size: pixels an axis that become one on the way in.
        pooling: "patches" or "average".
        flat: whether the state is the vector of all pixels.

    Example:
        >>> from keras_pde.models.stages import Stage
        >>> Stage({}, 4, 32, 2, "average", flat=False).way_in
        'averages of 2, 32 channels'
    """

    template: dict[str, Any]
    count: int
    channels: int | None
    patch_size: int
    pooling: str
    flat: bool

    @property
    def way_in(self) -> str:
        """How the grid is entered, in words."""
        parts = [f"{self.pooling.removesuffix('s')}s of {self.patch_size}"] * (self.patch_size > 1)
        parts += ["all pixels as one vector"] * self.flat
        if self.channels is not None:
            parts.append(f"{self.channels} channels")
        return ", ".join(parts) or "the image"


def or_tuple(x: Any) -> Any:
    """A list as a tuple, anything else as it is.

    Example:
        >>> from keras_pde.models.stages import or_tuple
        >>> or_tuple([1, 2]), or_tuple(3)
        ((1, 2), 3)
    """
    return tuple(x) if isinstance(x, list | tuple) else x


def or_list(x: Any) -> Any:
    """A list or tuple as a list, which JSON has, anything else as it is."""
    return list(x) if isinstance(x, list | tuple) else x


def default_block(dtype: DType | None) -> DiffusionBlock:
    """A convex potential layer of a matrix."""
    return DiffusionBlock(DenseOperator(ROWS, dtype=dtype), "relu", use_bias=True, dtype=dtype)


def checked_blocks(block: Any) -> list[DiffusionBlock]:
    """The blocks that a classifier is given, each of which is nonexpansive for every weight.

    Raises:
        ValueError: something else, or a block that some weights make expansive, and why.

    Example:
        >>> from keras_pde import DiffusionBlock
        >>> from keras_pde.models.stages import checked_blocks
        >>> checked_blocks(DiffusionBlock(4, "perona_malik"))
        Traceback (most recent call last):
        ...
        ValueError: block must be nonexpansive for every weight: its flux is not monotone, ...
    """
    found = list(block) if isinstance(block, list | tuple) else [block]
    for one in found or [None]:
        if not isinstance(one, DiffusionBlock):
            raise ValueError(
                "block must be a DiffusionBlock, one for each stage, or None. Received:"
                f" block={gate.said(one)}"
            )
        why_not = _expansive(one)
        if why_not:
            raise ValueError(
                f"block must be nonexpansive for every weight: {why_not}. Take a monotone flux such"
                " as 'relu', one of the step sizes that are words, and no data_weight"
            )
    return found


def _expansive(block: DiffusionBlock) -> str:
    """Why some weights may make a step expansive; empty where none can (S2)."""
    flux = block.flux
    if flux.noise_conditioned:
        return "its flux is told a noise level, which a classifier has not"
    if flux.guided or not flux.has_potential:
        return "gates add to the slopes of its flux"
    if flux.slope_range[0] < 0:
        return f"its flux is not monotone, with slopes down to {flux.slope_range[0]:.4g}"
    if block.data_weight:
        return "its data term pulls towards a source"
    if not isinstance(block.step_size, str) and not block.operator.bound_is_constant:
        return f"step_size={block.step_size:g} is too long where ‖K‖ grows"
    return ""


def check_fit(block: DiffusionBlock, shape: Shape) -> None:
    """Refuse a grid on which the bound of a block's ‖K‖ does not hold.

    Raises:
        ValueError: fewer pixels an axis than `keras_pde.operators.operator.Operator.smallest_size`.
    """
    least = block.operator.smallest_size
    if any(n is not None and n < least for n in shape[1:-1]):
        raise ValueError(
            f"The bound of ‖K‖ of {block.name} holds from {least} pixels an axis on, and its grid"
            f" has {shape[1:-1]}: lower patch_size, or use fewer stages"
        )


def staged(arguments: Mapping[str, Any], flats: Sequence[bool]) -> list[Stage]:
    """The stages of a classifier, of whose arguments each is one value for all or one for each.

    Args:
        arguments: block (templates), blocks, channels, patch_size and pooling.
        flats: whether each block's operator acts on the vector of all pixels.

    Raises:
        ValueError: arguments for other numbers of stages; values that are none; a convolution
            behind a dense stage; patches of a vector; no block at all, or too many.
    """
    lengths = {len(x) for x in arguments.values() if isinstance(x, list | tuple)}
    count = max(lengths, default=1)
    if len(lengths) > 1 or not 1 <= count <= MOST_STAGES:
        raise ValueError(
            "block, blocks, channels, patch_size and pooling are one value for all stages or one"
            f" for each of 1 to {MOST_STAGES}. Received: lengths {sorted(lengths)}"
        )

    def each(x: Any) -> list[Any]:
        return list(x) if isinstance(x, list | tuple) else [x] * count

    vectors = each(list(flats) if len(flats) > 1 else flats[0])
    if vectors != sorted(vectors):
        raise ValueError(
            "A stage of convolutions cannot follow a dense one, which knows no neighbours: give the"
            " dense stages last"
        )
    sizes = each(arguments["patch_size"])
    behind = [k > 0 and vectors[k - 1] for k in range(count)]  # a vector arrives
    if not isinstance(arguments["patch_size"], list | tuple):
        gate.count(arguments["patch_size"], "patch_size")
        sizes = [1 if k == 0 or behind[k] else p for k, p in enumerate(sizes)]
    stages = [
        Stage(
            template,
            gate.whole(number, "blocks", low=0, high=MOST),
            None if channels is None else gate.count(channels, "channels"),
            gate.count(size, "patch_size"),
            gate.word(pooling, "pooling", POOLINGS),
            flat,
        )
        for template, number, channels, size, pooling, flat in zip(
            each(arguments["block"]),
            each(arguments["blocks"]),
            each(arguments["channels"]),
            sizes,
            each(arguments["pooling"]),
            vectors,
            strict=True,
        )
    ]
    if any(stage.patch_size > 1 for stage, vector in zip(stages, behind, strict=True) if vector):
        raise ValueError(
            "A vector has no pixels to join: patch_size is 1 behind a dense stage. Received:"
            f" patch_size={arguments['patch_size']}"
        )
    if not any(stage.count for stage in stages):
        raise ValueError(
            f"A classifier has at least one block. Received: blocks={arguments['blocks']}"
        )
    return stages

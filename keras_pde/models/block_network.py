"""BlockNetwork: what the networks share that are made of copies of one block."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.facts import BlockFacts
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.diffusion_step import DiffusionStep
from keras_pde.layers.implicit_diffusion import ImplicitDiffusion
from keras_pde.layers.lifting import Lifting
from keras_pde.models.network import Network
from keras_pde.operators.operator import Operator
from keras_pde.operators.respacing import relative
from keras_pde.operators.smooth_in_depth import at_depth
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.copying import copy_from, serialize_unbuilt
from keras_pde.runtime.types import DType, Inputs, Shape, Tensor

FILTERS = 32


class BlockNetwork(Network):
    """Steps by copies of one block, between a lifting and its transpose.

    A subclass makes the block of filters, kernel_size and flux in `default_block`, and runs the
    steps.

    Args:
        step_count: number of steps.
        filters, kernel_size, flux, block, tied, lifting: as the subclass documents them.
        together: steps that share a block in any case.

    Attributes:
        blocks: the blocks, each for ``steps_per_block`` steps.
        lifting: from the image to the state, or None.
        block_template: configuration that the blocks are copies of.
    """

    denoises = True
    step_count: int

    def __init__(
        self,
        step_count: int,
        filters: int | tuple[int, ...] | None,
        kernel_size: int,
        flux: str | activations.Flux | FluxLayer | None,
        *,
        block: Any,
        tied: bool,
        lifting: int | Lifting | None,
        together: int = 1,
        **kwargs: Any,
    ) -> None:
        if block is not None and not isinstance(block, DiffusionStep):
            raise ValueError(
                "block must be a DiffusionBlock or an ImplicitDiffusion, or None. Received:"
                f" block={gate.said(block)}"
            )
        if block is not None and kwargs.get("dtype") is None:
            kwargs["dtype"] = block.dtype_policy  # a network computes in its block's precision
        super().__init__(**kwargs)
        if block is None:
            block = self.default_block(
                FILTERS if filters is None else filters,
                kernel_size,
                "charbonnier" if flux is None else flux,
            )
        elif filters is not None or flux is not None:
            raise ValueError(
                "Give either block, or filters, kernel_size and flux: the block has an operator and"
                " a flux of its own"
            )
        else:
            block = copy_from(serialize_unbuilt(block), block.name, self.dtype_policy)
        self.step_count = gate.whole(step_count, "step_count", low=1)
        self.filters = filters
        self.kernel_size = kernel_size
        self.flux = flux
        self.tied = gate.flag(tied, "tied")
        self.lifting = lifting_of(lifting, self.dtype_policy)
        self.block_template = serialize_unbuilt(block)
        self.steps_per_block = step_count if tied else together
        count = step_count // self.steps_per_block
        self.blocks: Sequence[Any] = [
            copy_from(at_depth(self.block_template, (i + 0.5) / count), name, block.dtype_policy)
            for i, name in enumerate(f"block_{i}" for i in range(count))
        ]
        self.noise_conditioned = self.blocks[0].flux.noise_conditioned

    @abstractmethod
    def default_block(
        self, filters: int | tuple[int, ...], kernel_size: int, flux: Any
    ) -> DiffusionBlock | ImplicitDiffusion:
        """The block of a network that is given none."""

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build the blocks for the rank and the channels of the input."""
        super().build(input_shape)
        shape = inner = self.image_shape(input_shape)
        if self.lifting is not None:
            self.lifting.build(shape)
            inner = (shape[0], *(None,) * self.ndim, self.lifting.state_channels)
        for block in self.blocks:
            if not block.built:
                block.build(inner)

    @property
    def smallest_size(self) -> int:  # type: ignore[override]
        """Pixels an axis that an image needs."""
        return max(block.operator.smallest_size for block in self.blocks)

    @property
    def boundary(self) -> str | None:  # type: ignore[override]
        """Boundary condition."""
        return self.blocks[0].operator.boundary

    @property
    def width(self) -> int:
        """Numbers that Ku has for each point of the state."""
        return self.blocks[0].operator.rows

    @property
    def operators(self) -> list[Operator]:
        """The blocks' operators."""
        return [block.operator for block in self.blocks]

    @property
    def patch_size(self) -> int:  # type: ignore[override]
        """Points an axis of the patches that the state is made of; 1 without lifting."""
        return 1 if self.lifting is None else self.lifting.patch_size

    def block_of(self, k: int) -> Any:
        """The block of step k."""
        return self.blocks[k // self.steps_per_block]

    def image_and_noise(self, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
        """The image, and the noise level or None."""
        return (inputs[0], inputs[1]) if self.noise_conditioned else (inputs, None)

    def lift(self, inputs: Inputs) -> tuple[Tensor, Tensor | None, Callable[[Tensor], Tensor]]:
        """The first state, its noise level or None, and what turns a state back into an image."""
        f, noise = self.image_and_noise(inputs)
        lifting = self.lifting
        if lifting is None:
            return f, noise, lambda u: u
        sizes = ops.shape(f)[1:-1]
        return lifting(f), lifting.noise(noise), lambda u: lifting.lower(u, sizes)

    def block_with_energy(self) -> Any:
        """The one block, whose energy the steps lower.

        Raises:
            ValueError: several blocks, or a lifting.
        """
        if len(self.blocks) > 1 or self.lifting is not None:
            raise ValueError(
                "Blocks with kernels of their own, or behind a lifting, have no common energy of"
                " the image: use tied=True, no lifting"
            )
        return self.blocks[0]

    @abstractmethod
    def run(self, inputs: Inputs, guide: Tensor | None = None) -> Tensor:
        """The output, with gates of the input opened by a guide, a state, or by the input."""

    @abstractmethod
    def certificate_of(self, facts: list[BlockFacts]) -> Certificate:
        """What is proved about the network from the facts of its steps."""

    def step_facts(self) -> list[BlockFacts]:
        """What is known of every step's block, from the weights at hand."""
        self.require_weights("A certificate is computed from weights")
        facts = [block.facts() for block in self.blocks]
        return [facts[k // self.steps_per_block] for k in range(self.step_count)]

    def lowered(self, certificate: Certificate) -> Certificate:
        """The certificate of the whole, from that of the steps on the state."""
        return certificate if self.lifting is None else self.lifting.certify(certificate)

    def take_weights(self, other: BlockNetwork) -> None:
        """Build this network as another one and take over its weights, if that one is built."""
        if other.built:
            self.build_from_config(other.get_build_config())
            self.set_weights(other.get_weights())

    def with_spacing(self, spacing: Sequence[float]) -> Self:
        """The network for data whose points are not equally far apart, such as thick slices.

        Kernels, and windows of gates, are applied to the polynomial through the points, as
        `keras_pde.operators.respacing.respaced` says: derivatives keep their meaning, those along
        an axis of distant points count less. The finest spacing stands for that of the training
        data. Norm stability and the other guarantees are those of the new weights.

        Args:
            spacing: of each axis, in any unit.

        Raises:
            ValueError: spacings that are no numbers > 0, one for each axis; a network that has no
                weights yet, a lifting to patches, classical stencils, even kernels or wide ones.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.DiffusionResNet(2, filters=4)
            >>> net.build((None, None, None, None, 1))
            >>> thick = net.with_spacing((3.0, 1.0, 1.0))
            >>> thick.certificate().norm_stable, thick.count_params() == net.count_params()
            (True, True)
        """
        self.require_weights("Kernels on another spacing are computed from weights")
        factors = relative(spacing, self.ndim)
        if self.patch_size > 1 and len(set(factors)) > 1:
            raise ValueError("Patches have no spacing of their own: resample the data instead")
        model = type(self).from_config({**self.get_config(), "name": f"{self.name}_spaced"})
        model.take_weights(self)
        for block in model.blocks:
            block.operator.respace(factors)
            block.flux.respace(factors)
        return model

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments about the block."""
        own = {"block": self.block_template} if self.filters is None and self.flux is None else {}
        flux = (
            keras.saving.serialize_keras_object(self.flux)
            if isinstance(self.flux, activations.Flux | FluxLayer)
            else self.flux
        )
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "flux": flux,
            **own,
            "tied": self.tied,
            "lifting": None if self.lifting is None else serialize_unbuilt(self.lifting),
        }


def lifting_of(lifting: int | Lifting | None, dtype: DType) -> Lifting | None:
    """A lifting of the network's own: a copy, or the isometric one to so many channels."""
    if lifting is None:
        return None
    if not isinstance(lifting, Lifting):
        channels = gate.count(lifting, "lifting")
        return Lifting(channels, dtype=dtype, name="lifting")
    return copy_from(serialize_unbuilt(lifting), "lifting", dtype)


def block_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its block, flux and lifting rebuilt."""
    parts = {
        key: keras.saving.deserialize_keras_object(config[key])
        for key in ("block", "flux", "lifting")
        if isinstance(config.get(key), dict)
    }
    return {**config, **parts}

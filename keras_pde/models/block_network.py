"""What the models share that are made of copies of one block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.lifting import Lifting
from keras_pde.models.network import ImageModel
from keras_pde.runtime.copying import serialize_unbuilt


class BlockModel(ImageModel):
    """Mixin of the models made of copies of one block, from filters, kernel_size and flux or from a
    block given.
    """

    denoises = True

    @property
    def ndim(self: Any) -> int:
        """Spatial axes."""
        return self.blocks[0].operator.ndim

    @property
    def smallest_size(self: Any) -> int:
        """Pixels an axis that an image needs."""
        return self.blocks[0].operator.smallest_size

    @property
    def boundary(self: Any) -> str:
        """Boundary condition."""
        return self.blocks[0].operator.boundary

    @property
    def width(self: Any) -> int:
        """Numbers that Ku has for each point of the state."""
        operator = self.blocks[0].operator
        return operator.compute_output_shape((None,) * (operator.ndim + 1) + (operator.channels,))[
            -1
        ]

    def _input_shape(self: Any) -> Any:
        shape = (None,) * (self.blocks[0].operator.ndim + 1) + (self.input_channels,)
        return [shape, (None,)] if self.noise_conditioned else shape

    def image_and_noise(self: Any, inputs: Any) -> tuple[Any, Any]:
        """The image, and the noise level or None.

        Raises:
            ValueError: a pair where the flux takes no noise level, or the reverse.
        """
        two = isinstance(inputs, list | tuple)
        if two != self.noise_conditioned:
            wanted = (
                "a pair (tensor, noise level)"
                if self.noise_conditioned
                else "one tensor: its flux takes no noise level"
            )
            raise ValueError(f"{self.name} takes {wanted}")
        return (inputs[0], inputs[1]) if two else (inputs, None)

    def block_config(self: Any) -> dict[str, Any]:
        """Constructor arguments about the block."""
        own = {"block": self._template} if self.filters is None and self.flux is None else {}
        flux = (
            keras.saving.serialize_keras_object(self.flux)
            if isinstance(self.flux, activations.Flux | FluxLayer)
            else self.flux
        )
        lifting = None if self.lifting is None else serialize_unbuilt(self.lifting)
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "flux": flux,
            **own,
            "lifting": lifting,
        }

    def lift(self: Any, inputs: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
        """The first state, its noise level or None, and what turns a state back into an image."""
        f, noise = self.image_and_noise(inputs)
        if self.lifting is None:
            return f, noise, lambda u: u
        sizes = ops.shape(f)[1:-1]
        return self.lifting(f), self.lifting.noise(noise), lambda u: self.lifting.lower(u, sizes)

    @property
    def patch_size(self: Any) -> int:
        """Points an axis of the patches that the state is made of; 1 without lifting."""
        return 1 if self.lifting is None else self.lifting.patch_size


def lifting_of(lifting: int | Lifting | None, dtype: Any) -> Lifting | None:
    """A lifting of the model's own.

    A copy of the one given, or the isometric one to so many channels.
    """
    if lifting is None or isinstance(lifting, int):
        return None if lifting is None else Lifting(lifting, dtype=dtype, name="lifting")
    config = lifting.get_config()
    return Lifting.from_config(
        {**config, "name": "lifting", "dtype": keras.saving.serialize_keras_object(dtype)}
    )


def block_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its block, flux and lifting rebuilt."""
    parts = {
        key: keras.saving.deserialize_keras_object(config[key])
        for key in ("block", "flux", "lifting")
        if isinstance(config.get(key), dict)
    }
    return {**config, **parts}

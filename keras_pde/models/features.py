"""Features: the states inside a network, as a layer of models made by the functional API."""

from __future__ import annotations

from typing import Any, Protocol, Self

import keras

from keras_pde.runtime import sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import DType, Inputs, Shape, Tensor


class HasStates(Protocol):
    """A network as `Features` takes it: a Keras model with states."""

    name: str
    dtype_policy: DType
    built: bool

    def build(self, input_shape: Shape | list[Shape]) -> None:
        """Make the weights."""

    def check_inputs(self, inputs: Inputs) -> None:
        """Refuse wrong inputs."""

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The states inside."""


@keras.saving.register_keras_serializable(package="keras_pde")
class Features(Gated):
    """inputs ↦ the states inside a network, with the network's own weights.

    `Network.features` makes this layer when it is given a ``keras.Input``. So the states are
    outputs of a functional model that trains, saves and loads the network's weights. The guarantee
    of a state is that of the steps before it.

    Args:
        network: a `Network`; the layer holds it, not a copy.

    Call args: the network's inputs. Returns the list of its states.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(3, filters=8, kernel_size=3)
        >>> image = keras.Input((None, None, 1))
        >>> head = keras.layers.Conv2D(5, 1)(net.features(image)[1])
        >>> model = keras.Model(image, head)
        >>> len(net.trainable_weights), len(model.trainable_weights)
        (3, 5)
    """

    def __init__(self, network: HasStates, **kwargs: Any) -> None:
        super().__init__(
            **{"dtype": network.dtype_policy, "name": f"{network.name}_features", **kwargs}
        )
        self.network = network
        sharing.hold(network, self)

    def build(self, input_shape: Shape | list[Shape]) -> None:
        """Build the network."""
        if not self.network.built:
            self.network.build(input_shape)
        self.built = True

    def check_call(self, inputs: Inputs = None, **_: Any) -> None:
        """Refuse what the network cannot be called with."""
        self.network.check_inputs(inputs)

    def call(self, inputs: Inputs) -> list[Tensor]:
        """The states."""
        return self.network.states(inputs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        network = keras.saving.serialize_keras_object(self.network)
        mark = sharing.mark_of(self.network, self.name)
        return {
            **super().get_config(),
            "network": {**network, "config": {**network["config"], **mark}},
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(
            **{**config, "network": keras.saving.deserialize_keras_object(config["network"])}
        )

"""Copies of a layer, from configurations without the identity and the shapes of the original."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.runtime.types import DType

MARK = "shared_part"  # key in the configuration of a part that several layers hold


def serialize_unbuilt(layer: keras.layers.Layer) -> dict[str, Any]:
    """Configuration of a layer to make copies from.

    It leaves out the shapes that the layer was built for, and the identity by which Keras would
    turn all copies in one file into one.
    """
    identity = ("build_config", "shared_object_id", MARK)

    def strip(config: Any) -> Any:
        return (
            {k: strip(v) for k, v in config.items() if k not in identity}
            if isinstance(config, dict)
            else config
        )

    return strip(keras.saving.serialize_keras_object(layer))


def copy_from(template: dict[str, Any], name: str, dtype: DType) -> Any:
    """A layer of a `serialize_unbuilt` configuration, with another name and precision.

    Example:
        >>> from keras_pde.runtime.copying import copy_from, serialize_unbuilt
        >>> copy_from(serialize_unbuilt(keras.layers.Dense(3)), "mine", "float64").units
        3
    """
    precision = keras.saving.serialize_keras_object(dtype)
    config = {**template["config"], "name": name, "dtype": precision}
    return keras.saving.deserialize_keras_object({**template, "config": config})

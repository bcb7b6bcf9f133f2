"""Configurations to make copies of a layer from."""

from __future__ import annotations

from typing import Any

import keras


def serialize_unbuilt(layer: keras.layers.Layer) -> dict[str, Any]:
    """Configuration of a layer to make copies from.

    Without the shapes it was built for, and without the identity by which Keras would turn all
    copies in one file into one.
    """
    identity = ("build_config", "shared_object_id")

    def strip(config: Any) -> Any:
        return (
            {k: strip(v) for k, v in config.items() if k not in identity}
            if isinstance(config, dict)
            else config
        )

    return strip(keras.saving.serialize_keras_object(layer))

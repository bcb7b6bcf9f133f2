"""Which classes a saved configuration may name: deserialising any other could run foreign code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_KERAS_MODULES = (
    "keras",
    "keras.initializers",
    "keras.layers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
)
_PLAIN = ("__tuple__", "__numpy__", "__tensor__", "__bytes__")


def foreign_classes(config: Any) -> Iterator[str]:
    """Names of the classes in a configuration that are neither keras_pde's nor Keras's own."""
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module")
        if name is not None and name not in _PLAIN:
            package = module is not None and (
                module == "keras_pde" or module.startswith("keras_pde.")
            )
            ours = package and str(config.get("registered_name")).startswith("keras_pde>")
            keras_own = (
                module in _KERAS_MODULES
                and not config.get("registered_name")
                and name not in ("Lambda", "function")
            )
            if not (ours or keras_own):
                yield f"{module}.{name}"
        for value in config.values():
            yield from foreign_classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from foreign_classes(value)

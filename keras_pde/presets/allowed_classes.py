"""Which classes a saved configuration may name: deserialising any other could run foreign code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

Kind = TypeVar("Kind")

_KERAS_MODULES = (
    "keras",
    "keras.initializers",
    "keras.layers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
)
_PLAIN = ("__tuple__", "__numpy__", "__tensor__", "__bytes__")
_own: dict[str, type] = {}  # by registered name


def allow(cls: type[Kind]) -> type[Kind]:
    """Let presets and recipes name a class of one's own, and return the class.

    The class must be registered, by `keras.saving.register_keras_serializable`. What is allowed is
    this class and nothing else: a configuration with its registered name makes this class, wherever
    the file comes from.

    Raises:
        ValueError: a class that is not registered, or registered as one of keras_pde's.

    Example:
        >>> import keras
        >>> from keras_pde.presets.allowed_classes import allow
        >>> @allow
        ... @keras.saving.register_keras_serializable(package="mine")
        ... class Layer(keras.layers.Layer):
        ...     pass
    """
    import keras

    name = keras.saving.get_registered_name(cls)
    if keras.saving.get_registered_object(name) is not cls or name.startswith("keras_pde>"):
        raise ValueError(
            f"{cls.__name__} has no registered name of its own, by which presets could name it:"
            " decorate it with keras.saving.register_keras_serializable(package=...), with another"
            " package than keras_pde"
        )
    _own[name] = cls
    return cls


def own_class(name: str) -> type | None:
    """The class of one's own that is allowed under a registered name, such as "mine>Layer"."""
    return _own.get(name)


def may_be_model(config: dict[str, Any]) -> bool:
    """Whether a configuration's outermost class is keras_pde's, or one that is allowed."""
    name = str(config.get("registered_name"))
    return name.startswith("keras_pde>") or name in _own


def foreign_classes(config: Any) -> Iterator[str]:
    """Names of the classes in a configuration that are not keras_pde's, Keras's or allowed."""
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
            if not (ours or keras_own or config.get("registered_name") in _own):
                yield f"{module}.{name}"
        for value in config.values():
            yield from foreign_classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from foreign_classes(value)

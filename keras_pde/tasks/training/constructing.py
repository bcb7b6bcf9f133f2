"""Objects of keras_pde from their descriptions in a recipe.

A recipe may come from anybody. What it can make is networks, layers, fluxes and the like, of exact
lists: it calls no other function, and imports nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_pde import models, schemes  # noqa: F401  registers every class that a recipe may name
from keras_pde.presets.allowed_classes import MODULES, own_class
from keras_pde.runtime.one_line import one_line
from keras_pde.runtime.options import names, said

SCHEMES = {name: vars(schemes)[name] for name in ("explicit", "fed", "fsi", "dufort_frankel")}
PLAIN = (  # of Keras, by {"class_name": name, "config": {...}}
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)


def construct(description: Any, **more: Any) -> Any:
    """An object of keras_pde from {"class": name, argument: value, ...}.

    Other values as they are, lists as tuples.

    A dictionary with "class_name" is the configuration of one of Keras's initializers,
    regularizers or constraints.

    Raises:
        ValueError: another class, an argument that it does not have.

    Example:
        >>> from keras_pde.tasks.training.constructing import construct
        >>> construct({"class": "Lifting", "channels": 8, "patch_size": 2}).patch_size
        2
    """
    if isinstance(description, list | tuple):
        return tuple(construct(x) for x in description)
    if not isinstance(description, Mapping):
        return description
    if "class_name" in description:
        return _plain(description)
    arguments = {k: construct(v) for k, v in description.items() if k != "class"}
    if "class" not in description and not more:
        return arguments
    name = description.get("class")
    make = _maker(name)
    parameters = inspect.signature(make).parameters
    if all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
        names(arguments, parameters, f"{name} has ")
    try:
        return make(**arguments, **more)
    except TypeError as error:  # such as an argument that is missing
        raise ValueError(f"{name} cannot be made: {one_line(error)}") from error


def merged(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """A description with the changes of another one, object by object.

    Example:
        >>> from keras_pde.tasks.training.constructing import merged
        >>> merged({"block": {"filters": 8, "kernel_size": 3}}, {"block": {"filters": 4}})
        {'block': {'filters': 4, 'kernel_size': 3}}
    """
    nested = {
        k: merged(a[k], v)
        for k, v in b.items()
        if isinstance(v, Mapping) and isinstance(a.get(k), Mapping)
    }
    return {**a, **b, **nested}


def _maker(name: Any) -> Callable[..., Any]:
    """What a recipe's class name stands for: a class, or the function that makes a schedule."""
    if isinstance(name, str):
        if name in SCHEMES:
            return SCHEMES[name]
        if name in schemes.registry.SCHEMES:  # one that a user has registered
            return schemes.registry.SCHEMES[name].schedule
        if own := own_class(name):
            return own
        if name in MODULES:
            return keras.saving.get_registered_object(f"keras_pde>{name}")
    raise ValueError(
        "A recipe's model needs a class of keras_pde, or one of your own that"
        f" keras_pde.presets.allowed_classes.allow has allowed. Received: class={said(name)}"
    )


def _plain(description: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an initializer and the like, which Keras will make."""
    name, config = description["class_name"], description.get("config", {})
    found = [
        vars(module).get(name) if isinstance(name, str) else None
        for module in (keras.initializers, keras.regularizers, keras.constraints)
    ]
    inside = repr(config) if isinstance(config, Mapping) else "class_name"
    known = any(inspect.isclass(cls) and issubclass(cls, PLAIN) for cls in found)
    if not known or "class_name" in inside or set(description) - {"class_name", "config"}:
        raise ValueError(
            "class_name is for Keras's initializers, regularizers and constraints, beside config"
            f" with plain values. Received: class_name={said(name)}"
        )
    return {"class_name": name, "config": dict(config)}

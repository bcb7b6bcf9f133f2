"""What fluxes, solvers, smoothers and problems share.

A configuration that is their identity, and finding one by name.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import keras

from keras_pde.runtime.options import said

Kind = TypeVar("Kind", bound="Configured")


class Configured:
    """Equal where type and constructor arguments are."""

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash((type(self), json.dumps(self.get_config(), sort_keys=True, default=str)))

    def __repr__(self) -> str:
        options = ", ".join(
            f"{k}={v!r}" for k, v in self.get_config().items() if not isinstance(v, dict)
        )
        return f"{type(self).__name__}({options})"


def own(thing: Any) -> bool:
    """Whether a thing is of a class of this library, whose bounds its tests check.

    Example:
        >>> from keras_pde import activations
        >>> from keras_pde.runtime.registry import own
        >>> own(activations.fab), own(3.0)
        (True, False)
    """
    return type(thing).__module__.startswith("keras_pde.")


def find(
    what: str,
    base: type[Kind],
    names: Mapping[str, type[Kind]],
    identifier: Any,
    where: str,
    argument: str = "",
) -> Kind:
    """One of the named classes with its defaults, one from its configuration, or the object itself.

    Args:
        what: in a word, for the message.
        base: class of all.
        names: the classes by name.
        identifier: name, configuration or object.
        where: the public name of the base class, for the message.
        argument: by whose name it came, unless that is ``what``.

    Raises:
        ValueError: none is meant; the message lists the near names and all.
    """
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, dict):
        found = keras.saving.deserialize_keras_object(identifier)
        if isinstance(found, base):
            return found
    name = str(identifier).removeprefix("keras_pde>")
    if name in names:
        return names[name]()
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    came = f" Received: {argument}={said(identifier)}" if argument else ""
    raise ValueError(
        f"No {what} is called {said(identifier)}. {hint}There are: {', '.join(names)}, or any"
        f" {where}.{came}"
    )

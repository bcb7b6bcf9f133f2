"""Parts that several layers hold: one operator in two blocks stays one when it is saved or cloned.

Keras keeps a layer one that a model calls twice. A layer inside two others it writes twice, loads
as two, and then finds the weights of one. So a part that is shared carries a mark in its
configuration, and what is built from equal marks is one again: within one file that is loaded, and
within one clone of a model, where each holder takes the part once.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable
from typing import Any

import keras

from keras_pde.runtime.copying import MARK, serialize_unbuilt

__all__ = ["Loaded", "called", "configuration", "hold", "mark_of", "one_of"]

ITSELF = ""  # the holder's name of a part that a model calls itself


class _Kept:
    """What is known of a part: who holds it, and its identity once it is shared."""

    def __init__(self) -> None:
        self.holders: weakref.WeakSet[Any] = weakref.WeakSet()
        self.called = False
        self.identity = ""


class _Copy:
    """The latest part built from an identity, and the holders that have taken it."""

    def __init__(self, part: Any) -> None:
        self.part = weakref.ref(part)
        self.taken: set[str] = set()


_KEPT: weakref.WeakKeyDictionary[Any, _Kept] = weakref.WeakKeyDictionary()
_COPIES: dict[str, _Copy] = {}


@keras.saving.register_keras_serializable(package="keras_pde")
class Loaded:
    """The shared parts of the file that is being loaded, by their identities.

    Keras makes one object of all configurations with one ``shared_object_id`` while it loads a
    file, and only then. So this object is the same throughout a file, and a new one elsewhere.

    Example:
        >>> from keras_pde.runtime.sharing import Loaded
        >>> Loaded.now() is Loaded.now()  # nothing is being loaded
        False
    """

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}

    @classmethod
    def now(cls) -> Loaded:
        """That of the file that is being loaded."""
        config = keras.saving.serialize_keras_object(cls())
        return keras.saving.deserialize_keras_object(
            {**config, "shared_object_id": "keras_pde: shared parts"}
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loaded:
        """A new one."""
        return cls()

    def get_config(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def hold(part: Any, holder: Any) -> None:
    """Note that a layer holds a part.

    Example:
        >>> from keras_pde import ConvOperator
        >>> from keras_pde.runtime import sharing
        >>> K, first, second = ConvOperator(4), keras.layers.Layer(), keras.layers.Layer()
        >>> sharing.hold(K, first)
        >>> sharing.hold(K, second)
        >>> list(sharing.mark_of(K))
        ['shared_part']
    """
    _KEPT.setdefault(part, _Kept()).holders.add(holder)


def called(part: Any) -> None:
    """Note that a model made by the functional API calls a part itself.

    Example:
        >>> from keras_pde import ConvOperator, DiffusionBlock
        >>> from keras_pde.runtime import sharing
        >>> block = DiffusionBlock(ConvOperator(4))
        >>> sharing.called(block.operator)
        >>> list(sharing.mark_of(block.operator))
        ['shared_part']
    """
    _KEPT.setdefault(part, _Kept()).called = True


def mark_of(part: Any, holder: str = ITSELF) -> dict[str, list[str]]:
    """The mark of a part for its configuration; none unless it is shared.

    Example:
        >>> from keras_pde import ConvOperator, DiffusionBlock
        >>> from keras_pde.runtime import sharing
        >>> K = ConvOperator(4)
        >>> first = DiffusionBlock(K)
        >>> sharing.mark_of(K)
        {}
        >>> second = DiffusionBlock(K)
        >>> list(sharing.mark_of(K))
        ['shared_part']
    """
    kept = _KEPT.get(part)
    if kept is None or len(kept.holders) + kept.called < 2:
        return {}
    kept.identity = kept.identity or uuid.uuid4().hex
    return {MARK: [kept.identity, holder]}


def configuration(part: Any, holder: Any) -> dict[str, Any]:
    """Configuration of a part inside its holder's, with its mark where it is shared.

    Example:
        >>> from keras_pde import ConvOperator, DiffusionBlock
        >>> from keras_pde.runtime import sharing
        >>> block = DiffusionBlock(ConvOperator(4))
        >>> "shared_part" in sharing.configuration(block.operator, block)["config"]
        False
    """
    config = serialize_unbuilt(part)
    mark = mark_of(part, holder.name)
    return {**config, "config": {**config["config"], **mark}} if mark else config


def one_of(mark: Any, make: Callable[[], Any]) -> Any:
    """What was built from the same mark in the same file or clone, or else what ``make`` builds.

    Raises:
        ValueError: a mark that is none.

    Example:
        >>> from keras_pde.runtime import sharing
        >>> first = sharing.one_of(["an identity", "first"], keras.layers.Layer)
        >>> sharing.one_of(["an identity", "second"], keras.layers.Layer) is first
        True
    """
    if not (isinstance(mark, list | tuple) and len(mark) == 2 and all(map(_is_text, mark))):
        raise ValueError(f"{MARK} must be an identity and a holder's name. Received: {mark!r}")
    identity, holder = mark
    loaded = Loaded.now()
    if loaded is Loaded.now():
        if identity not in loaded.parts:
            loaded.parts[identity] = make()
        return loaded.parts[identity]
    copy = _COPIES.get(identity)
    part = None if copy is None or holder in copy.taken else copy.part()
    if copy is None or part is None:
        part = make()
        copy = _COPIES[identity] = _Copy(part)
    copy.taken.add(holder)
    return part


def _is_text(x: Any) -> bool:
    return isinstance(x, str)

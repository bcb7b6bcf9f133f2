"""A limit on what layers allocate, for networks that are built from a file of a stranger's."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import keras


@dataclass
class _Allowed:
    """What may still be allocated: weights by shape, and numbers in a kernel without weights."""

    weights: Counter[tuple[int, ...]]
    constants: int


_allowed: ContextVar[_Allowed | None] = ContextVar("allowed", default=None)


class LimitExceededError(ValueError):
    """A layer asked for a weight or a kernel that `only` does not allow."""


@contextlib.contextmanager
def only(shapes: Iterable[tuple[int, ...]], constants: int) -> Iterator[None]:
    """Let the layers built in the block have weights of these shapes, each as often as it is there.

    Args:
        shapes: of the weights, such as those in a file.
        constants: numbers in each kernel that is no weight.

    Raises:
        LimitExceededError: in the block, before another weight is allocated.

    Example:
        >>> from keras_pde import DiffusionBlock
        >>> from keras_pde.runtime.allocation import only
        >>> with only([(3, 3, 1, 4)], constants=100):
        ...     DiffusionBlock(4).build((None, None, None, 1))
        ...     try:
        ...         DiffusionBlock(400).build((None, None, None, 1))
        ...     except ValueError as error:
        ...         print(error)
        it has a weight of shape (3, 3, 1, 400), and its file has none of that shape left
    """
    token = _allowed.set(_Allowed(Counter(shapes), constants))
    try:
        yield
    finally:
        _allowed.reset(token)


def charge_constant(shape: tuple[int, ...]) -> None:
    """Refuse a kernel that is no weight where it is larger than `only` allows."""
    allowed = _allowed.get()
    if allowed is not None and math.prod(shape) > allowed.constants:
        raise LimitExceededError(
            f"it has a kernel of shape {shape}, and {allowed.constants:,} numbers are allowed"
        )


class LimitedLayer(keras.layers.Layer):
    """A Keras layer whose weights are limited by `only`."""

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's, within the limit."""
        allowed = _allowed.get()
        if allowed is not None:
            shape = tuple(kwargs.get("shape", args[0] if args else ()))
            if allowed.weights[shape] < 1:
                raise LimitExceededError(
                    f"it has a weight of shape {shape}, and its file has none of that shape left"
                )
            allowed.weights[shape] -= 1
        return super().add_weight(*args, **kwargs)

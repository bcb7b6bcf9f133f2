"""A limit on what layers allocate, for networks that are built from a file of a stranger's."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras

_left: ContextVar[list[int] | None] = ContextVar("left", default=None)  # weights, constants


class LimitExceededError(ValueError):
    """A layer asked for more numbers than `at_most` allows."""


@contextlib.contextmanager
def at_most(weights: int, constants: int) -> Iterator[None]:
    """Let the layers built in the block have so many weights, and kernels without weights.

    Args:
        weights: numbers in the weights of all layers together.
        constants: numbers in each kernel that is no weight.

    Raises:
        LimitExceededError: in the block, before more is allocated.

    Example:
        >>> from keras_pde import DiffusionBlock
        >>> from keras_pde.runtime.allocation import at_most
        >>> with at_most(100, 100):
        ...     DiffusionBlock(4).build((None, None, None, 1))
        >>> with at_most(100, 100):
        ...     try:
        ...         DiffusionBlock(400).build((None, None, None, 1))
        ...     except ValueError as error:
        ...         print(error)
        a weight of shape (3, 3, 1, 400) exceeds the 100 numbers that are left
    """
    token = _left.set([weights, constants])
    try:
        yield
    finally:
        _left.reset(token)


def charge_constant(shape: tuple[int, ...]) -> None:
    """Refuse a kernel that is no weight where it is larger than `at_most` allows."""
    left = _left.get()
    if left is not None and math.prod(shape) > left[1]:
        raise LimitExceededError(
            f"a kernel of shape {shape} exceeds the {left[1]:,} numbers allowed"
        )


class LimitedLayer(keras.layers.Layer):
    """A Keras layer whose weights count towards the limit of `at_most`."""

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's, within the limit."""
        left = _left.get()
        if left is not None:
            shape = tuple(kwargs.get("shape", args[0] if args else ()))
            if math.prod(shape) > left[0]:
                raise LimitExceededError(
                    f"a weight of shape {shape} exceeds the {left[0]:,} numbers that are left"
                )
            left[0] -= math.prod(shape)
        return super().add_weight(*args, **kwargs)

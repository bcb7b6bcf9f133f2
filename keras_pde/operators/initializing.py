"""Initializers: those that Keras finds by name, and arrays that weights start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import Shape, Tensor


def initializer_of(identifier: Any) -> Any:
    """Keras's initializer of a name, a configuration or an object.

    Raises:
        ValueError: there is none.

    Example:
        >>> from keras_pde.operators.initializing import initializer_of
        >>> initializer_of("no such")
        Traceback (most recent call last):
        ...
        ValueError: initializer must be a Keras initializer or its name. Received: ...
    """
    try:
        found = keras.initializers.get(identifier)
    except (ValueError, TypeError):
        found = None
    if found is None:
        raise ValueError(
            "initializer must be a Keras initializer or its name. Received:"
            f" initializer={gate.said(identifier)}"
        )
    return found


def starting_from(values: Any) -> Callable[..., Tensor]:
    """An initializer of given numbers, rounded once.

    Keras's Constant makes float32 of them on the way.

    Example:
        >>> from keras_pde.operators.initializing import starting_from
        >>> ops.convert_to_numpy(starting_from([0.1, 0.2])((2,), "float32")).tolist()
        [0.10000000149011612, 0.20000000298023224]
    """

    def draw(shape: Shape, dtype: Any = None) -> Tensor:
        return ops.convert_to_tensor(np.asarray(values, np.float64), dtype=dtype)

    return draw

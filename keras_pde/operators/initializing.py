"""Initializers of kernels, found by Keras and refused by name."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.runtime import gate


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

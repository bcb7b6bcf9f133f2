"""Run a model on an array, compiled by XLA."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def run_compiled(model: Any, inputs: Any) -> np.ndarray:
    """Output of a model as NumPy, computed by one XLA program (op by op on backends without XLA).

    Args:
        model: a Keras model or any function of tensors.
        inputs: an array, or a list of arrays, as the model takes them.

    Returns:
        The output, in the model's precision.

    Example:
        >>> import keras_pde
        >>> from keras_pde.runtime import run_compiled
        >>> run_compiled(keras_pde.from_preset("linear_2d"), np.zeros((1, 8, 8, 1), "float32")).shape
        (1, 8, 8, 1)
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return np.asarray(tf.function(model, jit_compile=True)(inputs))
    if backend == "jax":
        import jax

        return np.asarray(jax.jit(model)(inputs))
    return keras.ops.convert_to_numpy(model(inputs))

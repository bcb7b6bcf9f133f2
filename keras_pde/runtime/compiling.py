"""Compiled runs: a model on an array, any function by XLA, and float64 where a backend needs to be
told.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

_FUSED = contextvars.ContextVar("fused", default=False)


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
    return keras.ops.convert_to_numpy(compiled(model)(inputs))


def compiled(function: Any) -> Any:
    """A function of tensors, compiled by XLA where the backend has it and the function does not say
    ``prefers_xla = False``.

    XLA for the CPU runs convolutions by its own kernels, inside a loop on one thread, up to 10
    times slower than TensorFlow runs them. Such functions are left to TensorFlow, but for what is
    pointwise in them; on a GPU or TPU everything is compiled.

    Example:
        >>> from keras_pde.runtime import compiled
        >>> float(compiled(lambda x: x + 1)(np.float32(1)))
        2.0
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        whole = getattr(function, "prefers_xla", True) or any(
            d.device_type != "CPU" for d in tf.config.get_visible_devices()
        )
        traced = tf.function(
            function if whole else _fusing(function), jit_compile=whole, autograph=False
        )
        # one program for each image size is what XLA means
        traced._omit_frequent_tracing_warning = True
        return traced
    if backend == "jax":
        import jax

        # of one and the same model JAX would hand out the program with its former weights
        return jax.jit(lambda *inputs: function(*inputs))
    if backend == "torch":
        import torch

        def run(*inputs: Any) -> Any:
            with torch.no_grad():  # else every state is kept for a backward pass
                return function(*inputs)

        return run
    return function


@contextlib.contextmanager
def fused() -> Iterator[None]:
    """While graphs are traced in it, `one_pass` makes one pass over memory of what is pointwise."""
    before = _FUSED.set(True)
    try:
        yield
    finally:
        _FUSED.reset(before)


def _fusing(function: Any) -> Any:
    def run(*inputs: Any) -> Any:
        with fused():
            return function(*inputs)

    return run


def one_pass(function: Callable[..., Any], *tensors: Any) -> Any:
    """function(*tensors) for a function of pointwise operations.

    In a graph of TensorFlow's that is traced in `fused`, one XLA kernel.

    Example:
        >>> from keras_pde.runtime import one_pass
        >>> float(one_pass(lambda s: s / (1 + s * s), np.float32(1)))
        0.5
    """
    if not _FUSED.get() or keras.backend.backend() != "tensorflow":
        return function(*tensors)
    import tensorflow as tf

    return (
        function(*tensors)
        if tf.executing_eagerly()
        else tf.function(function, jit_compile=True, autograph=False)(*tensors)
    )


def flexible(function: Any) -> Any:
    """A function of tensors as one program for all their sizes, not compiled by XLA.

    On backends that have none such as `compiled` makes it.

    For images of many sizes, where programs by XLA, one a size, cost more than they save.

    Example:
        >>> from keras_pde.runtime import flexible
        >>> double = flexible(lambda x: 2 * x)
        >>> [tuple(double(np.zeros((1, n), "float32")).shape) for n in (3, 4)]
        [(1, 3), (1, 4)]
    """
    if keras.backend.backend() != "tensorflow":
        return compiled(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=False, autograph=False, reduce_retracing=True)


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Float64 inside the block also on JAX, which computes in float32 unless told otherwise.

    Example:
        >>> from keras_pde.runtime import double_precision
        >>> with double_precision():
        ...     print(keras.ops.convert_to_tensor(np.zeros(1), dtype="float64").dtype == "float64")
        True
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield

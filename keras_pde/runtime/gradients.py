"""Values and gradients with respect to an input, on each backend: what attacks climb by."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from keras_pde.runtime.types import Tensor

__all__ = ["values_and_gradients"]

Evaluated = tuple[np.ndarray, np.ndarray]


def values_and_gradients(function: Callable[..., Tensor]) -> Callable[..., Evaluated]:
    """f(x, …) and ∇ₓ of it for each sample, of arrays; compiled where the backend compiles.

    Args:
        function: of tensors, to a value for each sample that depends on this sample of x alone, by
            `keras.ops`.

    Returns:
        A function of the same arguments as arrays; the gradients have the shape of the first.

    Example:
        >>> from keras_pde.runtime.gradients import values_and_gradients
        >>> square = values_and_gradients(lambda x, a: a * ops.sum(x**2, axis=-1))
        >>> [part.tolist() for part in square(np.ones((1, 2), "float32"), np.float32(3))]
        [[6.0], [[6.0, 6.0]]]
    """
    return _BY_BACKEND[keras.backend.backend()](function)


def _tensorflow(function: Callable[..., Tensor]) -> Callable[..., Evaluated]:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def evaluate(x: Tensor, *more: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = function(x, *more)
        return values, tape.gradient(values, x)

    def run(x: np.ndarray, *more: np.ndarray) -> Evaluated:
        values, gradients = evaluate(*map(tf.convert_to_tensor, (x, *more)))
        return values.numpy(), gradients.numpy()

    return run


def _jax(function: Callable[..., Tensor]) -> Callable[..., Evaluated]:
    import jax

    def total(x: Tensor, *more: Tensor) -> tuple[Tensor, Tensor]:
        values = function(x, *more)
        return values.sum(), values

    evaluate = jax.jit(jax.value_and_grad(total, has_aux=True))

    def run(x: np.ndarray, *more: np.ndarray) -> Evaluated:
        (_, values), gradients = evaluate(x, *more)
        return np.asarray(values), np.asarray(gradients)

    return run


def _torch(function: Callable[..., Tensor]) -> Callable[..., Evaluated]:
    import torch

    def run(x: np.ndarray, *more: np.ndarray) -> Evaluated:
        with torch.enable_grad():
            variable = keras.ops.convert_to_tensor(x).detach().clone().requires_grad_(True)
            values = function(variable, *map(keras.ops.convert_to_tensor, more))
            (gradients,) = torch.autograd.grad(values.sum(), variable)
        return keras.ops.convert_to_numpy(values), keras.ops.convert_to_numpy(gradients)

    return run


_BY_BACKEND = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}

"""Tensors and weights as NumPy arrays, and derivatives by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def value(x: Any) -> np.ndarray:
    """A tensor of any backend as an array."""
    return np.asarray(keras.ops.convert_to_numpy(x))


def run(function: Any, *inputs: Any) -> np.ndarray:
    """The output as an array: eager, but compiled on JAX, whose ops compile for minutes."""
    if keras.backend.backend() == "jax":
        from keras_pde.runtime import compiled

        function = compiled(function)
    return value(function(*inputs))


def randomized(layer: Any, rng: np.random.Generator, scale: float = 1.0) -> Any:
    """The layer or model, built, with noise added to every weight that is trained."""
    for weight in layer.trainable_weights:
        weight.assign(value(weight) + scale * rng.normal(size=weight.shape))
    return layer


def by_differences(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """The derivative of a function of a batch at one sample, by central differences."""
    steps = 1e-6 * np.eye(x.size).reshape(-1, *x.shape)
    return ((function(x[None] + steps) - function(x[None] - steps)) / 2e-6).reshape(x.size, -1).T

"""Golden tensors: what a preset's network computes for a fixed input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.types import Inputs, Tensor


class Predicting(Protocol):
    """A network as `predict_golden` takes it."""

    named_inputs: tuple[str, ...]
    variable_dtype: Any

    def __call__(self, inputs: Inputs) -> Tensor:
        """The output."""


def predict_golden(network: Predicting, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The network's output for golden inputs, as NumPy.

    Args:
        network: a built network.
        inputs: arrays as `Network.example` names them: "input", then the names of further inputs.

    Example:
        >>> from keras_pde import presets
        >>> network = presets.from_preset("linear_2d")
        >>> presets.predict_golden(network, network.example()).shape
        (1, 33, 18, 1)
    """
    import keras

    names = ("input", *network.named_inputs[1:])
    tensors = [
        keras.ops.convert_to_tensor(inputs[name], dtype=network.variable_dtype) for name in names
    ]
    # op by op JAX compiles for minutes
    run = compiled(network) if keras.backend.backend() == "jax" else network
    return keras.ops.convert_to_numpy(run(tensors if len(tensors) > 1 else tensors[0]))

"""Golden tensors: what a preset's network computes for a fixed input."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.runtime.compiling import compiled


def golden_input(model: Any) -> dict[str, np.ndarray]:
    """A fixed small input.

    The model's own example, or an image in [0, 1] with an edge and noise, and a noise level where
    it takes one.
    """
    if hasattr(model, "example_inputs"):
        return dict(model.example_inputs())
    rng = np.random.default_rng(20260)
    size = (33, 18, 9)[: model.ndim]
    values = (
        0.5
        + 0.3 * np.sign(np.indices(size)[0] - size[0] / 2)[None, ..., None]
        + 0.1 * rng.standard_normal((1, *size, model.input_channels))
    )
    out = {"input": np.clip(values, 0, 1).astype("float32")}
    return {**out, "noise": np.full((1,), 0.1, "float32")} if model.noise_conditioned else out


def predict_golden(model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The model's output for golden inputs, as NumPy."""
    import keras

    tensors = [
        keras.ops.convert_to_tensor(inputs[k], dtype=model.variable_dtype)
        for k in ("input", "noise", "mask")
        if k in inputs
    ]
    # op by op JAX compiles for minutes
    run = compiled(model) if keras.backend.backend() == "jax" else model
    return keras.ops.convert_to_numpy(run(tensors if len(tensors) > 1 else tensors[0]))

"""What one backend saves and another loads: a variant of each layer and model of the table.

`python tests/saved.py THERE HERE`, under KERAS_BACKEND, loads all of one folder and saves all to
another.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
from table import VARIANTS, Case, arguments, output, takes_noise

# a variant of each layer and model, with the most weights
SAVED = [
    (case, variant)
    for case, variant in VARIANTS
    if variant == "full" and not takes_noise(case, variant)
]


def network(case: Case, variant: str) -> tuple[keras.Model, np.ndarray]:
    """A model around a layer, with weights that are nobody's initial values, and an input."""
    rng = np.random.default_rng(0)
    image = keras.Input(case.shape[1:])
    model = keras.Model(image, case.cls(**arguments(case, variant))(image))
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model, rng.standard_normal(case.shape).astype("float32")


def save_all(folder: str) -> None:
    """One .keras and one .weights.h5 file for each, and its input and output."""
    for i, (case, variant) in enumerate(SAVED):
        model, x = network(case, variant)
        model.save(f"{folder}/{i}.keras")
        model.save_weights(f"{folder}/{i}.weights.h5")
        np.savez(f"{folder}/{i}.npz", x=x, y=keras.ops.convert_to_numpy(output(model, x, {})))


def load_all(folder: str) -> None:
    """Load what another backend saved, as a model and as weights, and compare the outputs."""
    import keras_pde  # noqa: F401  registers the classes

    for i, (case, variant) in enumerate(SAVED):
        stored, fresh = np.load(f"{folder}/{i}.npz"), network(case, variant)[0]
        fresh.set_weights([0 * w for w in fresh.get_weights()])
        fresh.load_weights(f"{folder}/{i}.weights.h5")
        for model in (keras.models.load_model(f"{folder}/{i}.keras"), fresh):
            found = keras.ops.convert_to_numpy(output(model, stored["x"], {}))
            error = np.abs(found - stored["y"]).max()
            assert error < 1e-5, (case, error)
        print("ok", case)


if __name__ == "__main__":
    load_all(sys.argv[1])
    save_all(sys.argv[2])

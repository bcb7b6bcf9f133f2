"""TensorFlow, JAX and PyTorch: what is saved by one loads on the others and computes the same.

The table of all layers and models and the zoo run on each backend by test_conformance.py and
test_presets.py under KERAS_BACKEND: see .ci/run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT
from table import VARIANTS, Case, arguments, takes_noise

BACKEND = keras.backend.backend()
OTHERS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs {name}"),
    )
    for name in ("tensorflow", "jax", "torch")
    if name != BACKEND
]
# a variant of each layer and model, with the most weights
SAVED = [
    (case, variant)
    for case, variant in VARIANTS
    if variant == "full" and not takes_noise(case, variant)
]
BY_FUNCTION = """
import sys
sys.path[:0] = sys.argv[1:4]
import test_backends
getattr(test_backends, sys.argv[4])(sys.argv[5])
"""


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
        np.savez(f"{folder}/{i}.npz", x=x, y=keras.ops.convert_to_numpy(model(x)))


def load_all(folder: str) -> None:
    """Load what another backend saved, as a model and as weights, and compare the outputs."""
    import keras_pde  # noqa: F401  registers the classes

    for i, (case, variant) in enumerate(SAVED):
        stored, fresh = np.load(f"{folder}/{i}.npz"), network(case, variant)[0]
        fresh.set_weights([0 * w for w in fresh.get_weights()])
        fresh.load_weights(f"{folder}/{i}.weights.h5")
        for model in (keras.models.load_model(f"{folder}/{i}.keras"), fresh):
            error = np.abs(keras.ops.convert_to_numpy(model(stored["x"])) - stored["y"]).max()
            assert error < 1e-5, (case, error)
        print("ok", case)


def on(backend: str, function: str, folder: Path) -> str:
    """Output of a function of this file on another backend."""
    here = Path(__file__).resolve().parent
    command = [
        sys.executable,
        "-c",
        BY_FUNCTION,
        str(here),
        str(here.parent),
        str(ROOT),
        function,
        str(folder),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("other", OTHERS)
def test_saved_here_loads_there(other: str, tmp_path: Path) -> None:
    save_all(str(tmp_path))
    assert on(other, "load_all", tmp_path).count("ok ") == len(SAVED) > 8


@pytest.mark.parametrize("other", OTHERS)
def test_saved_there_loads_here(
    other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on(other, "save_all", tmp_path)
    load_all(str(tmp_path))
    assert capsys.readouterr().out.count("ok ") == len(SAVED)


def subclasses(cls: type) -> Any:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def test_no_layer_has_a_method_that_pytorch_calls_by_another_meaning() -> None:
    torch = pytest.importorskip("torch")
    import keras_pde.export  # noqa: F401  its classes count

    # Keras's layers are torch modules there: "forward", "apply" and "parameters" are taken
    taken = {*dir(torch.nn.Module()), *vars(torch.nn.Module())} - set(dir(object))
    found = 0
    for cls in subclasses(keras.layers.Layer):
        own = {
            n
            for base in cls.__mro__
            if base.__module__.startswith("keras_pde")
            for n in vars(base)
            if not n.startswith("__")
        }
        found += bool(own)
        assert not own & taken, cls
    assert found > 12

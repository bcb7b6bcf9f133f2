"""TensorFlow, JAX and PyTorch: what is saved by one loads on the others and computes the same.

The table of all layers and models and the zoo run on each backend by test_conformance.py and
test_presets.py under KERAS_BACKEND: see .ci/run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import Any

import keras
import pytest
from conftest import ROOT
from saved import SAVED, load_all, save_all

pytestmark = pytest.mark.backends
BACKEND = keras.backend.backend()
OTHERS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs {name}"),
    )
    for name in ("tensorflow", "jax", "torch")
    if name != BACKEND
]


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process of another backend says of the files of this one, and its own files."""
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    save_all(str(ours))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "saved.py"), str(ours), str(theirs)],
        env={**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, theirs


def test_saved_here_loads_there(other: Any) -> None:
    done, _ = other
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("ok ") == len(SAVED) > 8


def test_saved_there_loads_here(other: Any, capsys: pytest.CaptureFixture[str]) -> None:
    load_all(str(other[1]))
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
    taken -= {"compile"}  # a model's has Keras's meaning, on PyTorch too
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

"""The table of all layers and models, and the zoo, on the JAX backend: the same test files in a process of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import keras
import pytest
from conftest import ROOT


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra [jax]")
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this run is on JAX already")
def test_the_table_passes_on_jax() -> None:
    files = ["tests/test_conformance.py", "tests/test_presets.py"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", *files]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(done.stdout.rsplit(" passed", 1)[0].split()[-1]) > 150

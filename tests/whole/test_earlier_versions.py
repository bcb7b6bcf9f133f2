"""Files of version 0.1.0, from before its modules moved, load and compute what they did."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_pde

FOLDER = Path(__file__).parent.parent / "golden"
SAVED = sorted(path.stem for path in FOLDER.glob("*.keras"))


def test_there_are_files_of_every_architecture() -> None:
    assert len(SAVED) == 10


@pytest.mark.parametrize("name", SAVED)
def test_a_keras_file_of_an_earlier_version_computes_the_same(name: str) -> None:
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    with np.load(FOLDER / f"{name}.npz") as stored:
        inputs = [stored[key] for key in sorted(stored.files) if key != "output"]
        found = keras.ops.convert_to_numpy(model(inputs if len(inputs) > 1 else inputs[0]))
        assert np.abs(found - stored["output"]).max() < 1e-5


def test_a_preset_of_an_earlier_version_loads_and_verifies() -> None:
    folder = FOLDER / "preset"
    assert keras_pde.FEDResNet.from_preset(folder).name == "mine"
    assert keras_pde.presets.verify(folder) < 1e-5

"""Each preset is as accurate in each precision as benchmarks/everywhere.csv states, measured
against float64 on its golden input.
"""

from __future__ import annotations

import csv

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_pde import presets
from keras_pde.presets.files import GOLDEN
from keras_pde.runtime import flexible

TABLE = ROOT / "benchmarks" / "everywhere.csv"
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16")
# whatever is stated: five, one and two digits, of images in [0, 1]
LEAST = {
    "float32": 1e-5,
    "mixed_bfloat16": 0.1,
    "bfloat16": 0.1,
    "mixed_float16": 0.01,
    "float16": 0.01,
}
pytestmark = [
    pytest.mark.skipif(not TABLE.is_file(), reason="benchmarks come with the sources only"),
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="float64, which is compared with, needs TensorFlow",
    ),
]


def stated() -> dict[str, dict[str, str]]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["preset"]: row for row in csv.DictReader(file)}


def output(name: str, precision: str) -> np.ndarray:
    with np.load(presets.folder_of(name) / GOLDEN) as golden:
        inputs = {k: golden[k] for k in golden.files if k != "output"}
    model = presets.from_preset(name, dtype=precision)
    if presets.index()[name]["class"] == "ImplicitRecurrent":
        # hundreds of iterations: a graph takes a tenth of the time of operations one by one
        order = ("input", *model.named_inputs[1:])
        given = [keras.ops.cast(inputs[key], model.variable_dtype) for key in order]
        found = flexible(model)(given if len(given) > 1 else given[0])
        return keras.ops.convert_to_numpy(keras.ops.cast(found, "float64"))
    return presets.predict_golden(model, inputs).astype("float64")


@pytest.mark.parametrize("name", sorted(presets.index()))
def test_a_preset_is_as_accurate_as_stated(name: str) -> None:
    assert name in stated(), "run python benchmarks/everywhere.py, which adds its row"
    exact = output(name, "float64")
    for precision in PRECISIONS[:3]:
        found = np.abs(output(name, precision) - exact).max() / max(1.0, np.abs(exact).max())
        # a step of rounding more or less on another processor; and two sums of float32 at least
        assert found <= max(2 * float(stated()[name][f"tensorflow {precision}"]), 3e-7), precision
        assert found > 0 or precision == "float32"


def test_what_is_stated_is_no_empty_promise() -> None:
    for name, row in stated().items():
        for precision, least in LEAST.items():
            assert float(row[f"tensorflow {precision}"]) <= least, (name, precision)
        fourier = presets.from_preset(name).fourier
        for column, cell in row.items():
            assert cell or (fourier and column in ("onnx bytes", "litert bytes")), (name, column)
        columns = ["jax float32", "torch float32", "saved_model"]
        if fourier:
            assert all("Fourier transforms" in row[kind] for kind in ("onnx", "litert")), name
        else:
            columns += ["onnx", "litert"]
        for column in columns:
            assert float(row[column]) <= 1e-5, (name, column)

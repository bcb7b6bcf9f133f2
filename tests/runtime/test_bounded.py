"""Programs for many sizes: as few as the process may have, equal to those of their own."""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_pde.runtime import compiled, flexible
from keras_pde.runtime.compiling import in_classes


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> object:
    """The module, with nothing made yet."""
    import importlib

    module = importlib.import_module("keras_pde.runtime.bounded")
    monkeypatch.setattr(module, "_made", Counter())
    return module


def test_few_sizes_have_programs_of_their_own_and_all_are_served(module: object) -> None:
    double = module.bounded(lambda pair: [2 * pair[0], pair[1]])
    for n in [*range(3, 20), *[30] * 12]:
        u = np.full((1, n, n + 1, 1), n, np.float32)
        out, level = double([u, np.ones(1, np.float32)])
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(out), 2 * u)
        assert keras.ops.convert_to_numpy(level) == 1
    if keras.backend.backend() == "tensorflow":
        assert module._made == {"first": module.FIRST, "often": 1}  # the size that came 12 times
        assert double.flexible.experimental_get_tracing_count() == 1
        assert double.compiled.experimental_get_tracing_count() == module.FIRST + 1
        other = module.bounded(lambda u: 3 * u)  # the process has a budget, not the function
        other(np.ones((1, 2, 2, 1), np.float32))
        assert other.compiled.experimental_get_tracing_count() == 0
    if keras.backend.backend() == "jax":
        assert len(double.programs) == module.FIRST + module.LATER


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolutions_in_classes_of_sizes_are_the_convolutions(
    padding: str, rng: np.random.Generator
) -> None:
    kernel = rng.standard_normal((5, 4, 1, 3)).astype("float32")

    def conv(u: object, k: object) -> object:
        return keras.ops.conv(u, k, padding=padding, data_format="channels_last")

    def back(v: object, k: object) -> object:
        return keras.ops.conv_transpose(v, k, padding=padding, data_format="channels_last")

    one = compiled(lambda u: back(conv(u, kernel), kernel))
    every = flexible(lambda u: in_classes(back, in_classes(conv, u, kernel), kernel))
    for size in ((9, 7), (17, 33), (40, 25)):
        u = rng.random((1, *size, 1)).astype("float32")
        a, b = (keras.ops.convert_to_numpy(f(u)) for f in (one, every))
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow keeps programs")
@pytest.mark.parametrize("preset", ["perona_malik_2d", "gated_resnet_2d"])
def test_memory_does_not_grow_with_sizes_and_levels(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import memory

    run = [(40 + i, 150 - i, 25.0 + (i % 2) * (preset == "perona_malik_2d")) for i in range(60)]
    values = memory.curve(preset, run, "bounded")
    slope = np.polyfit(np.arange(45), values[15:], 1)[0]
    assert slope < 1, f"{slope:.2f} MB for each size"

"""Features: states as outputs of functional models that own the network's weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FEDResNet,
    FluxActivation,
    ImplicitRecurrent,
    Lifting,
    MultigridUNet,
)
from keras_pde.models.network import Network

NETWORKS: dict[str, Callable[[], Network]] = {
    "explicit": lambda: DiffusionResNet(3, filters=4, kernel_size=3),
    "FED, lifted": lambda: FEDResNet(2, 3, filters=4, kernel_size=3, lifting=Lifting(4, 2)),
    "implicit": lambda: ImplicitRecurrent(2, filters=4, kernel_size=3),
    "multigrid": lambda: MultigridUNet("screened_poisson", channels=3, levels=3),
}


def images(count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).random((count, 16, 16, 1)).astype("float32")


def head_on(network: Network) -> keras.Model:
    """A classifier on the mean of the network's last state."""
    image = keras.Input((16, 16, 1))
    state = network.features(image)[-1]
    return keras.Model(
        image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(ops.square(state)))
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_symbolic_features_are_the_eager_ones_with_the_network_s_weights(name: str) -> None:
    network, u = NETWORKS[name](), images()
    image = keras.Input((16, 16, 1))
    model = keras.Model(image, network.features(image))
    owned = {id(w) for w in model.trainable_weights}
    assert owned == {id(w) for w in network.trainable_weights}
    assert owned
    eager = network.features(u)
    for symbolic, state, out in zip(model.outputs, eager, model(u), strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(out), ops.convert_to_numpy(state), atol=1e-5
        )
        assert symbolic.shape[-1] == state.shape[-1]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_head_on_features_trains_saves_and_loads_the_network(name: str, tmp_path: Path) -> None:
    network, u = NETWORKS[name](), images()
    model = head_on(network)
    before = [w.copy() for w in network.get_weights()]
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.5
    model.fit(u, np.ones((len(u), 2), "float32"), verbose=0)
    moved = [np.abs(a - b).max() for a, b in zip(before, network.get_weights(), strict=True)]
    assert max(moved) > 1e-6
    model.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras")
    assert all(w.path.startswith(f"{network.name}/") for w in network.weights)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(u)), ops.convert_to_numpy(model(u)), atol=1e-6
    )
    (layer,) = (x for x in loaded.layers if type(x).__name__ == "Features")
    assert type(layer.network) is type(network)


def test_a_network_and_its_features_in_one_model_stay_one_network(tmp_path: Path) -> None:
    network, u = NETWORKS["explicit"](), images()
    image = keras.Input((None, None, 1))
    model = keras.Model(image, [network(image), *network.features(image)])
    assert len(model.weights) == len(network.weights)
    model.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras")
    assert len(loaded.weights) == len(network.weights)
    for a, b in zip(model(u), loaded(u), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6)


def test_features_of_a_noise_conditioned_network_take_its_level(tmp_path: Path) -> None:
    flux = FluxActivation("charbonnier", contrast=0.1, noise_conditioned=True, learn_contrast=True)
    network = DiffusionResNet(2, block=DiffusionBlock(ConvOperator(3, normalize=True), flux))
    inputs = [keras.Input((None, None, 1), name="image"), keras.Input((), name="noise")]
    model = keras.Model(inputs, network.features(inputs))
    given = [images(2), np.array([0.05, 0.2], "float32")]
    model.save(tmp_path / "told.keras")
    loaded = keras.saving.load_model(tmp_path / "told.keras")
    for out, state in zip(loaded(given), network.features(given), strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(out), ops.convert_to_numpy(state), atol=1e-5
        )


def test_features_compute_in_the_network_s_precision() -> None:
    network = DiffusionResNet(2, filters=4, kernel_size=3, dtype="mixed_float16")
    image = keras.Input((None, None, 1))
    model = keras.Model(image, network.features(image))
    for out, state in zip(model(images()), network.features(images()), strict=True):
        assert keras.backend.standardize_dtype(out.dtype) == "float16"
        np.testing.assert_allclose(
            ops.convert_to_numpy(out), ops.convert_to_numpy(state), atol=2e-3
        )

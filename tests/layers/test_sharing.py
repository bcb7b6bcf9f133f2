"""A part that several layers hold is one again in what is loaded and in what is cloned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import (
    ConvOperator,
    DenseOperator,
    DiffusionBlock,
    DiffusionResNet,
    FSIResNet,
    ImplicitDiffusion,
    SplineFlux,
)
from keras_pde.runtime import sharing

X = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")


def two_blocks(u: Any) -> Any:
    operator = ConvOperator(4, 3, normalize=True)
    return DiffusionBlock(operator)(DiffusionBlock(operator)(u))


def block_and_implicit_step(u: Any) -> Any:
    operator = ConvOperator(4, 3)
    return ImplicitDiffusion(operator, max_iterations=5)(DiffusionBlock(operator)(u))


def one_flux(u: Any) -> Any:
    flux = SplineFlux(3, learn_contrast=True)
    for _ in range(3):
        u = DiffusionBlock(ConvOperator(4, 3), flux)(u)
    return u


def dense(u: Any) -> Any:
    operator = DenseOperator(3)
    return DiffusionBlock(operator)(DiffusionBlock(operator)(u))


def block_and_operator_itself(u: Any) -> Any:
    operator = ConvOperator(4, 3)
    return operator(DiffusionBlock(operator)(u))


def operator_itself_first(u: Any) -> Any:
    operator = ConvOperator(1, 3)
    return DiffusionBlock(operator)(operator(u))


def network_and_its_features(u: Any) -> Any:
    network = FSIResNet(1, 3, filters=2)
    return network(network.features(u)[1])


def features_of_two_inputs(u: Any) -> Any:
    network = FSIResNet(1, 3, filters=2)
    return network.features(network.features(u)[1])[2]


def in_a_model_inside(u: Any) -> Any:
    operator = ConvOperator(4, 3)
    inner = keras.Input((8, 8, 1))
    return DiffusionBlock(operator)(keras.Model(inner, DiffusionBlock(operator)(inner))(u))


def model_of(make: Callable[[Any], Any]) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, make(inputs))
    for weight in model.trainable_weights:  # no longer as they start
        weight.assign(weight + 0.01)
    return model


@pytest.mark.parametrize(
    "make",
    [
        two_blocks,
        block_and_implicit_step,
        one_flux,
        dense,
        block_and_operator_itself,
        operator_itself_first,
        network_and_its_features,
        features_of_two_inputs,
        in_a_model_inside,
    ],
)
def test_what_is_shared_is_saved_loaded_and_cloned_shared(make: Any, tmp_path: Path) -> None:
    model = model_of(make)
    expected = np.array(model(X))
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again, once_more = (keras.models.load_model(tmp_path / "model.keras") for _ in range(2))
    clone, other = (keras.models.clone_model(model) for _ in range(2))
    clone.load_weights(tmp_path / "model.weights.h5")
    for found in (again, once_more, clone):
        np.testing.assert_allclose(np.array(found(X)), expected, atol=1e-6)
    models = [model, again, once_more, clone, other]
    assert {len(m.weights) for m in models} == {len(model.weights)}
    assert {m.count_params() for m in models} == {model.count_params()}
    # each has weights of its own
    assert len({id(w) for m in models for w in m.weights}) == 5 * len(model.weights)
    again.save(tmp_path / "twice.keras")  # and what was loaded can be saved
    twice = keras.models.load_model(tmp_path / "twice.keras")
    np.testing.assert_allclose(np.array(twice(X)), expected, atol=1e-6)


def test_networks_copy_a_block_whatever_it_shares() -> None:
    operator = ConvOperator(4, 3)
    blocks = [DiffusionBlock(operator), DiffusionBlock(operator)]
    networks = [DiffusionResNet(1, block=block) for block in blocks]
    for network in networks:
        network.build((None, None, None, 1))
    assert not {id(w) for w in networks[0].weights} & {id(w) for w in networks[1].weights}


def test_only_what_is_shared_is_marked() -> None:
    block = DiffusionBlock(ConvOperator(4, 3))
    assert "shared_part" not in block.get_config()["operator"]["config"]
    with pytest.raises(ValueError, match="shared_part must be an identity and a holder's name"):
        sharing.one_of(3, lambda: None)

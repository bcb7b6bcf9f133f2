"""What users of Keras expect of a network: presets by Keras's arguments, inputs by their names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from arrays import value

import keras_pde

RNG = np.random.default_rng(0)
IMAGE = RNG.random((3, 12, 10, 1)).astype("float32")
NOISE = np.full((3,), 0.1, "float32")
NAMED = {"noise": NOISE, "image": IMAGE}


@pytest.fixture(scope="module")
def net() -> Any:
    return keras_pde.from_preset("gated_resnet_2d")


def test_a_preset_without_its_weights_is_the_same_network_untrained() -> None:
    trained: Any = keras_pde.from_preset("certified_resnet_2d")
    fresh = keras_pde.DiffusionResNet.from_preset(
        "certified_resnet_2d", load_weights=False, name="mine", dtype="float64"
    )
    assert fresh.name == "mine"
    assert fresh.compute_dtype == "float64"
    assert [w.shape for w in fresh.weights] == [w.shape for w in trained.weights]
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(fresh.get_weights(), trained.get_weights(), strict=True)
    )
    assert keras_pde.from_preset("certified_resnet_2d", name="mine").name == "mine"
    same = keras_pde.from_preset("certified_resnet_2d", name="mine").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(same, trained.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"load_weights": 1}, "load_weights a bool"),
        ({"name": ""}, "name must"),
        ({"name": 3}, "name"),
    ],
)
def test_wrong_arguments_of_a_preset_are_refused(options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        keras_pde.from_preset("linear_2d", **options)


def test_inputs_by_their_names_are_those_in_order(net: Any) -> None:
    expected = value(net([IMAGE, NOISE]))
    assert np.array_equal(value(net(NAMED)), expected)
    for found in (net.predict(NAMED, verbose=0), net.predict_on_batch(NAMED)):
        assert np.abs(found - expected).max() < 1e-6
    assert np.array_equal(value(net.features(NAMED)[-1]), value(net.features([IMAGE, NOISE])[-1]))
    alone: Any = keras_pde.from_preset("linear_2d")
    assert np.array_equal(value(alone({"image": IMAGE})), value(alone(IMAGE)))


def test_a_functional_model_takes_named_inputs(net: Any) -> None:
    given = {"image": keras.Input((None, None, 1)), "noise": keras.Input(())}
    model = keras.Model(given, net(given))
    assert np.abs(model.predict(NAMED, verbose=0) - value(net(NAMED))).max() < 1e-6


def test_pairs_from_arrays_and_pipelines_train_by_names(net: Any) -> None:
    fresh: Any = keras_pde.from_preset("gated_resnet_2d", load_weights=False)
    fresh.compile("adam", "mse")
    before = [w.copy() for w in fresh.get_weights()]
    fresh.fit(NAMED, IMAGE, batch_size=2, verbose=0)
    after = [w.copy() for w in fresh.get_weights()]
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    fresh.fit(((NAMED, IMAGE) for _ in range(2)), steps_per_epoch=2, verbose=0)  # a pipeline
    assert any(not np.array_equal(a, b) for a, b in zip(after, fresh.get_weights(), strict=True))
    assert np.isfinite(fresh.evaluate(NAMED, IMAGE, verbose=0))
    assert np.isfinite(fresh.train_on_batch(NAMED, IMAGE))
    assert np.isfinite(fresh.test_on_batch(NAMED, IMAGE))


@pytest.mark.parametrize(
    "keys", [("image",), ("image", "nois"), ("noise",), ("image", "noise", "mask"), ()]
)
def test_other_names_are_refused_in_one_line(net: Any, keys: tuple[str, ...]) -> None:
    given = dict.fromkeys(keys, IMAGE)
    for call in (net, lambda x: net.predict(x, verbose=0)):
        with pytest.raises(ValueError, match="takes a dictionary of image, noise") as error:
            call(given)
        assert "\n" not in str(error.value)


def test_parts_are_imported_by_their_names() -> None:
    """`from keras_pde.metrics import ...` finds what `keras_pde.metrics` is."""
    import keras_pde.activations
    from keras_pde.metrics import CertifiedAccuracy
    from keras_pde.problems import Poisson

    assert keras_pde.activations.Charbonnier is keras_pde.activations.get("charbonnier").__class__
    assert CertifiedAccuracy is keras_pde.metrics.CertifiedAccuracy
    assert Poisson is keras_pde.problems.Poisson


def test_grey_images_are_inpainted_without_a_channel_axis() -> None:
    ramp = np.tile(np.arange(12.0), (9, 1))
    known = np.zeros((9, 12), bool)
    known[:, [0, 11]] = True
    damaged = np.where(known, ramp, np.nan)
    filled = keras_pde.inpaint(damaged, known)
    np.testing.assert_allclose(filled, ramp, atol=1e-4)
    np.testing.assert_array_equal(keras_pde.inpaint(damaged[..., None], known)[..., 0], filled)
    with pytest.raises(ValueError, match=r"\(height, width\)"):
        keras_pde.inpaint(damaged[0], known)

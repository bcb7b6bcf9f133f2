"""Functions of coordinates by layers of sines."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import SinusoidalNetwork
from keras_pde.data.pixel_centres import pixel_centres


def made(**options: object) -> SinusoidalNetwork:
    keras.utils.set_random_seed(0)
    net = SinusoidalNetwork((12, 9), 2, **options)
    net.build((None, None, None, 2))
    return net


def test_a_network_is_its_layers_one_after_the_other() -> None:
    net = made(omega=3.0)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 4, 5, 2)).astype("float32")
    u = x
    for layer, omega in zip(net.sines, (3.0, 1.0), strict=True):
        kernel, bias = (np.asarray(w) for w in layer.get_weights()[:2])
        u = np.sin(omega * (u @ kernel + bias))
    head, offset = (ops.convert_to_numpy(w) for w in (net.head, net.offset))
    np.testing.assert_allclose(ops.convert_to_numpy(net(x)), u @ head + offset, atol=2e-5)


def test_points_may_be_rows_or_fields() -> None:
    net = made(omega=3.0)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 4, 5, 2)).astype("float32")
    rows = ops.convert_to_numpy(net(x.reshape(-1, 2)))
    np.testing.assert_allclose(ops.convert_to_numpy(net(x)).reshape(-1, 2), rows, atol=1e-6)


def test_it_renders_one_function_at_any_size() -> None:
    net = made(omega=2.0, extent=(0.5, 1.0))
    wide = net.render((6, 12))
    np.testing.assert_allclose(net.render((18, 36))[1::3, 1::3], wide, atol=1e-5)
    points = pixel_centres((150, 300))[:, :, None]  # more than one program takes at once
    direct = ops.convert_to_numpy(net(points.reshape(-1, 2))).reshape(150, 300, 2)
    np.testing.assert_allclose(net.render((150, 300)), direct, atol=1e-5)


def test_adapt_takes_omega_from_the_data_unless_it_is_told() -> None:
    x = np.linspace(-1, 1, 512)
    wave = np.sin(2 * np.pi * 4 * x)[:, None]
    assert abs(SinusoidalNetwork((32, 32)).adapt(wave).omega_in_use - 12.4) < 0.5
    few = SinusoidalNetwork((8,)).adapt(wave)  # no more frequencies than it has weights for
    assert few.omega_in_use == pytest.approx(few.count_params() / 4)
    assert SinusoidalNetwork((8,), omega=5.0).adapt(wave).omega_in_use == 5.0
    with pytest.raises(ValueError, match="of 2 coordinates"):
        made().adapt(wave)


def test_z2_no_pair_of_points_breaks_the_constant_of_a_network() -> None:
    net = made(omega=3.0)
    bound = net.certificate().lipschitz
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (4000, 2)).astype("float32")
    e = rng.standard_normal((4000, 2)) * 10.0 ** rng.uniform(-2, 0, (4000, 1))
    y = (x + e).astype("float32")
    moved = np.linalg.norm(ops.convert_to_numpy(net(x)) - ops.convert_to_numpy(net(y)), axis=-1)
    fastest = (moved / np.linalg.norm(x.astype(float) - y, axis=-1)).max()
    assert bound / 20 < fastest <= bound


def test_a_network_is_saved_with_the_omega_of_its_data(tmp_path: Path) -> None:
    net = SinusoidalNetwork((8, 8), extent=(1.0,))
    net.adapt(np.sin(np.linspace(0, 40, 128))[:, None])
    net.save_to_preset(tmp_path / "wave")
    again = keras_pde.from_preset(tmp_path / "wave")
    assert again.omega == "auto"
    assert again.omega_in_use == net.omega_in_use != 16.0
    np.testing.assert_array_equal(again.render((50,)), net.render((50,)))


def test_wrong_arguments_are_refused_by_name() -> None:
    for options, words in (
        ({"hidden": []}, "hidden"),
        ({"omega": 0.0}, "omega"),
        ({"omega": "high"}, "omega"),
        ({"extent": (1.0, -1.0)}, "extent"),
    ):
        with pytest.raises(ValueError, match=words):
            SinusoidalNetwork(**options)
    with pytest.raises(ValueError, match="make them one number"):
        SinusoidalNetwork((4,), extent=(1.0,)).build((None, 2))
    with pytest.raises(ValueError, match="function of 2 coordinates"):
        made().render((5,))


def test_weights_are_counted_when_there_are_some() -> None:
    assert "counted when built" in repr(SinusoidalNetwork())
    assert f"{made().count_params():,}" in repr(made())

"""KernelPropagator: what it keeps, its steps, saving."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import KernelPropagator


def network(**options: Any) -> Any:
    """A small network of random weights."""
    keras.utils.set_random_seed(0)
    net = KernelPropagator(**{"steps": 4, "filters": 3, "hidden": 6, **options})
    net.build((None, None, 1))
    rng = np.random.default_rng(0)
    net.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


def state(n: int = 16) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, n, 1)).astype("float32")


@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet"])
def test_j4_every_state_has_the_mean_of_the_first(boundary: str) -> None:
    net, u = network(boundary=boundary), state()
    later = keras.ops.convert_to_numpy(net(u))
    assert np.abs(later.mean(axis=1) - u.mean(axis=1)).max() < 2e-5
    assert np.abs(later - u).max() > 0.1
    assert net.certificate()["mean"].proved


def test_one_step_after_the_other_is_a_call_of_both() -> None:
    one, two = network(steps=1), network(steps=2)
    first = keras.ops.convert_to_numpy(one(state()))
    both = np.concatenate([first, keras.ops.convert_to_numpy(one(first))], -1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(two(state())), both, atol=1e-5)


def test_a_propagator_is_saved(tmp_path: Any) -> None:
    net, u = network(levels=2, positions=True), state(9)
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert np.array_equal(again.predict(u, verbose=0), net.predict(u, verbose=0))


def test_states_of_several_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="states of one channel"):
        KernelPropagator().build((None, None, 2))

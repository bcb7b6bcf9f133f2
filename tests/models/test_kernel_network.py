"""KernelNetwork: its fluxes, its cycles, grids of several sizes, precisions, saving."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import KernelNetwork
from keras_pde.operators.conductances import laplacian
from keras_pde.runtime import double_precision


def network(seed: int = 0, large: float = 0.0, **options: Any) -> Any:
    """A small network; its weights moved by random numbers where asked for."""
    keras.utils.set_random_seed(seed)
    net = KernelNetwork(**{"filters": 4, "hidden": 8, "cycles": 3, **options})
    net.build((None, None, None, 1))
    rng = np.random.default_rng(seed)
    net.set_weights([w + large * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


def phases(n: int, seed: int = 0) -> np.ndarray:
    """A random coefficient of two phases."""
    return (np.random.default_rng(seed).random((2, n, n, 1)) < 0.5).astype("float32")


def matrix(net: Any, a: np.ndarray) -> np.ndarray:
    """A_θ of the first sample."""
    flows, _ = net.conductances(a[:1])
    n = a.shape[1] - 1
    units = np.eye(n * n).reshape(n * n, n, n, 1)
    found = laplacian(units.astype("float32"), [c.astype("float32") for c in flows])
    return keras.ops.convert_to_numpy(found).reshape(n * n, n * n)


def test_j3_the_equation_of_random_weights_is_definite_and_keeps_the_sign() -> None:
    for seed in range(4):
        A = matrix(network(seed, large=0.3), phases(7, seed)).astype(np.float64)
        assert np.abs(A - A.T).max() < 1e-6 * np.abs(A).max()
        assert np.linalg.eigvalsh(A).min() > 0
        assert np.linalg.inv(A).min() >= 0


def test_before_training_cycles_approach_poisson_s_solution() -> None:
    net, a = network(source=50.0), np.zeros((1, 16, 16, 1), "float32")
    net.set_weights(
        [
            w * (0 if "flow" in v.path else 1)
            for w, v in zip(net.get_weights(), net.weights, strict=True)
        ]
    )
    flows, f = net.conductances(a)
    assert all((c == 1).all() for c in flows)
    A = matrix(net, a).astype("float64")
    exact = np.linalg.solve(A, np.full(len(A), f))
    left = []
    for u in net.states(net.tensors(a)):
        e = keras.ops.convert_to_numpy(u)[0, 1:, 1:].ravel() - exact
        left.append(np.sqrt(e @ A @ e / (exact @ A @ exact)))
    assert left[2] < left[1] < left[0] < 0.9  # an energy's norm: the residual's may rise


def test_j5_no_cycle_leaves_more_energy_for_any_weights_and_size() -> None:
    for seed, n in ((0, 7), (1, 16), (2, 33), (3, 64)):
        net, a = network(seed, large=0.2), phases(n, seed)
        flows, f = net.conductances(a)
        energies, before, r = [0.0], 0.0, np.full((1, n, n, 1), float(f))[:, 1:, 1:]
        for u in net.states(net.tensors(a)):
            inner = keras.ops.convert_to_numpy(u)[:, 1:, 1:].astype("float64")
            left = keras.ops.convert_to_numpy(laplacian(inner, flows))
            energies.append(float((0.5 * inner * left - f * inner).sum()))
            # no longer or shorter step leaves less: the new residual is orthogonal to it
            step, before, old, r = inner - before, inner, r, f - left
            assert abs((r * step).sum()) < 0.01 * (old * step).sum()
        assert np.diff(energies).max() < 0
    certificate = net.certificate()
    assert certificate.energy_descent
    assert not np.isfinite(certificate.lipschitz)


def test_j5_as_many_cycles_as_points_solve_the_equation_of_any_weights() -> None:
    with double_precision():
        net, a = network(1, large=0.05, cycles=50, dtype="float64"), phases(6, 1)
        flows, f = net.conductances(a)
        u = keras.ops.convert_to_numpy(net(a))[:, 1:, 1:]
        left = f - keras.ops.convert_to_numpy(laplacian(u, flows))
    assert np.abs(left).max() < 1e-9 * f


def test_more_cycles_go_on_where_fewer_stopped() -> None:
    net, a = network(cycles=3), phases(8)
    more = net.with_cycles(5)
    first, states = net.states(net.tensors(a)), more.states(more.tensors(a))
    assert len(states) == more.step_count == 5
    for u, v in zip(first, states, strict=False):
        assert np.array_equal(*(keras.ops.convert_to_numpy(x) for x in (u, v)))
    assert KernelNetwork(cycles=2).with_cycles(7).cycles == 7
    with pytest.raises(ValueError, match="cycles"):
        net.with_cycles(0)


def test_one_network_is_for_every_size() -> None:
    net = network()
    for sizes in ((8, 8), (16, 32), (33, 3)):
        a = np.zeros((1, *sizes, 1), "float32")
        u = keras.ops.convert_to_numpy(net(a))
        assert u.shape == (1, *sizes, 1)
        assert (u[:, 0] == 0).all()
        assert np.isfinite(u).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sizes are static elsewhere")
def test_sizes_that_are_not_known_change_nothing() -> None:
    import tensorflow as tf

    net, a = network(1, large=0.05), phases(16)
    spec = tf.TensorSpec((None, None, None, 1), tf.float32)
    graph = tf.function(net, input_signature=[spec])
    np.testing.assert_allclose(np.array(graph(a)), np.array(net(a)), atol=1e-5)


@pytest.mark.parametrize("sizes", [(16,), (5, 6, 4)])
def test_networks_of_one_and_three_dimensions(sizes: tuple[int, ...]) -> None:
    keras.utils.set_random_seed(0)
    net = KernelNetwork(filters=3, hidden=4, cycles=2, positions=True)
    assert keras.ops.convert_to_numpy(net(np.zeros((2, *sizes, 2), "float32"))).shape == (
        2,
        *sizes,
        1,
    )


def test_every_weight_learns_and_a_network_is_saved(tmp_path: Any) -> None:
    net, a = network(2, large=0.1, cycles=2, levels=2), phases(8)
    net.compile("sgd", "mse", jit_compile=False)
    before = net.get_weights()
    net.fit(a, np.ones_like(a), verbose=0)
    for old, variable in zip(before, net.weights, strict=True):
        assert not np.array_equal(old, keras.ops.convert_to_numpy(variable)), variable.path
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert np.array_equal(again.predict(a, verbose=0), net.predict(a, verbose=0))

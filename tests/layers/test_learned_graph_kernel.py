"""LearnedGraphKernel: linear, for any nodes, its bound, its gradients, what it refuses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import LearnedGraphKernel
from keras_pde.operators import NodeLevels
from keras_pde.runtime import double_precision


def kernel(seed: int = 0, **options: Any) -> LearnedGraphKernel:
    """A small kernel of moved weights, built for two coefficients."""
    keras.utils.set_random_seed(seed)
    layer = LearnedGraphKernel(**{"hidden": 6, "positions": True, **options})
    layer.build((None, 1), (None, 2))
    rng = np.random.default_rng(seed)
    layer.set_weights([w + 0.2 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


def scattered(count: int, seed: int = 0, ndim: int = 2) -> tuple[NodeLevels, np.ndarray]:
    rng = np.random.default_rng(seed)
    return NodeLevels(rng.random((count, ndim))), rng.random((count, 2)).astype("float32")


def matrix(layer: Any, levels: NodeLevels, a: np.ndarray) -> np.ndarray:
    units = np.eye(len(a), dtype="float32")
    return keras.ops.convert_to_numpy(layer(units, a, levels=levels))


@pytest.mark.parametrize("ndim", [2, 3])
def test_j2_the_matrix_is_of_all_levels_and_keeps_to_its_bound(ndim: int) -> None:
    layer, (levels, a) = kernel(ndim=ndim, order=1), scattered(150, ndim=ndim)
    near, wanted, up = layer.near_fields(a, levels), 0.0, np.eye(150)
    for level, edges in enumerate(near):
        n = len(levels.nodes[level])
        dense = np.zeros((n, n))
        dense[edges.rows, edges.columns] = keras.ops.convert_to_numpy(edges.values)
        wanted = wanted + up @ dense @ up.T
        if level < len(levels.transfers):
            p = levels.transfers[level]
            down = np.zeros(p.shape)
            np.add.at(down, (p.rows, p.columns), p.values)
            up = up @ down
    found = matrix(layer, levels, a)
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert np.linalg.norm(found, 2) <= layer.norm_bound(a, levels)
    assert layer.norm_bound(a, levels) < 100 * np.linalg.norm(found, 2)
    assert len(levels.transfers) > 0


def test_entries_scale_as_the_order_says() -> None:
    """Nodes moved apart tenfold: of order m and in 2-D an integral counts 10^m times."""
    for order in (0, 2):
        layer, (levels, a) = kernel(order=order, positions=False), scattered(150)
        wide = NodeLevels(10 * levels.nodes[0])
        one, other = matrix(layer, levels, a), matrix(layer, wide, a)
        np.testing.assert_allclose(other, 10.0**order * one, rtol=2e-3, atol=1e-4 * one.max())


def test_coefficients_and_places_are_seen_and_every_weight_has_a_gradient() -> None:
    layer, (levels, a) = kernel(), scattered(150)
    u = np.ones((150, 1), "float32")
    found = keras.ops.convert_to_numpy(layer(u, a, levels=levels))
    assert np.abs(keras.ops.convert_to_numpy(layer(u, 2 * a, levels=levels)) - found).max() > 1e-4
    moved = NodeLevels(levels.nodes[0] + 3)
    assert np.abs(keras.ops.convert_to_numpy(layer(u, a, levels=moved)) - found).max() > 1e-4
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(u, a, levels=levels) ** 2)
    for g, w in zip(
        tape.gradient(loss, layer.trainable_weights), layer.trainable_weights, strict=True
    ):
        assert g is not None, w.path
        assert float(tf.reduce_max(tf.abs(g))) > 0, w.path


def test_the_same_weights_tend_to_one_integral_on_more_nodes() -> None:
    """Of functions, not of nodes: a finer set of nodes gives nearly the same values."""
    from scipy.stats import qmc

    layer, found = kernel(3, order=2), []
    few = qmc.Halton(2, seed=1).random(400)
    for count in (400, 800, 3200):
        nodes = qmc.Halton(2, seed=1).random(count)
        u = np.sin(np.pi * nodes[:, :1]) * nodes[:, 1:]
        values = layer(u, np.ones((count, 2), "float32"), levels=NodeLevels(nodes))
        found.append(keras.ops.convert_to_numpy(values)[:400])
        assert (nodes[:400] == few).all()
    size = np.linalg.norm(found[-1])
    assert np.linalg.norm(found[1] - found[2]) < 0.35 * size
    assert size > 0


def test_what_is_no_function_on_the_nodes_is_refused() -> None:
    layer, (levels, a) = kernel(), scattered(150)
    u = np.ones((150, 1), "float32")
    with pytest.raises(ValueError, match="levels=NodeLevels"):
        layer(u, a)
    with pytest.raises(ValueError, match="a row for each of 150 nodes"):
        layer(u[:9], a, levels=levels)
    with pytest.raises(ValueError, match="nodes in 3-D"):
        layer(u, a, levels=scattered(150, ndim=3)[0])
    with pytest.raises(ValueError, match="ndim"):
        LearnedGraphKernel(ndim=1)


def test_a_kernel_is_rebuilt_from_its_configuration() -> None:
    with double_precision():
        layer, (levels, a) = kernel(order=2, dtype="float64"), scattered(100)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        again.set_weights(layer.get_weights())
        u, a = np.ones((100, 2)), a.astype("float64")
        first, second = (keras.ops.convert_to_numpy(x(u, a, levels=levels)) for x in (layer, again))
    assert np.array_equal(first, second)
    assert first.dtype == np.float64

"""MessagePassing and its network: permutations under attack, decisions, diffusion on a graph."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import MessagePassing, MessagePassingNetwork
from keras_pde.presets.allowed_classes import check_network
from keras_pde.runtime.gradients import values_and_gradients

AGGREGATES = ["max", "mean", "sum"]


def drawn(layer: Any, seed: int, size: float = 0.7) -> Any:
    """A layer with weights of a size."""
    rng = np.random.default_rng(seed)
    for w in layer.weights:
        w.assign(size * rng.standard_normal(w.shape))
    return layer


def network(seed: int = 0, **options: Any) -> MessagePassingNetwork:
    net = MessagePassingNetwork(2, 5, 8, **options)
    net.build([(None, None, 2), (None, None, None, 3)])
    return drawn(net, seed)


def graph(seed: int, n: int, batch: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, and links of which a third are missing."""
    rng = np.random.default_rng(seed)
    links = rng.standard_normal((batch, n, n, 3)) * (rng.random((batch, n, n, 1)) < 0.67)
    return rng.standard_normal((batch, n, 2)), links


def listed(links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One dense graph's links as a list with their ends."""
    ends = np.argwhere(links.any(-1))
    return links[ends[:, 0], ends[:, 1]], ends


def values(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_y1_no_attack_breaks_the_permutations(aggregate: str, double: None) -> None:
    """Every order of 4 nodes, and ascent from inputs of all sizes: rounding is all that is left."""
    net = network(1, aggregate=aggregate, dtype="float64")
    nodes, links = graph(2, 4)
    before = values(net([nodes, links]))
    assert np.ptp(before) > 0.2
    for order in itertools.permutations(range(4)):
        p = list(order)
        assert np.abs(values(net([nodes[:, p], links[:, p][:, :, p]])) - before[:, p]).max() < 1e-13
    nodes, links = graph(3, 7, 6)
    p = np.random.default_rng(4).permutation(7)
    moved = links[:, p][:, :, p]

    def gap(x: Any, one: Any, other: Any) -> Any:
        far = ops.take(net([x, one]), p, axis=1) - net([ops.take(x, p, axis=1), other])
        return ops.sum(far**2, axis=(1, 2)) * 1e20

    climb = values_and_gradients(gap)
    x = nodes * np.geomspace(1e-3, 1e3, 6)[:, None, None]
    for _ in range(15):
        found, slope = climb(x, links, moved)
        assert np.sqrt(found.max() / 1e20) < 1e-12
        x = x + 0.1 * np.abs(x).mean() * np.sign(slope)


def test_y1_a_weight_that_belongs_to_a_node_is_caught() -> None:
    net, (nodes, links) = network(), graph(0, 4)
    before = values(net([nodes, links]))
    own = (
        nodes + np.array([0.1, 0, 0, 0])[:, None]
    )  # what the first place adds, whoever stands there
    turned = [1, 2, 3, 0]
    other = nodes[:, turned] + np.array([0.1, 0, 0, 0])[:, None]
    one = values(net([own, links]))[:, turned]
    two = values(net([other, links[:, turned][:, :, turned]]))
    assert np.abs(one - two).max() > 1e-3 * np.abs(before).max()


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_y1_lists_of_links_and_isolated_nodes_change_nothing(aggregate: str) -> None:
    net = network(5, aggregate=aggregate)
    nodes, links = graph(6, 6)
    dense = values(net([nodes, links]))
    for k in range(2):
        some, ends = listed(links[k])
        assert np.allclose(values(net.on_edges(nodes[k], some, ends)), dense[k], atol=2e-6)
    both = [listed(links[k]) for k in range(2)]  # two graphs in one list
    some = np.concatenate([x for x, _ in both])
    ends = np.concatenate([both[0][1], both[1][1] + 6])
    joint = values(net.on_edges(nodes.reshape(12, 2), some, ends))
    assert np.allclose(joint, dense.reshape(12, 1), atol=2e-6)
    padded = np.zeros((2, 9, 9, 3))
    padded[:, :6, :6] = links
    more = np.concatenate([nodes, np.ones((2, 3, 2))], axis=1)
    assert np.allclose(values(net([more, padded]))[:, :6], dense, atol=2e-6)


def test_y2_no_input_and_no_weights_leave_the_decisions_interval() -> None:
    reached = []
    for seed, size in itertools.product(range(3), (1e-3, 1.0, 1e3)):
        net = drawn(network(seed), seed, size)
        nodes, links = graph(seed, 5)
        for scale in (1e-3, 1.0, 1e3):
            found = values(net([scale * nodes, scale * links]))
            assert ((found >= 0) & (found <= 1)).all()
            reached += [found.min(), found.max()]
    assert min(reached) < 1e-6
    assert max(reached) > 1 - 1e-6
    assert net.certificate()["range"].proved


@pytest.mark.parametrize("flux", ["perona_malik", "charbonnier"])
def test_y3_a_step_of_diffusion_on_a_graph_is_a_step_of_messages(flux: str, double: None) -> None:
    rng, n, c, tau = np.random.default_rng(0), 7, 3, 0.1
    layer = MessagePassing(c, c, c, 0, flux=flux, aggregate="sum", dtype="float64")
    layer.build([(None, n, c), (None, n, n, 1)])
    eye = np.eye(c)
    message, update = layer.message, layer.update
    message.kernels[0].assign(np.concatenate([-eye, eye, np.zeros((1, c))]))  # uⱼ − uᵢ
    message.kernels[1].assign(eye)
    update.kernels[0].assign(np.concatenate([eye, tau * eye]))
    joined = np.triu(rng.random((n, n)) < 0.6, 1)
    joined = joined | joined.T
    u = 3 * rng.standard_normal((1, n, c))
    phi = keras_pde.activations.get(flux)
    expected = np.array(u)
    pairs = np.argwhere(np.triu(joined))
    gradient = np.zeros((len(pairs), n))  # K of the graph, a row for each link
    gradient[np.arange(len(pairs)), pairs[:, 0]] = -1
    gradient[np.arange(len(pairs)), pairs[:, 1]] = 1
    expected = u[0] - tau * gradient.T @ values(phi(ops.convert_to_tensor(gradient @ u[0])))
    found = values(layer([u, joined[None, :, :, None].astype(float)]))
    assert np.abs(found[0] - expected).max() < 1e-14


@pytest.mark.full
def test_every_weight_learns_and_a_network_is_saved(tmp_path: Path) -> None:
    net = MessagePassingNetwork(2, 4, 6, 2, "smooth_relu", aggregate="mean")
    nodes, links = (x.astype("float32") for x in graph(0, 5))
    before = values(net([nodes, links]))
    assert np.allclose(before, 0.5)
    drawn(net, 3)
    old = net.get_weights()
    net.compile(keras.optimizers.SGD(1.0), "mse")
    net.fit({"nodes": nodes, "links": links}, np.ones((2, 5, 2), "float32"), verbose=0)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(old, net.get_weights(), strict=True))
    assert len(net.states([nodes, links])) == 2
    net.save(tmp_path / "net.keras")
    again: Any = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(values(again([nodes, links])), values(net([nodes, links])))
    twin = net.twin([5])
    written = json.loads(json.dumps(keras.saving.serialize_keras_object(twin)))
    assert check_network(written)
    assert np.array_equal(values(twin([nodes, links])), values(net([nodes, links])))
    assert net.input_signature([5])[0][1].shape == (None, 5, 5, 3)


def test_inputs_that_are_no_graph_are_refused() -> None:
    net, layer, (nodes, links) = network(), MessagePassing(), graph(0, 4)
    ends = np.zeros((3, 2), int)
    for wrong, said in (
        (lambda: net(nodes), r"takes a list \[nodes, links\]"),
        (lambda: net([nodes, links[:, :3]]), "must be \\(batch, n, n, channels\\)"),
        (lambda: net([nodes[..., :1], links]), "must have 2 channels"),
        (lambda: net([nodes, links[0]]), "must have 4 axes"),
        (lambda: net.on_edges(nodes[0], links[0, 0], ends), "a row for each link"),
        (lambda: net.on_edges(nodes[0], links[0, 0, :3], ends + 0.5), "whole numbers"),
        (lambda: layer(nodes), "takes a list"),
        (lambda: MessagePassing(aggregate="min"), "aggregate must be one of"),
        (lambda: MessagePassingNetwork(rounds=0), "rounds must be"),
        (lambda: MessagePassingNetwork().build((None, 4, 2)), "needs the shapes"),
        (lambda: layer.build((None, 4, 2)), "one of links"),
        (lambda: layer.build([(None, 4, 2)]), "one of links"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()


@pytest.mark.full
def test_a_network_is_exported_with_any_number_of_nodes(tmp_path: Path) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a SavedModel is TensorFlow's")
    from keras_pde import export

    net = network()
    export.export(net, tmp_path / "served")
    import tensorflow as tf

    served = tf.saved_model.load(str(tmp_path / "served"))
    for n in (3, 8):
        nodes, links = (x.astype("float32") for x in graph(n, n))
        run = served.signatures["serving_default"]
        found = run(nodes=tf.constant(nodes), links=tf.constant(links))
        assert np.allclose(next(iter(found.values())), values(net([nodes, links])), atol=1e-5)

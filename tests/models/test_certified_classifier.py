"""CertifiedClassifier: its constant and its radius under attack, against dense NumPy matrices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import CertifiedClassifier, ConvOperator, DenseOperator, DiffusionBlock, export
from keras_pde.certificates.margin import radii
from keras_pde.export.metadata import metadata
from keras_pde.export.served import Served
from keras_pde.layers.stage_entry import StageEntry
from keras_pde.models import certified_radius
from keras_pde.presets.allowed_classes import check_network
from keras_pde.runtime import compiled
from keras_pde.runtime.compiling import double_precision, finest_roundoff
from keras_pde.tasks.training.constructing import construct

SIZES = (4, 4, 2)
STEPS = ["auto", "per_channel", "scaled", "learned"]


def images(count: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SIZES)).astype("float32")


def dense(step_size: str = "auto", blocks: int = 3, **options: Any) -> CertifiedClassifier:
    block = DiffusionBlock(DenseOperator(40), "relu", step_size, use_bias=True)
    return scattered(CertifiedClassifier(5, block, blocks, 36, **options))


def convolutional(**options: Any) -> CertifiedClassifier:
    """Two stages of convolutions and a dense one."""

    def block(filters: int, **more: Any) -> DiffusionBlock:
        operator = ConvOperator(filters, 3, boundary="periodic")
        return DiffusionBlock(operator, "relu", use_bias=True, **more)

    last = DiffusionBlock(DenseOperator(24), "smooth_relu", fraction=0.9, use_bias=True)
    kinds = [block(5), block(6, step_size="scaled"), last]
    net = CertifiedClassifier(5, kinds, (2, 1, 1), (3, 12, 50), (1, 2, 1), **options)
    return scattered(net)


def scattered(net: CertifiedClassifier, scale: float = 0.5) -> CertifiedClassifier:
    """The network with random weights, biases and large kernels among them."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(3)
    net.build((None, *SIZES))
    net.set_weights([w + scale * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


NETWORKS = {"dense": dense, "convolutional": convolutional}


class InNumPy:
    """A dense classifier by matrices, and its Jacobian, in a precision of NumPy's."""

    def __init__(self, net: CertifiedClassifier, dtype: Any = "float64") -> None:
        self.layers = []
        for block in net.steps:
            kept = block.prepare()
            arrays = (kept.kernels[0], block.bias, kept.step)
            self.layers.append([np.array(ops.convert_to_numpy(a)).astype(dtype) for a in arrays])
        self.rows = np.array(ops.convert_to_numpy(net.head.columns())).astype(dtype).T
        self.offset = np.array(ops.convert_to_numpy(net.head.bias)).astype(dtype)
        self.width = net.steps[0].operator.channels
        self.dtype = dtype

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits, and their Jacobians (batch, classes, numbers of an image)."""
        flat = x.reshape(len(x), -1).astype(self.dtype)
        u = np.concatenate([flat, np.zeros((len(x), self.width - flat.shape[1]))], 1)
        jacobian = np.broadcast_to(np.eye(self.width, flat.shape[1]), (len(x), *u.shape[1:], 32))
        for kernel, bias, step in self.layers:
            s = u @ kernel + bias
            weight = (s > 0) * step
            u = u - (weight * s) @ kernel.T
            jacobian = jacobian - kernel @ (weight[..., None] * (kernel.T @ jacobian))
        return u @ self.rows.T + self.offset, self.rows @ jacobian


@pytest.mark.parametrize("step_size", STEPS)
def test_k1_no_two_logits_move_apart_faster_than_their_rows(
    step_size: str,
) -> None:
    net = dense(step_size)
    z, jacobian = InNumPy(net)(images(30))
    assert np.allclose(z, net.logits(images(30)), atol=1e-4)
    state, certificate = net.state_certificate(), net.certificate()
    rows = net.head.matrix()
    assert state.lipschitz == 1.0
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for y in range(5):
        for j in range(y):
            slope = np.linalg.norm(jacobian[:, y] - jacobian[:, j], axis=1).max()
            assert slope <= np.linalg.norm(rows[y] - rows[j]) * (1 + 1e-5)
            assert slope <= certificate["margin"].constant
    assert np.linalg.norm(jacobian, 2, axis=(1, 2)).max() <= certificate.lipschitz


@pytest.mark.parametrize("name", NETWORKS)
def test_k1_pairs_of_images_keep_to_the_constant(name: str) -> None:
    net = NETWORKS[name]()
    rng, x = np.random.default_rng(1), images(200, seed=1)
    e = rng.standard_normal(x.shape) * np.geomspace(1e-2, 10, 200).reshape(-1, 1, 1, 1)
    moved = net.logits((x + e).astype("float32")) - net.logits(x)
    size = np.linalg.norm(e.reshape(200, -1), axis=1)
    apart = np.linalg.norm(net.head.matrix()[:, None] - net.head.matrix()[None], axis=2)
    differences = np.abs(moved[:, :, None] - moved[:, None])
    assert (differences <= apart * size[:, None, None] * (1 + 1e-4) + 1e-4).all()
    assert (np.linalg.norm(moved, axis=1) <= net.certificate().lipschitz * size + 1e-4).all()


def attacked(net: CertifiedClassifier, x: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Whether gradient ascent inside the balls of radius r changed the class, image by image."""
    exact, flat = InNumPy(net), x.reshape(len(x), -1).astype("float64")
    start = exact(flat)[0]
    y, rows, changed = start.argmax(axis=1), np.arange(len(x)), np.zeros(len(x), bool)
    for place in range(2, 5):  # towards the second, third and fourth class
        j = np.argsort(-start, axis=1)[:, place - 1]
        e = np.zeros_like(flat)
        for step in range(7):
            z, jacobian = exact(flat + e)
            changed |= z.argmax(axis=1) != y
            gradient = jacobian[rows, j] - jacobian[rows, y]
            gradient /= np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-300
            e += gradient * r[:, None] * (1.0 if step == 0 else 0.3)
            e *= np.minimum(1, r / (np.linalg.norm(e, axis=1) + 1e-300))[:, None]
    return changed


@pytest.mark.parametrize("step_size", STEPS[:3])
def test_k2_ten_thousand_attacks_in_l2_change_no_class_inside_the_radius(step_size: str) -> None:
    net = dense(step_size, 1)
    x = images(500)
    r = net.radius(x)
    assert r.dtype == np.float64
    assert (r > 0).all()
    assert not attacked(net, x, r * (1 - 1e-9)).any()  # 500 · 3 · 7 images are looked at
    # a constant that is too small is caught
    assert attacked(net, x, 3 * r).mean() > 0.2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients by TensorFlow")
def test_k2_gradient_ascent_changes_no_class_of_a_convolutional_network() -> None:
    import tensorflow as tf

    net, x = convolutional(), images(60)
    y, r = net.answers(x), net.radius(x)
    own, radius = tf.one_hot(y, 5), tf.constant(r.reshape(-1, 1, 1, 1), tf.float32)

    def norm(e: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(e**2, axis=(1, 2, 3), keepdims=True)) + 1e-30

    @tf.function
    def ascend(e: Any, limit: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(e)
            z = net(x + e)
            worst = tf.reduce_max(z - 1e9 * own, axis=1) - tf.reduce_sum(z * own, axis=1)
        gradient = tape.gradient(worst, e)
        e = e + 0.25 * limit * gradient / norm(gradient)
        return e * tf.minimum(1.0, limit / norm(e))

    def changed(limit: Any) -> float:
        e = tf.random.stateless_normal(x.shape, (1, 2))
        e = e * limit / norm(e)
        for _ in range(25):
            e = ascend(e, limit)
        return float((net.answers(x + e.numpy()) != y).mean())

    assert (r > 0).all()
    assert changed(radius * (1 - 1e-3)) == 0
    assert changed(radius * 4) > 0.2  # a constant that is too small is caught


def test_k2_the_radius_is_the_distance_to_the_boundary_where_blocks_do_nothing() -> None:
    net = dense()
    weights = {w.path: np.array(ops.convert_to_numpy(w)) for w in net.weights}
    net.set_weights([v * (0.0 if "block" in path else 1.0) for path, v in weights.items()])
    x, rows = images(50), net.head.matrix()[:, :32]
    z = x.reshape(50, -1) @ rows.T + weights[net.head.bias.path]
    y = z.argmax(axis=1)
    r = net.radius(x)
    apart = np.linalg.norm(net.head.matrix()[:, None] - net.head.matrix()[None], axis=2)
    gaps = z[np.arange(50), y][:, None] - z
    gaps[np.arange(50), y] = np.inf
    expected = (gaps / (apart[y] + np.eye(5)[y])).min(axis=1)
    assert (r <= expected + 1e-6).all()
    assert np.allclose(r, expected, atol=1e-6 if finest_roundoff() < 1e-10 else 1e-3)
    assert np.array_equal(net.answers(x), y)


def test_certified_is_right_and_beyond_eps() -> None:
    net, x = dense(), images(40)
    y, r = net.answers(x), net.radius(x)
    labels = np.where(np.arange(40) % 3 == 0, (y + 1) % 5, y)
    eps = float(np.median(r))
    assert np.array_equal(net.certified(x, labels, eps), (labels == y) & (r > eps))
    assert 5 < net.certified(x, labels, eps).sum() < 20


@pytest.mark.parametrize("eps", [0.0, 0.05])
def test_the_metric_counts_what_is_certified(eps: float) -> None:
    net, x = dense(blocks=1), images(60)
    labels = np.where(np.arange(60) % 4 == 0, 0, net.answers(x))
    exact = keras_pde.metrics.CertifiedAccuracy(eps, net)
    wide = keras_pde.metrics.CertifiedAccuracy(eps)
    for metric in (exact, wide):
        metric.update_state(labels[:40], net(x[:40]))
        metric.update_state(labels[40:], net(x[40:]))
    expected = net.certified(x, labels, eps).mean()
    assert abs(float(exact.result()) - expected) < 1e-6
    assert float(wide.result()) <= expected + 1e-6
    assert float(wide.result()) > 0


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="other trainers show the weights")
def test_a_metric_that_is_shown_no_weights_says_so() -> None:
    net = dense(blocks=1)
    metrics = [keras_pde.metrics.CertifiedAccuracy(0.1, net)]
    net.compile("sgd", "sparse_categorical_crossentropy", metrics=metrics)
    with pytest.raises(ValueError, match="leave network out"):
        net.fit(images(), np.zeros(4, int), verbose=0)


@pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="NumPy has nothing finer than float64 here"
)
def test_k3_the_error_of_the_evaluation_is_bounded_and_tiny() -> None:
    net, x = dense("auto", 6), images(40)
    with double_precision():
        exact = certified_radius.evaluation(net)
        assert certified_radius.evaluation(net) is exact
        z, error = certified_radius.logits_with_error(exact, x)
        finer, _ = InNumPy(exact.network, np.longdouble)(x)
    off = np.abs((z[:, :, None] - z[:, None]) - (finer[:, :, None] - finer[:, None]))
    assert z.dtype == np.float64
    assert 0 < off.max() < error.min()
    assert error.max() < (1e-9 if finest_roundoff() < 1e-10 else 0.2)


def test_a_radius_is_that_of_the_weights_at_hand() -> None:
    net, x = dense(blocks=1), images()
    before = net.radius(x)
    assert np.array_equal(net.radius(x), before)
    kernel = net.head.kernel
    kernel.assign(ops.flip(kernel, axis=1))
    assert not np.allclose(net.radius(x), before)
    kernel.assign(ops.flip(kernel, axis=1))
    assert np.array_equal(net.radius(x), before)


def test_k3_where_float64_answers_another_class_nothing_is_certified() -> None:
    class Wrong(CertifiedClassifier):
        def answers(self, x: Any) -> np.ndarray:
            return (super().answers(x) + 1) % 5

    wrong = Wrong(5, blocks=1)
    assert np.array_equal(wrong.radius(images()), np.zeros(4))
    assert not radii(np.full((2, 3), np.nan), np.ones((3, 3)), 1.0).any()
    assert not radii(np.eye(3), np.ones((3, 3)), np.inf).any()
    assert not radii(np.eye(3), np.ones((3, 3)), 1.0, 1.0).any()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_k8_a_reader_s_radius_is_below_the_network_s_by_the_error_stated(
    name: str, dtype: str
) -> None:
    net, x = NETWORKS[name](), images(40)
    x[0], x[1] = 0, 1  # the smallest and the largest
    r, unit = net.radius(x), 2.0**-53 if dtype == "float64" else 2.0**-24
    kind = net.in_float64() if dtype == "float64" else net
    facts = json.loads(json.dumps(kind.reader_facts()))
    with double_precision():
        z, error = certified_radius.logits_with_error(certified_radius.evaluation(net), x)
    # what an image costs in float64, in the precision at hand, is never more than for all images
    assert (error * (unit / finest_roundoff()) <= facts["error"] * (1 + 1e-6)).all()
    computed = z if dtype == "float64" else net.logits(x)
    found = radii(computed, np.array(facts["slopes"]), 1.0, facts["error"])
    assert (found <= r + 1e-12).all()
    if dtype == "float64" and finest_roundoff() < 1e-10:
        assert np.allclose(found, r, atol=1e-8)
        assert (found > 0).all()
    assert facts["norm"] == "l2"
    assert np.array_equal(np.diag(facts["slopes"]), np.zeros(5))


@pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="NumPy has nothing finer than float64 here"
)
def test_k8_logits_of_float32_are_within_the_error_stated() -> None:
    net, x = dense("auto", 6), images(200)
    facts = net.reader_facts()
    assert facts is not None
    z, exact = net.logits(x).astype("float64"), InNumPy(net, np.longdouble)(x)[0]
    off = np.abs((z[:, :, None] - z[:, None]) - (exact[:, :, None] - exact[:, None]))
    assert 0 < off.max() < facts["error"]


def test_k8_of_16_bits_and_of_broken_weights_a_reader_is_told_nothing() -> None:
    net = dense(blocks=1, dtype="mixed_bfloat16")
    assert net.reader_facts() is None
    assert "radius" not in metadata(Served(net))
    broken = dense(blocks=1)
    broken.head.kernel.assign(np.full(broken.head.kernel.shape, np.nan, "float32"))
    assert broken.reader_facts() is None


@pytest.mark.parametrize("pooling", ["patches", "average"])
@pytest.mark.parametrize("flat", [False, True])
def test_k4_a_stage_is_entered_by_a_map_of_norm_1(pooling: str, flat: bool) -> None:
    for p in (1, 2, 3):
        entry = StageEntry(p, pooling, 60, flat)
        unit = np.eye(30, dtype="float32").reshape(30, 5, 3, 2)
        matrix = ops.convert_to_numpy(entry(unit)).reshape(30, -1).astype("float64").T
        shape = entry.compute_output_shape((30, 5, 3, 2))
        assert shape == tuple(entry(unit).shape)
        values = np.linalg.svd(matrix, compute_uv=False)
        if pooling == "patches" or p == 1:
            assert np.allclose(values, 1, atol=1e-6)  # an isometry
        else:
            assert np.isclose(values.max(), 1, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_classifier_is_saved_twinned_and_compiled(name: str, tmp_path: Path) -> None:
    net, x = NETWORKS[name](class_names=["a", "b", "c", "d", "e"]), images()
    expected = net.logits(x)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.class_names == ("a", "b", "c", "d", "e")
    for other in (loaded, net.twin(), compiled(net.program(snapshot=True)), compiled(net)):
        assert np.allclose(ops.convert_to_numpy(other(x)), expected, atol=1e-5)
    assert len(net.states(x)) == len(net.stages) + len(net.steps) + 1
    assert "rows of norm 1" in repr(net)
    assert net.diagram().startswith("flowchart LR")
    assert net.width >= 1
    assert not net.influence().exact


def test_a_preset_holds_a_classifier(tmp_path: Path) -> None:
    net, x = convolutional(), images()
    check_network(json.loads(json.dumps(keras.saving.serialize_keras_object(net))))
    net.save_to_preset(tmp_path / "preset")
    loaded = keras_pde.from_preset(str(tmp_path / "preset"))
    assert np.allclose(loaded.logits(x), net.logits(x), atol=1e-6)
    assert np.allclose(loaded.radius(x), net.radius(x))
    assert loaded.certificate()["margin"].constant == net.certificate()["margin"].constant


def test_an_artifact_states_the_constant_and_the_names() -> None:
    net = dense(class_names=["a", "b", "c", "d", "e"])
    about = metadata(Served(net))
    assert about["outputs"] == ["a", "b", "c", "d", "e"]
    (found,) = (g for g in about["certificate"]["guarantees"] if g["key"] == "margin")
    assert about["radius"] == net.reader_facts()
    # what a reader of the artifact computes is never more than the radius
    z = np.sort(net.logits(images(40)).astype("float64"), axis=1)
    readers = (z[:, -1] - z[:, -2]) / found["constant"]
    assert (readers <= net.radius(images(40)) + 1e-4).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's")
def test_a_classifier_is_exported(tmp_path: Path) -> None:
    net, x = convolutional(), images()
    made = export.export(net, tmp_path / "served", verify=True)
    assert made.difference is not None
    assert made.difference < 1e-5
    run, about = export.load_exported(made.path)
    assert np.allclose(run(x), net.logits(x), atol=1e-5)
    assert about["certificate"]["lipschitz"] == net.certificate().lipschitz


def test_a_recipe_makes_a_classifier() -> None:
    block = {
        "class": "DiffusionBlock",
        "operator": {"class": "DenseOperator", "rows": 12},
        "flux": "relu",
        "step_size": "per_channel",
        "use_bias": True,
    }
    conv = {**block, "operator": {"class": "ConvOperator", "filters": 4}}
    description = {"class": "CertifiedClassifier", "classes": 3, "blocks": [1, 2]}
    net = construct({**description, "block": [conv, block], "channels": [4, 70]})
    net.build((None, *SIZES))
    assert [b.operator.rows for b in net.steps] == [4, 12, 12]
    assert [stage.patch_size for stage in net.stages] == [1, 2]


def test_training_keeps_the_constant_and_finds_the_classes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    x = np.clip(0.5 + 0.15 * rng.standard_normal((300, 4, 4, 1)), 0, 1)
    x[np.arange(300), labels] = np.clip(x[np.arange(300), labels] + 0.4, 0, 1)
    x = x.astype("float32")
    keras.utils.set_random_seed(0)
    net = CertifiedClassifier(3, blocks=2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # the trainer of Keras on JAX shows a metric no weights
    rows = None if keras.backend.backend() == "jax" else net
    metrics = [keras_pde.metrics.CertifiedAccuracy(0.1, rows)]
    net.compile(keras.optimizers.Adam(0.03), loss, metrics=metrics)
    history = net.fit(x, labels, epochs=6, batch_size=50, verbose=0).history
    assert history["certified_accuracy"][-1] > history["certified_accuracy"][0]
    assert (net.answers(x) == labels).mean() > 0.95
    assert net.state_certificate().lipschitz == 1.0
    assert net.certified(x, labels, 0.1).mean() > 0.9


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
@pytest.mark.parametrize("place", [0, 1, -2, -1])
def test_of_weights_that_are_no_numbers_nothing_is_proved(place: int, value: float) -> None:
    net = dense(blocks=1)
    weights = net.get_weights()
    weights[place] = np.full_like(weights[place], value)
    net.set_weights(weights)
    x, r = images(), net.radius(images())
    assert not np.isnan(net.certificate().lipschitz)
    if np.isfinite(value):
        e = np.random.default_rng(2).standard_normal(x.shape)
        e *= (np.minimum(r, 10) / np.linalg.norm(e.reshape(4, -1), axis=1)).reshape(4, 1, 1, 1)
        assert np.array_equal(net.answers(x + 0.99 * e.astype("float32")), net.answers(x))
    else:
        assert net.certificate().get("margin") is None
        assert not r.any()


WRONG: dict[str, tuple[Any, str]] = {
    "not monotone": (lambda: {"block": DiffusionBlock(4, "perona_malik")}, "not monotone"),
    "data term": (lambda: {"block": DiffusionBlock(4, data_weight=0.1)}, "data term"),
    "free K": (
        lambda: {"block": DiffusionBlock(ConvOperator(4), step_size=0.1)},
        "too long where ‖K‖ grows",
    ),
    "gates": (
        lambda: {"block": DiffusionBlock(ConvOperator(4), keras_pde.GatedFlux())},
        "gates add",
    ),
    "no block": (lambda: {"block": ["relu"]}, "block must be a DiffusionBlock"),
    "stages": (lambda: {"blocks": (1, 2), "channels": (32, 32, 32)}, r"lengths \[2, 3\]"),
    "no blocks": (lambda: {"blocks": 0}, "at least one block"),
    "convolution last": (
        lambda: {"block": [DiffusionBlock(DenseOperator(4), "relu"), DiffusionBlock(4)]},
        "dense stages last",
    ),
    "patches of a vector": (
        lambda: {"blocks": (1, 1), "patch_size": (1, 2)},
        "A vector has no pixels",
    ),
    "pooling": (lambda: {"pooling": "max"}, "pooling"),
    "channels": (lambda: {"channels": 31}, "needs channels >= 32"),
    "class_names": (lambda: {"class_names": ["a"]}, "class_names must be 5"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_proves_nothing_is_refused(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        CertifiedClassifier(5, **arguments()).build((None, *SIZES))


def test_in_16_bits_there_is_no_radius() -> None:
    net = CertifiedClassifier(5, blocks=1, dtype="mixed_bfloat16")
    assert net.logits(images()).shape == (4, 5)
    assert net.certificate().lipschitz < 3
    with pytest.raises(ValueError, match="in bfloat16: load it with dtype='float32'"):
        net.radius(images())

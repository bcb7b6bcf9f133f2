"""RobustImplicit: boxes, radii and worst logits under attack, and what it saves and exports."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

import keras_pde
from keras_pde import RobustImplicit
from keras_pde.presets.allowed_classes import check_network
from keras_pde.tasks.classify import losses, sources
from keras_pde.tasks.classify.data import LabelledBatches
from keras_pde.tasks.classify.scores import accuracies
from keras_pde.tasks.classify.settings import Settings

SIZES = (4, 4, 1)


def drawn(seed: int = 0, **options: object) -> RobustImplicit:
    """A network with random weights of all kinds."""
    net = RobustImplicit(classes=4, units=15, **options)
    net.build((None, *SIZES))
    rng = np.random.default_rng(seed)
    net.set_weights([0.2 * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


def images(count: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SIZES)).astype("float32")


def uphill(net: RobustImplicit, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """∂(largest other logit − logit of the label)/∂x by the dense Jacobian in NumPy."""
    margins = net.margins()
    numbers, flat = margins.equilibrium, x.reshape(len(x), -1).astype("float64")
    z = value(net.equilibrium(flat.astype("float32"))).astype("float64")
    inner = z @ numbers.matrix.T + flat @ numbers.inputs.T + numbers.bias
    logits = z @ margins.head.T + margins.offset
    logits[np.arange(len(x)), labels] = -np.inf
    found = []
    for k, s in enumerate(inner):
        slopes = (s > 0).astype(float)[:, None]
        system = np.eye(len(s)) - slopes * numbers.matrix
        jacobian = margins.head @ np.linalg.solve(system, slopes * numbers.inputs)
        found.append(jacobian[logits[k].argmax()] - jacobian[labels[k]])
    return np.array(found).reshape(x.shape)


def test_w7_ten_thousand_attacks_change_no_class_inside_the_radius() -> None:
    net, x = drawn(), images()
    radius, labels = net.radius(x), net.answers(x)
    assert (radius > 0).all()
    eps = (radius * (1 - 1e-6))[:, None, None, None]
    rng = np.random.default_rng(0)
    for _ in range(17):  # times 6 images times 100 starts
        e = rng.uniform(-1, 1, (100, *x.shape))
        attacked = (x + eps * np.where(rng.random((100, 1, 1, 1, 1)) < 0.5, np.sign(e), e)).reshape(
            -1, *SIZES
        )
        assert (net.answers(attacked.astype("float32")) == np.tile(labels, 100)).all()
    moved = x.astype("float64")
    for _ in range(10):  # signed gradient ascent
        moved = moved + 0.3 * eps * np.sign(uphill(net, moved, labels))
        moved = np.clip(moved, x - eps, x + eps)
    assert (net.answers(moved.astype("float32")) == labels).all()


def test_w7_a_radius_that_is_too_large_is_caught_by_the_attack() -> None:
    net, x = drawn(), images(20)
    labels = net.answers(x)
    moved = x + 40 * net.radius(x)[:, None, None, None] * np.sign(uphill(net, x, labels))
    assert (net.answers(moved.astype("float32")) != labels).any()


def test_w7_bounds_hold_the_roundings_of_float32() -> None:
    net, x = drawn(seed=3), images()
    labels, margins = net.answers(x), net.margins()
    flat = x.reshape(len(x), -1).astype("float64")
    box = tuple(value(z).astype("float64") for z in net.equilibrium.bounds(flat, flat))
    logits = net.logits(x).astype("float64")
    computed = np.take_along_axis(logits, labels[:, None], 1) - logits
    proved = margins.margins(box, (flat, flat), labels)
    others = np.isfinite(proved)
    assert (proved[others] <= computed[others]).all()
    assert (computed - proved)[others].max() < 1e-2  # and they are no more than roundings
    short = RobustImplicit(classes=4, units=15, dtype="float16")
    short.build((None, *SIZES))
    assert (short.radius(x) == 0).all()


@pytest.mark.parametrize("spread", [1, 15])  # trained weights h of the contraction differ by 10³
@pytest.mark.parametrize("tolerance", [0.3, 0.03])
def test_w7_bounds_hold_what_a_loose_solve_leaves(tolerance: float, spread: float) -> None:
    net, x = drawn(seed=3, tolerance=tolerance), images(20)
    scaling = net.equilibrium.raw["log_scaling"]
    scaling.assign(spread * scaling)
    exact = drawn(seed=3, tolerance=1e-12, dtype="float64")
    exact.set_weights(net.get_weights())
    labels, flat = net.answers(x), x.reshape(len(x), -1).astype("float64")
    z = value(exact.equilibrium(flat)).astype("float64")
    proved = net.margins().margins((z, z), (flat, flat), labels)
    others = np.isfinite(proved)

    def ahead(logits: np.ndarray) -> np.ndarray:
        logits = logits.astype("float64")
        return np.take_along_axis(logits, labels[:, None], 1) - logits

    computed, true = ahead(net.logits(x)), ahead(exact.logits(x.astype("float64")))
    assert (proved[others] <= computed[others]).all()
    assert (computed[others] < true[others] - 1e-4).any()  # a bound of exact solves would be broken


def test_w7_certified_is_what_the_radius_says() -> None:
    net, x = drawn(), images(12)
    radius, labels = net.radius(x), net.answers(x)
    for eps in (0.0, float(np.median(radius))):
        found = net.certified(x, labels, eps)
        assert found[radius > eps].all()
        assert not found[radius < 0.99 * eps].any()
    assert not net.certified(x, (labels + 1) % 4, 0.0).any()


def test_w4_boxes_prove_at_least_the_radius_of_the_constant() -> None:
    net, x = drawn(), images()
    margins, labels = net.margins(), net.answers(x)
    influence = margins.equilibrium.influence()
    assert influence is not None
    slopes = margins.slopes(influence)
    logits = net.logits(x).astype("float64")
    gaps = np.take_along_axis(logits, labels[:, None], 1) - logits
    gaps[np.arange(len(x)), labels] = np.inf
    linear = (gaps / np.maximum(slopes[labels], 1e-30)).min(axis=1)
    assert (net.radius(x) >= 0.98 * linear).all()
    certificate = net.certificate()
    assert certificate["margin"].constant == pytest.approx(slopes.max())
    assert "‖e‖∞" in certificate["margin"].formula
    assert certificate["linf"].known
    assert certificate["well_posed"].proved


def test_worst_logits_bound_those_of_all_perturbations() -> None:
    net, x = drawn(), images()
    labels = np.array([0, 1, 2, 3, 0, 1])
    worst = value(net.training_logits(x, labels, 0.05))
    assert (worst[np.arange(6), labels] == 0).all()
    rng = np.random.default_rng(0)
    for _ in range(20):
        logits = net.logits(x + 0.05 * np.sign(rng.standard_normal(x.shape)).astype("float32"))
        apart = logits - np.take_along_axis(logits, labels[:, None], 1)
        assert (apart <= worst + 1e-4).all()
    by_sample = value(net.robust_logits(x, labels, np.full((6, 1, 1, 1), 0.05, "float32")))
    assert np.abs(by_sample - worst).max() < 1e-6
    none = value(net.robust_logits(x, labels, 0.0))
    logits = net.logits(x)
    apart = logits - np.take_along_axis(logits, labels[:, None], 1)
    assert np.abs(none - apart).max() < 1e-4


def test_training_on_worst_cases_certifies_more() -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    x = (0.5 + 0.25 * (2 * labels - 1))[:, None, None, None] * np.ones(SIZES)
    x = (x + 0.05 * rng.standard_normal(x.shape)).astype("float32")
    net = RobustImplicit(classes=2, units=8)
    net.build((None, *SIZES))

    class Both(keras.losses.Loss):
        def call(self, y_true: object, y_pred: object) -> object:
            y = ops.repeat(ops.reshape(y_true, (-1, 1)), 2, axis=1)
            return ops.sparse_categorical_crossentropy(y, y_pred, from_logits=True)

    class Trained(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.eps = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, inputs: object) -> object:
            image, label = inputs
            return ops.stack([net(image), net.training_logits(image, label, self.eps)], axis=1)

    before = net.certified(x, labels, 0.1).mean()
    model = Trained()
    model.compile(keras.optimizers.Adam(0.01), Both())
    for eps in (0.0, 0.03, 0.06, 0.1):  # from 0.1 on at once all logits would become constant
        model.eps.assign(eps)
        model.fit([x, labels], labels, epochs=20, batch_size=32, verbose=0)
    assert net.certified(x, labels, 0.1).mean() > 0.9 > before


def test_digits_are_certified_as_measured_once_independently() -> None:
    """96.4 / 94.0 / 88.5 / 71.2 / 37.4 % at ε = 0 / 0.02 / 0.05 / 0.1 / 0.15, n = 50, 60 epochs."""
    keras.utils.set_random_seed(0)
    training, test = (sources.load("digits", part) for part in ("train", "test"))
    steps = 60 * len(training) // 64
    options = {"data": "digits", "eps": 0.1, "kappa": 0.75, "ramp": 0.5}
    settings = Settings({**options, "radii": [0.02, 0.05, 0.1, 0.15]})
    net = RobustImplicit(10, units=50)
    net.build((None, 8, 8, 1))
    batches = LabelledBatches(training, 1, settings, 64, 0, steps, with_images=True)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=5e-3, warmup_steps=100)
    net.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), losses.robust_loss(settings, net))
    drawn_batches = (batches.batch(k) for k in range(steps))
    net.fit(drawn_batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    found = accuracies(net, test, settings.radii)
    goals = {"clean": 95.5, "0.02": 92.5, "0.05": 86.0, "0.1": 67.5, "0.15": 28.0}
    assert {key: found[key] for key, goal in goals.items() if found[key] < goal} == {}


def test_it_is_saved_and_its_configuration_is_allowed(tmp_path: Path) -> None:
    net, x = drawn(flux="charbonnier", margin=0.3, class_names=["a", "b", "c", "d"]), images()
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert np.array_equal(net.logits(x), again.logits(x))
    assert again.get_config() == net.get_config()
    check_network(json.loads(json.dumps(keras.saving.serialize_keras_object(net))))


def test_an_export_gives_the_same_logits(tmp_path: Path) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a SavedModel is TensorFlow's")
    import tensorflow as tf

    net, x = drawn(), images()
    net.export(tmp_path / "served")
    artifact = tf.saved_model.load(tmp_path / "served")
    assert np.abs(value(artifact.serve(x)) - net.logits(x)).max() < 1e-5


def test_it_is_public() -> None:
    assert issubclass(keras_pde.RobustImplicit, keras_pde.models.classifier.Classifier)


def test_the_metric_counts_what_boxes_and_constants_certify() -> None:
    net, x = drawn(), images(60)
    answers = net.answers(x)
    labels = np.where(np.arange(60) % 4 == 0, 0, answers)
    margins = net.margins()
    influence = margins.equilibrium.influence()
    assert influence is not None
    slopes, z = margins.slopes(influence), net.logits(x).astype("float64")
    assert np.allclose(value(net.distances()), slopes, rtol=1e-4)
    own, rows = np.eye(4, dtype=bool)[labels], np.arange(60)
    linear = ((z[rows, labels][:, None] - z) / (slopes[labels] + own)) + np.where(own, np.inf, 0)
    linear = linear.min(axis=1)  # the radius by the constant, negative where the answer is wrong

    def between(radii: np.ndarray) -> float:
        """An eps about the middle that is at no image's radius."""
        some = np.sort(radii)[20:35]
        k = int(np.diff(some).argmax())
        return float(some[k : k + 2].mean())

    small, large = between(linear), between(net.radius(x))
    assert 0 < small < large

    def counted(eps: float, images: bool, weights: np.ndarray | None = None) -> float:
        metric = keras_pde.metrics.CertifiedLinfAccuracy(eps, net)
        for part in (slice(40), slice(40, 60)):
            target = metric.targets(labels[part], x[part]) if images else labels[part, None]
            given = None if weights is None else weights[part]
            metric.update_state(target, net(x[part]), given)
        return float(metric.result())

    for eps in (small, large):
        boxes, constant = counted(eps, True), counted(eps, False)
        assert abs(boxes - net.certified(x, labels, eps).mean()) < 1e-6
        assert abs(constant - (linear > eps).mean()) < 1e-6
        assert constant < boxes <= (answers == labels).mean()
    assert counted(small, False) > 0.3
    ones = (labels == 0).astype("float32")
    assert abs(counted(0.0, False, ones) - (answers[labels == 0] == 0).mean()) < 1e-6


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX shows a metric no weights")
def test_the_metric_in_the_maximum_norm_is_one_of_evaluate() -> None:
    net, x = drawn(), images(12)
    labels = net.answers(x)
    metric = keras_pde.metrics.CertifiedLinfAccuracy(0.02, net)

    def loss(y_true: object, y_pred: object) -> object:
        return ops.sparse_categorical_crossentropy(y_true[:, 0], y_pred, from_logits=True)

    net.compile("sgd", loss, metrics=[metric])
    found = net.evaluate(x, metric.targets(labels, x), batch_size=6, verbose=0, return_dict=True)
    expected = net.certified(x, labels, 0.02).mean()
    assert abs(found["certified_linf_accuracy"] - expected) < 1e-6


def test_the_metric_in_the_maximum_norm_refuses_what_it_cannot_count() -> None:
    net, x = drawn(), images()
    metric = keras_pde.metrics.CertifiedLinfAccuracy(0.1, net)
    with pytest.raises(ValueError, match="17 numbers each"):
        metric.update_state(np.zeros((6, 5), "float32"), net(x))
    loaded = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert loaded.eps == 0.1
    with pytest.raises(ValueError, match="make the metric with its network"):
        loaded.update_state(np.zeros(6, int), net(x))
    with pytest.raises(ValueError, match="network must be a RobustImplicit"):
        keras_pde.metrics.CertifiedLinfAccuracy(0.1, keras_pde.CertifiedClassifier(3))
    with pytest.raises(ValueError, match="network must be a CertifiedClassifier"):
        keras_pde.metrics.CertifiedAccuracy(0.1, net)
    with pytest.raises(ValueError, match="eps"):
        keras_pde.metrics.CertifiedLinfAccuracy(-0.1, net)


def test_it_says_what_it_is() -> None:
    said = str(drawn())
    assert "z = Φ(Az + Bu + b) of 15 units" in said
    assert f"parameters       {drawn().count_params():,}" in said
    assert "counted when built" in str(RobustImplicit(3))

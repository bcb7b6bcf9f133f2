"""The task classify: batches, losses, attacks, numbers, and the command, with a linear classifier.

Of a linear classifier the radius is known exactly, so that an attack has to fail just below it and
to succeed just above it.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops
from PIL import Image

import keras_pde
from keras_pde.data.labelled import Labelled
from keras_pde.models.classifier import Classifier
from keras_pde.runtime.gradients import values_and_gradients
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.classify import attacks, losses, scores, sources
from keras_pde.tasks.classify.data import LabelledBatches, shifted
from keras_pde.tasks.classify.settings import Settings
from keras_pde.tasks.training.recipes import Recipe


class Templates(Classifier):
    """Logits ⟨x, cⱼ⟩, of which the radius is known: the margin over ‖c_y − cⱼ‖, dual norms."""

    too_large = 1.0  # by which radii are multiplied: a wrong certificate where it is above 1

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        pixels = int(np.prod(self.sizes)) * self.input_channels
        self.rows = self.add_weight(shape=(pixels, self.classes), name="rows")

    def call(self, image: Any) -> Any:
        return ops.matmul(ops.reshape(image, (-1, self.rows.shape[0])), self.rows)

    def radius(self, x: Any) -> np.ndarray:
        rows = ops.convert_to_numpy(self.rows).astype("float64")
        z = self.logits(x).astype("float64")
        labels = z.argmax(-1)
        order = 1 if self.norm == "linf" else 2
        found = []
        for k, y in enumerate(labels):
            away = np.delete(rows[:, [y]] - rows, y, axis=1)
            margin = z[k, y] - np.delete(z[k], y)
            found.append((margin / np.linalg.norm(away, order, axis=0)).min())
        return self.too_large * np.maximum(np.array(found) - 1e-6, 0)


class MaxTemplates(Templates):
    norm = "linf"


def centred(cls: type[Templates] = Templates, size: int = 4, classes: int = 3) -> Templates:
    net = cls(classes=classes, class_names=list("abc")[:classes])
    net.build((None, size, size, 1))
    rows = np.random.default_rng(0).standard_normal((size * size, classes)) / size
    net.rows.assign(rows - rows.mean(0))
    return net


def grey(count: int, size: int = 4) -> np.ndarray:
    """Images so far from black and white that small perturbations leave [0, 1] nowhere."""
    rng = np.random.default_rng(1)
    return rng.uniform(0.4, 0.6, (count, size, size, 1)).astype("float32")


@pytest.mark.parametrize("cls", [Templates, MaxTemplates])
def test_attacks_fail_below_the_radius_and_succeed_above_it(cls: type[Templates]) -> None:
    net, x = centred(cls, classes=2), grey(40)
    labels, radius = net.answers(x), net.radius(x)
    tried = np.flatnonzero((radius > 1e-3) & (radius < 0.3))
    assert len(tried) > 5
    x, labels, radius = x[tried], labels[tried], radius[tried]
    for attack in (attacks.pgd, attacks.fgsm):
        inside = attack(net, x, labels, radius * 0.999)
        assert (net.answers(inside) == labels).all()
        outside = attack(net, x, labels, radius * 1.01 + 1e-4)
        assert (net.answers(outside) != labels).all()
        apart = (np.float64(outside) - x).reshape(len(x), -1)
        size = np.abs(apart).max(1) if net.norm == "linf" else np.linalg.norm(apart, axis=1)
        assert (size <= radius * 1.01 + 1e-4).all()


def test_an_attack_stays_in_its_ball_and_in_the_images() -> None:
    net = centred()
    x = np.random.default_rng(2).integers(0, 2, (8, 4, 4, 1)).astype("float32")  # at the ends
    labels = net.answers(x)
    moved = attacks.pgd(net, x, labels, 1.5, steps=5)
    assert 0 <= moved.min() <= moved.max() <= 1
    assert np.linalg.norm((np.float64(moved) - x).reshape(8, -1), axis=1).max() <= 1.5
    with pytest.raises(ValueError, match="a label for each image"):
        attacks.pgd(net, x, labels[:3], 1.0)
    with pytest.raises(ValueError, match="eps must be finite and > 0"):
        attacks.pgd(net, x, labels, 0.0)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_rounding_takes_a_perturbation_out_of_its_ball(norm: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((400, 4, 4, 1), dtype=np.float32)
    for size in (1e-6, 1e-5, 1e-3, 0.3):
        eps = np.full((400, 1, 1, 1), size)
        moved = attacks._within(x + rng.standard_normal(x.shape), x, eps, norm)
        apart = (np.float64(moved) - x).reshape(400, -1)
        found = np.abs(apart).max(1) if norm == "linf" else np.linalg.norm(apart, axis=1)
        assert found.max() <= size
        assert np.median(found) > 0.5 * size
        assert moved.dtype == np.float32


def test_values_and_gradients_are_those_of_each_sample() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5)).astype("float32")
    function = values_and_gradients(lambda u, a: ops.sum(a * ops.sin(u), axis=-1))
    values, gradients = function(x, np.float32(2))
    np.testing.assert_allclose(values, 2 * np.sin(x).sum(-1), atol=1e-5)
    np.testing.assert_allclose(gradients, 2 * np.cos(x), atol=1e-6)


def test_a_wrong_certificate_is_caught() -> None:
    net, x = centred(), grey(40)
    data = Labelled(x, net.answers(x), ("a", "b", "c"))
    eps = float(np.median(net.radius(x)))
    (stands,) = scores.unbroken(net, data, [eps])
    assert stands.mean() >= net.certified(x, data.labels, eps).mean() > 0
    net.too_large = 3.0
    with pytest.raises(AssertionError, match=r"certificate of .* is wrong"):
        scores.unbroken(net, data, [eps / 2, eps])


def test_accuracies_count_what_is_right_and_proved() -> None:
    net, x = centred(), grey(50)
    labels = net.answers(x)
    labels[:10] = (labels[:10] + 1) % 3  # wrong answers are not certified, however large r is
    found = scores.accuracies(net, Labelled(x, labels, ("a", "b", "c")), [1e-9, 10.0])
    assert found["clean"] == 80.0
    assert found["1e-09"] <= 80.0
    assert found["10"] == 0.0


def test_batches_draw_each_image_once_an_epoch_and_do_not_depend_on_the_order_of_calls() -> None:
    images = np.arange(12, dtype="float32").reshape(12, 1, 1, 1) / 12
    some = Labelled(images, np.arange(12) % 3, ("a", "b", "c"))
    data = LabelledBatches(some, 3, Settings({"data": "some"}), 3, 0, 6, with_images=True)
    seen = [data.batch(k) for k in range(6)]
    for epoch in (seen[:3], seen[3:]):
        drawn = np.concatenate([x.ravel() for x, _ in epoch])
        np.testing.assert_array_equal(np.sort(drawn), np.sort(data.images.images.ravel()))
    again = LabelledBatches(some, 3, Settings({"data": "some"}), 3, 0, 6, with_images=True)
    for k in (5, 0, 3):
        for one, two in zip(seen[k], again.batch(k), strict=True):
            np.testing.assert_array_equal(one, two)
    x, target = seen[3]
    np.testing.assert_array_equal(target[:, 2], x.ravel())
    np.testing.assert_allclose(target[:, 1], 0.5)
    np.testing.assert_array_equal(np.rint(x.ravel() * 12) % 3, target[:, 0])
    held = {float(v.ravel()[0]) for v in data.held_out}
    assert not held & {float(v) for v in data.images.images.ravel()}


def test_shifts_move_images_with_what_is_in_them() -> None:
    image = np.zeros((1, 5, 5, 1))
    image[0, 2, 2] = 1
    for by in ([0, 0], [1, -2], [-2, 2]):
        moved = shifted(image, np.array([by]))
        assert np.argwhere(moved[0, ..., 0]).tolist() == [[2 + by[0], 2 + by[1]]]


def test_the_loss_asks_for_the_margin() -> None:
    """At z_y − zⱼ = √2 ε + t every loss of two classes is log(1 + exp(−t/T))."""
    for eps, temperature, t in ((0.0, 1.0, 0.3), (0.5, 0.25, 0.1), (1.0, 2.0, -1.0)):
        z = np.array([[0.2, 0.2 + np.sqrt(2) * eps + t]], "float32")
        found = losses.cross_entropy([1], ops.convert_to_tensor(z), eps, temperature)
        assert float(found[0]) == pytest.approx(np.log1p(np.exp(-t / temperature)), rel=1e-4)


def test_the_robust_loss_rises_to_its_share_of_the_worst_case() -> None:
    class Boxes(Templates):
        def training_logits(self, x: Any, labels: Any, eps: Any) -> Any:
            """The worst case of a box, of templates exactly."""
            right = ops.one_hot(labels, self.classes)
            least = ops.sum(ops.abs(self.rows), axis=0) * ops.reshape(eps, (-1, 1))
            return self(x) + (1 - 2 * right) * least

    net, x = centred(Boxes), grey(4)
    settings = Settings({"data": "some", "eps": 0.1, "kappa": 0.75, "ramp": 0.5})
    loss = losses.robust_loss(settings, net)
    y, z = np.array([0, 1, 2, 0]), net(x)
    clean = losses.cross_entropy(y, z, 0.0, 1.0)
    for done, risen in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.9, 1.0)):
        target = np.concatenate([y[:, None], np.full((4, 1), done), x.reshape(4, -1)], 1)
        worst = net.training_logits(x, y, np.full((4, 1, 1, 1), 0.1 * risen, "float32"))
        share = 0.75 * risen
        wanted = (1 - share) * clean + share * losses.cross_entropy(y, worst, 0.0, 1.0)
        found = loss(ops.convert_to_tensor(target.astype("float32")), z)
        np.testing.assert_allclose(np.array(found), np.array(wanted), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "data must name a set"),
        ({"data": "digits", "radius": [1]}, "unknown fields radius. Did you mean radii"),
        ({"data": "digits", "radii": [0.5, 0.1]}, "radii must be rising"),
        ({"data": "digits", "kappa": 2}, "kappa"),
        ({"data": "digits", "shift": -1}, "shift"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(options)


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        "linear",
        {"class": "Templates", "classes": 10},
        task="classify",
        patch_size=8,
        validation=100,
        options={"data": "digits", "radii": [0.1]},
    )


def test_a_recipe_s_mistakes_are_said_before_the_training(recipe: Recipe, tmp_path: Path) -> None:
    task = tasks.get("classify")
    net = centred(size=8)
    data: list[tuple[dict[str, Any], str]] = [
        ({"patch_size": 7}, r"images of digits are \(8, 8, 1\)"),
        ({"model": {"class": "Templates", "classes": 3}}, "digits has 10 classes"),
        ({"validation": 5000}, "can be held out"),
        ({"options": {"data": "digits", "x": 1}}, "options: unknown fields x"),
    ]
    for change, said in data:
        with pytest.raises(ValueError, match=said):
            task.data(dataclasses.replace(recipe, **change), None)
    for loss, said in (
        ("robust", "needs options.eps > 0"),
        ("other", "has 'supervised' and 'robust', not 'other'"),
    ):
        with pytest.raises(ValueError, match=said):
            task.loss_of(dataclasses.replace(recipe, loss=loss, options={"data": "digits"}), net)
    with pytest.raises(ValueError, match="is for images"):
        task.check_test(recipe, net, None)
    with pytest.raises(FileNotFoundError, match="Name the folder that holds leaves"):
        task.data(dataclasses.replace(recipe, options={"data": "leaves"}), tmp_path)
    with pytest.raises(ValueError, match="names no class"):
        task.check(keras_pde.from_preset("linear_2d"))


def test_numbers_of_a_network_are_measured_on_its_set() -> None:
    net = Templates(classes=10, name="templates")
    net.build((None, 8, 8, 1))
    train = sources.load("digits", "train")
    means = np.stack([train.images[train.labels == k].mean(0).ravel() for k in range(10)], -1)
    net.rows.assign((means - means.mean(-1, keepdims=True)) / np.linalg.norm(means, axis=0))
    task: Any = tasks.get("classify")
    found = task.evaluate(net, limit=60, entry={"options": {"data": "digits", "radii": [0.05]}})
    assert list(found) == ["clean", "0.05", "PGD 0.05"]
    assert found["clean"] >= found["PGD 0.05"] >= found["0.05"] > 30
    with pytest.raises(ValueError, match="Nothing says what templates is to be measured on"):
        task.evaluate(net)


def test_classify_answers_arrays_and_refuses_others() -> None:
    net = centred()
    x = grey(2)
    answer = keras_pde.classify(x, net)
    assert answer.names == [net.class_names[k] for k in net.answers(x)]  # type: ignore[index]
    np.testing.assert_allclose(answer.radius, net.radius(x))
    ordered = np.sort(answer.logits, axis=1)
    np.testing.assert_allclose(answer.margin, ordered[:, -1] - ordered[:, -2])
    one = keras_pde.classify((x[0, ..., 0] * 255).astype("uint8"), net)
    assert one.labels.shape == (1,)
    for wrong, said in (
        (grey(1, 5), r"is for images \(4, 4, 1\)"),
        (x * 2, "black 0 and white 1"),
        (x.astype("int64"), "uint8, uint16, or floats"),
    ):
        with pytest.raises(ValueError, match=said):
            keras_pde.classify(wrong, net)
    for preset, said in (
        ("linear_2d", "names no class"),
        (3, "must be one of keras_pde.list_presets"),
        (Templates(classes=2), "cannot be used without weights"),
    ):
        with pytest.raises(ValueError, match=said):
            keras_pde.classify(x, preset)


class Unproved(Templates):
    def radius(self, x: Any) -> np.ndarray:
        return np.zeros(len(x))


def test_a_set_of_one_s_own_is_measured_and_shown_where_it_is(tmp_path: Path) -> None:
    task: Any = tasks.get("classify")
    sets, heights = tmp_path / "sets", []
    (sets / "leaves").mkdir(parents=True)
    entry = {"options": {"data": "leaves", "radii": [0.01]}}
    for cls in (Templates, Unproved):
        net, x = centred(cls), grey(30)
        for split in ("train", "test"):
            np.savez(sets / "leaves" / f"{split}.npz", images=x, labels=net.answers(x))
        found = task.evaluate(net, sets, entry=entry)
        assert found["clean"] == 100.0
        folder = tmp_path / cls.__name__
        folder.mkdir()
        (folder / "recipe.json").write_text(json.dumps(entry), encoding="utf-8")
        task.pictures(net, folder, sets)
        with Image.open(folder / "example.png") as picture:
            heights.append(picture.height)
        with pytest.raises(FileNotFoundError, match="leaves"):
            task.pictures(net, folder)
    assert heights[0] > 2 * heights[1]  # attacks are shown where there is something to attack


def test_what_is_held_out_is_of_every_source_that_a_set_alternates_between() -> None:
    numbers = np.arange(600)
    images = np.broadcast_to(numbers[:, None, None, None], (600, 2, 2, 1)).astype("float32")
    some = Labelled(images, numbers % 2, ("hard", "easy"))
    data = LabelledBatches(some, 50, Settings({"data": "some"}), 4, 0, 10)
    assert 15 <= data.validation.labels.sum() <= 35  # every 12th image is of one source alone
    out, kept = (x.images[:, 0, 0, 0].tolist() for x in (data.validation, data.images))
    assert sorted(out + kept) == numbers.tolist()
    again = LabelledBatches(some, 50, Settings({"data": "some"}), 4, 0, 10)
    assert np.array_equal(again.validation.images, data.validation.images)

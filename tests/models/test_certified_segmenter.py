"""CertifiedSegmenter: the radius of each pixel, of pixels together and of IoU, under attack."""

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
from keras_pde import CertifiedSegmenter, ConvOperator, DenseOperator, DiffusionBlock, export
from keras_pde.certificates import pixels
from keras_pde.models.classifier import Classifier
from keras_pde.presets.allowed_classes import check_network
from keras_pde.runtime import compiled
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.training.constructing import construct

CLASSES, SIZES = 3, (7, 10, 2)  # an odd size, so that patches are extended by zeros


def images(n: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *SIZES)).astype("float32")


def segmenter(step_size: str = "auto", **options: Any) -> CertifiedSegmenter:
    """Two blocks with weights of several sizes, so that their clipping matters."""
    block = DiffusionBlock(ConvOperator(6, 3), "relu", step_size=step_size, use_bias=True)
    net = CertifiedSegmenter(CLASSES, block, 2, 4, **options)
    net.build((None, None, None, 2))
    rng = np.random.default_rng(3)
    net.set_weights(
        [w + 0.5 * rng.standard_normal(w.shape).astype("float32") for w in net.get_weights()]
    )
    return balanced(net)


def balanced(net: CertifiedSegmenter) -> CertifiedSegmenter:
    """The same with biases by which all classes are answered."""
    mean = net.logits(images(20)).reshape(-1, CLASSES).mean(0)
    net.head.bias.assign(net.head.bias - mean)
    return net


def idle(**options: Any) -> CertifiedSegmenter:
    """Blocks that do nothing: the rows act on the pixels' own values."""
    net = segmenter(**options)
    for block in net.steps:
        for weight in block.weights:
            weight.assign(np.zeros(weight.shape, "float32"))
    return balanced(net)


def sizes_of(e: np.ndarray) -> np.ndarray:
    return np.linalg.norm(e.reshape(len(e), -1).astype("float64"), axis=1)


class AtPixel(Classifier):
    """The logits of one pixel of a segmenter, for attacks on it."""

    def __init__(self, net: CertifiedSegmenter, place: tuple[int, int]) -> None:
        super().__init__(net.classes)
        self.net, self.place = net, place

    def call(self, image: Any) -> Any:
        return self.net(image)[:, self.place[0], self.place[1], :]


@pytest.mark.parametrize("step_size", ["auto", "per_channel", "scaled"])
def test_k5_no_attack_changes_a_pixel_inside_its_radius(step_size: str) -> None:
    net, x = segmenter(step_size), images(12)
    r, y = net.radius(x), net.answers(x)
    assert r.shape == y.shape == x.shape[:-1]
    assert r.dtype == np.float64
    for place in ((0, 0), (6, 9), (3, 4)):  # corners, of which one was extended by zeros
        at, mine = AtPixel(net, place), (slice(None), *place)
        few = r[mine] > 1e-3
        near = pgd(at, x[few], y[mine][few], 0.999 * r[mine][few], steps=12)
        assert np.array_equal(net.answers(near)[mine], y[mine][few])


def test_k5_a_constant_that_is_too_small_is_caught() -> None:
    net, x = segmenter(), images(12)
    r, y, place = net.radius(x), net.answers(x), (3, 4)
    mine = (slice(None), *place)
    far = pgd(AtPixel(net, place), x, y[mine], 4 * np.maximum(r[mine], 1e-3), steps=20)
    assert (net.answers(far)[mine] != y[mine]).mean() > 0.2


@pytest.mark.parametrize("patch_size", [1, 2, 3])
def test_k5_the_radius_is_the_distance_to_the_boundary_where_blocks_do_nothing(
    patch_size: int,
) -> None:
    net, x = idle(patch_size=patch_size), images()
    rows, bias = net.head.matrix(), np.array(ops.convert_to_numpy(net.head.bias), "float64")
    z = x.astype("float64") @ rows[:, :2].T + bias
    assert np.allclose(net.logits(x), z, atol=1e-5)
    y = z.argmax(-1)
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2) + np.eye(CLASSES)
    gaps = np.take_along_axis(z, y[..., None], -1) - z
    np.put_along_axis(gaps, y[..., None], np.inf, -1)
    expected = (gaps / apart[y]).min(-1)
    assert (net.radius(x) <= expected + 1e-6).all()
    assert np.allclose(net.radius(x), expected, atol=1e-3)


def test_k5_pairs_of_images_keep_to_the_constant() -> None:
    net, x = segmenter("per_channel"), images(60)
    e = np.random.default_rng(1).standard_normal(x.shape)
    e *= np.geomspace(1e-2, 10, 60).reshape(-1, 1, 1, 1)
    moved = net.logits((x + e).astype("float32")) - net.logits(x)
    assert (sizes_of(moved) <= net.certificate().lipschitz * sizes_of(e) * (1 + 1e-4)).all()
    # all differences of two classes together, as K6 needs it
    rows = net.head.matrix()
    for y, j in itertools.combinations(range(CLASSES), 2):
        difference = sizes_of(moved[..., y] - moved[..., j])
        assert (difference <= np.linalg.norm(rows[y] - rows[j]) * sizes_of(e) * (1 + 1e-4)).all()


@pytest.mark.parametrize("name", ["convex potential", "nothing"])
def test_k6_no_attack_changes_more_pixels_than_are_proved(name: str) -> None:
    net = segmenter("per_channel") if name == "convex potential" else idle()
    x = images(8)
    y, r = net.answers(x), net.radius(x)
    for eps in (0.1, 0.3, 1.0):
        most, near = net.changed_at_most(x, eps), pgd(net, x, y, eps, steps=15)
        assert (sizes_of(near - x) <= eps).all()
        other = net.answers(near)
        changed = (other != y).sum(axis=(1, 2))
        assert (changed <= most).all()
        assert changed.sum() > 0.05 * most.sum()  # it is an attack
        for i, kind in itertools.product(range(len(x)), range(CLASSES)):
            if (y[i] == kind).any():
                bound = pixels.iou_at_least(r[i], y[i], y[i], kind, eps)
                hit = ((other[i] == kind) & (y[i] == kind)).sum()
                assert hit / ((other[i] == kind) | (y[i] == kind)).sum() >= bound


def test_k6_the_count_is_that_of_a_search() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        r = rng.random(7) * (rng.random(7) > 0.2)
        right, eps = rng.random(7) > 0.3, rng.random()
        sets = [s for k in range(8) for s in itertools.combinations(range(7), k)]
        possible = [s for s in sets if sum(r[list(s)] ** 2) <= eps**2]
        assert pixels.changed(r, eps) == max(map(len, possible))
        assert pixels.changed(np.stack([r, r + 9]).T, eps) == pixels.changed(r, eps)
        lost = max(int(right[list(s)].sum()) if s else 0 for s in possible)
        assert pixels.right_at_least(r, right, eps) == right.sum() - lost


def test_k6_the_count_is_attained_where_blocks_do_nothing() -> None:
    """Each pixel is moved by its own radius, and a little more, across its boundary."""
    net, x = idle(), images(1)
    rows, y, r = net.head.matrix(), net.answers(x)[0], net.radius(x)[0]
    z, e = net.logits(x)[0].astype("float64"), np.zeros(x.shape[1:])
    nearest = np.argsort(r.ravel())[:9]
    for i, j in zip(*np.unravel_index(nearest, r.shape), strict=True):
        gaps = z[i, j, y[i, j]] - z[i, j]
        apart = np.linalg.norm(rows[y[i, j]] - rows, axis=1)
        gaps[y[i, j]], apart[y[i, j]] = np.inf, 1
        other = int((gaps / apart).argmin())
        d = rows[other, :2] - rows[y[i, j], :2]  # of the pixel's values; others are zero
        e[i, j] = d * (gaps[other] + 1e-4) / (d @ d)
    eps = float(np.linalg.norm(e))
    changed = int((net.answers((x + e).astype("float32"))[0] != y).sum())
    assert changed == 9
    assert changed <= net.changed_at_most(x, eps)[0]


def test_k7_the_bound_is_the_least_of_all_sets() -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        r, eps = rng.random(7), 1.2 * rng.random()
        answers, labels = rng.integers(0, 2, (2, 7))
        answers[0] = labels[0] = 1
        least = np.inf
        for s in itertools.product((0, 1), repeat=7):  # pixels that change
            if sum(r[np.array(s) == 1] ** 2) <= eps**2:
                new = answers ^ np.array(s)
                hit, union = ((new & labels) == 1).sum(), ((new | labels) == 1).sum()
                least = min(least, hit / union)
        assert pixels.iou_at_least(r, answers, labels, 1, eps) == pytest.approx(least)
        clean = (answers & labels).sum() / (answers | labels).sum()
        assert pixels.iou_at_least(r, answers, labels, 1, 0.0) == clean


def test_a_segmenter_is_saved_twinned_and_compiled(tmp_path: Path) -> None:
    net, x = segmenter("scaled", class_names=["a", "b", "c"]), images()
    expected = net.logits(x)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.class_names == ("a", "b", "c")
    for other in (loaded, net.twin(), compiled(net.program(snapshot=True)), compiled(net)):
        assert np.allclose(ops.convert_to_numpy(other(x)), expected, atol=1e-5)
    assert len(net.states(x)) == 2 + 2 + 1
    assert "rows of norm 1" in repr(net)
    assert "patches of 2" in net.diagram()
    check_network(json.loads(json.dumps(keras.saving.serialize_keras_object(net))))
    net.save_to_preset(tmp_path / "preset")
    again = keras_pde.from_preset(str(tmp_path / "preset"))
    assert np.allclose(again.radius(x), net.radius(x))


def test_pixels_farther_away_than_the_influence_do_not_act() -> None:
    net = segmenter()
    x = np.random.default_rng(0).random((1, 60, 5, 2)).astype("float32")
    other = x.copy()
    other[:, 40:] = 0
    same = np.abs(net.logits(x) - net.logits(other)).max(axis=(0, 2, 3)) < 1e-5
    far = net.influence().pixels
    assert net.influence().exact
    assert same[: 40 - far].all()
    assert not same[: 40 - far // 2].all()


def test_volumes_and_signals_have_radii() -> None:
    for size in ((9, 1), (4, 5, 6, 1)):
        x = np.random.default_rng(0).random((2, *size)).astype("float32")
        net = CertifiedSegmenter(2, blocks=1, channels=2)
        assert net.logits(x).shape == (2, *size[:-1], 2)
        assert net.radius(x).shape == (2, *size[:-1])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
@pytest.mark.parametrize("format", ["saved_model", "onnx", "litert"])
def test_a_segmenter_is_exported(format: str, tmp_path: Path) -> None:
    net, x = segmenter("per_channel", class_names=["a", "b", "c"]), images(1)
    ending = {"saved_model": "", "onnx": ".onnx", "litert": ".tflite"}[format]
    made = export.export(net, tmp_path / f"served{ending}", format, size=SIZES[:2], verify=True)
    assert made.difference is not None
    assert made.difference < 1e-5
    run, about = export.load_exported(made.path)
    assert np.allclose(run(x), net.logits(x), atol=1e-5)
    assert about["outputs"] == ["a", "b", "c"]
    assert about["certificate"]["lipschitz"] == net.certificate().lipschitz


def test_a_recipe_makes_a_segmenter() -> None:
    block = {"class": "DiffusionBlock", "operator": {"class": "ConvOperator", "filters": 4}}
    net: Any = construct({"class": "CertifiedSegmenter", "classes": 2, "block": block, "blocks": 1})
    net.build((None, None, None, 1))
    assert net.compute_output_shape((None, None, None, 1)) == (None, None, None, 2)


WRONG: dict[str, tuple[Any, str]] = {
    "not monotone": (lambda: {"block": DiffusionBlock(4, "perona_malik")}, "not monotone"),
    "vectors": (lambda: {"block": DiffusionBlock(DenseOperator(4), "relu")}, "know neighbours"),
    "several": (lambda: {"block": [DiffusionBlock(4, "relu")]}, "one DiffusionBlock"),
    "no blocks": (lambda: {"blocks": 0}, "blocks"),
    "channels": (lambda: {"channels": 1}, "needs channels >= 2"),
    "class_names": (lambda: {"class_names": ["a"]}, "class_names must be 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_proves_nothing_is_refused(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        CertifiedSegmenter(CLASSES, **arguments()).build((None, None, None, 2))


def test_too_small_an_image_and_16_bits_have_no_radius() -> None:
    net = CertifiedSegmenter(CLASSES, blocks=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConvOperator, "smallest_size", 5)
        assert net.smallest_size == 9  # of which 5 patches of 2 are made
        with pytest.raises(ValueError, match="holds from 9 pixels"):
            net.radius(images())
    narrow = CertifiedSegmenter(CLASSES, blocks=1, dtype="mixed_bfloat16")
    with pytest.raises(ValueError, match="in bfloat16"):
        narrow.radius(images())

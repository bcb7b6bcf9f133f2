"""The task segment, from masks to the command: data, loss, numbers, a recipe, the zoo."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call

import keras_pde
from keras_pde import presets
from keras_pde.data import images
from keras_pde.data.masked import Masked, load_masked
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.segment import scores, sources
from keras_pde.tasks.segment.data import MaskedBatches
from keras_pde.tasks.segment.settings import Settings
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.train import train

BLOCK = {
    "class": "DiffusionBlock",
    "operator": {"class": "ConvOperator", "filters": 4},
    "flux": "relu",
    "use_bias": True,
}
RECIPE = {
    "name": "toy_cells",
    "model": {
        "class": "CertifiedSegmenter",
        "classes": 2,
        "block": BLOCK,
        "blocks": 1,
        "channels": 2,
        "class_names": ["dark", "light"],
    },
    "description": "discs by one block",
    "purpose": "tests",
    "task": "segment",
    "patch_size": 16,
    "validation": 1,
    "batch_size": 4,
    "steps": 60,
    "learning_rate": 0.05,
    "warmup": 5,
    "ema": 0.8,
    "validate_every": 30,
    "options": {
        "data": "discs",
        "radii": [0.2, 1.0],
        "eps": 0.05,
        "temperature": 0.1,
        "flip": True,
    },
}


def discs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs in noise, and where they are."""
    rng = np.random.default_rng(seed)
    at = np.indices((24, 28))
    masks = np.zeros((n, 24, 28), np.uint8)
    for mask in masks:
        for _ in range(3):
            centre, r = rng.integers(4, 22, 2), rng.integers(3, 6)
            mask |= (((at - centre[:, None, None]) ** 2).sum(0) < r * r).astype(np.uint8)
    pixels = 0.3 + 0.4 * masks + 0.05 * rng.standard_normal(masks.shape)
    return np.rint(255 * pixels.clip(0, 1)).astype(np.uint8), masks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a set of one's own, and of a preset that is trained on it."""
    root = tmp_path_factory.mktemp("presets")
    for split, seed in (("train", 0), ("test", 1)):
        pixels, masks = discs(5, seed)
        for k in range(5):
            for kind, values in (("images", pixels[k]), ("masks", masks[k])):
                place = root / "discs" / split / kind
                place.mkdir(parents=True, exist_ok=True)
                grey = np.float32(values[..., None] / 255)
                images.write(place / f"{k}.png", images.Image(grey))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_PDE_PRESETS", str(root))
        recipe = root / "recipe.json"
        recipe.write_text(json.dumps(RECIPE), encoding="utf-8")
        train(Recipe.load(recipe), root, root / "segment" / "toy_cells", root / "runs")
        yield root


def test_masks_are_read_from_folders_and_arrays(folder: Path, tmp_path: Path) -> None:
    pixels, masks = discs(5, 0)
    found = load_masked(folder / "discs", "train")
    assert np.allclose(np.stack(found.images)[..., 0], pixels / 255)
    assert np.array_equal(np.stack(found.labels), masks)
    assert found.classes == ("0", "1")
    np.savez(tmp_path / "train.npz", images=pixels, labels=masks)
    (tmp_path / "classes.json").write_text('["dark", "light"]', encoding="utf-8")
    arrays = load_masked(tmp_path, "train")
    assert np.array_equal(np.stack(arrays.images), np.stack(found.images))
    assert arrays.classes == ("dark", "light")
    for wrong, said in (
        (lambda: load_masked(tmp_path, "test"), "holds no masks to test on"),
        (lambda: load_masked(tmp_path, "all"), "split must be one of"),
        (lambda: Masked(pixels[..., None], masks[:, :3], ("a", "b")), "Received: shapes"),
        (lambda: Masked(pixels[..., None], masks, ("a",)), "Labels must be 0 to 0"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=said):
            wrong()
    (folder / "discs" / "test" / "masks" / "0.png").rename(tmp_path / "0.png")
    with pytest.raises(ValueError, match="mask for each image, of its name"):
        load_masked(folder / "discs", "test")
    (tmp_path / "0.png").rename(folder / "discs" / "test" / "masks" / "0.png")


def test_crops_keep_images_and_masks_together() -> None:
    labels = np.arange(9 * 8).reshape(9, 8) % 7
    some = Masked([labels[..., None] / 7] * 3, [labels] * 3, tuple("abcdefg"))
    for flip in (False, True):
        data = MaskedBatches(some, 1, Settings({"data": "s", "flip": flip}), 50, (4, 4), 2)
        x, y = data.batch(1)
        assert np.allclose(x[..., 0] * 7, y)
        assert np.array_equal(y, data.batch(1)[1])
        steps = {tuple(np.sign(np.diff(one[0]) % 7 - 3.5)) for one in y}
        assert (len(steps) > 1) == flip
    assert len(list(data.content())) == 6


def test_numbers_are_those_of_a_computation_by_hand() -> None:
    labels = np.array([[0, 0, 1], [1, 1, 1]])
    answers = np.array([[0, 1, 1], [1, 1, 1]])
    some = Masked([np.zeros((2, 3, 1))] * 2, [labels, np.zeros_like(labels)], ("a", "b"))
    found = scores.clean([answers, np.zeros_like(labels)], some)
    assert found["IoU"] == pytest.approx(100 * ((1 / 2 + 4 / 5) / 2 + 1) / 2, abs=1e-3)
    assert found["accuracy"] == pytest.approx(100 * (5 / 6 + 1) / 2, abs=1e-3)
    assert found["IoU (b)"] == 80
    radii = np.array([[0.1, 0.1, 0.3], [0.4, 0.5, 0.6]])
    proved = scores.certified([answers], [radii], some.part([0]), [0.05, 0.31, 1e3])
    assert proved["0.05"] == pytest.approx(100 * 5 / 6, abs=1e-3)
    assert proved["0.31"] == pytest.approx(100 * 4 / 6, abs=1e-3)  # one right pixel has 0.1
    assert proved["1000"] == proved["IoU 1000"] == 0
    worst = (0 / 2 + min(3 / 5, 4 / 6)) / 2  # of 0: its pixel is lost; of 1: one is, or one enters
    assert proved["IoU 0.31"] == pytest.approx(100 * worst, abs=1e-3)


def test_the_loss_asks_for_a_margin_at_each_pixel() -> None:
    task: Any = tasks.get("segment")
    recipe = Recipe(**{**RECIPE, "options": {"data": "x", "eps": 1.0, "temperature": 0.5}})
    y, z = np.array([[[0.0, 1.0]]]), np.array([[[[2.0, 2 - 2**0.5], [0.0, 2**0.5]]]])
    assert float(task.loss_of(recipe, None)(y, z)[0]) == pytest.approx(np.log(2))
    assert float(task.loss(y, z)[0]) == pytest.approx(np.log1p(np.exp(-(2**0.5))))
    assert task.output_shape(recipe, (4, 16, 16)) == (4, 16, 16, 2)


def test_a_set_of_ones_own_is_learned_and_measured(folder: Path) -> None:
    task: Any = tasks.get("segment")
    network: Any = keras_pde.from_preset("toy_cells")
    entry = presets.index()["toy_cells"]
    found = task.evaluate(network, folder)
    assert found == entry["accuracy"]
    kinds = ["IoU", "accuracy", "IoU (dark)", "IoU (light)", "0.2", "IoU 0.2", "1", "IoU 1"]
    assert set(found) == {*kinds, "PGD 0.2", "PGD 1"}
    assert found["IoU"] > 75
    assert found["accuracy"] > found["PGD 0.2"] >= found["0.2"] > found["1"] > 0
    assert found["IoU"] > found["IoU 0.2"]
    card = (folder / "segment" / "toy_cells" / "README.md").read_text(encoding="utf-8")
    assert f"| ‖e‖₂ ≤ 0.2 | ≥ {found['IoU 0.2']:.1f} % | ≥ {found['0.2']:.1f} % |" in card
    assert (folder / "segment" / "toy_cells" / "example.png").read_bytes()[1:4] == b"PNG"
    assert task.row(entry) in call("list", "toy*").stdout
    assert f"{found['IoU']:.1f} %" in task.overview() or "toy_cells" not in task.overview()
    measured = call("evaluate", "toy_cells", "--data", folder, "--limit", 1).stdout
    assert "attacked, ε = 1" in measured
    assert max(map(len, measured.splitlines())) <= 80


def test_the_command_writes_classes_and_says_what_is_proved(folder: Path, tmp_path: Path) -> None:
    network: Any = keras_pde.from_preset("toy_cells")
    path = folder / "discs" / "test" / "images" / "2.png"
    found = keras_pde.segment(images.read(path).pixels, network)
    for more, scale in (([], 255), (["--numbers"], 1)):
        out = call("segment", path, tmp_path / "out.png", "--preset", "toy_cells", *more).stdout
        written = np.rint(images.read(tmp_path / "out.png").pixels[..., 0] * 255 / scale)
        assert np.array_equal(written, found.labels)
    assert f"more than {found.changed_at_most(0.5)} pixels" in out
    light = found.radius[found.labels == 1]
    assert f"{np.median(light):.3g}" in out
    assert max(map(len, out.splitlines())) <= 80
    for arguments, said in (
        ((tmp_path / "no.png", tmp_path / "o.png", "--preset", "toy_cells"), "does not exist"),
        ((path, tmp_path / "o.jpg", "--preset", "toy_cells"), "OUT is a PNG"),
        ((path, tmp_path / "o.png", "--preset", "linear_2d"), "gives pixels no class"),
    ):
        assert said in call("segment", *arguments, code=2).stderr
    with pytest.raises(ValueError, match="is for images"):
        keras_pde.segment(np.zeros((5, 5, 3), "float32"), network)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"patch_size": 25}, "24 × 28 pixels at least"),
        ({"channels": 3}, "other axes or channels"),
        ({"validation": 5}, "1 to 4 can be held out"),
        ({"loss": "robust"}, "has no loss but"),
        ({"options": {"data": "discs", "shift": 1}}, "unknown fields shift"),
        ({"model": {**RECIPE["model"], "classes": 3, "class_names": None}}, "has 2 classes"),
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    task, recipe = tasks.get("segment"), Recipe(**{**RECIPE, **changes})

    def prepare() -> None:
        task.data(recipe, folder)
        task.loss_of(recipe, None)

    with pytest.raises(ValueError, match=said):
        prepare()


def test_an_attack_that_does_more_than_is_proved_is_reported(folder: Path) -> None:
    class Wrong(keras_pde.CertifiedSegmenter):
        def radius(self, x: Any) -> np.ndarray:
            return 50 * super().radius(x)

    network = keras_pde.from_preset("toy_cells")
    wrong = Wrong(2, network.steps[0], 1, 2)
    wrong.build((None, None, None, 1))
    wrong.set_weights(network.get_weights())
    test = load_masked(folder / "discs", "test").part([0])
    with pytest.raises(AssertionError, match=r"certificate of .* is wrong"):
        scores.attacked(wrong, test, [1.0], steps=10)


# --- the zoo ---

SEGMENTERS = [n for n, e in presets.index().items() if e["task"] == "segment"]


@pytest.mark.parametrize("name", SEGMENTERS)
def test_the_published_iou_of_a_segmenter_is_recomputed(name: str) -> None:
    task: Any = tasks.get("segment")
    entry, network = presets.index()[name], keras_pde.from_preset(name)
    settings = task.settings(network)
    test = sources.load(settings.data, "test")
    answers = scores.each(network.answers, test.images)
    radii = scores.each(network.radius, test.images)
    found = scores.clean(answers, test)
    found |= scores.certified(answers, radii, test, settings.radii)
    for key, value in found.items():
        assert value == pytest.approx(entry["accuracy"][key], abs=entry["metric"]["tolerance"])
    assert entry["metric"]["value"] == entry["accuracy"]["IoU"]
    # a quick attack keeps to what is proved, or it is reported
    attacked = scores.attacked(network, test.part([0]), settings.radii[-1:], steps=4)
    assert min(attacked.values()) > 0


def test_the_segmenter_is_better_than_a_threshold() -> None:
    """Otsu's threshold of each test image is what a user would try first."""
    from skimage.filters import threshold_otsu

    test = sources.load("cells", "test")
    otsu = [(x[..., 0] > threshold_otsu(x[..., 0])).astype(int) for x in test.images]
    assert presets.index()["sll_cells_2d"]["accuracy"]["IoU"] > scores.clean(otsu, test)["IoU"]


def test_a_recipe_of_the_zoo_is_complete() -> None:
    for name in SEGMENTERS:
        recipe = Recipe.load(presets.folder_of(name))
        assert dataclasses.replace(recipe).build().count_params() > 0

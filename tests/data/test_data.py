"""Batches depend on (seed, step) alone, on every road to them.

The builders pass tensorflow-datasets' own test case.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds
from conftest import DATA, ROOT

from keras_pde import data
from keras_pde.data import Patches, builders, images

NEEDS_DATA = pytest.mark.skipif(
    not (DATA / "bsd").is_dir(), reason="needs the photographs of ../shared/data/bsd"
)


def photos(count: int = 3, channels: int = 1) -> list[np.ndarray]:
    return [
        np.random.default_rng(i).random((20 + i, 30 - i, channels), dtype=np.float32)
        for i in range(count)
    ]


def digest(batches: Any) -> str:
    state = hashlib.sha256()
    for batch in batches:
        for array in batch:
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def write_photos(folder: Path, count: int, channels: int, seed: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        images.write(
            folder / f"{i}.png",
            images.Image(rng.integers(256, size=(9, 7 + i, channels)).astype(np.float32) / 255),
        )


@pytest.fixture
def patches() -> Patches:
    return Patches(photos(channels=3), patch_size=16, batch_size=5, noise=(0, 55), seed=3)


def test_a_batch_depends_on_seed_and_step_only(patches: Patches) -> None:
    sequence = list(data.batches(patches, 0, 6))
    again = Patches(photos(channels=3), patch_size=16, batch_size=5, noise=(0, 55), seed=3)
    for step in (5, 0, 3):  # alone and out of order
        for a, b in zip(sequence[step], again.batch(step), strict=True):
            np.testing.assert_array_equal(a, b)
    other = Patches(patches.images, patch_size=16, batch_size=5, noise=(0, 55), seed=4)
    assert len({digest([b]) for b in [*sequence, other.batch(0), patches.batch(2**64 - 1)]}) == 8
    assert digest(data.batches(patches, 2, 6)) == digest(sequence[2:]), "resumed at step 2"


def test_shapes_and_types(patches: Patches) -> None:
    noisy, sigma, clean = patches.batch(0)
    assert [(x.shape, x.dtype) for x in (noisy, sigma, clean)] == [
        ((5, 16, 16, 3), "float32"),
        ((5,), "float32"),
        ((5, 16, 16, 3), "float32"),
    ]


@pytest.mark.parametrize("level", [0, 15, 25.0, (25, 25)])
def test_noise_has_the_level_in_grey_levels_of_255(level: Any) -> None:
    noisy, sigma, clean = Patches([np.full((32, 32, 1), 0.9)], 32, 64, level).batch(0)
    expected = (level if isinstance(level, int | float) else level[0]) / 255
    np.testing.assert_allclose(sigma, expected, rtol=1e-6)
    noise = noisy - clean
    assert noise.std() == pytest.approx(expected, rel=0.02)
    assert abs(noise.mean()) <= 4 * expected / np.sqrt(noise.size)
    assert expected < 0.05 or noisy.max() > 1, "not clipped"


def test_each_patch_draws_its_level_from_the_range() -> None:
    noisy, sigma, clean = Patches([np.zeros((50, 50, 1))], 50, 400, (10, 40)).batch(0)
    assert 10 / 255 <= sigma.min() < 11 / 255 < 39 / 255 < sigma.max() <= 40 / 255
    assert 255 * sigma.mean() == pytest.approx(25, abs=4 * 30 / np.sqrt(12 * 400))
    measured = (noisy - clean).std(axis=(1, 2, 3))
    np.testing.assert_allclose(measured, sigma, rtol=6 / np.sqrt(2 * 2500))


def test_noise_of_two_steps_and_of_two_patches_is_uncorrelated() -> None:
    patches = Patches([np.zeros((64, 64, 1))], 64, 2, 255)
    noise = np.concatenate([patches.batch(step)[0].reshape(2, -1) for step in range(3)])
    assert np.abs(np.corrcoef(noise) - np.eye(6)).max() < 5 / 64


def test_flips_and_turns_are_the_eight_symmetries_and_equally_likely() -> None:
    image = np.arange(9.0).reshape(3, 3, 1) / 9
    _, _, clean = Patches([image], 3, 4000, 0).batch(0)
    patches, counts = np.unique(clean.reshape(4000, 9), axis=0, return_counts=True)
    turned = [np.rot90(flipped[..., 0], k) for flipped in (image, image[::-1]) for k in range(4)]
    np.testing.assert_array_equal(
        patches, np.unique(np.float32([t.ravel() for t in turned]), axis=0)
    )
    assert abs(counts - 500).max() < 5 * np.sqrt(500 * 7 / 8)


def test_every_image_and_position_is_drawn() -> None:
    pictures = [
        np.full((6, 5, 1), i / 4)
        + np.arange(6)[:, None, None] / 60
        + np.arange(5)[None, :, None] / 600
        for i in range(3)
    ]
    _, _, clean = Patches(pictures, 4, 2000, 0).batch(0)
    assert len(np.unique(np.round(clean.min(axis=(1, 2, 3)), 5))) == 3 * 3 * 2


def test_three_roads_give_the_same_bits(patches: Patches) -> None:
    expected = [patches.batch(step) for step in range(2, 9)]
    assert digest(data.batches(patches, 2, 9, workers=3)) == digest(expected)
    dataset = data.dataset(patches, 2, 9)
    assert int(dataset.cardinality()) == 7
    assert digest(
        (noisy, sigma, clean) for (noisy, sigma), clean in dataset.as_numpy_iterator()
    ) == digest(expected)
    pairs = data.dataset(patches, 2, 9, with_noise=False)
    assert digest(pairs.as_numpy_iterator()) == digest(
        (noisy, clean) for noisy, _, clean in expected
    )
    assert [spec.shape.as_list() for spec in pairs.element_spec] == [[5, 16, 16, 3]] * 2


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra [jax]")
def test_on_jax_the_batches_are_the_same_and_need_no_tensorflow(patches: Patches) -> None:
    code = """
import sys
import hashlib, numpy as np
from keras_pde.data import Patches, batches
images = [np.random.default_rng(i).random((20 + i, 30 - i, 3), dtype=np.float32) for i in range(3)]
state = hashlib.sha256()
for batch in batches(Patches(images, patch_size=16, batch_size=5, noise=(0, 55), seed=3), 0, 4):
    for array in batch:
        state.update(array.tobytes())
assert "tensorflow" not in sys.modules and "tensorflow_datasets" not in sys.modules
print(state.hexdigest())
"""
    env = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(data.batches(patches, 0, 4))


def test_fit_runs_on_the_dataset(patches: Patches) -> None:
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(3, 3, padding="same")])
    model.compile("adam", "mse")
    history = model.fit(data.dataset(patches, 0, 3, with_noise=False), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("keras_pde-batches")]


@pytest.mark.parametrize("end", ["close", "drop", "run out"])
def test_prefetch_ends_its_threads(patches: Patches, end: str) -> None:
    iterator: Iterator[Any] | None = data.batches(
        patches, 0, 10**9 if end != "run out" else 7, workers=2
    )
    assert iterator is not None
    next(iterator)
    assert threads()
    if end == "close":
        iterator.close()  # type: ignore[attr-defined]
    elif end == "drop":
        iterator = None
    else:
        assert sum(1 for _ in iterator) == 6
    assert not threads()


def test_prefetch_makes_at_most_four_ahead_and_passes_errors_on_at_their_step(
    patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def batch(self: Patches, step: int) -> Any:
        made.append(step)
        if step == 3:
            raise RuntimeError("step three")
        return step

    monkeypatch.setattr(Patches, "batch", batch)
    iterator = data.batches(patches, 0, 100)
    assert [next(iterator) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="step three"):
        next(iterator)
    assert max(made) <= 3 + 4
    assert not threads()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": []}, "no images"),
        ({"patch_size": 21}, "Image 0 has 20 × 30 pixels, and a patch 21 × 21"),
        ({"images": [np.zeros((20, 20))]}, "expected .height, width, channels"),
        ({"images": [np.zeros((20, 20, 1)), np.zeros((20, 20, 3))]}, "Image 1 .* same channels"),
        ({"images": [np.zeros((20, 20, 1), "uint8")]}, "uint8: expected floats"),
        ({"images": [np.full((20, 20, 1), 128.0)]}, "Divide 8-bit images by 255"),
        ({"images": [np.full((20, 20, 1), np.nan)]}, "nan"),
        ({"patch_size": 0}, "patch_size=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"noise": -1}, "noise=-1"),
        ({"noise": (30, 20)}, "0 <= low <= high"),
        ({"noise": (1, 2, 3)}, "noise="),
        ({"noise": float("nan")}, "noise=nan"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_patches_refuse(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Patches(**{"images": photos(), "patch_size": 8, "batch_size": 2, "noise": 25, **change})


def test_steps_refused(patches: Patches) -> None:
    for call in (
        lambda: patches.batch(-1),
        lambda: data.batches(patches, 3, 2),
        lambda: data.dataset(patches, -1, 2),
    ):
        with pytest.raises(ValueError, match=r"step=-1|Steps"):
            call()
    with pytest.raises(ValueError, match="workers=0"):
        data.batches(patches, 0, 1, workers=0)
    assert list(data.batches(patches, 2, 2)) == []


def test_split_holds_out_evenly() -> None:
    training, held = data.split(list(range(400)), 20)
    assert held == list(range(0, 400, 20))
    assert sorted(training + held) == list(range(400))
    assert data.split([1, 2, 3], 0) == ([1, 2, 3], [])
    for validation in (-1, 3):
        with pytest.raises(ValueError, match="expected 0 to 2"):
            data.split([1, 2, 3], validation)


def test_images_are_sorted_and_grey_is_pillow_s(tmp_path: Path, rng: np.random.Generator) -> None:
    colours = rng.integers(256, size=(2, 40, 50, 3)).astype(np.uint8)
    for name, pixels in zip(("b.PNG", "a.tiff"), colours, strict=True):
        PIL.Image.fromarray(pixels).save(tmp_path / name)
    PIL.Image.fromarray(colours[0, :9, :9, 0]).save(tmp_path / "c.png")
    for name in ("notes.txt", "._a.png"):
        (tmp_path / name).write_text("no image")
    (tmp_path / "folder").mkdir()
    a, b, c = data.load_images(tmp_path)
    assert [x.shape for x in (a, b, c)] == [(40, 50, 3), (40, 50, 3), (9, 9, 1)]
    np.testing.assert_array_equal(b, colours[0].astype(np.float32) / np.float32(255))
    grey = data.load_images(tmp_path, channels=1)[1]
    np.testing.assert_array_equal(
        np.rint(255 * grey[..., 0]), np.asarray(PIL.Image.fromarray(colours[0]).convert("L"))
    )
    np.testing.assert_array_equal(
        data.load_images(tmp_path, channels=3)[2], np.repeat(c, 3, axis=-1)
    )
    assert {x.dtype for x in (a, b, c, grey)} == {np.dtype("float32")}


@pytest.mark.parametrize("depth", [16, 32])
def test_grey_of_deeper_files_keeps_their_depth(
    tmp_path: Path, rng: np.random.Generator, depth: int
) -> None:
    pixels = np.rint(rng.random((8, 9, 3)) * 65535) / 65535
    images.write(tmp_path / "x.tif", images.Image(pixels.astype(np.float32), depth=depth))
    expected = pixels @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(
        data.load_images(tmp_path, channels=1)[0][..., 0], expected, atol=2e-5
    )


def test_folders_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        data.load_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="has no image"):
        data.load_images(tmp_path)
    with pytest.raises(ValueError, match="channels=2"):
        data.load_images(tmp_path, channels=2)
    (tmp_path / "x.png").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"x\.png is not an image"):
        data.load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="is a file"):
        data.load_images(tmp_path / "x.png")


class Made:
    """Pictures made for tensorflow-datasets' own test case.

    LAYOUT names folders, with the number of pictures and channels in each.
    """

    ROOT = "."
    LAYOUT: ClassVar[dict[str, tuple[int, int]]]

    @classmethod
    def setUpClass(cls: Any) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = str(Path(cls.folder.name, cls.ROOT))
        for seed, (name, (count, channels)) in enumerate(cls.LAYOUT.items()):
            write_photos(Path(cls.folder.name, name), count, channels, seed)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls: Any) -> None:
        super().tearDownClass()
        cls.folder.cleanup()

    def test_session(self: Any, *args: Any, **kwargs: Any) -> Any:
        return super().test_session(*args, **kwargs)

    test_session.__test__ = False  # type: ignore[attr-defined]  # TensorFlow's context manager, no test


class TestBsd(Made, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = builders.Bsd
    SPLITS: ClassVar[dict[str, int]] = {"train": 4, "test": 2}
    LAYOUT: ClassVar[dict[str, tuple[int, int]]] = {
        "train400_gray": (4, 1),
        "bsd68_gray": (2, 1),
        "color/train": (3, 3),
        "color/test": (1, 3),
        "cbsd68": (2, 3),
    }


class TestImages(Made, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = builders.Images
    SPLITS: ClassVar[dict[str, int]] = {"train": 3}
    ROOT = "pictures"
    LAYOUT: ClassVar[dict[str, tuple[int, int]]] = {"pictures": (3, 3)}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_survives_the_way_through_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    write_photos(tmp_path / "in", 4, 3, seed=0)
    name = {1: "images/gray", 3: "images/color"}[channels]
    converted = data.load(name, tmp_path / "in", "train")
    names = [element["name"].decode() for element in converted.as_numpy_iterator()]
    expected = dict(
        zip(
            [f"{i}.png" for i in range(4)],
            data.load_images(tmp_path / "in", channels=channels),
            strict=True,
        )
    )
    pictures = data.images_of(converted)
    assert sorted(names) == sorted(expected)
    for key, picture in zip(names, pictures, strict=True):
        np.testing.assert_array_equal(picture, expected[key])
    assert Patches(pictures, 7, 2, 25).batch(0)[0].shape == (2, 7, 7, channels)
    assert len(data.images_of(data.load(name, tmp_path / "in", "train[:50%]"))) == 2
    (tmp_path / "in" / "3.png").unlink()
    assert len(data.images_of(data.load(name, tmp_path / "in", "train"))) == 3, (
        "the cache follows the folder"
    )


def test_data_sets_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="choose from bsd/color, bsd/gray, images/color, images/gray"
    ):
        data.load("bsd", tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="train400_gray"):
        data.load("bsd/gray", tmp_path / "nowhere", "train")
    (tmp_path / "in" / "bsd68_gray").mkdir(parents=True)
    with pytest.raises(
        FileNotFoundError, match=r"train400_gray does not exist.*\nThe folder must hold"
    ):
        data.load("bsd/gray", tmp_path / "in", "train", data_dir=tmp_path / "out")


def test_elements_refused() -> None:
    for element, message in (
        ({"label": 1}, "'image' is needed"),
        (np.zeros((2, 3, 3, 1)), "not batched"),
        (np.zeros((3, 3, 1), int), "int64"),
    ):
        with pytest.raises(ValueError, match=message):
            data.images_of([element])
    (picture,) = data.images_of([np.full((1, 1, 1), 65535, np.uint16)])
    assert picture == 1


def test_without_tensorflow_datasets_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-pde\[data\]'"):
        data.load("images/gray", tmp_path, "train")


@NEEDS_DATA
@pytest.mark.parametrize(
    ("config", "test", "mode"), [("gray", "bsd68_gray", "L"), ("color", "cbsd68", "RGB")]
)
def test_bsd_has_400_and_68_images_as_pillow_reads_them(
    tmp_path: Path, config: str, test: str, mode: str
) -> None:
    counts = {}
    for split in ("train", "test"):
        converted = data.load(f"bsd/{config}", DATA / "bsd", split, data_dir=tmp_path)
        counts[split] = int(converted.cardinality())
        element = next(converted.as_numpy_iterator())
        name = element["name"].decode()
        assert split == "train" or name.startswith(test)
        with PIL.Image.open(DATA / "bsd" / name) as file:
            np.testing.assert_array_equal(
                element["image"].squeeze(), np.asarray(file.convert(mode))
            )
    assert counts == {"train": 400, "test": 68}

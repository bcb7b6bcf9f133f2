"""Labelled images in each layout that they are published in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DATA

from keras_pde.data import images as files
from keras_pde.data.labelled import Labelled, load_labelled, read_idx
from keras_pde.tasks.classify import sources

PIXELS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0], np.uint8)


def idx(values: np.ndarray) -> bytes:
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def as_idx(folder: Path) -> None:
    for name in ("train", "t10k"):
        packed = gzip.compress(idx(PIXELS))
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(packed)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(LABELS))


def as_splits(folder: Path) -> None:
    for name in ("train", "test"):
        np.savez(folder / f"{name}.npz", images=PIXELS[..., None], labels=LABELS)


def as_keras(folder: Path) -> None:
    parts = {f"{k}_{s}": v for s in ("train", "test") for k, v in (("x", PIXELS), ("y", LABELS))}
    np.savez(folder / "some.npz", **parts)


def as_folders(folder: Path) -> None:
    for name in ("train", "test"):
        for k, label in enumerate(LABELS):
            place = folder / name / str(label)
            place.mkdir(parents=True)
            pixels = (PIXELS[k, ..., None] / np.float32(255)).astype("float32")
            files.write(place / "image.png", files.Image(pixels))


@pytest.mark.parametrize("write", [as_idx, as_splits, as_keras, as_folders])
@pytest.mark.parametrize("split", ["train", "test"])
def test_each_layout_is_read(tmp_path: Path, write: Any, split: str) -> None:
    write(tmp_path)
    found = load_labelled(tmp_path, split)
    order = np.argsort(found.labels)[::-1]
    np.testing.assert_allclose(found.images[order, ..., 0] * 255, PIXELS, atol=1e-5)
    assert found.labels[order].tolist() == [1, 0]
    assert found.classes == ("0", "1")
    assert found.images.dtype == np.float32


def test_a_class_that_one_split_lacks_moves_no_number(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 1), "float32")
    for split, names in (("train", "abc"), ("test", "bc")):
        for name in names:
            (tmp_path / split / name).mkdir(parents=True)
            files.write(tmp_path / split / name / "x.png", files.Image(pixels))
    test = load_labelled(tmp_path, "test")
    assert test.classes == ("a", "b", "c")
    assert test.labels.tolist() == [1, 2]


def test_names_and_white_are_those_of_the_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "test.npz", x=PIXELS, y=LABELS, white=16)
    (tmp_path / "classes.json").write_text(json.dumps(["off", "on", "half"]))
    found = load_labelled(tmp_path, "test")
    assert found.classes == ("off", "on", "half")
    assert found.images.max() == np.float32(23 / 16)


def test_digits_are_all_of_the_set_and_none_is_in_both_parts() -> None:
    train, test = (sources.load("digits", split) for split in ("train", "test"))
    both = np.concatenate([train.images, test.images]).reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == 1797
    assert both.max() == 1.0
    assert set(np.unique(both * 16)) == set(range(17))
    counts = np.bincount(np.concatenate([train.labels, test.labels]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as published


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not beside the checkout")
@pytest.mark.parametrize(
    ("name", "split", "count", "first"),
    [("mnist", "test", 10_000, "7"), ("fashion_mnist", "train", 60_000, "boot")],
)
def test_published_sets_are_read(name: str, split: str, count: int, first: str) -> None:
    found = sources.load(name, split)
    assert found.images.shape == (count, 28, 28, 1)
    assert found.classes[found.labels[0]] == first


def test_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_labelled(tmp_path / "no", "train")
    with pytest.raises(FileNotFoundError, match=r"(?s)no labelled images to train on.*CLASS"):
        load_labelled(tmp_path, "train")
    with pytest.raises(ValueError, match="split must be one of train, test"):
        load_labelled(tmp_path, "all")
    np.savez(tmp_path / "train.npz", images=PIXELS, labels=np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"train.npz: Labelled images .* shapes"):
        load_labelled(tmp_path, "train")
    np.savez(tmp_path / "train.npz", images=PIXELS, labels=np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match="labels of type float64"):
        load_labelled(tmp_path, "train")
    np.savez(tmp_path / "train.npz", pixels=PIXELS)
    with pytest.raises(ValueError, match="holds pixels: expected images and labels"):
        load_labelled(tmp_path, "train")
    (tmp_path / "train.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="cannot be read as arrays"):
        load_labelled(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="Name the folder that holds leaves: --data DIR"):
        sources.load("leaves", "train", tmp_path)
    with pytest.raises(ValueError, match=r"Labels must be 0 to 0.*Received: 0 to 1"):
        Labelled(np.zeros((2, 1, 1, 1), "float32"), np.array([0, 1]), ("a",))
    with pytest.raises(ValueError, match="must have one size"):
        Labelled.of([(np.zeros((n, 2, 1)), 0) for n in (1, 2)], "a")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08\x01", b"\0\0\x0d\x01\0\0\0\1\0", idx(LABELS)[:-1], idx(LABELS) + b"!"],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="is no idx file of bytes"):
        read_idx(tmp_path / "a")
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(LABELS))[:-9])
    with pytest.raises(ValueError, match="cannot be read"):
        read_idx(tmp_path / "a.gz")


def test_a_data_set_of_tensorflow_datasets_is_taken() -> None:
    elements = [{"image": PIXELS[k][..., None], "label": LABELS[k]} for k in range(2)]
    found = Labelled.of(elements, ("a", "b"))
    np.testing.assert_allclose(found.images[..., 0] * 255, PIXELS, atol=1e-5)
    assert found.labels.tolist() == [1, 0]

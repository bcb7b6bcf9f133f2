"""Labelled images: folders in the layouts that classification sets are published in, as arrays."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

__all__ = ["Labelled", "load_labelled"]

SPLITS = ("train", "test")
IDX = {"train": "train", "test": "t10k"}  # what files of MNIST's kind begin with
NAMES = "classes.json"  # beside the images: the classes' names, in the order of their numbers
LAYOUTS = """
  train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-...: as MNIST is published
  train.npz, test.npz: images and labels, as "images" and "labels" or "x" and "y"
  one .npz with x_train, y_train, x_test, y_test: as Keras's own loaders keep them
  train/CLASS/*.png, test/CLASS/*.png: a folder of images for each class"""


@dataclass(frozen=True)
class Labelled:
    """Images of one size with the numbers of their classes.

    Args:
        images: (n, height, width, channels), float32 in [0, 1].
        labels: (n,), whole numbers from 0.
        classes: names of the classes, in the order of their numbers.

    Raises:
        ValueError: other shapes, as many labels as images not given, labels that name no class.

    Example:
        >>> from keras_pde.data.labelled import Labelled
        >>> data = Labelled(np.zeros((2, 8, 8, 1), "float32"), np.array([0, 1]), ("a", "b"))
        >>> len(data), data.part([1]).labels.tolist()
        (2, [1])
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                "Labelled images are (n, height, width, channels) and their labels (n,). Received:"
                f" shapes {self.images.shape} and {self.labels.shape}"
            )
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(
                f"Labels must be 0 to {len(self.classes) - 1}, for {len(self.classes)} classes."
                f" Received: {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def named(self, classes: Sequence[str]) -> Self:
        """The same with other names of the classes; ValueError where they are too few."""
        return type(self)(self.images, self.labels, tuple(classes))

    def part(self, indices: Sequence[int] | slice) -> Self:
        """Some of the images."""
        return type(self)(self.images[indices], self.labels[indices], self.classes)

    @classmethod
    def of(cls, dataset: Iterable[Any], classes: Sequence[str]) -> Self:
        """The images and labels of a data set of tensorflow-datasets, not batched.

        Args:
            dataset: elements are (image, label), as with ``as_supervised=True``, or dictionaries
                with "image" and "label".
            classes: names.

        Raises:
            ValueError: elements that are none of these; images of several sizes.

        Example:
            >>> from keras_pde.data.labelled import Labelled
            >>> float(Labelled.of([(np.full((2, 2, 1), 255, "uint8"), 1)], "ab").images.max())
            1.0
        """
        from keras_pde.data.loading import images_of

        pairs = [(e["image"], e["label"]) if isinstance(e, dict) else tuple(e) for e in dataset]
        images = images_of([image for image, _ in pairs])
        labels = np.array([int(label) for _, label in pairs], np.int64)
        return cls(_stacked(images, "the data set"), labels, tuple(classes))


def load_labelled(folder: str | os.PathLike[str], split: str) -> Labelled:
    """The images of a folder that are to train on, or to test on.

    The folder has one of the layouts in which such sets are published: idx files as MNIST,
    arrays in .npz as Keras's loaders keep them, or a folder of images for each class. A file
    classes.json may hold the list of the classes' names. Integers are divided by the largest
    number of their type, or by "white" where a .npz has it.

    Args:
        folder: of the set.
        split: "train" or "test".

    Raises:
        FileNotFoundError: no such folder, or none of the layouts.
        ValueError: files that are damaged, or that do not belong together.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.data.labelled import load_labelled
        >>> digits = load_labelled(presets.zoo_root() / "data" / "digits", "test")
        >>> digits.images.shape[1:], digits.classes[:3]
        ((8, 8, 1), ('0', '1', '2'))
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} does not exist")
    for read in (_of_idx, _of_split, _of_keras, _of_folders):
        found = read(folder, split)
        if found is not None:
            return found
    raise FileNotFoundError(f"{folder} holds no labelled images to {split} on, as{LAYOUTS}")


def _of_idx(folder: Path, split: str) -> Labelled | None:
    """Files of MNIST's kind."""
    found = [
        path
        for kind in ("images-idx3", "labels-idx1")
        for path in (folder / f"{IDX[split]}-{kind}-ubyte{end}" for end in (".gz", ""))
        if path.is_file()
    ]
    if len(found) != 2:
        return None
    images, labels = map(read_idx, found)
    return _made(folder, images[..., None], labels, 255.0, found[0])


def read_idx(path: Path) -> np.ndarray:
    """The bytes of an idx file, in the shape that its header states.

    Raises:
        ValueError: another kind of file, or one that ends too early.
    """
    try:
        content = path.read_bytes()
        data = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    axes = data[3] if len(data) > 4 and data[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(data[4 : 4 + 4 * axes], ">u4").tolist())
    values = np.frombuffer(data[4 + 4 * axes :], np.uint8)
    if not axes or len(shape) != axes or values.size != np.prod(shape):
        raise ValueError(
            f"{path} is no idx file of bytes: its header states {shape or 'nothing'}, and"
            f" {values.size} bytes follow"
        )
    return values.reshape(shape)


def _of_split(folder: Path, split: str) -> Labelled | None:
    """A .npz for each split."""
    path = folder / f"{split}.npz"
    if not path.is_file():
        return None
    arrays = arrays_of(path)
    for x, y in (("images", "labels"), ("x", "y")):
        if x in arrays and y in arrays:
            white = float(arrays["white"]) if "white" in arrays else white_of(arrays[x])
            return _made(folder, arrays[x], arrays[y], white, path)
    raise ValueError(f"{path} holds {', '.join(arrays)}: expected images and labels, or x and y")


def _of_keras(folder: Path, split: str) -> Labelled | None:
    """One .npz, as Keras's loaders keep it."""
    for path in sorted(folder.glob("*.npz")):
        arrays = arrays_of(path)
        x, y = f"x_{split}", f"y_{split}"
        if x in arrays and y in arrays:
            return _made(folder, arrays[x], arrays[y].reshape(-1), white_of(arrays[x]), path)
    return None


def _of_folders(folder: Path, split: str) -> Labelled | None:
    """A folder of images for each class."""
    from keras_pde.data.folders import load_images

    named = {place: _folders(folder / place) for place in SPLITS}
    here = named[split]
    if not here:
        return None
    # of both: a class that one of them lacks must not move the numbers of the others
    classes = sorted({name for names in named.values() for name in names})
    parts = [load_images(folder / split / name) if name in here else [] for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in parts])
    images = _stacked([image for part in parts for image in part], str(folder / split))
    return Labelled(images, labels, tuple(classes))


def _folders(place: Path) -> set[str]:
    return {p.name for p in place.iterdir() if p.is_dir()} if place.is_dir() else set()


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz by name; ValueError for a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # whatever a damaged file makes NumPy and zlib raise
        raise ValueError(f"{path} cannot be read as arrays: {error}") from None


def white_of(images: np.ndarray) -> float:
    """The value of white: the largest of an integer type, 1 of floats."""
    return float(np.iinfo(images.dtype).max) if images.dtype.kind in "ui" else 1.0


def _made(
    folder: Path, images: np.ndarray, labels: np.ndarray, white: float, path: Path
) -> Labelled:
    images = images[..., None] if images.ndim == 3 else images
    if labels.dtype.kind not in "ui" or images.dtype.kind not in "uif":
        raise ValueError(
            f"{path} has images of type {images.dtype} and labels of type {labels.dtype}: expected"
            " numbers, and whole numbers"
        )
    labels = labels.astype(np.int64)
    names = folder / NAMES
    if names.is_file():
        classes = tuple(str(name) for name in json.loads(names.read_text(encoding="utf-8")))
    else:
        classes = tuple(str(k) for k in range(int(labels.max(initial=-1)) + 1))
    try:
        scaled = (images / np.float32(white)).astype(np.float32)
        return Labelled(scaled, labels, classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _stacked(images: Sequence[np.ndarray], where: str) -> np.ndarray:
    sizes = {image.shape for image in images}
    if len(sizes) != 1:
        shown = ", ".join(map(str, sorted(sizes)[:3]))
        raise ValueError(f"The images of {where} must have one size. Received: {shown}")
    return np.stack(images)

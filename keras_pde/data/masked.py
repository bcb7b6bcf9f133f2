"""Images with a class for each pixel: folders of images and masks, and arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from keras_pde.data.labelled import NAMES, SPLITS, arrays_of, white_of

__all__ = ["Masked", "load_masked"]

LAYOUTS = """
  train.npz, test.npz: "images" (n, height, width[, channels]) and "labels" (n, height, width)
  train/images/NAME.png, train/masks/NAME.png, test/...: a mask of class numbers for each image"""


@dataclass(frozen=True)
class Masked:
    """Images, which may have several sizes, with the number of the class of each pixel.

    Args:
        images: arrays (height, width, channels), float32 in [0, 1].
        labels: arrays (height, width), whole numbers from 0.
        classes: names of the classes, in the order of their numbers.

    Raises:
        ValueError: other shapes, as many labels as pixels not given, labels that name no class.

    Example:
        >>> from keras_pde.data.masked import Masked
        >>> data = Masked([np.zeros((8, 9, 1))] * 3, [np.zeros((8, 9), int)] * 3, ("a", "b"))
        >>> len(data), len(data.part(slice(2)))
        (3, 2)
    """

    images: Sequence[np.ndarray]
    labels: Sequence[np.ndarray]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(
                f"Each image has labels. Received: {len(self.images)} and {len(self.labels)}"
            )
        for x, y in zip(self.images, self.labels, strict=True):
            if x.ndim != 3 or y.shape != x.shape[:2] or y.dtype.kind not in "ui":
                raise ValueError(
                    "Images are (height, width, channels) and their labels (height, width), whole"
                    f" numbers. Received: shapes {x.shape} and {y.shape} of {y.dtype}"
                )
            if y.size and not 0 <= y.min() <= y.max() < len(self.classes):
                raise ValueError(
                    f"Labels must be 0 to {len(self.classes) - 1}, for {len(self.classes)} classes."
                    f" Received: {y.min()} to {y.max()}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def part(self, indices: Sequence[int] | slice) -> Self:
        """Some of the images."""
        numbers = range(len(self))[indices] if isinstance(indices, slice) else indices
        return type(self)(
            [self.images[i] for i in numbers], [self.labels[i] for i in numbers], self.classes
        )


def load_masked(folder: str | os.PathLike[str], split: str) -> Masked:
    """The images of a folder that are to train on, or to test on, with their masks.

    A file classes.json may hold the list of the classes' names. Images of integers are divided by
    the largest number of their type; masks hold the numbers of the classes as they are.

    Args:
        folder: of the set.
        split: "train" or "test".

    Raises:
        FileNotFoundError: no such folder, or none of the layouts.
        ValueError: files that are damaged, or that do not belong together.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.data.masked import load_masked
        >>> cells = load_masked(presets.zoo_root() / "data" / "cells", "test")
        >>> len(cells), cells.images[0].shape, cells.classes
        (10, (210, 192, 1), ('background', 'nucleus'))
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} does not exist")
    path, place = folder / f"{split}.npz", folder / split
    if path.is_file():
        found = arrays_of(path)
        if not {"images", "labels"} <= set(found):
            raise ValueError(f"{path} holds {', '.join(found)}: expected images and labels")
        stack = found["images"][..., None] if found["images"].ndim == 3 else found["images"]
        images = list((stack / np.float32(white_of(stack))).astype(np.float32))
        labels = list(found["labels"])
    elif (place / "images").is_dir() and (place / "masks").is_dir():
        path, (images, labels) = place, _of_files(place)
    else:
        raise FileNotFoundError(f"{folder} holds no masks to {split} on, as{LAYOUTS}")
    try:
        return Masked(images, labels, _names(folder, labels))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _of_files(place: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images and masks of the same names, whatever their formats."""
    from keras_pde.data.folders import image_paths, read_pixels
    from keras_pde.data.images import read

    images = image_paths(place / "images")
    masks = {path.stem: path for path in image_paths(place / "masks")}
    alone = sorted({path.stem for path in images} ^ set(masks))
    if alone:
        raise ValueError(
            f"{place} needs a mask for each image, of its name. Alone: {', '.join(alone[:5])}"
        )
    labels = []
    for path in images:
        mask = read(masks[path.stem])
        values = mask.pixels[..., 0].astype(np.float64) * (2**mask.depth - 1)
        if mask.pixels.shape[-1] > 1 and np.ptp(mask.pixels, axis=-1).any():
            raise ValueError(f"{masks[path.stem]} is in colour: a mask holds numbers of classes")
        labels.append(np.rint(values).astype(np.int64))
    return [read_pixels(path, None) for path in images], labels


def _names(folder: Path, labels: Sequence[np.ndarray]) -> tuple[str, ...]:
    names = folder / NAMES
    if names.is_file():
        return tuple(str(name) for name in json.loads(names.read_text(encoding="utf-8")))
    return tuple(
        str(k) for k in range(int(max((y.max(initial=-1) for y in labels), default=-1)) + 1)
    )

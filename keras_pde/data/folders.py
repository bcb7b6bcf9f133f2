"""Folders of images, as lists of arrays in [0, 1]."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from keras_pde.data.images import read
from keras_pde.data.images.image import EXTENSIONS

__all__ = ["load_images", "split"]

T = TypeVar("T")
LUMA = np.array([19595, 38470, 7471], np.float64)  # ITU-R 601 in parts of 65536, as in Pillow


def load_images(folder: str | os.PathLike[str], *, channels: int | None = None) -> list[np.ndarray]:
    """All PNG, JPEG and TIFF images of a folder, sorted by name.

    Other files, subfolders and alpha are left out. Grey is the luma
    (19595 R + 38470 G + 7471 B)/65536 of ITU-R 601, rounded to the file's 8 or 16 bit, as Pillow's
    mode "L" gives it.

    Args:
        folder: of image files.
        channels: 1 makes colour grey, 3 repeats grey three times, None leaves each image as it is.

    Returns:
        Arrays (height, width, channels), float32, black 0 and white 1.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no image in it, a damaged one, channels other than 1, 3 and None.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_pde import data
        >>> from keras_pde.data import images
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     images.write(folder + "/red.png", images.Image(np.array([[[1, 0, 0]]], "float32")))
        ...     data.load_images(folder, channels=1)[0] * 255
        array([[[76.]]], dtype=float32)
    """
    if channels not in (1, 3, None):
        raise ValueError(
            f"channels={channels!r} is not possible: use 1 for grey, 3 for colour, None for images"
            " as they are"
        )
    return [read_pixels(path, channels) for path in image_paths(folder)]


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """The files that `load_images` reads, in its order; errors as there."""
    return paths_in(folder, "images", EXTENSIONS)


def paths_in(folder: str | os.PathLike[str], what: str, endings: Collection[str]) -> list[Path]:
    """The files of some kind that are directly in a folder and not hidden, sorted by name.

    Raises:
        FileNotFoundError: no such folder, or a file.
        ValueError: there is none.

    Example:
        >>> import tempfile
        >>> from keras_pde.data.folders import paths_in
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.npy").write_bytes(b"")
        ...     [path.name for path in paths_in(folder, "signals", (".npy",))]
        ['a.npy']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is a file, no folder of {what}"
            if folder.exists()
            else f"The folder of {what} {folder} does not exist"
        )
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith(".")
    )
    if not paths:
        raise ValueError(
            f"{folder} has no {what}: expected files named {', '.join('*' + e for e in endings)}"
            " directly in it"
        )
    return paths


def read_pixels(path: Path, channels: int | None) -> np.ndarray:
    """One image as `load_images` returns it."""
    image = read(path)
    pixels = image.pixels
    if channels in (None, pixels.shape[-1]):
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    if image.depth not in (8, 16):
        return (pixels @ LUMA[:, None] / 65536).astype(np.float32)
    white = 2**image.depth - 1
    return (
        np.floor((np.rint(pixels.astype(np.float64) * white) @ LUMA[:, None] + 32768) / 65536)
        / white
    ).astype(np.float32)


def split(images: Sequence[T], validation: int = 20) -> tuple[list[T], list[T]]:
    """Images to train on and images held out: number 0, s, 2s, ... of n, with s = n // validation.

    Args:
        images: or names, or whatever is to be divided.
        validation: how many are held out; 0 for none.

    Returns:
        The training part and the validation part, each in the given order.

    Raises:
        ValueError: validation is negative, or leaves nothing to train on.

    Example:
        >>> from keras_pde import data
        >>> data.split("abcdefg", validation=2)
        (['b', 'c', 'e', 'f', 'g'], ['a', 'd'])
    """
    if not 0 <= validation < max(len(images), 1):
        raise ValueError(
            f"validation={validation} of {len(images)} images leaves none to train on: expected 0"
            f" to {len(images) - 1}"
        )
    stride = len(images) // validation if validation else 1
    held = set(range(0, stride * validation, stride))
    return [image for i, image in enumerate(images) if i not in held], [
        images[i] for i in sorted(held)
    ]

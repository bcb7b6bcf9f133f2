"""From a folder through tensorflow-datasets to a tf.data.Dataset, and from a dataset to arrays."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["images_of", "load"]


def load(
    name: str,
    manual_dir: str | os.PathLike[str],
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
) -> Any:
    """Convert a folder of images to a tf.data.Dataset, or read what was converted before.

    An element is a dictionary: "image" is uint8 (height, width, channels), "name" the file's name.
    The extra [data] has to be installed.

    Args:
        name: "bsd/gray", "bsd/color", "images/gray" or "images/color"; see
            `keras_pde.data.builders`.
        manual_dir: the folder.
        split: "train", "test" (bsd only) or a slice, "train[:90%]".
        data_dir: where the converted data goes, once for all: it is not made again when the folder
            changes. None keeps it in Keras's home, under a key of the files' names, sizes and
            times, and so follows the folder.

    Raises:
        ImportError: tensorflow-datasets is not installed.
        FileNotFoundError: no such folder, or one laid out differently.
        ValueError: another name, an unknown split, a folder without images.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_pde import data
        >>> from keras_pde.data import images
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     images.write(folder + "/x.png", images.Image(np.ones((5, 6, 1), "float32")))
        ...     photos = data.load("images/gray", folder, "train", data_dir=folder + "/converted")
        ...     [image.shape for image in data.images_of(photos)]
        [(5, 6, 1)]
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"Reading a folder as a data set needs tensorflow-datasets ({error}). Run pip install"
            " 'keras-pde[data]'."
        ) from error
    from keras_pde.data import builders

    classes = {
        f"{cls.name}/{config}": cls
        for cls in (builders.Bsd, builders.Images)
        for config in cls.builder_configs
    }
    if name not in classes:
        raise ValueError(f"There is no data set {name!r}: choose from {', '.join(sorted(classes))}")
    manual_dir = Path(manual_dir).expanduser().absolute()
    if not manual_dir.is_dir():
        raise FileNotFoundError(
            f"The folder {manual_dir} does not exist. {name}"
            f" reads:\n{cleandoc(classes[name].MANUAL_DOWNLOAD_INSTRUCTIONS)}"
        )
    cls, config = classes[name], name.split("/")[1]
    if data_dir is None:
        data_dir = _cache(
            name,
            [manual_dir / folder for folders in cls.folders(config).values() for folder in folders],
        )
    builder = cls(config=config, data_dir=os.fspath(data_dir))
    # what it prints of its progress would mix with a program's own output
    with contextlib.redirect_stdout(sys.stderr):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=os.fspath(manual_dir))
        )
    return builder.as_dataset(split=split)


def _cache(name: str, folders: list[Path]) -> Path:
    from keras_pde.presets.download import cache_root

    digest = hashlib.sha256(name.encode())
    for folder in folders:
        digest.update(str(folder).encode())
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            state = path.stat()
            digest.update(f"{path.name}|{state.st_size}|{state.st_mtime_ns}".encode())
    return cache_root() / "datasets" / digest.hexdigest()[:16]


def images_of(dataset: Iterable[Any]) -> list[np.ndarray]:
    """The images of a data set as float32 arrays in [0, 1], ready for `Patches`.

    Args:
        dataset: not batched; each element an image (height, width, channels) or a dictionary with
            the key "image". Integers are divided by the largest value of their type, floats are
            taken as they are.

    Raises:
        ValueError: elements that are no such images.

    Example:
        >>> import numpy as np
        >>> from keras_pde import data
        >>> data.images_of([{"image": np.full((1, 1, 1), 51, "uint8")}])
        [array([[[0.2]]], dtype=float32)]
    """
    images = []
    for element in dataset:
        if isinstance(element, dict) and "image" not in element:
            raise ValueError(
                f"Elements have the keys {', '.join(sorted(element))}, and 'image' is needed"
            )
        image = np.asarray(element["image"] if isinstance(element, dict) else element)
        if image.ndim != 3 or not (
            np.issubdtype(image.dtype, np.floating) or image.dtype in (np.uint8, np.uint16)
        ):
            expected = (
                "expected images (height, width, channels) of uint8, uint16 or floats, not batched"
            )
            raise ValueError(
                f"An element has shape {image.shape} and type {image.dtype}: {expected}"
            )
        scale = 1.0 if np.issubdtype(image.dtype, np.floating) else float(np.iinfo(image.dtype).max)
        images.append((image / np.float64(scale)).astype(np.float32))
    return images

"""Files of one or several planes: stacks, hyperstacks, time series, animations, plane by plane."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from keras_pde.data.images import descriptions
from keras_pde.data.images.image import MAX_PIXELS, Image
from keras_pde.data.images.planes import Planes
from keras_pde.data.images.reading import image_of, opened, planes_of
from keras_pde.runtime import gate
from keras_pde.runtime.one_line import shown_path

__all__ = ["Stack", "open_stack"]


class Stack:
    """The planes of an open file: each is decoded when it is asked for, and none is kept.

    Args:
        planes: what the file holds.
        path: its name.
        any_range: as `keras_pde.data.images.read` takes it.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import tifffile
        >>> from keras_pde.data.images import open_stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     planes, axes = np.zeros((5, 20, 30), "uint8"), {"axes": "ZYX"}
        ...     tifffile.imwrite(folder + "/a.tif", planes, imagej=True, metadata=axes)
        ...     with open_stack(folder + "/a.tif") as stack:
        ...         print(stack.count, stack.names, stack.image(4))
        5 ImageJ, 5 slices 30 × 20, grey, 8 bit
    """

    def __init__(self, planes: Planes, path: str, any_range: bool) -> None:
        self.path = path
        self.any_range = any_range
        self.planes = planes

    @property
    def count(self) -> int:
        """Number of planes."""
        return self.planes.count

    @property
    def kind(self) -> str:
        """Format of the file: "PNG", "JPEG" or "TIFF"."""
        return self.planes.kind

    @property
    def names(self) -> str:
        """Who wrote it and what the planes are, in words; "" where that is not known."""
        return self.planes.names

    @property
    def form(self) -> Any:
        """What a writer of the same format needs beside the images."""
        return self.planes.form

    def channel(self, number: int) -> int:
        """The channel that a plane is of, from 0."""
        return self.planes.channels[number] if self.planes.channels else 0

    @property
    def spacing(self) -> tuple[float, float, float] | None:
        """Distances of slices, rows and columns, as the file states them."""
        return self.planes.spacing

    def volumes(self) -> list[list[int]]:
        """The planes of each volume: those that differ in their slice alone, or in a channel's.

        Raises:
            ValueError: the file says that its planes are no slices.
        """
        axes = self.planes.axes
        if not axes:
            channels = [self.channel(number) for number in range(self.count)]
            return [
                [n for n, own in enumerate(channels) if own == channel]
                for channel in sorted(set(channels))
            ]
        if dict(axes).get("Z", 1) == 1 and any(axis in "TC" and n > 1 for axis, n in axes):
            raise ValueError(
                f"{self.path} holds no volume: its {self.count} planes are {self.names or 'frames'}"
                " and no slices. Use a preset for images"
            )
        place = [axis for axis, _ in axes]
        places = np.stack(np.unravel_index(range(self.count), [n for _, n in axes]), 1)
        if "Z" in place:
            places = np.delete(places, place.index("Z"), axis=1)
        found: dict[tuple[int, ...], list[int]] = {}
        for number, key in enumerate(map(tuple, places.tolist())):
            found.setdefault(key, []).append(number)
        return list(found.values())

    def image(self, number: int) -> Image:
        """A plane by its number from 0.

        Raises:
            ValueError: as `keras_pde.data.images.read`, naming file and plane.
        """
        return image_of(self.planes, number, self.path, self.any_range)

    def alone(self, number: int) -> Image:
        """A plane as an image of its own: what describes the others too is not kept, and said."""
        image = self.image(number)
        if self.count == 1:
            return image
        meta = image.metadata
        if self.names and number:
            tags = self.image(0).metadata.tags
            tags = tuple(tag for tag in tags if tag[0] in descriptions.PROGRAMS)
            meta = replace(meta, tags=(*meta.tags, *tags))
        return replace(image, metadata=descriptions.of_one(meta))


@contextlib.contextmanager
def open_stack(
    file: str | os.PathLike[str] | bytes,
    name: str | os.PathLike[str] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    any_range: bool = False,
) -> Iterator[Stack]:
    """A file of one or several planes, all of them checked before any is decoded.

    Args:
        file: path of a file, or its bytes.
        name: for errors, in place of the path.
        max_pixels: the most pixels that all planes may have together.
        any_range: as `keras_pde.data.images.read` takes it.

    Yields:
        The planes.

    Raises:
        FileNotFoundError, ValueError: as `keras_pde.data.images.read`; a stack that is cut, or
            whose planes cannot be told apart.

    Example:
        >>> from keras_pde.data.images import open_stack
        >>> with open_stack(b"no image", "a.tif") as stack:
        ...     pass
        Traceback (most recent call last):
        ...
        ValueError: a.tif is not an image that can be read: expected PNG, JPEG or TIFF (.png, ...
    """
    if isinstance(file, bytes):
        stream: BinaryIO = io.BytesIO(file)
        said = shown_path(Path(name or "the file"))
    else:
        path = gate.path(file, "path")
        stream, said = opened(path), shown_path(Path(name or path))
    with stream:
        yield Stack(planes_of(stream, said, max_pixels, one=False), said, any_range)

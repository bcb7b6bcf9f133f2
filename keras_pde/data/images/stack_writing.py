"""Writing stacks, plane by plane: whole or not at all, in the format that they were read from."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keras_pde.data.images import animation
from keras_pde.data.images.image import EXTENSIONS, Image
from keras_pde.data.images.tiff import Form
from keras_pde.data.images.writing import check_output, encode, tiff_options, tiff_samples
from keras_pde.runtime.writing import whole

if TYPE_CHECKING:
    from keras_pde.data.images.stack import Stack

__all__ = ["check_stack_output", "write_stack"]

BIG = (1 << 32) - (1 << 25)  # bytes of pixels beyond which a TIFF file needs wider offsets


def check_stack_output(path: str | os.PathLike[str], stack: Stack) -> None:
    """Raise now what `write_stack` would raise later.

    Raises:
        ValueError, OSError: as `keras_pde.data.images.check_output`; a format for one plane.

    Example:
        >>> from keras_pde.data.images.planes import Planes
        >>> from keras_pde.data.images.stack import Stack
        >>> from keras_pde.data.images.stack_writing import check_stack_output
        >>> five = Stack(Planes("TIFF", 5, lambda number: None), "a.tif", False)
        >>> check_stack_output("b.png", five)
        Traceback (most recent call last):
        ...
        ValueError: b.png: a PNG file holds one plane, and a.tif has 5. Write b.tif, or choose ...
    """
    check_output(path)
    path = Path(path)
    kind = EXTENSIONS[path.suffix.lower()]
    if kind not in ("TIFF", stack.kind) or kind == "JPEG":
        raise ValueError(
            f"{path}: a {kind} file holds one plane, and {stack.path} has {stack.count}. Write"
            f" {path.with_suffix('.tif').name}, or choose a plane by --frames, in Python"
            " Stack.alone."
        )


def write_stack(
    path: str | os.PathLike[str], planes: Iterable[Image], stack: Stack
) -> tuple[str, ...]:
    """Write planes as the stack that they come from; one at a time is in memory.

    Planes of ImageJ are written one behind the other without compression, as ImageJ reads them;
    those of others as pages, each with its own tags. Frames of an animated PNG are written as such,
    each whole, with their times.

    Args:
        path: of the file, whose extension is the format.
        planes: the images, as many as the stack has.
        stack: what was read.

    Returns:
        What of the metadata the file does not hold, in words.

    Raises:
        ValueError, OSError: as `check_stack_output`; nothing is left behind, an existing file is
            untouched.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import tifffile
        >>> from keras_pde.data.images import open_stack, write_stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     a, b = folder + "/a.tif", folder + "/b.tif"
        ...     tifffile.imwrite(a, np.zeros((5, 20, 30), "uint8"), imagej=True)
        ...     with open_stack(a) as stack:
        ...         lost = write_stack(b, map(stack.image, range(5)), stack)
        ...     print(lost, tifffile.imread(b).shape)
        () (5, 20, 30)
    """
    check_stack_output(path, stack)
    lost: dict[str, None] = {}
    kind = EXTENSIONS[Path(path).suffix.lower()]

    def noted() -> Iterator[Image]:
        for image in planes:
            lost.update(dict.fromkeys(image.metadata.lost_in(kind)))
            yield image

    with whole(path) as stage:
        if kind == "PNG":
            animation.write(stage, (encode(stage, image) for image in noted()), stack.form)
        else:
            _write_tiff(stage, noted(), stack)
    return (*lost, "times of its frames") if stack.kind == "PNG" != kind else tuple(lost)


def _write_tiff(stage: Path, images: Iterator[Image], stack: Stack) -> None:
    import tifffile

    form: Form = stack.form if stack.kind == "TIFF" else Form("<", False)
    first = next(images)
    samples = tiff_samples(first)
    with tifffile.TiffWriter(
        stage, byteorder=form.order, bigtiff=samples.nbytes * stack.count > BIG
    ) as file:
        if form.together:
            file.write(
                itertools.chain([samples], map(tiff_samples, images)),
                shape=(stack.count, *samples.shape),
                dtype=samples.dtype,
                **tiff_options(first),
            )
            return
        for image in itertools.chain([first], images):
            file.write(
                tiff_samples(image), compression="zlib", predictor=True, **tiff_options(image)
            )

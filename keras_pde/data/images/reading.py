"""Reading image files: what may be opened and decoded, and errors in one sentence."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_pde.data.images import decoding, jpeg, png
from keras_pde.data.images.image import EXTENSIONS, MAX_PIXELS, Image, UnsupportedError
from keras_pde.data.images.planes import Planes
from keras_pde.data.ranges import UNIT
from keras_pde.runtime import gate
from keras_pde.runtime.one_line import shown_path

Decoder = Callable[[BinaryIO, int, bool], Planes]

# the decoders log what they raise and what is harmless; without a handler of their own Python would
# print that to stderr
for decoder in ("tifffile", "imagecodecs"):
    logging.getLogger(decoder).addHandler(logging.NullHandler())

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# what else a file may be, by its first bytes
OTHERS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"RIFF": "a WebP",
    b"\0\0\0\x0cjP": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
    b"\xff\x0a": "a JPEG XL",
    b"\0\0\0\x0cJXL": "a JPEG XL",
    b"P1": "a PNM", b"P2": "a PNM", b"P3": "a PNM", b"P4": "a PNM", b"P5": "a PNM", b"P6": "a PNM",
    b"8BPS": "a Photoshop",
    b"%PDF": "a PDF",
    b"v/1\x01": "an OpenEXR",
    b"SIMPLE": "a FITS",
    b"\x89HDF": "an HDF5",
    b"\x93NUMPY": "a NumPy",
    b"<svg": "an SVG",
    b"<?xml": "an XML",
}  # fmt: skip


def read(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, any_range: bool = False
) -> Image:
    """Read a PNG, JPEG or TIFF file.

    Palettes become colour, and the orientation of EXIF is applied. What cannot be represented is
    refused, and metadata that are not kept are named in ``metadata.further``. Sizes, strips and
    directories are checked before anything is decoded.

    Args:
        path: of an ordinary file.
        max_pixels: the most pixels that a header may state.
        any_range: whether floats may be in units in which white is not 1.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an image, no ordinary file, empty, damaged, too large, or of a kind that
            would lose information (several planes, which `keras_pde.data.images.open_stack` reads,
            signed or 32-bit integers, channels that are neither colours nor alpha); float values
            that are not finite, or far outside
            [0, 1] unless any range is allowed.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_pde.data import images
        >>> grey = images.Image(np.full((2, 3, 1), 0.2, "float32"), depth=16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     images.write(folder + "/grey.png", grey)
        ...     print(images.read(folder + "/grey.png"))
        3 × 2, grey, 16 bit
    """
    path = gate.path(path, "path")
    with opened(path) as stream:
        return _decode(stream, shown_path(path), max_pixels, any_range)


def decode(
    data: bytes,
    path: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    any_range: bool = False,
) -> Image:
    """Decode the bytes of a PNG, JPEG or TIFF file.

    Args:
        data: the bytes.
        path: the file's name, for errors, which are those of `read`.
        max_pixels: as for `read`.
        any_range: the same.

    Example:
        >>> from keras_pde.data.images.reading import decode
        >>> decode(b"", "a.png")
        Traceback (most recent call last):
        ...
        ValueError: a.png is empty (0 bytes)
    """
    return _decode(io.BytesIO(data), shown_path(Path(path)), max_pixels, any_range)


def size(file: str | os.PathLike[str] | bytes) -> tuple[int, int] | None:
    """Height and width of an upright image by its header; None where that cannot be told.

    Args:
        file: path of a file, or its bytes.

    Example:
        >>> from keras_pde.data.images.reading import size
        >>> size(b"no image") is None
        True
    """
    try:
        with io.BytesIO(file) if isinstance(file, bytes) else opened(Path(file)) as stream:
            kind = _reader(stream.read(16))[1]
            stream.seek(0)
            return decoding.size(stream, kind) if kind else None
    except (ValueError, OSError, struct.error):  # whatever is wrong with it, reading will say
        return None


def opened(path: Path) -> BinaryIO:
    """An ordinary file, opened without waiting for a pipe's other end."""
    said = shown_path(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{said} is a directory, and an image file is needed")
        if stat.S_ISREG(mode):  # a device may act on being opened
            file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            stream = os.fdopen(file, "rb")
            mode = os.fstat(stream.fileno()).st_mode
            if stat.S_ISREG(mode):
                return stream
            stream.close()
    except FileNotFoundError:
        link = f": it is a link to {shown_path(path.readlink())}" if path.is_symlink() else ""
        raise FileNotFoundError(f"{said} does not exist{link}") from None
    except OSError as error:
        raise type(error)(f"{said} cannot be read: {error.strerror}") from None
    kinds = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    kind = next((words for is_kind, words in kinds if is_kind(mode)), "a device")
    raise ValueError(f"{said} is {kind}, and an image file is needed")


def _decode(stream: BinaryIO, path: str, max_pixels: int, any_range: bool) -> Image:
    planes = planes_of(stream, path, max_pixels, one=True)
    return image_of(planes, 0, path, any_range)


def planes_of(stream: BinaryIO, path: str, max_pixels: int, one: bool) -> Planes:
    """The planes of an opened file, checked and not decoded.

    Args:
        stream: of the file.
        path: its name, for errors, which are those of `read`.
        max_pixels: the most pixels of all planes together.
        one: whether more than one is refused.
    """
    try:
        head = stream.read(16)
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror}") from None
    if not head:
        raise ValueError(f"{path} is empty (0 bytes)")
    reader, kind = _reader(head)
    if reader is None:
        other = next((words for start, words in OTHERS.items() if head.startswith(start)), None)
        what = "not an image that can be read" if other is None else f"{other} file"
        raise ValueError(f"{path} is {what}: expected PNG, JPEG or TIFF ({', '.join(EXTENSIONS)})")
    stream.seek(0)
    with _named(path, kind):
        return reader(stream, max_pixels, one)


def image_of(planes: Planes, number: int, path: str, any_range: bool) -> Image:
    """A plane, decoded and checked; errors name the file and the plane."""
    said = path if planes.count == 1 else f"{path} (plane {number + 1} of {planes.count})"
    with _named(said, planes.kind):
        image = planes.decode(number)
    _check_values(said, image, any_range)
    return image


@contextlib.contextmanager
def _named(path: str, kind: str) -> Iterator[None]:
    """Whatever a decoder raises, as one sentence that names the file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except UnsupportedError as error:
        raise ValueError(f"{path} {error}") from None
    except MemoryError:
        raise ValueError(f"{path} does not fit in memory") from None
    # decoders raise anything, from SyntaxError to zlib.error, on a damaged file
    except Exception as error:
        raise ValueError(f"{path} is damaged or no valid {kind} file: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What a decoder says, in a line, without its objects and function names."""
    text = re.sub(r"<[^>]*>|\bimagecodecs\.\w+|\w+_(decode|decompress)\b", "", str(error))
    text = " ".join(text.split()).strip(" :")[:200]
    return text or "its pixels cannot be decoded"


def _reader(head: bytes) -> tuple[Decoder | None, str]:
    if head.startswith(png.SIGNATURE):
        return decoding.png_planes, "PNG"
    if head.startswith(jpeg.SIGNATURE):
        return decoding.jpeg_planes, "JPEG"
    return (decoding.tiff_planes, "TIFF") if head[:4] in TIFF else (None, "")


def _check_values(path: str, image: Image, any_range: bool) -> None:
    for name, values in (("pixels", image.pixels), ("alpha values", image.alpha)):
        if values is None:
            continue
        if values.size == 0:
            raise ValueError(
                f"{path} has no pixels: its size is {values.shape[1]} × {values.shape[0]}"
            )
        bad = values.size - int(np.isfinite(values).sum())
        if bad:
            raise ValueError(
                f"{path} has {bad} {name} that are NaN or infinite. Replace them by numbers first."
            )
        low, high = float(values.min()), float(values.max())
        # noise reaches beyond [0, 1], another unit far beyond
        if not UNIT[0] <= low <= high <= UNIT[1] and not (any_range and values is image.pixels):
            raise ValueError(
                f"{path} has float {name} from {low:.4g} to {high:.4g}, and black must be 0, white"
                " 1. Rescale them first."
            )

"""Reading image files, with the decoder that keeps their depth."""

from __future__ import annotations

import io
import logging
import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.data.images.image import EXTENSIONS, FLOAT, Image

# the decoders log what they raise and what is harmless; without a handler of their own Python would
# print that to stderr
for decoder in ("tifffile", "imagecodecs"):
    logging.getLogger(decoder).addHandler(logging.NullHandler())


def read(path: str | os.PathLike[str]) -> Image:
    """Read a PNG, JPEG or TIFF file.

    Palettes become colour, EXIF orientation is applied, further metadata is dropped.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an image, empty, damaged, or of a kind that would lose information (several
            pages, signed or 32-bit integers, more than 3 channels and alpha); float values that are
            not finite or far outside [0, 1].

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
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a directory, and an image file is needed")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return decode(path.read_bytes(), path)


def decode(data: bytes, path: str | os.PathLike[str]) -> Image:
    """Decode the bytes of a PNG, JPEG or TIFF file.

    Args:
        data: the bytes.
        path: the file's name, for errors, which are those of `read`.

    Example:
        >>> from keras_pde.data.images.reading import decode
        >>> decode(b"", "a.png")
        Traceback (most recent call last):
        ...
        ValueError: a.png is empty (0 bytes)
    """
    path = Path(path)
    if not data:
        raise ValueError(f"{path} is empty (0 bytes)")
    reader = _reader(data)
    if reader is None:
        raise ValueError(
            f"{path} is not an image that can be read: expected PNG, JPEG or TIFF"
            f" ({', '.join(EXTENSIONS)})"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            image = reader(data)
    except _UnsupportedError as error:
        raise ValueError(f"{path} {error}") from None
    # decoders raise anything, from SyntaxError to zlib.error, on a damaged file
    except Exception as error:
        raise ValueError(f"{path} is damaged or no valid image: {error}") from None
    _check_values(path, image)
    return image


class _UnsupportedError(ValueError):
    """What a valid image has that this library does not do; starts with a verb."""


def _reader(data: bytes) -> Any:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png
    if data.startswith(b"\xff\xd8\xff"):
        return _read_pillow
    return _read_tiff if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") else None


def _check_values(path: Path, image: Image) -> None:
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
        if low < -1 or high > 2:  # noise reaches beyond [0, 1], another unit far beyond
            raise ValueError(
                f"{path} has float {name} from {low:.4g} to {high:.4g}, and black must be 0, white"
                " 1. Rescale them first."
            )


def _read_pillow(data: bytes) -> Image:
    from PIL import Image as Pil

    with Pil.open(io.BytesIO(data)) as file:
        profile = file.info.get("icc_profile")
        transparent = "transparency" in file.info or file.mode in ("LA", "PA", "RGBA")
        grey = file.mode in ("1", "L", "LA")
        if not grey and file.mode not in ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB"):
            raise _UnsupportedError(
                f"stores samples of a kind that is not supported (Pillow mode {file.mode}): convert"
                " it to 8 or 16 bit per channel"
            )
        if file.mode in ("CMYK", "YCbCr", "LAB"):
            profile = None  # describes the ink or luminance channels, no longer there
        # a grey image with one transparent level keeps it on the way to RGBA only
        mode = "RGBA" if transparent else "L" if grey else "RGB"
        samples = np.asarray(file.convert(mode))
        # after the pixels: Pillow turns a TIFF when it loads them
        orientation = file.getexif().get(0x0112, 1)
    samples = samples[..., None] if samples.ndim == 2 else samples
    return _image(
        samples[..., [0, 3]] if transparent and grey else samples, 8, profile, orientation
    )


def _read_png(data: bytes) -> Image:
    width, height, depth = struct.unpack(">IIB", data[16:25])
    if 0 in (width, height):
        raise _UnsupportedError(f"has no pixels: its size is {width} × {height}")
    return _read_png16(data) if depth == 16 else _read_pillow(data)


def _read_png16(data: bytes) -> Image:
    import imagecodecs
    from PIL import Image as Pil

    samples = np.asarray(imagecodecs.png_decode(data))
    with Pil.open(io.BytesIO(data)) as file:  # the header only
        profile, orientation = file.info.get("icc_profile"), file.getexif().get(0x0112, 1)
    return _image(samples[..., None] if samples.ndim == 2 else samples, 16, profile, orientation)


def _read_tiff(data: bytes) -> Image:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = [page for page in file.pages if not page.aspage().is_reduced]
        if not pages:
            raise ValueError("it holds no image")
        if len(pages) > 1:
            raise _UnsupportedError(
                f"holds {len(pages)} pages, and one image is needed: split it first"
            )
        page = pages[0].aspage()
        # an enumeration, or the bare number where tifffile does not know it
        photometric = str(getattr(page.photometric, "name", page.photometric))
        simple = photometric in ("MINISBLACK", "MINISWHITE", "RGB") and page.axes in (
            "YX",
            "YXS",
            "SYX",
        )
        if simple and page.sampleformat == 3:
            depth = FLOAT
        elif simple and page.sampleformat == 1 and page.bitspersample in (8, 16):
            depth = page.bitspersample
        elif (
            page.sampleformat == 1
            and isinstance(page.bitspersample, int)
            and page.bitspersample <= 8
            and page.samplesperpixel <= 4
        ):
            return _read_pillow(data)  # bilevel, palette, CMYK, YCbCr
        else:
            kind = {1: "unsigned", 2: "signed", 3: "float"}.get(
                page.sampleformat, "complex or untyped"
            )
            what = (
                f"stores {page.bitspersample}-bit {kind} samples, axes {page.axes}, as"
                f" {photometric}"
            )
            raise _UnsupportedError(f"{what}: convert it to 8 or 16 bit or float, grey or RGB")
        samples = page.asarray()
        samples = (
            samples[..., None]
            if page.axes == "YX"
            else np.moveaxis(samples, 0, -1)
            if page.axes == "SYX"
            else samples
        )
        colours = 3 if photometric == "RGB" else 1
        if samples.shape[-1] - colours not in (0, 1):
            raise _UnsupportedError(
                f"has {samples.shape[-1]} channels, and grey or RGB with at most one alpha channel"
                " is needed"
            )
        white = 1 if depth == FLOAT else 2**depth - 1
        if photometric == "MINISWHITE":
            samples = np.concatenate([white - samples[..., :1], samples[..., 1:]], axis=-1)
        # premultiplied
        if samples.shape[-1] > colours and page.extrasamples and int(page.extrasamples[0]) == 1:
            alpha = samples[..., -1:].astype(np.float64)
            colour = np.where(alpha > 0, samples[..., :-1] * (white / np.maximum(alpha, 1e-9)), 0)
            colour = colour if depth == FLOAT else np.rint(np.clip(colour, 0, white))
            samples = np.concatenate([colour.astype(samples.dtype), samples[..., -1:]], axis=-1)
        orientation = page.tags.valueof(274, default=1)
        return _image(samples, depth, page.tags.valueof(34675), int(orientation))


def _image(samples: np.ndarray, depth: int, profile: Any, orientation: int) -> Image:
    samples = _orient(samples, orientation)
    # by a table: exactly rounded, without float64 in the size of the image
    values = (
        samples.astype(np.float32)
        if depth == FLOAT
        else (np.arange(2**depth) / (2**depth - 1)).astype(np.float32)[samples]
    )
    alpha = np.ascontiguousarray(values[..., -1]) if values.shape[-1] in (2, 4) else None
    colour = np.ascontiguousarray(values[..., : 3 if values.shape[-1] >= 3 else 1])
    return Image(colour, alpha, depth, bytes(profile) if profile else None)


def _orient(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation, 1 to 8: 5 to 8 are transposed, then rows or columns reversed."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return samples[::rows, ::columns]

"""TIFF files: what their one image is, and whether it can be decoded without a loss."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any, BinaryIO

import numpy as np

from keras_pde.data.images import jpeg
from keras_pde.data.images.directory import SIZES, Directory, directories
from keras_pde.data.images.image import Metadata, UnsupportedError, check_size

# none, fax, LZW, JPEG, deflate, PackBits, LZMA, zstd: those whose decoders know the size before
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # channels, by PhotometricInterpretation
LEAST = 256  # bytes that may follow an image
# description, make, model, software, time, artist, host, XMP, IPTC, copyright, and GeoTIFF's and
# GDAL's
KEPT = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 700, 33723)
PLACE = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)
DROPPED = {34665: "EXIF", 34853: "GPS", 34377: "Photoshop's resources", 37724: "layers"}


def main_page(stream: BinaryIO, size: int, max_pixels: int) -> tuple[int, Directory]:
    """Number and directory of the one image of a TIFF file.

    Raises:
        UnsupportedError: several images, frames or planes; too many pixels; unknown channels.
        ValueError: a damaged file.
    """
    every = directories(stream, size)
    pages = [(i, page) for i, page in enumerate(every) if not page.reduced]
    if any(50706 in page.tags for page in every):
        raise UnsupportedError("is a camera's raw file (DNG): develop it to a TIFF or PNG first")
    if not pages:
        raise ValueError("it holds no image")
    if len(pages) > 1:
        raise UnsupportedError(f"holds {len(pages)} pages, and one image is needed: split it first")
    index, page = pages[0]
    width, height = page.number(256, 0), page.number(257, 0)
    check_size(width, height, max_pixels)
    _check_channels(page)
    _check_segments(page, size, max_pixels)
    frames = max(_frames(page), _frames_behind(page, size) if len(every) == 1 else 1)
    if frames > 1:
        raise UnsupportedError(
            f"is a stack of {frames} images, frames or planes with one directory, and one image is"
            " needed: split it first"
        )
    return index, page


def _check_channels(page: Directory) -> None:
    samples, colours = page.number(277, 1), COLOURS.get(page.number(262, 1))
    if not 1 <= samples <= 64:
        raise UnsupportedError(f"has {samples} channels: grey or RGB with alpha are supported")
    extra = page.numbers(338).tolist()
    further = samples - (colours or samples)
    if further < 0:
        raise ValueError(f"it has {samples} channels, and its colours need {colours}")
    if further and (further > 1 or not extra or extra[0] not in (1, 2)):
        raise UnsupportedError(
            f"has {samples} channels, {further} more than its colours, and does not state that"
            " they are one alpha channel (ExtraSamples 1 or 2), so they may be data: store each in"
            " a file of its own, or declare the alpha"
        )


def _check_segments(page: Directory, size: int, max_pixels: int) -> None:
    """Strips or tiles are as many as the size needs, and lie in the file."""
    width, height = page.number(256, 0), page.number(257, 0)
    samples, bits = page.number(277, 1), page.number(258, 1)
    planes = samples if page.number(284, 1) == 2 else 1
    tiled = 322 in page.tags
    wide = page.number(322, 0) if tiled else width
    high = page.number(323, 0) if tiled else min(page.number(278, height), height)
    if not 0 < wide * high <= max(max_pixels, 1 << 24) or bits > 128:
        raise ValueError(f"its parts are {wide} × {high} pixels of {bits} bits")
    count = planes * math.ceil(width / wide) * math.ceil(height / high)
    offsets = page.numbers(324 if tiled else 273).astype(np.float64)
    lengths = page.numbers(325 if tiled else 279).astype(np.float64)
    compression = page.number(259, 1)
    bytes_needed = planes * height * ((width * bits * (samples // planes) + 7) // 8)
    if lengths.size == 0 and compression == 1 and offsets.size == 1:
        lengths = np.array([float(bytes_needed)])  # old programs leave it out
    if offsets.size < count or lengths.size < count:
        raise ValueError(f"it has {offsets.size} strips or tiles, and its size needs {count}")
    if (offsets + lengths).max() > size:
        raise ValueError("its pixels lie outside the file")
    if compression == 1 and not tiled and lengths.sum() < bytes_needed:
        raise ValueError(f"it has {lengths.sum():.0f} bytes of pixels, and needs {bytes_needed}")
    if compression not in COMPRESSIONS:
        raise UnsupportedError(
            f"is compressed in a way (number {compression}) that is not supported: save it with"
            " LZW, deflate or no compression"
        )
    if compression == 7:
        _check_inner(page, offsets, lengths, wide * high)


def _check_inner(page: Directory, offsets: np.ndarray, lengths: np.ndarray, area: int) -> None:
    """JPEG streams in it have headers of their own, whose size is what their decoder takes."""
    for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=False):
        page.stream.seek(int(offset))
        body = page.stream.read(min(int(length), 1 << 20))
        if body:
            jpeg.inspect(io.BytesIO(body), 2 * area + (1 << 16))


def _frames(page: Directory) -> int:
    """Images by what programs that write stacks with one directory note in them."""
    text, samples = page.text(270), page.number(277, 1)
    found = max(page.number(32997, 1), page.tags.get(33629, (0, 1, 0))[1])  # depth; MetaMorph
    if text.startswith("ImageJ="):
        numbers = dict(re.findall(r"^(\w+)=(\d+)\s*$", text, re.MULTILINE))
        named = [int(numbers.get(name, 1)) for name in ("channels", "slices", "frames")]
        # ImageJ's channels may be the samples of a pixel
        return max(found, int(numbers.get("images", 1)), math.prod(named) // samples)
    if text.startswith('{"shape"'):
        try:
            shape = json.loads(text)["shape"]
            pixels = samples * page.number(256, 1) * page.number(257, 1)
            return max(found, math.prod(int(n) for n in shape) // pixels)
        except (ValueError, TypeError, KeyError, RecursionError):
            return found
    if "<OME" in text[:4096]:
        planes = [
            max(map(int, re.findall(rf'\bSize{a}="(\d{{1,9}})"', text)), default=1) for a in "CZT"
        ]
        return max(found, math.prod(planes) // samples)
    return found


def _frames_behind(page: Directory, size: int) -> int:
    """Images for which there is room in the bytes that no tag refers to."""
    if page.number(259, 1) != 1:
        return 1
    own = float(page.numbers(325 if 322 in page.tags else 279).astype(np.float64).sum())
    if 330 in page.tags or 34665 in page.tags or 34853 in page.tags or not own:
        return 1  # directories inside it, with data of their own
    known = own + sum(12 + SIZES[kind] * count for kind, count, _ in page.tags.values())
    behind = size - known
    return 1 + round(behind / own) if behind >= max(0.95 * own, LEAST) else 1


def metadata(page: Directory, turned: bool) -> Metadata:
    """What is written back of a page, and what is not."""
    text = page.text(270)
    ours = text.startswith(("ImageJ=", '{"shape"')) or "<OME" in text[:4096]
    kept = [tag for tag in KEPT + (() if turned else PLACE) if tag in page.tags]
    kept = [tag for tag in kept if not (tag == 270 and ours)]
    further = [words for tag, words in DROPPED.items() if tag in page.tags]
    further += ["its program's description"] if ours else []
    further += ["GeoTIFF tags (the picture is turned)"] if turned and 33550 in page.tags else []
    known = {*KEPT, *PLACE, *DROPPED, *range(254, 347), 32997, 33421, 33422, 34675, 50838, 50839}
    others = [tag for tag in page.tags if tag not in known]
    further += [f"private tags {', '.join(map(str, others[:5]))}"] if others else []
    dpi: tuple[float, float] | None = None
    resolution: tuple[Any, Any, int] | None = None
    across, down = page.numbers(282).tolist(), page.numbers(283).tolist()
    if len(across) == len(down) == 2 and across[1] and down[1]:
        across, down = (down, across) if turned else (across, down)
        resolution = (tuple(across), tuple(down), page.number(296, 2))
        if inches := {2: 1.0, 3: 2.54}.get(resolution[2]):
            dpi = (inches * across[0] / across[1], inches * down[0] / down[1])
    tags = tuple(page.value(tag) for tag in kept)
    return Metadata(dpi=dpi, tags=tags, resolution=resolution, further=tuple(further))


def options(meta: Metadata) -> dict[str, Any]:
    """The metadata as arguments of tifffile's writer."""
    written: dict[str, Any] = {"extratags": [(*tag, True) for tag in meta.tags]}
    if any(tag[0] == 305 for tag in meta.tags):
        written["software"] = False  # not the writer's name beside the file's own
    if meta.xmp and not any(tag[0] == 700 for tag in meta.tags):
        written["extratags"].append((700, 1, len(meta.xmp), meta.xmp, True))
    if meta.resolution is not None:
        *pair, unit = meta.resolution
        return {**written, "resolution": tuple(pair), "resolutionunit": unit}
    if meta.dpi is not None:
        return {**written, "resolution": meta.dpi, "resolutionunit": 2}
    return written

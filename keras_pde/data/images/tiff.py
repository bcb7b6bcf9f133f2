"""TIFF files: what their one image is, and whether it can be decoded without a loss."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from keras_pde.data.images import descriptions, exif, frames, jpeg
from keras_pde.data.images.directory import Directory, directories
from keras_pde.data.images.frames import Layout
from keras_pde.data.images.image import Metadata, Order, UnsupportedError, check_size
from keras_pde.data.images.planes import check_total

# none, fax, LZW, JPEG, deflate, PackBits, LZMA, zstd: those whose decoders know the size before
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # channels, by PhotometricInterpretation
# description, make, model, software, time, artist, host, XMP, IPTC, copyright, ImageJ's labels and
# tables, and GeoTIFF's and GDAL's
KEPT = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 700, 33723, 50838, 50839)
PLACE = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)
ALIKE = (256, 257, 258, 262, 277, 338)  # tags of sizes and samples
DROPPED = {330: "sub-images, such as a pyramid", 34665: "EXIF", 34853: "GPS"}
DROPPED |= {34377: "Photoshop's resources", 37724: "layers"}


@dataclass(frozen=True)
class Pages:
    """The planes of a TIFF file.

    Args:
        pages: number and directory of the directory of each plane.
        places: first byte of each plane, where one directory serves them all; else ().
        layout: what the description says of them.
        smaller: directories of smaller copies, which are not among the planes.
    """

    pages: list[tuple[int, Directory]]
    places: Sequence[int]
    layout: Layout
    smaller: int

    @property
    def form(self) -> Form:
        """How it is written again."""
        alike = {tuple(page.number(tag, 1) for tag in ALIKE) for _, page in self.pages}
        of_imagej = self.layout.program == "ImageJ" and len(alike) == 1
        return Form(self.pages[0][1].order, of_imagej)


class Form(NamedTuple):
    """How a TIFF file is written as the one that was read.

    Args:
        order: of bytes, "<" or ">".
        together: whether its planes follow one another without compression, as ImageJ needs it.
    """

    order: Order
    together: bool


def main_page(stream: BinaryIO, size: int, max_pixels: int) -> Directory:
    """The directory of the one image of a TIFF file.

    Raises:
        UnsupportedError: several images, frames or planes; too many pixels; unknown channels.
        ValueError: a damaged file.
    """
    found = pages(stream, size, max_pixels, one=True)
    return found.pages[0][1]


def pages(stream: BinaryIO, size: int, max_pixels: int, one: bool = False) -> Pages:
    """The planes of a TIFF file, all of them checked.

    Args:
        stream: of the file.
        size: its bytes.
        max_pixels: the most that all planes may have together.
        one: whether more than one plane is refused.

    Raises:
        UnsupportedError: too many pixels; unknown channels; planes that cannot be told apart.
        ValueError: a damaged file.
    """
    every = directories(stream, size)
    main = [(i, page) for i, page in enumerate(every) if not page.reduced]
    if any(50706 in page.tags for page in every):
        raise UnsupportedError("is a camera's raw file (DNG): develop it to a TIFF or PNG first")
    if not main:
        raise ValueError("it holds no image")
    if one and len(main) > 1:
        raise UnsupportedError(f"holds {len(main)} pages, and one image is needed: split it first")
    total = 0
    for _, page in main:
        width, height = page.number(256, 0), page.number(257, 0)
        check_size(width, height, max_pixels)
        total += width * height
        check_total(total, len(main), max_pixels)
        _check_channels(page)
        _check_segments(page, size, max_pixels)
    page, found = main[0][1], frames.layout(main[0][1])
    smaller = len(every) - len(main)
    if len(main) > 1:
        if found.count > len(main):
            raise UnsupportedError(
                f"states {found.count} planes ({found.names}) and holds {len(main)}: it is cut, or"
                " one of several files of a series. Join them first"
            )
        return Pages(main, (), found, smaller)
    counts = (found.count, frames.in_one_directory(page))
    count = max(*counts, frames.behind(page, size) if len(every) == 1 else 1)
    if count > 1 and (one or count > found.count):
        raise UnsupportedError(
            f"is a stack of {count} images, frames or planes with one directory, and"
            + (
                " one image is needed: split it first"
                if one
                else " no description of them that is known: save it as a stack of ImageJ or OME"
            )
        )
    check_total(total * count, count, max_pixels)
    places = frames.places(page, count, size) if count > 1 else ()
    return Pages(main * count, places, found, smaller)


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


def metadata(page: Directory, turned: bool, depth: int, same: bool = True) -> Metadata:
    """What is written back of a page, and what is not.

    Args:
        page: its directory.
        turned: whether the picture is turned upright.
        depth: of the image that is written.
        same: whether its samples are written as they lie in the file.
    """
    program = frames.layout(page).program
    keeps = program == "ImageJ" or (same and not turned)
    kept = [tag for tag in KEPT + (() if turned else PLACE) if tag in page.tags]
    kept = [tag for tag in kept if tag != 270 or not program or keeps]
    further = [words for tag, words in DROPPED.items() if tag in page.tags]
    further += [descriptions.LOST] if program and not keeps else []
    further += ["GeoTIFF tags (the picture is turned)"] if turned and 33550 in page.tags else []
    known = {*KEPT, *PLACE, *DROPPED, *range(254, 347), 32997, 33421, 33422, 34675}
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
    tags = tuple(descriptions.rewritten(tag, program, depth) for tag in tags)
    if turned:
        tags = tuple(_upright(tag) if tag[0] == 700 else tag for tag in tags)
    order = page.order if 50839 in page.tags else None
    return Metadata(dpi=dpi, tags=tags, resolution=resolution, further=tuple(further), order=order)


def _upright(tag: tuple[int, int, int, Any]) -> tuple[int, int, int, Any]:
    """A tag of XMP whose orientation has been applied."""
    _, xmp = exif.upright(None, bytes(tag[3]))
    return tag[0], tag[1], tag[2], xmp


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

"""Decoding image files, each by the decoder that keeps its depth."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from keras_pde.data.images import animation, jpeg, png, tiff
from keras_pde.data.images.directory import Directory
from keras_pde.data.images.exif import orientation, upright
from keras_pde.data.images.image import FLOAT, Image, Metadata, UnsupportedError
from keras_pde.data.images.planes import Planes


def _by_pillow(file: Any, meta: Metadata, turn: int) -> Image:
    """What an opened file of Pillow's holds.

    The class of a format opens it, since Pillow's own limit of pixels is a variable of the whole
    process.
    """
    profile = file.info.get("icc_profile")
    transparent = "transparency" in file.info or file.mode in ("LA", "PA", "RGBA")
    grey = file.mode in ("1", "L", "LA")
    if not grey and file.mode not in ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB"):
        raise UnsupportedError(
            f"stores samples of a kind that is not supported (Pillow mode {file.mode}): convert"
            " it to 8 or 16 bit per channel"
        )
    if file.mode in ("CMYK", "YCbCr", "LAB"):
        profile = None  # describes the ink or luminance channels, no longer there
        meta = replace(meta, further=(*meta.further, f"{file.mode} colours, now RGB"))
    # a grey image with one transparent level keeps it on the way to RGBA only
    mode = "RGBA" if transparent else "L" if grey else "RGB"
    samples = np.asarray(file.convert(mode))
    samples = samples[..., None] if samples.ndim == 2 else samples
    samples = samples[..., [0, 3]] if transparent and grey else samples
    return _image(samples, 8, profile, turn, meta)


def size(stream: BinaryIO, kind: str) -> tuple[int, int]:
    """Height and width of an upright image, by the header of a PNG, JPEG or TIFF file."""
    most = 1 << 62
    if kind == "TIFF":
        page = tiff.main_page(stream, stream.seek(0, io.SEEK_END), most)
        width, height, turn = page.number(256, 0), page.number(257, 0), page.number(274, 1)
    else:
        header = png.inspect(stream, most) if kind == "PNG" else jpeg.inspect(stream, most)
        meta = header.metadata()
        width, height, turn = header.width, header.height, orientation(meta.exif, meta.xmp)
    return (width, height) if turn in (5, 6, 7, 8) else (height, width)


def png_planes(stream: BinaryIO, max_pixels: int, one: bool) -> Planes:
    """The one plane of a PNG file, or the frames of an animation."""
    from PIL.PngImagePlugin import PngImageFile

    header = png.inspect(stream, max_pixels, one)
    if not header.animated:
        return Planes("PNG", 1, lambda number: _png_file(stream, header))
    png.check_frames(stream, header)
    stream.seek(0)
    file = PngImageFile(stream)
    count = len(header.frames) + header.separate
    if file.n_frames != count:
        raise ValueError(f"its header states {count} frames, and it has {file.n_frames}")
    delays = tuple(frame.delay for frame in header.frames)
    form = animation.Form(delays, header.chunks[b"acTL"][4:8], header.separate)
    return Planes("PNG", count, lambda number: _frame(file, header, number), "animation", (), form)


def _frame(file: Any, header: png.Header, number: int) -> Image:
    """A frame of an animation as it is shown, with what is below it."""
    meta = header.metadata()
    file.seek(number)
    transparent = header.transparent
    mode = "RGBA" if transparent else "L" if header.grey else "RGB"
    samples = np.asarray(file.convert(mode))
    samples = samples[..., None] if samples.ndim == 2 else samples
    samples = samples[..., [0, 3]] if transparent and header.grey else samples
    turn = orientation(meta.exif, meta.xmp)
    return _image(samples, 8, file.info.get("icc_profile"), turn, meta)


def _png_file(stream: BinaryIO, header: png.Header) -> Image:
    """Decode a PNG file: by Pillow, or by imagecodecs if it has 16 bit."""
    from PIL.PngImagePlugin import PngImageFile

    meta = header.metadata()
    turn = orientation(meta.exif, meta.xmp)
    png.check_pixels(stream, header)
    stream.seek(0)
    with PngImageFile(stream) as file:
        if header.depth < 16:
            if file.mode == "P" and (last := int(np.asarray(file).max())) >= header.palette:
                raise ValueError(f"it has a pixel of colour {last}, and {header.palette} colours")
            return _by_pillow(file, meta, turn)
        profile = file.info.get("icc_profile")  # from the header only
    import imagecodecs

    stream.seek(0)
    bits = max(header.chunks.get(b"sBIT", b"\x10"), default=16)
    samples = np.asarray(imagecodecs.png_decode(stream.read(header.end)))
    if samples.shape[:2] != (header.height, header.width):
        raise ValueError("its pixels are not of the size that its header states")
    samples = samples[..., None] if samples.ndim == 2 else samples
    image = _image(samples, 16, profile, turn, meta)
    # of 16 bits, fewer that are significant are the upper ones, unless the others are not used
    return _with_white(image, 2.0**bits - 1) if 1 < bits < 16 else image


def _with_white(image: Image, white: float) -> Image:
    """The image whose file states white, in its own units; one below its pixels is none."""
    white /= image.unit
    holds = white > 0 and white != 1 and image.pixels.max(initial=0) <= white * (1 + 1e-6)
    return replace(image, white=white) if holds else image


def jpeg_planes(stream: BinaryIO, max_pixels: int, one: bool) -> Planes:
    """The one plane of a JPEG file."""
    header = jpeg.inspect(stream, max_pixels)
    return Planes("JPEG", 1, lambda number: _jpeg_file(stream, header))


def _jpeg_file(stream: BinaryIO, header: jpeg.Header) -> Image:
    """Decode a JPEG file by Pillow."""
    from PIL.JpegImagePlugin import JpegImageFile

    stream.seek(0)
    with JpegImageFile(stream) as file:
        meta = replace(header.metadata(), dpi=file.info.get("dpi"))
        turn = orientation(meta.exif, meta.xmp)
        tables, plain = file.quantization, file.mode in ("L", "RGB") and turn == 1
        steps = tuple(tables[file.layer[0][3]]) if plain and file.layer else None
        return replace(_by_pillow(file, meta, turn), steps=steps)


def tiff_planes(stream: BinaryIO, max_pixels: int, one: bool) -> Planes:
    """The planes of a TIFF file."""
    import tifffile

    found = tiff.pages(stream, stream.seek(0, io.SEEK_END), max_pixels, one)
    stream.seek(0)
    file = tifffile.TiffFile(stream, name="image.tif")  # reads the file's head only
    count = len(found.pages)

    def decode(number: int) -> Image:
        place = found.places[number] if found.places else None
        image = _tiff_page(file, stream, *found.pages[number], place)
        if found.smaller:
            lost = (*image.metadata.further, "smaller copies")
            image = replace(image, metadata=replace(image.metadata, further=lost))
        return image

    layout = found.layout
    return Planes(
        "TIFF",
        count,
        decode,
        layout.names,
        layout.channels(count),
        found.form,
        layout.axes if math.prod(n for _, n in layout.axes) == count else (),
        layout.spacing,
    )


def _tiff_page(
    file: Any, stream: BinaryIO, index: int, directory: Directory, place: int | None
) -> Image:
    """A page by tifffile, or by Pillow if its samples are not plain grey or RGB.

    With a place it is the plane that begins at that byte, with the page's directory.
    """
    turn = directory.number(274, 1)
    turn = turn if 1 <= turn <= 8 else 1
    page = file.pages[index].aspage()
    # an enumeration, or the bare number where tifffile does not know it
    photometric = str(getattr(page.photometric, "name", page.photometric))
    simple = photometric in ("MINISBLACK", "MINISWHITE", "RGB") and page.axes in (
        "YX",
        "YXS",
        "SYX",
    )
    if simple and page.sampleformat == 3:
        depth = FLOAT
    elif simple and page.sampleformat == 1 and page.bitspersample in range(8, 17):
        depth = 8 if page.bitspersample == 8 else 16
    elif (
        page.sampleformat == 1
        and isinstance(page.bitspersample, int)
        and page.bitspersample <= 8
        and page.samplesperpixel <= 4
        and place is None
    ):  # bilevel, palette, CMYK, YCbCr
        meta = tiff.metadata(directory, turn != 1, 8, same=False)
        return _tiff_by_pillow(stream, meta, turn, index)
    else:
        kind = {1: "unsigned", 2: "signed", 3: "float"}.get(page.sampleformat, "complex or untyped")
        what = f"stores {page.bitspersample}-bit {kind} samples, axes {page.axes}, as {photometric}"
        raise UnsupportedError(f"{what}: convert it to 8 or 16 bit or float, grey or RGB")
    samples = page.asarray() if place is None else _raw(stream, page, place)
    white = 2.0**page.bitspersample - 1 if 8 < page.bitspersample < 16 else None
    samples = (
        samples[..., None]
        if samples.ndim == 2
        else np.moveaxis(samples, 0, -1)
        if page.axes == "SYX"
        else samples
    )
    colours = 3 if photometric == "RGB" else 1
    most = white or (1 if depth == FLOAT else 2**depth - 1)
    if photometric == "MINISWHITE":
        inverted = (most - samples[..., :1]).astype(samples.dtype)
        samples = np.concatenate([inverted, samples[..., 1:]], axis=-1)
    if samples.shape[-1] > colours and directory.number(338, 0) == 1:
        samples = _not_premultiplied(samples, int(most))
    meta = tiff.metadata(directory, turn != 1, depth, same=page.axes != "SYX")
    image = _image(samples, depth, page.tags.valueof(34675), turn, meta)
    stated = white or directory.largest()
    return _with_white(image, stated) if stated else image


def _raw(stream: BinaryIO, page: Any, place: int) -> np.ndarray:
    """The samples that begin at a byte, laid out as a page's."""
    stream.seek(place)
    dtype = page.dtype.newbyteorder(page.parent.byteorder)
    data = stream.read(page.size * dtype.itemsize)
    return np.frombuffer(data, dtype).astype(page.dtype).reshape(page.shape)


def _not_premultiplied(samples: np.ndarray, white: int) -> np.ndarray:
    alpha = samples[..., -1:].astype(np.float64)
    colour = np.where(alpha > 0, samples[..., :-1] * (white / np.maximum(alpha, 1e-9)), 0)
    if samples.dtype.kind != "f":
        colour = np.rint(np.clip(colour, 0, white))
    return np.concatenate([colour.astype(samples.dtype), samples[..., -1:]], axis=-1)


def _tiff_by_pillow(stream: BinaryIO, meta: Metadata, turn: int, index: int) -> Image:
    from PIL.Image import DecompressionBombError
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    try:
        with TiffImageFile(stream) as file:
            file.seek(index)
            file.load()  # Pillow turns a TIFF when it loads the pixels
            turned = file.getexif().get(0x0112, 1)
            return _by_pillow(file, meta, turn if turned == turn else 1)
    except DecompressionBombError:
        raise UnsupportedError(
            "is a bilevel, palette, CMYK or YCbCr TIFF of more than 179 million pixels, which is"
            " not supported: convert it to grey or RGB"
        ) from None


def _image(samples: np.ndarray, depth: int, profile: Any, turn: int, meta: Metadata) -> Image:
    samples = _turned(samples, turn)
    exif, xmp = upright(meta.exif, meta.xmp)
    dpi = meta.dpi[::-1] if meta.dpi and turn > 4 and meta.resolution is None else meta.dpi
    # by a table: exactly rounded, without float64 in the size of the image
    values = (
        samples.astype(np.float32)
        if depth == FLOAT
        else (np.arange(2**depth) / (2**depth - 1)).astype(np.float32)[samples]
    )
    alpha = np.ascontiguousarray(values[..., -1]) if values.shape[-1] in (2, 4) else None
    colour = np.ascontiguousarray(values[..., : 3 if values.shape[-1] >= 3 else 1])
    meta = replace(meta, exif=exif, xmp=xmp, dpi=dpi)
    return Image(colour, alpha, depth, bytes(profile) if profile else None, meta)


def _turned(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation, 1 to 8: 5 to 8 are transposed, then rows or columns reversed."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return samples[::rows, ::columns]

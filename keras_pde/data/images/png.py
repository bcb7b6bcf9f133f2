"""PNG files: their chunks, checked before anything is decoded."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from keras_pde.data.images.image import Metadata, UnsupportedError, check_size
from keras_pde.data.images.planes import check_total

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS = 1_000_000  # of a file at most
FRAMES = 10_000  # of an animation at most
PIECE = 1 << 20  # bytes of pixels that are looked at in one piece
# of an interlaced picture: first column and row, and steps
PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)
LARGEST = 1 << 26  # bytes of a chunk that holds no pixels
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the kind of colour
KEPT = {b"pHYs", b"eXIf", b"iTXt", b"acTL", b"sBIT"}  # chunks whose content is looked at
XMP = b"XML:com.adobe.xmp\0"
# chunks that say nothing of the picture that is not kept, or only how to show it
SILENT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"bKGD", b"sBIT", b"hIST"}


@dataclass
class Frame:
    """A frame of an animation: its size, its time, and where its pixels are."""

    width: int
    height: int
    delay: bytes  # numerator and denominator, in seconds
    pieces: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Header:
    """What a PNG file says before its pixels are decoded."""

    width: int
    height: int
    depth: int
    end: int = 0  # bytes of the file up to its end chunk
    palette: int = 0  # colours of its palette
    bits: int = 0  # of a pixel
    interlaced: bool = False
    needed: int = 0  # bytes of its pixels before compression
    pieces: list[tuple[int, int]] = field(default_factory=list)  # where they are, and bytes there
    frames: list[Frame] = field(default_factory=list)  # of an animation
    animated: bool = False
    separate: bool = False  # whether the first picture is no frame of the animation
    transparent: bool = False
    grey: bool = False
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    further: set[str] = field(default_factory=set)

    def metadata(self) -> Metadata:
        """Resolution, EXIF and XMP."""
        dpi, xmp = None, None
        if len(body := self.chunks.get(b"pHYs", b"")) == 9:
            across, down, unit = struct.unpack(">IIB", body)
            dpi = (across * 0.0254, down * 0.0254) if unit == 1 else None
        text = self.chunks.get(b"iTXt", b"")
        if text.startswith(XMP):
            packed, _, rest = text[len(XMP)], text[len(XMP) + 1], text[len(XMP) + 2 :]
            body = rest.split(b"\0", 2)[-1]
            xmp = _inflated(body) if packed else body
        exif = self.chunks.get(b"eXIf") or None
        return Metadata(dpi=dpi, exif=exif, xmp=xmp, further=tuple(sorted(self.further)))


def inspect(stream: BinaryIO, max_pixels: int, one: bool = True) -> Header:
    """Walk over the chunks of a PNG file; with one an animation is refused.

    Raises:
        UnsupportedError: too many pixels, an animation, an enormous chunk.
        ValueError: a damaged file.
    """
    stream.seek(8)
    head = stream.read(25)
    if len(head) < 25 or head[:8] != b"\0\0\0\rIHDR":
        raise ValueError("its header is cut or missing")
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", head[8:21])
    check_size(width, height, max_pixels)
    if colour not in SAMPLES or depth not in (1, 2, 4, 8, 16):
        raise ValueError(f"its header states colours of kind {colour} with {depth} bits")
    needed = _bytes(width, height, SAMPLES[colour] * depth, interlaced == 1)
    found = Header(width, height, depth, needed=needed, grey=colour in (0, 4))
    found.transparent, found.interlaced = colour in (4, 6), interlaced == 1
    found.bits = SAMPLES[colour] * depth
    most = 2 * height * (1 + width * SAMPLES[colour] * depth // 8) + LARGEST
    pixels = kept = 0
    for _ in range(CHUNKS):
        length, kind = struct.unpack(">I4s", (stream.read(8) + bytes(8))[:8])
        if not kind.strip(b"\0"):
            raise ValueError("it has no end")
        if kind in (b"IDAT", b"fdAT"):
            pixels += length
            found.separate = found.separate or (kind == b"IDAT" and not found.frames)
            pieces = found.pieces if kind == b"IDAT" else _pieces(found)
            ahead = 0 if kind == b"IDAT" else min(4, length)
            pieces.append((stream.tell() + ahead, length - ahead))
        found.transparent = found.transparent or kind == b"tRNS"
        if kind not in (b"IDAT", b"fdAT") and length > LARGEST:
            raise UnsupportedError(
                f"has a chunk {kind.decode('latin-1')!r} of {length:,} bytes, and {LARGEST:,} is"
                " the most that is read: remove it"
            )
        if pixels > most * max(1, len(found.frames) + found.separate):
            raise ValueError(f"it has more than {most:,} bytes of pixels, twice what they need")
        if kind == b"fcTL" and length == 26 and len(found.frames) <= FRAMES:
            body = (stream.read(26) + bytes(26))[:26]
            stream.seek(4, io.SEEK_CUR)
            across, down = struct.unpack(">II", body[4:12])
            found.frames.append(Frame(across, down, body[20:24]))
            continue
        if kind in KEPT and kind not in found.chunks and kept < LARGEST:
            body = stream.read(length)
            kept += length
            if kind != b"iTXt" or body.startswith(XMP):
                found.chunks[kind] = body
            else:
                found.further.add("texts")
            stream.seek(4, io.SEEK_CUR)
        else:
            if kind == b"PLTE":
                found.palette, more = divmod(length, 3)
                if more or not 0 < found.palette <= 256:
                    raise ValueError(f"its palette has {length} bytes, and needs 3 a colour")
            stream.seek(length + 4, io.SEEK_CUR)
            _note(found, kind)
        if kind == b"IEND":
            found.end = stream.tell()
            break
    else:
        raise ValueError(f"it has more than {CHUNKS:,} chunks")
    if colour == 3 and not found.palette:
        raise ValueError("it has no palette, and its pixels are numbers of one")
    frames = struct.unpack(">I", (found.chunks.get(b"acTL", b"") + bytes(4))[:4])[0]
    if frames > 1:
        _check_frames(found, frames, max_pixels, one)
    return found


def _pieces(found: Header) -> list[tuple[int, int]]:
    if not found.frames:
        raise ValueError("it has pixels of a frame before any frame")
    return found.frames[-1].pieces


def _check_frames(found: Header, stated: int, max_pixels: int, one: bool) -> None:
    """Refuse an animation where one image is needed, and one whose frames are not what they state.

    The frame whose pixels are the picture's has none of its own.
    """
    if one:
        raise UnsupportedError(f"is an animation of {stated} frames, and one image is needed")
    if found.depth == 16:
        raise UnsupportedError(
            "is an animation of 16 bit, which is not supported: convert it to a TIFF of many pages"
        )
    if len(found.frames) != stated or stated > FRAMES:
        raise ValueError(f"it states {stated:,} frames and has {len(found.frames):,}")
    count = stated + found.separate
    check_total(found.width * found.height * count, count, max_pixels)
    for number, frame in enumerate(found.frames):
        own = found.separate or number > 0
        if not (0 < frame.width <= found.width and 0 < frame.height <= found.height):
            raise ValueError(f"its frame {number + 1} is {frame.width} × {frame.height} pixels")
        if own != bool(frame.pieces):
            raise ValueError(f"its frame {number + 1} has no pixels, or those of another")
    found.animated = True
    found.further.discard("chunk 'fdAT'")


def check_frames(stream: BinaryIO, header: Header) -> None:
    """Refuse frames whose pixels end early, as `check_pixels` does with one picture."""
    check_pixels(stream, header)
    for frame in header.frames:
        if frame.pieces:
            needed = _bytes(frame.width, frame.height, header.bits, header.interlaced)
            check_pixels(stream, replace(header, needed=needed, pieces=frame.pieces))


def _bytes(width: int, height: int, bits: int, interlaced: bool) -> int:
    """What the pixels take uncompressed: a byte a row for its filter, and its samples."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    return total


def check_pixels(stream: BinaryIO, header: Header) -> None:
    """Refuse pixels that end early: decoders leave what is missing black, without a word.

    Raises:
        ValueError: how many bytes there are, and how many are needed.
    """
    engine, got, needed = zlib.decompressobj(), 0, header.needed
    with contextlib.suppress(zlib.error):
        for start, length in header.pieces:
            stream.seek(start)
            for done in range(0, length, PIECE):
                data = stream.read(min(PIECE, length - done))
                while data and not engine.eof and got < needed:
                    got += len(engine.decompress(data, PIECE))
                    data = engine.unconsumed_tail
    if got < needed:
        raise ValueError(f"its pixels end or are damaged after {got:,} of {needed:,} bytes")


def _note(found: Header, kind: bytes) -> None:
    if kind in (b"tEXt", b"zTXt", b"iTXt"):
        found.further.add("texts")
    elif kind == b"tIME":
        found.further.add("time")
    elif kind in (b"gAMA", b"cHRM", b"cICP", b"mDCV", b"cLLI"):
        found.further.add("gamma and colours without an ICC profile")
    elif kind not in SILENT and kind not in KEPT:
        found.further.add(f"chunk {kind.decode('latin-1')!r}")


def _inflated(body: bytes) -> bytes | None:
    engine = zlib.decompressobj()
    try:
        text = engine.decompress(body, LARGEST)
    except zlib.error:
        return None
    return None if engine.unconsumed_tail else text


def with_chunks(png: bytes, profile: bytes | None, metadata: Metadata) -> bytes:
    """A PNG with a profile and metadata after its header, in place of such that it has."""
    bodies = []
    if profile:
        bodies.append(b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile))
    if metadata.dpi is not None:
        across, down = (round(dpi / 0.0254) for dpi in metadata.dpi)
        if 0 < across < 2**31 and 0 < down < 2**31:
            bodies.append(b"pHYs" + struct.pack(">IIB", across, down, 1))
    if metadata.exif:
        bodies.append(b"eXIf" + metadata.exif)
    if metadata.xmp:
        bodies.append(b"iTXt" + XMP + b"\0\0\0\0" + metadata.xmp)
    chunks = [
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        for body in bodies
    ]
    return b"".join([png[:33], *chunks, png[33:]])

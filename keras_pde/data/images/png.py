"""PNG files: their chunks, checked before anything is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from keras_pde.data.images.image import Metadata, UnsupportedError, check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS = 1_000_000  # of a file at most
LARGEST = 1 << 26  # bytes of a chunk that holds no pixels
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the kind of colour
KEPT = {b"pHYs", b"eXIf", b"iTXt", b"acTL", b"sBIT"}  # chunks whose content is looked at
XMP = b"XML:com.adobe.xmp\0"
# chunks that say nothing of the picture that is not kept, or only how to show it
SILENT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"bKGD", b"sBIT", b"hIST"}


@dataclass
class Header:
    """What a PNG file says before its pixels are decoded."""

    width: int
    height: int
    depth: int
    end: int = 0  # bytes of the file up to its end chunk
    palette: int = 0  # colours of its palette
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


def inspect(stream: BinaryIO, max_pixels: int) -> Header:
    """Walk over the chunks of a PNG file.

    Raises:
        UnsupportedError: too many pixels, an animation, an enormous chunk.
        ValueError: a damaged file.
    """
    stream.seek(8)
    head = stream.read(25)
    if len(head) < 25 or head[:8] != b"\0\0\0\rIHDR":
        raise ValueError("its header is cut or missing")
    width, height, depth, colour = struct.unpack(">IIBB", head[8:18])
    check_size(width, height, max_pixels)
    found = Header(width, height, depth)
    if colour not in SAMPLES or depth not in (1, 2, 4, 8, 16):
        raise ValueError(f"its header states colours of kind {colour} with {depth} bits")
    most = 2 * height * (1 + width * SAMPLES[colour] * depth // 8) + LARGEST
    pixels = kept = 0
    for _ in range(CHUNKS):
        length, kind = struct.unpack(">I4s", (stream.read(8) + bytes(8))[:8])
        if not kind.strip(b"\0"):
            raise ValueError("it has no end")
        pixels += length if kind == b"IDAT" else 0
        if kind != b"IDAT" and length > LARGEST:
            raise UnsupportedError(
                f"has a chunk {kind.decode('latin-1')!r} of {length:,} bytes, and {LARGEST:,} is"
                " the most that is read: remove it"
            )
        if pixels > most:
            raise ValueError(f"it has more than {most:,} bytes of pixels, twice what they need")
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
        raise UnsupportedError(f"is an animation of {frames} frames, and one image is needed")
    return found


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

"""JPEG files: their markers, checked before anything is decoded."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from keras_pde.data.images.image import SEGMENT, Metadata, UnsupportedError, check_size

SIGNATURE = b"\xff\xd8\xff"
LARGEST_SIDE = 65_500  # pixels that libjpeg reads and writes
SEGMENTS = 4096  # before the pixels
PICTURES = 1000  # of a multi-picture file that are looked at
SCANS = 200  # of a progressive file, each of which goes over all pixels
FRAMES = {
    0xC3: "lossless",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
    0xCB: "lossless",
}
PROGRESSIVE = (0xC2, 0xCA)
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
# multi-picture files: kinds of pictures that are more than a smaller copy
KINDS = {0x020001: "a panorama", 0x020002: "a pair for depth", 0x020003: "views from many angles"}


@dataclass
class Header:
    """What a JPEG file says before its pixels are decoded."""

    width: int = 0
    height: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    pictures: tuple[bytes, int] | None = None  # the index of several, and what it counts from
    further: set[str] = field(default_factory=set)

    def metadata(self) -> Metadata:
        """EXIF and XMP; the resolution is known to the decoder."""
        return Metadata(exif=self.exif, xmp=self.xmp, further=tuple(sorted(self.further)))


def inspect(stream: BinaryIO, max_pixels: int) -> Header:
    """Walk over the markers of a JPEG file up to its frame.

    Raises:
        UnsupportedError: too many pixels, another bit depth than 8, a kind that is not decoded,
            several pictures.
        ValueError: a damaged file.
    """
    found = Header()
    marker, depth, samples = _walk(stream, found)
    if marker in FRAMES:
        raise UnsupportedError(
            f"is a {FRAMES[marker]} JPEG, which is not supported: convert it to PNG"
        )
    if depth != 8:
        raise UnsupportedError(
            f"is a JPEG of {depth} bit a sample, which is not supported: 8 bit is. Convert it to a"
            " 16-bit PNG or TIFF"
        )
    if samples not in (1, 3, 4):
        raise UnsupportedError(f"is a JPEG of {samples} channels: 1, 3 or 4 are supported")
    if found.height == 0:
        raise UnsupportedError("is a JPEG that states no height, which is not supported")
    check_size(found.width, found.height, max_pixels)
    if marker in PROGRESSIVE:
        _check_scans(stream)
    if found.pictures is not None:
        _check_pictures(stream, found, *found.pictures)
    return found


def _walk(stream: BinaryIO, found: Header) -> tuple[int, int, int]:
    """Marker, depth and channels of the frame; sizes and metadata go to the header."""
    for marker, body, place in _segments(stream):
        if marker == 0xE1 and body.startswith(EXIF) and found.exif is None:
            found.exif = body[len(EXIF) :]
        elif marker == 0xE1 and body.startswith(XMP) and found.xmp is None:
            found.xmp = body[len(XMP) :]
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            found.pictures = body[4:], place + 4
            found.further.add("further pictures, such as a thumbnail or gain map")
        elif marker == 0xED:
            found.further.add("IPTC")
        elif marker == 0xFE:
            found.further.add("comment")
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if len(body) < 6:
                raise ValueError("its header is cut")
            depth, found.height, found.width, samples = struct.unpack(">BHHB", body[:6])
            return marker, depth, samples
    raise ValueError("it has no frame")


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """(marker, content, first byte) of the segments before the pixels."""
    if stream.read(2) != SIGNATURE[:2]:
        raise ValueError("it does not begin as a JPEG does")
    for _ in range(SEGMENTS):
        head = stream.read(2)
        while len(head) == 2 and head[1] == 0xFF:  # fill bytes
            head = head[1:] + stream.read(1)
        if len(head) < 2 or head[0] != 0xFF:
            raise ValueError("a marker is missing")
        marker = head[1]
        if marker in (0xD9, 0xDA):
            return
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            continue
        length = int.from_bytes(stream.read(2), "big")
        place = stream.tell()
        body = stream.read(max(length - 2, 0))
        if length < 2 or len(body) < length - 2:
            raise ValueError("a segment is cut")
        yield marker, body, place
    raise ValueError(f"it has more than {SEGMENTS:,} segments before its pixels")


def _pictures(body: bytes) -> list[tuple[int, int]]:
    """(kind, first byte) of the pictures of a multi-picture file after the first."""
    order = "<" if body.startswith(b"II") else ">"
    found = []
    try:
        (start,) = struct.unpack_from(order + "I", body, 4)
        (count,) = struct.unpack_from(order + "H", body, start)
        for i in range(count):
            tag, _, size, offset = struct.unpack_from(order + "HHII", body, start + 2 + 12 * i)
            for k in range(1, min(size // 16, PICTURES) if tag == 0xB002 else 0):
                kind, _, place = struct.unpack_from(order + "III", body, offset + 16 * k)
                found.append((kind & 0xFFFFFF, place))
    except struct.error:
        return []
    return found


def _check_pictures(stream: BinaryIO, found: Header, body: bytes, base: int) -> None:
    """Refuse pictures that are frames of their own; thumbnails and gain maps are smaller."""
    pictures = _pictures(body)
    for kind, place in pictures:
        what, again = KINDS.get(kind), Header()
        if what is None and kind >> 16 != 1:  # no thumbnail
            stream.seek(base + place)
            with contextlib.suppress(ValueError):
                _walk(stream, again)
        if what or (again.width, again.height) == (found.width, found.height):
            raise UnsupportedError(
                f"holds {len(pictures) + 1} pictures{', ' + what if what else ' of one size'}, and"
                " one image is needed: save each as a file of its own"
            )


def _check_scans(stream: BinaryIO) -> None:
    scans, last = 0, b""
    while block := stream.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:] if block[-1] == 0xFF else b""
    if scans > SCANS:
        raise UnsupportedError(f"has {scans} scans, and {SCANS} is the most that is decoded")


def with_xmp(data: bytes, xmp: bytes | None) -> bytes:
    """A JPEG with an XMP segment after its first one, where a segment holds it."""
    if not xmp or len(xmp) > SEGMENT:
        return data
    body = XMP + xmp
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[place:]

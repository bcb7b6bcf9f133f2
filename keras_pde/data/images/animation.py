"""Animated PNG files, written frame by frame, each whole and in place of the one before."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

HEAD = 33  # bytes of signature and header


class Form(NamedTuple):
    """How an animation runs.

    Args:
        delays: of each frame, numerator and denominator in seconds, 4 bytes.
        plays: how often, 4 bytes; 0 is for ever.
        separate: whether the first picture is no frame: what is shown by programs that know no
            animations.
    """

    delays: tuple[bytes, ...]
    plays: bytes
    separate: bool


def write(path: Path, pictures: Iterable[bytes], form: Form) -> None:
    """Write PNG files of one size and kind as the frames of one.

    Args:
        path: of the file.
        pictures: the PNG files.
        form: how it runs.

    Source: the PNG specification (W3C, third edition), "Animation".
    """
    sequence, delays = 0, list(form.delays)
    with path.open("wb") as file:
        for number, picture in enumerate(pictures):
            chunks = list(_chunks(picture))
            data = b"".join(body for kind, body in chunks if kind == b"IDAT")
            if number == 0:
                file.write(picture[:HEAD])
                file.write(_chunk(b"acTL", struct.pack(">I", len(delays)) + form.plays))
                for kind, body in chunks:
                    if kind not in (b"IHDR", b"IDAT", b"IEND"):
                        file.write(_chunk(kind, body))
            size = picture[16:24]
            if number or not form.separate:
                delay = delays[number - form.separate]
                head = struct.pack(">I", sequence) + size + bytes(8) + delay + bytes(2)
                file.write(_chunk(b"fcTL", head))
                sequence += 1
            if number == 0:
                file.write(_chunk(b"IDAT", data))
            else:
                file.write(_chunk(b"fdAT", struct.pack(">I", sequence) + data))
                sequence += 1
        file.write(_chunk(b"IEND", b""))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, place)
        yield kind, picture[place + 8 : place + 8 + length]
        place += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

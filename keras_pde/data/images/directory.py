"""TIFF files: their directories, walked within bounds before anything is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from keras_pde.data.images.image import Order

PAGES = 10_000  # directories of a file at most
TAGS = 4096  # of a directory at most
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8}
TYPES = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4"}
TYPES |= {5: "u4", 10: "i4", 16: "u8", 17: "i8", 18: "u8"}


@dataclass
class Directory:
    """One directory of a TIFF file: the places of its tags' values.

    Args:
        stream: the file.
        order: "<" or ">".
        tags: (type, count, first byte) by the tag's number.
    """

    stream: BinaryIO
    order: Order
    tags: dict[int, tuple[int, int, int]]

    def numbers(self, tag: int, *default: int) -> np.ndarray:
        """All numbers of a tag; fractions as two each."""
        if tag not in self.tags or self.tags[tag][0] not in TYPES:
            return np.array(default, np.int64)
        kind, count, place = self.tags[tag]
        self.stream.seek(place)
        return np.frombuffer(self.stream.read(SIZES[kind] * count), self.order + TYPES[kind])

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        found = self.numbers(tag)
        return int(found[0]) if found.size else default

    def largest(self) -> float | None:
        """The largest sample by MaxSampleValue or SMaxSampleValue, where it is stated."""
        for tag in (281, 341):
            found = self.numbers(tag)
            if found.size and float(found.max()) > 0:
                return float(found.max())
        return None

    def text(self, tag: int) -> str:
        """The text of a tag, or ""."""
        if tag not in self.tags or self.tags[tag][0] not in (1, 2, 7):
            return ""
        _, count, place = self.tags[tag]
        self.stream.seek(place)
        return self.stream.read(min(count, 1 << 20)).rstrip(b"\0").decode("utf-8", "replace")

    def value(self, tag: int) -> tuple[int, int, int, Any]:
        """The tag as tifffile writes it: number, type, count, value."""
        kind, count, place = self.tags[tag]
        if kind in (2, 7):
            self.stream.seek(place)
            return tag, kind, count, self.stream.read(count)
        return tag, kind, count, tuple(self.numbers(tag).tolist())

    @property
    def reduced(self) -> bool:
        """Whether it is a smaller copy of another, such as a thumbnail."""
        return bool(self.number(254, 0) & 1) or self.number(255, 0) == 2


def directories(stream: BinaryIO, size: int) -> list[Directory]:
    """The directories of a TIFF file, in their order.

    Raises:
        ValueError: a circle of directories, too many of them, tags or values outside the file.
    """
    stream.seek(0)
    head = stream.read(16)
    order: Order = "<" if head[:2] == b"II" else ">"
    big = head[2:4].strip(b"\0") == b"+"
    offset_type, count_type, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    width = struct.calcsize(offset_type)
    if len(head) < (16 if big else 8):
        raise ValueError("its header is cut")
    (place,) = struct.unpack_from(order + offset_type, head, 8 if big else 4)
    found: list[Directory] = []
    met = set()
    while place:
        if place in met:
            raise ValueError("its directories refer to each other in a circle")
        if len(found) >= PAGES:
            raise ValueError(f"it has more than {PAGES:,} directories")
        met.add(place)
        stream.seek(place)
        counted = stream.read(struct.calcsize(count_type))
        if len(counted) < struct.calcsize(count_type):
            raise ValueError(f"its directory at byte {place:,} is outside the file")
        (count,) = struct.unpack(order + count_type, counted)
        if not 0 < count <= TAGS:
            raise ValueError(f"its directory has {count:,} tags, and 1 to {TAGS:,} are possible")
        start, body = stream.tell(), stream.read(entry * count + width)
        if len(body) < entry * count + width:
            raise ValueError("its directory is cut")
        tags = _tags(body, count, order, big, start, size)
        found.append(Directory(stream, order, tags))
        (place,) = struct.unpack_from(order + offset_type, body, entry * count)
    return found


def _tags(
    body: bytes, count: int, order: str, big: bool, start: int, size: int
) -> dict[int, tuple[int, int, int]]:
    """Where each tag's value is; all values together fit in the file."""
    offset_type, entry = ("Q", 20) if big else ("I", 12)
    width, total = struct.calcsize(offset_type), 0
    tags: dict[int, tuple[int, int, int]] = {}
    for i in range(count):
        tag, kind, number = struct.unpack_from(order + "HH" + offset_type, body, entry * i)
        length = SIZES.get(kind, 0) * number
        if not length:  # of an unknown type, or empty
            continue
        place = start + entry * i + 4 + width
        if length > width:
            (place,) = struct.unpack_from(order + offset_type, body, entry * i + 4 + width)
        total += length
        if place + length > size or total > size:
            raise ValueError(f"the value of its tag {tag} is outside the file")
        tags.setdefault(tag, (kind, number, place))
    return tags

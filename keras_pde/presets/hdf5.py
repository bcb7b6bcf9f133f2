"""Read arrays of numbers from HDF5 files as Keras writes them, and nothing else of HDF5.

HDF5 can link to other files, compute arrays from foreign ones, compress, and refer in circles, and
its C library has crashed on damaged files. Keras uses none of that: groups as symbol tables, plain
arrays, one text a group. This module reads that part of the format (version 0 of the superblock)
byte by byte from memory, checks that every size lies within the file, and refuses the rest. Arrays
are views of the file's bytes, so that reading allocates nothing.

Source: the HDF Group, HDF5 File Format Specification, version 3.0, sections II to IV.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from keras_pde.presets import limits
from keras_pde.presets.hdf5_types import BFLOAT16, dtype_of
from keras_pde.presets.reading import shown

__all__ = ["read_arrays"]

Buffer = bytes | bytearray
UNDEFINED = 2**64 - 1
# messages of an object header
DATASPACE, LINK_INFO, DATATYPE, OLD_FILL, FILL, LINK = 1, 2, 3, 4, 5, 6
EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE, CONTINUATION, GROUP = 7, 8, 11, 12, 16, 17
HARMLESS = (0, 14, 18)  # nothing, and times
WHAT = {
    LINK_INFO: "links that are no plain ones (external, soft or user-defined)",
    LINK: "links that are no plain ones (external, soft or user-defined)",
    EXTERNAL: "numbers in another file (external storage)",
    FILTERS: "compressed or filtered numbers",
}
LEVELS_OF_TREES = 8


def read_arrays(data: Buffer) -> dict[str, np.ndarray]:
    """The arrays in an HDF5 file by their paths, as views of its bytes.

    Args:
        data: the whole file. Views of a bytearray can be written to.

    Raises:
        ValueError: the file is damaged, or holds what Keras does not write. The message says what,
            and in which group.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.presets.hdf5 import read_arrays
        >>> file = presets.folder_of("gated_resnet_2d") / "model.weights.h5"
        >>> read_arrays(file.read_bytes())["blocks/diffusion_block/operator/vars/0"].shape
        (7, 7, 1, 48)
    """
    return _File(data).arrays()


class _File:
    """One file: its bytes, and the addresses of the objects that were met."""

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.met: set[int] = set()
        self.found: dict[str, np.ndarray] = {}
        self.extents: list[tuple[int, int, str]] = []

    def arrays(self) -> dict[str, np.ndarray]:
        if bytes(self.data[:8]) != b"\x89HDF\r\n\x1a\n":
            raise ValueError("it is no HDF5 file")
        versions = bytes(self.data[8:16])
        if versions != b"\x00\x00\x00\x00\x00\x08\x08\x00":
            raise ValueError("it is another version of HDF5 than Keras writes")
        base, _, end, driver = self.unpack("<4Q", 24, "superblock")
        if base != 0 or driver != UNDEFINED:
            raise ValueError("it has a user block or a driver, which Keras does not write")
        if end != len(self.data):
            raise ValueError(f"it should have {end:,} bytes and has {len(self.data):,}: cut short?")
        _, header, cached = self.unpack("<QQI", 56, "root")
        if cached not in (0, 1):
            raise ValueError("its root is a link")
        self.group(header, "", 0)
        self.extents.sort()
        for (_, stop, name), (start, _, other) in zip(self.extents, self.extents[1:], strict=False):
            if start < stop:
                raise ValueError(f"{shown(name)} and {shown(other)} share their bytes")
        return self.found

    def unpack(self, form: str, at: int, where: str) -> tuple[Any, ...]:
        """Numbers at a place in the file."""
        if at + struct.calcsize(form) > len(self.data):
            raise ValueError(f"{_at(where)} lies beyond its end: cut short or damaged")
        return struct.unpack_from(form, self.data, at)

    def signed(self, at: int, sign: bytes, where: str) -> None:
        """Refuse a structure without its signature."""
        if bytes(self.data[at : at + 4]) != sign:
            raise ValueError(f"{_at(where)} is damaged: {sign.decode()} was expected at {at}")

    def messages(self, at: int, where: str) -> dict[int, list[tuple[int, int]]]:
        """The messages of an object header: place and size, by type."""
        if at in self.met:
            raise ValueError(f"{_at(where)} is linked twice, or to a group that it is in")
        self.met.add(at)
        if len(self.met) > limits.OBJECTS:
            raise ValueError(f"it has more than {limits.OBJECTS:,} groups and arrays")
        version, _, count, links, size = self.unpack("<BBHII", at, where)
        if version != 1 or links != 1:
            what = "another version of header" if version != 1 else f"{links} links"
            raise ValueError(f"{_at(where)} has {what}, which Keras does not write")
        found: dict[int, list[tuple[int, int]]] = {}
        blocks, blocks_met = [(at + 16, size)], {at + 16}
        for start, length in blocks:
            place = start
            while place + 8 <= start + length and count > 0:
                kind, extent, flags = self.unpack("<HHB", place, where)
                body, place, count = place + 8, place + 8 + extent, count - 1
                if place > min(start + length, len(self.data)):
                    raise ValueError(f"{_at(where)} is damaged: a message exceeds its header")
                if flags & 2:
                    raise ValueError(f"{_at(where)} has shared messages")
                if kind == CONTINUATION:
                    more = self.unpack("<QQ", body, where)
                    if more[0] in blocks_met:
                        raise ValueError(f"{_at(where)} is damaged: its header runs in a circle")
                    blocks_met.add(more[0])
                    blocks.append(more)
                elif kind not in HARMLESS:
                    found.setdefault(kind, []).append((body, extent))
            if start + length > len(self.data):
                raise ValueError(f"{_at(where)} is damaged: its header exceeds the file")
        if count:
            raise ValueError(f"{_at(where)} is damaged: its header lacks {count} messages")
        return found

    def only(self, found: dict[int, Any], allowed: tuple[int, ...], where: str) -> None:
        """Refuse messages of other types."""
        for kind in found:
            if kind not in allowed:
                what = WHAT.get(kind, f"a message of type {kind}")
                raise ValueError(f"{_at(where)} has {what}, which no preset needs")

    def group(self, at: int, where: str, depth: int) -> None:
        """Take up what is in a group."""
        found = self.messages(at, where)
        if GROUP not in found:
            self.only(found, (DATASPACE, DATATYPE, FILL, OLD_FILL, LAYOUT, ATTRIBUTE), where)
            self.array(found, where)
            return
        self.only(found, (GROUP, ATTRIBUTE), where)
        self.attributes(found, ("name",), where)
        if depth > limits.DEPTH or len(found[GROUP]) > 1:
            raise ValueError(f"{_at(where)} is nested more than {limits.DEPTH} deep, or damaged")
        tree, heap = self.unpack("<QQ", found[GROUP][0][0], where)
        self.signed(heap, b"HEAP", where)
        size, _, names = self.unpack("<QQQ", heap + 8, where)
        if names + size > len(self.data):
            raise ValueError(f"{_at(where)} is damaged: its names lie beyond the file's end")
        own: set[str] = set()
        for offset, header, cached in self.entries(tree, where, 0):
            name = self.name(names, size, offset, where)
            path = f"{where}/{name}" if where else name
            if cached not in (0, 1):
                raise ValueError(f"{shown(path)} is a soft link, which no preset needs")
            if name in own:
                raise ValueError(f"{shown(path)} occurs twice")
            own.add(name)
            self.group(header, path, depth + 1)

    def name(self, names: int, size: int, offset: int, where: str) -> str:
        """A name in a group's heap."""
        if offset >= size:
            raise ValueError(f"{_at(where)} is damaged: a name lies outside its heap")
        start = names + offset
        stop = self.data.find(b"\0", start, min(start + limits.TEXT, names + size))
        text = bytes(self.data[start : max(stop, start)]).decode("ascii", "replace")
        if not text.isprintable() or not text or "/" in text or text in (".", ".."):
            raise ValueError(f"{_at(where)} has an entry that is called {shown(text)}")
        return text

    def entries(self, tree: int, where: str, depth: int) -> Iterator[tuple[int, int, int]]:
        """Name's offset, header's address and kind of each entry in a group's tree."""
        if tree in self.met or depth > LEVELS_OF_TREES:
            raise ValueError(f"{_at(where)} is damaged: its tree runs in a circle")
        self.met.add(tree)
        self.signed(tree, b"TREE", where)
        kind, level, used = self.unpack("<BBH", tree + 4, where)
        if kind != 0 or level > LEVELS_OF_TREES:
            raise ValueError(f"{_at(where)} is damaged: its tree is none of names")
        for i in range(used):
            (child,) = self.unpack("<Q", tree + 32 + 16 * i, where)
            if level:
                yield from self.entries(child, where, depth + 1)
                continue
            if child in self.met or len(self.met) > 3 * limits.OBJECTS:
                raise ValueError(f"{_at(where)} is damaged: its tree runs in a circle")
            self.met.add(child)
            self.signed(child, b"SNOD", where)
            (symbols,) = self.unpack("<H", child + 6, where)
            for k in range(symbols):
                yield self.unpack("<QQI", child + 8 + 40 * k, where)

    def array(self, found: dict[int, list[tuple[int, int]]], where: str) -> None:
        """Take up an array, as a view of the file's bytes."""
        if any(len(found.get(kind, ())) != 1 for kind in (DATASPACE, DATATYPE, LAYOUT)):
            raise ValueError(f"{_at(where)} is neither a group nor an array")
        shape = self.shape(found[DATASPACE][0][0], where)
        dtype = self.dtype(found[DATATYPE][0], where)
        self.attributes(found, ("dtype",) if dtype == BFLOAT16 else (), where)
        version, kind, start, size = self.unpack("<BBQQ", found[LAYOUT][0][0], where)
        if version != 3 or kind != 1:
            what = {0: "inside its header", 2: "in chunks", 3: "in other files (virtual)"}
            raise ValueError(
                f"{_at(where)} is stored {what.get(kind, 'in another way')}, and Keras stores"
                " arrays in one piece"
            )
        count = prod(shape)
        if size != count * dtype.itemsize or start + size > len(self.data):
            raise ValueError(
                f"{_at(where)} of shape {shape} needs {count * dtype.itemsize:,} bytes, and the"
                f" file has {size if start + size <= len(self.data) else 0:,} of it"
            )
        self.extents.append((start, start + size, where))
        self.found[where] = np.frombuffer(self.data, dtype, count, start).reshape(shape)

    def shape(self, at: int, where: str) -> tuple[int, ...]:
        """The sizes in a dataspace message."""
        version, rank, flags, kind = self.unpack("<4B", at, where)
        if version not in (1, 2) or rank > limits.AXES or (version == 2 and kind == 2):
            raise ValueError(
                f"{_at(where)} has {rank} axes and at most {limits.AXES} are read, or is empty"
            )
        start = at + (8 if version == 1 else 4)
        sizes = self.unpack(f"<{rank}Q", start, where)
        if flags & 1 and self.unpack(f"<{rank}Q", start + 8 * rank, where) != sizes:
            raise ValueError(f"{_at(where)} can be resized, which Keras's arrays cannot")
        if 0 in sizes or prod(sizes) > len(self.data):
            raise ValueError(f"{_at(where)} of shape {sizes} is more than the file, or nothing")
        return tuple(sizes)

    def dtype(self, message: tuple[int, int], where: str) -> np.dtype:
        """The dtype of a datatype message: a float, a whole number or bfloat16."""
        at, extent = message
        self.unpack("20x", at, where)
        found, what = dtype_of(bytes(self.data[at : at + min(extent, 20)]))
        if found is None:
            raise ValueError(f"{_at(where)} holds {what}, and floats were expected")
        return found

    def attributes(
        self, found: dict[int, list[tuple[int, int]]], allowed: tuple[str, ...], where: str
    ) -> None:
        """Refuse attributes that are no text of an allowed name; their values are not read."""
        for at, _ in found.get(ATTRIBUTE, ()):
            version, _, size, _, _ = self.unpack("<BBHHH", at, where)
            start = at + (9 if version == 3 else 8)
            name = bytes(self.data[start : start + size]).rstrip(b"\0").decode("ascii", "replace")
            kind_at = start + (size if version == 3 else -(-size // 8) * 8)
            (kind,) = self.unpack("<B", kind_at, where)
            if version not in (1, 2, 3) or name not in allowed or kind & 15 not in (3, 9):
                raise ValueError(f"{_at(where)} has an attribute {shown(name)} that is unknown")


def _at(where: str) -> str:
    return shown(where) if where else "the root"

"""Changes that get past checksums and compression, and keep JSON what it is."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

Mutate = Callable[[bytes], bytes]
VALUES = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 1e308, 1e-320, 0.5, float("nan")),
    *("", "float64", "\0", "../../x", "x" * 3000, [], {}, [[]], [0, 0], {"a": 1}, [1] * 500),
)


def mutated(data: bytes, mutate: Mutate, rng: random.Random) -> bytes:
    """Bytes changed at random: as they are, or below what protects them."""
    if rng.random() < 0.7:
        with contextlib.suppress(Exception):  # what is damaged already is changed as it is
            if data[:1] == b"{":
                return _json(data, rng)
            if data[:4] == b"PK\3\4":
                return _zip(data, mutate, rng)
            if data[:2] == b"\x1f\x8b":
                return gzip.compress(mutate(gzip.decompress(data)[: 1 << 16]), 1, mtime=0)
            if data[:4] == b"\x89PNG":
                return _png(mutate(data))
    return mutate(data)


def _json(data: bytes, rng: random.Random) -> bytes:
    tree = json.loads(data)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(tree))
        node, key = rng.choice(places)
        choice = rng.random()
        if choice < 0.15:
            del node[key]
        elif choice < 0.45:
            other, from_there = rng.choice(places)
            node[key] = json.loads(json.dumps(other[from_there]))
        elif choice < 0.55 and isinstance(node, dict):
            node[rng.choice(["", "name", "config", "\0", "x" * 99])] = node.pop(key)
        elif choice < 0.75 and isinstance(node[key], int | float):
            node[key] = node[key] * rng.choice([-1, 2, 1000, 0.5]) + rng.choice([0, 1, -1])
        else:
            node[key] = rng.choice(VALUES)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _zip(data: bytes, mutate: Mutate, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        files = [(info, bundle.read(info)) for info in bundle.infolist()[:20]]
    chosen = rng.randrange(len(files))
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as bundle:
        for i, (info, content) in enumerate(files):
            bundle.writestr(info, mutate(content) if i == chosen else content)
    return memory.getvalue()


def _png(data: bytes) -> bytes:
    """The same chunks, each with its right checksum."""
    found, at = bytearray(data), 8
    while at + 12 <= len(found):
        (length,) = struct.unpack_from(">I", found, at)
        end = at + 8 + length
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[at + 4 : end]))
        at = end + 4
    return bytes(found)

"""Hostile weights: links, other types, bombs, damage; and golden tensors likewise."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from presets.hostile import Case, restate, verify

Spoil = Callable[[Path], Any]
LEAF = "blocks/diffusion_block/operator/vars/0"
SHAPE = (3, 3, 1, 4)
ONES = np.ones(SHAPE, "f4")


def replaced(put: Callable[[Any, str, Path], Any]) -> Spoil:
    """Another thing in the place of a kernel."""

    def spoil(folder: Path) -> None:
        outside = folder.parent / "outside.h5"
        with h5py.File(outside, "w") as file:
            file["s"] = ONES
        (folder.parent / "raw").write_bytes(ONES.tobytes())
        with h5py.File(folder / "model.weights.h5", "r+") as file:
            del file[LEAF]
            group, _, name = LEAF.rpartition("/")
            put(file[group], name, folder.parent)
        restate(folder)

    return spoil


def data(value: Any, **more: Any) -> Spoil:
    """Another array in the place of a kernel."""
    return replaced(lambda g, n, _: g.create_dataset(n, data=value, **more))


def added(put: Callable[[Any], Any]) -> Spoil:
    """Something more in the file."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "model.weights.h5", "r+") as file:
            put(file)
        restate(folder)

    return spoil


def _external(group: Any, name: str, room: Path) -> None:
    group[name] = h5py.ExternalLink(str(room / "outside.h5"), "/s")


def _external_storage(group: Any, name: str, room: Path) -> None:
    where = [(str(room / "raw"), 0, h5py.h5f.UNLIMITED)]
    group.create_dataset(name, SHAPE, "f4", external=where)


def _virtual(group: Any, name: str, room: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(room / "outside.h5"), "s", shape=SHAPE)
    group.create_virtual_dataset(name, layout)


def _soft(group: Any, name: str, room: Path) -> None:
    group.file["elsewhere"] = ONES
    group[name] = h5py.SoftLink("/elsewhere")


def _many(file: Any) -> None:
    for i in range(12_000):
        file.create_group(f"g{i}")


def _deep(file: Any) -> None:
    file.create_group("/".join("x" * 100))


def _compact(group: Any, name: str, room: Path) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(SHAPE)
    made = h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, creation)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, ONES)


def _cycle(file: Any) -> None:
    file["blocks/back"] = file["blocks"]


def _attribute(name: str, value: Any, where: str = "blocks") -> Spoil:
    return added(lambda f: f[where].attrs.__setitem__(name, value))


def _named_type(file: Any) -> None:
    file["t"] = np.dtype("f4")


COMPOUND = np.zeros(SHAPE, [("a", "f4"), ("b", "f4")])
HDF5: dict[str, Spoil] = {
    "external_link": replaced(_external),
    "external_storage": replaced(_external_storage),
    "virtual": replaced(_virtual),
    "soft_link": replaced(_soft),
    "soft_link_to_nothing": replaced(lambda g, n, _: g.__setitem__(n, h5py.SoftLink("/x"))),
    "soft_link_to_itself": replaced(lambda g, n, _: g.__setitem__(n, h5py.SoftLink("/" + LEAF))),
    "hard_link": added(lambda f: f.__setitem__("twice", f[LEAF])),
    "circle": added(_cycle),
    "circle_to_the_root": added(lambda f: f["blocks"].__setitem__("root", f["/"])),
    "group_for_array": replaced(lambda g, n, _: g.create_group(n)),
    "array_for_group": replaced(lambda g, n, _: g.create_dataset(f"{n}/x/y", data=ONES)),
    "object_reference": replaced(lambda g, n, _: g.__setitem__(n, g.ref)),
    "named_type": added(_named_type),
    "bool": data(np.ones(SHAPE, bool)),
    "int32": data(np.ones(SHAPE, "i4")),
    "int64": data(np.ones(SHAPE, "i8")),
    "uint8": data(np.ones(SHAPE, "u1")),
    "complex64": data(np.ones(SHAPE, "c8")),
    "float64": data(ONES.astype("f8")),
    "float16": data(ONES.astype("f2")),
    "big_endian": data(ONES.astype(">f4")),
    "long_double": data(ONES.astype("g")),
    "text": data(np.full(SHAPE, b"1.5")),
    "text_of_any_length": data("1.5"),
    "compound": data(COMPOUND),
    "opaque": data(np.zeros(SHAPE, "V4")),
    "bfloat16": data(np.zeros(SHAPE, "V2")),
    "ragged": replaced(lambda g, n, _: g.create_dataset(n, (3,), h5py.vlen_dtype("f4"))),
    "gzip": data(ONES, compression="gzip"),
    "lzf": data(ONES, compression="lzf"),
    "shuffled": data(ONES, shuffle=True),
    "checked": data(ONES, fletcher32=True),
    "scaled": data(np.ones(SHAPE, "i4"), scaleoffset=0),
    "chunked": data(ONES, chunks=(1, 1, 1, 1)),
    "compact": replaced(_compact),
    "resizable": data(ONES, maxshape=(None, 3, 1, 4)),
    "never_written": replaced(lambda g, n, _: g.create_dataset(n, SHAPE, "f4")),
    "no_space": replaced(lambda g, n, _: g.create_dataset(n, data=h5py.Empty("f4"))),
    "no_numbers": data(np.ones((0, 3, 1, 4), "f4")),
    "scalar": data(np.float32(1)),
    "transposed": data(ONES.reshape(4, 1, 3, 3)),
    "flat": data(ONES.ravel()),
    "larger": data(np.ones((5, 5, 1, 4), "f4")),
    "smaller": data(np.ones((3, 3, 1, 3), "f4")),
    "ten_axes": data(ONES.reshape(*SHAPE, *[1] * 6)),
    "bomb_4_gb": replaced(
        lambda g, n, _: g.create_dataset(n, (2**30,), "f4", chunks=(2**20,), compression="gzip")
    ),
    "bomb_1_eb": replaced(lambda g, n, _: g.create_dataset(n, (2**58,), "f4", chunks=(2**20,))),
    "nan": data(ONES * np.nan),
    "infinity": data(ONES * np.inf),
    "one_nan": data(np.where(np.arange(36).reshape(SHAPE) == 7, np.nan, ONES).astype("f4")),
    "missing": replaced(lambda g, n, _: None),
    "renamed": replaced(lambda g, n, _: g.create_dataset("1", data=ONES)),
    "elsewhere": replaced(lambda g, n, _: g.file.create_dataset("x/vars/0", data=ONES)),
    "one_more": added(lambda f: f.create_dataset("blocks/extra/vars/0", data=np.ones(3))),
    "one_more_of_floats": added(lambda f: f.create_dataset("x", data=np.ones(3, "f4"))),
    "groups_12000": added(_many),
    "groups_100_deep": added(_deep),
    "attribute": _attribute("x", 1),
    "attribute_large": _attribute("x", np.ones(5000)),
    "attribute_of_root": _attribute("keras_version", "3", "/"),
    "attribute_reference": added(lambda f: f["blocks"].attrs.__setitem__("name", f["blocks"].ref)),
    "name_in_numbers": _attribute("name", 5),
    "comment": added(lambda f: h5py.h5o.set_comment(f.id, b"x" * 100, obj_name=b"blocks")),
}


def content(change: Callable[[bytes], bytes], file: str = "model.weights.h5") -> Spoil:
    """Other bytes in a file, with its hash stated anew."""

    def spoil(folder: Path) -> None:
        path = folder / file
        path.write_bytes(change(path.read_bytes()))
        restate(folder)

    return spoil


def _at(position: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda d: d[:position] + new + d[position + len(new) :]


def _behind(sign: bytes, offset: int, new: bytes, which: int = 0) -> Callable[[bytes], bytes]:
    def change(d: bytes) -> bytes:
        position = -1
        for _ in range(which + 1):
            position = d.index(sign, position + 1)
        return _at(position + offset, new)(d)

    return change


def _hdf5(**options: Any) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w", **options) as file:
        file[LEAF] = ONES
        file[LEAF.replace("block/", "block_1/")] = ONES
    return memory.getvalue()


FAR, ALL = struct.pack("<Q", 2**62), b"\xff" * 8
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda d: b"",
    "8_bytes": lambda d: d[:8],
    "100_bytes": lambda d: d[:100],
    "half": lambda d: d[: len(d) // 2],
    "less_one_byte": lambda d: d[:-1],
    "one_byte_more": lambda d: d + b"\0",
    "noise": lambda d: np.random.default_rng(0).bytes(20_000),
    "noise_behind_the_sign": lambda d: d[:8] + np.random.default_rng(1).bytes(20_000),
    "zeros_behind_the_sign": lambda d: d[:8] + bytes(20_000),
    "html": lambda d: b"<!DOCTYPE html><html>404</html>",
    "a_zip": lambda d: b"PK\x03\x04" + d,
    "user_block": lambda d: bytes(512) + d,
    "latest_format": lambda d: _hdf5(libver="latest"),
    "1.8_format": lambda d: _hdf5(libver=("v108", "v108")),
    "paged": lambda d: _hdf5(fs_strategy="page", fs_page_size=4096),
    "base_address": _at(24, struct.pack("<Q", 512)),
    "end_far": _at(40, FAR),
    "driver": _at(48, struct.pack("<Q", 96)),
    "root_far": _at(64, FAR),
    "root_undefined": _at(64, ALL),
    "root_at_0": _at(64, bytes(8)),
    "root_a_link": _at(72, struct.pack("<I", 2)),
    "root_header_of_0s": _at(96, bytes(16)),
    "root_header_many": _at(98, b"\xff\xff"),
    "root_header_long": _at(104, b"\xff\xff\xff\x7f"),
    "two_links": _at(100, struct.pack("<I", 2)),
    "tree_sign": _behind(b"TREE", 0, b"EERT"),
    "tree_of_chunks": _behind(b"TREE", 4, b"\x01"),
    "tree_high": _behind(b"TREE", 5, b"\xff"),
    "tree_wide": _behind(b"TREE", 6, b"\xff\xff"),
    "tree_child_far": _behind(b"TREE", 32, FAR),
    "tree_child_itself": lambda d: _at(d.index(b"TREE") + 32, struct.pack("<Q", d.index(b"TREE")))(
        _behind(b"TREE", 5, b"\x01")(d)
    ),
    "heap_sign": _behind(b"HEAP", 0, b"PAEH"),
    "heap_size": _behind(b"HEAP", 8, ALL),
    "heap_far": _behind(b"HEAP", 24, FAR),
    "leaf_sign": _behind(b"SNOD", 0, b"DONS"),
    "leaf_full": _behind(b"SNOD", 6, b"\xff\xff"),
    "leaf_name_far": _behind(b"SNOD", 8, FAR),
    "leaf_child_far": _behind(b"SNOD", 16, FAR),
    "leaf_child_root": _behind(b"SNOD", 16, struct.pack("<Q", 96)),
    "leaf_child_link": _behind(b"SNOD", 24, struct.pack("<I", 2)),
    "name_dotdot": lambda d: d.replace(b"blocks\0", b"..\0\0\0\0\0", 1),
    "name_slash": lambda d: d.replace(b"blocks\0", b"b/o/k/\0", 1),
    "name_escape": lambda d: d.replace(b"blocks\0", b"\x1b[2J\0\0\0", 1),
}


def _npz(**arrays: Any) -> bytes:
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    return memory.getvalue()


def _zip(entries: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", kind) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return memory.getvalue()


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def _header(shape: Any, kind: str = "'<f4'", more: str = "") -> str:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, {more}}}"


def golden(**arrays: Any) -> Callable[[bytes], bytes]:
    """The golden arrays with others; what is ... is left out."""

    def change(data: bytes) -> bytes:
        with np.load(io.BytesIO(data)) as stored:
            found = {**stored, **arrays}
        return _npz(**{k: v for k, v in found.items() if v is not ...})

    return change


def _entry(text: bytes) -> Callable[[bytes], bytes]:
    """Golden tensors of which the input is replaced by an entry's bytes."""

    def change(data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip({"input.npy": text, "output.npy": archive.read("output.npy")})

    return change


def _bomb(data: bytes) -> bytes:
    memory = io.BytesIO(_entry(b"")(data))
    with zipfile.ZipFile(memory) as archive:
        output = archive.read("output.npy")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("input.npy", "w", force_zip64=True) as file:
            file.write(_npy(_header("(1, 40000, 2000, 1)")))
            for _ in range(80):
                file.write(bytes(4_000_000))
        archive.writestr("output.npy", output)
    return memory.getvalue()


def _twice(data: bytes) -> bytes:
    memory = io.BytesIO(data)
    with zipfile.ZipFile(memory, "a") as archive:
        archive.writestr("input.npy", b"x")
    return memory.getvalue()


def _repacked(kind: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip({n: archive.read(n) for n in archive.namelist()}, kind)

    return change


IMAGE = np.zeros((1, 33, 18, 1), "f4")
GOLDEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda d: b"",
    "noise": lambda d: np.random.default_rng(0).bytes(5000),
    "half": lambda d: d[: len(d) // 2],
    "a_pickle": lambda d: b"\x80\x04K\x01.",
    "one_array": lambda d: _npy(_header("()"), bytes(4)),
    "no_entries": lambda d: _zip({}),
    "entries_2000": lambda d: _zip({f"{i}.npy": b"" for i in range(2000)}),
    "entry_twice": _twice,
    "bomb": _bomb,
    "lzma": _repacked(zipfile.ZIP_LZMA),
    "bzip2": _repacked(zipfile.ZIP_BZIP2),
    "other_names": golden(input=..., image=IMAGE),
    "name_dotdot": golden(input=..., **{"../input": IMAGE}),
    "no_input": golden(input=...),
    "no_output": golden(output=...),
    "one_more": golden(more=IMAGE),
    "objects": golden(input=np.array([{}], dtype=object)),
    "texts": golden(input=np.full((1, 3, 3, 1), "1")),
    "ints": golden(input=np.ones((1, 3, 3, 1), int)),
    "bools": golden(input=np.ones((1, 3, 3, 1), bool)),
    "complex": golden(input=np.ones((1, 3, 3, 1), complex)),
    "compound": golden(input=np.zeros((1, 3, 3, 1), [("a", "f4")])),
    "nan": golden(input=IMAGE * np.nan),
    "output_nan": golden(output=IMAGE * np.nan),
    "rank_3": golden(input=np.zeros((1, 33, 18), "f4")),
    "scalar": golden(input=np.float32(0)),
    "two_channels": golden(input=np.zeros((1, 33, 18, 2), "f4")),
    "no_numbers": golden(input=np.zeros((0, 33, 18, 1), "f4")),
    "too_many_numbers": golden(input=np.zeros((1, 1100, 1100, 1), "f4")),
    "other_output": golden(output=np.zeros((1, 18, 33, 1), "f4")),
    "no_array": _entry(b"x" * 500),
    "no_header": _entry(b"\x93NUMPY"),
    "header_no_literal": _entry(_npy("__import__('os')")),
    "header_deep": _entry(_npy("(" * 900)),
    "header_long": _entry(_npy(_header("(1, 1, 1, 1)") + " " * 60_000)),
    "shape_negative": _entry(_npy(_header("(1, -1, 1, 1)"))),
    "shape_1e18": _entry(_npy(_header("(1, 10**18, 1, 1)"))),
    "shape_of_floats": _entry(_npy(_header("(1.0, 1.0)"))),
    "shape_of_50_axes": _entry(_npy(_header("(" + "1," * 50 + ")"), bytes(4))),
    "too_short": _entry(_npy(_header("(1, 3, 3, 1)"), bytes(20))),
    "too_long": _entry(_npy(_header("(1, 3, 3, 1)"), bytes(40))),
    "version_9": _entry(b"\x93NUMPY\x09\x00" + bytes(100)),
}


def _comment(folder: Path) -> None:
    path = folder / "golden.npz"
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"x" * 1000
    restate(folder)


def _weights_of_another(folder: Path) -> None:
    with h5py.File(folder / "model.weights.h5", "w") as file:
        for i in range(2):
            file[f"blocks/gated_block{'_1' * i}/operator/vars/0"] = ONES
    restate(folder)


def _count_of_a_giant(folder: Path) -> None:
    path = folder / "metadata.json"
    found = {**json.loads(path.read_text()), "parameter_count": 60_000_000}
    path.write_text(json.dumps(found))


def cases() -> list[Case]:
    """What HDF5 can do, damaged bytes, golden tensors."""
    return [
        *(Case("hdf5", n, spoil) for n, spoil in HDF5.items()),
        Case("hdf5", "weights_of_another", _weights_of_another),
        Case("hdf5", "count_of_a_giant", _count_of_a_giant),
        *(Case("hdf5 bytes", n, content(f)) for n, f in BYTES.items()),
        *(Case("golden", n, content(f, "golden.npz"), verify) for n, f in GOLDEN.items()),
        Case("golden", "comment", _comment, verify),
    ]

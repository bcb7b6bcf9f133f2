"""Archives of strangers: each that is not exactly one preset is refused in a line naming it."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_pde.presets import archive, download
from keras_pde.presets.files import file_hash

FILES = {"config.json": b'{"a": 1}', "model.weights.h5": b"weights" * 99, "metadata.json": b"{}"}
LIMIT = 4 << 20
CASES: dict[str, Callable[[Path], None]] = {}


def fetch(path: Path) -> Path:
    """The preset in an archive."""
    return download.fetch_archive(path.as_uri(), file_hash(path))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(archive, "UNPACKED", LIMIT)  # files of 256 MiB take seconds to make
    return tmp_path / "home" / "keras_pde"


def zipped(path: Path, *more: tuple[str | zipfile.ZipInfo, bytes], folder: str = "p/") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in FILES.items():
            bundle.writestr(folder + name, data)
        with warnings.catch_warnings(action="ignore"):  # of names that come twice
            for name, data in more:
                bundle.writestr(name, data)


def tarred(path: Path, *more: tuple[str, dict[str, object], bytes], folder: str = "p/") -> None:
    with tarfile.open(path, "w:gz") as bundle:
        for name, data in FILES.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))
        for name, attributes, data in more:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in attributes.items():
                setattr(info, key, value)
            bundle.addfile(info, io.BytesIO(data))


def case(kind: Callable[..., None], name: str, *more: object) -> None:
    CASES[name] = lambda path: kind(path, *more)


NAMES = {
    "parent": "../README.md",
    "inside_parent": "p/../../README.md",
    "absolute": "/README.md",
    "drive": "C:/README.md",
    "backslash": "p\\..\\..\\README.md",
    "control": "p/README.md\n",
    "another_folder": "q/README.md",
    "below": "p/q/README.md",
    "second_preset": "q/config.json",
    "case": "p/Config.json",
    "case_of_the_folder": "P/README.md",
    "twice": "p/config.json",
    "empty_part": "p//README.md",
    "dot": "p/./README.md",
    "script": "p/sitecustomize.py",
    "archive_in_it": "p/inner.zip",
    "long": "p/" + 300 * "x",
}
for label, member in NAMES.items():
    case(zipped, f"{label}.zip", (member, b"x"))
    case(tarred, f"{label}.tar.gz", (member, {}, b"x"))
for label, kind in {
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "unknown": b"Z",
}.items():
    link = "p/config.json" if label == "hardlink" else "/etc/passwd"
    case(tarred, f"{label}.tar.gz", ("p/README.md", {"type": kind, "linkname": link}, b""))
for label, mode in {"symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO, "folder": stat.S_IFDIR}.items():
    info = zipfile.ZipInfo("p/README.md")
    info.external_attr = (mode | 0o644) << 16
    case(zipped, f"{label}.zip", (info, b"/etc/passwd"))
case(zipped, "many.zip", *((f"f{i}/", b"") for i in range(100)))
case(tarred, "many.tar.gz", *((f"f{i}", {"type": tarfile.DIRTYPE}, b"") for i in range(100)))
case(zipped, "big.zip", ("p/README.md", bytes(LIMIT)))
case(tarred, "pax.tar.gz", ("p/README.md", {"pax_headers": {"x": "1" * 300_000}}, b""))
case(tarred, "long_link.tar.gz", ("p/README.md", {"linkname": "x" * 300_000}, b""))
case(Path.write_bytes, "empty.zip", b"")
case(Path.write_bytes, "zeros.tar.gz", bytes(4096))
case(Path.write_bytes, "text.zip", b"<html>404</html>")
case(Path.write_bytes, "plain.tar.gz", gzip.compress(b"no archive"))


def changed(name: str, make: Callable[[Path], None], change: Callable[[bytearray], object]) -> None:
    """A case that is another archive with its bytes changed."""

    def write(path: Path) -> None:
        make(path)
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    CASES[name] = write


def without(name: str) -> Callable[[bytearray], None]:
    """An archive whose preset lacks a file, by another name in its place."""

    def change(data: bytearray) -> None:
        data[:] = data.replace(name.encode(), b"README.md" + b"x" * (len(name) - 9))

    return change


def lying(data: bytearray) -> None:
    """Sizes of 1 byte in all headers of a .zip."""
    for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        start = data.find(mark)
        while start >= 0:
            struct.pack_into("<I", data, start + offset, 1)
            start = data.find(mark, start + 4)


def flag(data: bytearray, bit: int, method: int | None = None) -> None:
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.find(mark)
        struct.pack_into("<H", data, start + offset, bit)
        if method is not None:
            struct.pack_into("<H", data, start + offset + 2, method)


def overlap(data: bytearray) -> None:
    """The second member is where the first one is."""
    second = data.find(b"PK\1\2", data.find(b"PK\1\2") + 4)
    struct.pack_into("<I", data, second + 42, 0)


def noise(data: bytearray) -> None:
    data[40:160] = bytes((37 * i + 11) % 256 for i in range(120))


changed("cut.zip", zipped, lambda data: data.__delitem__(slice(-40, None)))
changed("cut.tar.gz", tarred, lambda data: data.__delitem__(slice(-9, None)))
changed("half.tar.gz", tarred, lambda data: data.__delitem__(slice(len(data) // 2, None)))
changed("noise.zip", zipped, noise)
changed("noise.tar.gz", tarred, noise)
changed("lying.zip", zipped, lying)
changed("encrypted.zip", zipped, lambda data: flag(data, 1))
changed("lzma.zip", zipped, lambda data: flag(data, 0, 14))
changed("method.zip", zipped, lambda data: flag(data, 0, 99))
changed("overlap.zip", zipped, overlap)
changed(
    "nul.zip", zipped, lambda data: data.__setitem__(slice(None), data.replace(b"p/m", b"p\0m"))
)
changed("no_config.zip", zipped, without("config.json"))


def nothing(path: Path) -> None:
    zipfile.ZipFile(path, "w").close()


def damaged_header(path: Path) -> None:
    """The second header of a .tar: tarfile takes it for the end."""
    tarred(path)
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[1024 + 148 : 1024 + 156] = b"99999999"
    path.write_bytes(gzip.compress(data))


def directory_of_a_zip(path: Path) -> None:
    """100,000 entries in the directory of a .zip."""
    zipped(path)
    data = path.read_bytes()
    start, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    entries = data[start:end] * 33_333
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, len(entries), start, 0)
    path.write_bytes(data[:start] + entries + last)


def bomb_of_a_tar(path: Path) -> None:
    """A header that says 8 GB, with a millionth of them."""
    info = tarfile.TarInfo("p/model.weights.h5")
    info.size = 8 << 30
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(8192)))


CASES |= {
    "nothing.zip": nothing,
    "damaged_header.tar.gz": damaged_header,
    "directory.zip": directory_of_a_zip,
    "bomb.tar.gz": bomb_of_a_tar,
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_one_preset_is_refused(name: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    CASES[name](path)
    before = sorted(tmp_path.rglob("*"))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=name) as refusal:
            fetch(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert str(refusal.value).isprintable()  # one line
    assert len(str(refusal.value)) < 700
    assert [p for p in cache.iterdir() if p != cache] == []
    assert [p for p in sorted(tmp_path.rglob("*")) if p not in before] == [cache.parent, cache]


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("folder", ["", "./", "mine/", "a/b/"])
def test_one_preset_is_taken_from_any_folder(
    make: Callable[..., None], folder: str, tmp_path: Path
) -> None:
    make(tmp_path / "a", folder=folder)
    assert {p.name: p.read_bytes() for p in fetch(tmp_path / "a").iterdir()} == FILES


def test_sizes_are_counted_whatever_a_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(tmp_path / "a.zip")
    tarred(tmp_path / "a.tar.gz")
    for limit in ("ARCHIVE", "UNPACKED"):
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, 100)
            for path in (tmp_path / "a.zip", tmp_path / "a.tar.gz"):
                with pytest.raises(ValueError, match="100"):
                    list(archive.contents(path, "a"))

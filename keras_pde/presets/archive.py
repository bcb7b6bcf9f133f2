"""Read the archive of a preset: member by member, each checked before its first byte is kept.

No header is trusted: sizes are counted while bytes are unpacked, and nothing of a name reaches the
file system but one of `NAMES`. That is stricter than tarfile's data filter, which lets links,
folders and any names pass, and which not every Python 3.11 has.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS
from keras_pde.runtime.one_line import one_line

ARCHIVE = 256 << 20  # bytes of an archive
UNPACKED = 256 << 20  # bytes of all its files together
MEMBERS = 64  # files and folders
HEADERS = 16 << 10  # bytes of a member's headers in a .tar.gz: their parser is quadratic
DIRECTORY = 1 << 20  # bytes of the directory of a .zip
PIECE = 64 << 10  # bytes unpacked at a time
NAMES = (
    *(CONFIG, WEIGHTS, METADATA, GOLDEN),
    *("README.md", "LICENSE", "recipe.json", "metrics.json", "training.json"),
    *("example.png", "fluxes.png", "kernels.png"),
)


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder", or what else it is
    size: int  # as its header says
    pieces: Callable[[], Iterator[bytes]]


class _RefusedError(ValueError):
    """What is wrong with an archive; starts with a verb."""


def contents(archive: Path, source: str) -> Iterator[tuple[str, bytes]]:
    """The files of the one preset in a .zip or .tar.gz, piece by piece.

    Folders of the archive are left out: a preset's files have no folders among them.

    Args:
        archive: the file.
        source: where it comes from, for errors.

    Yields:
        A file's name, one of `NAMES`, and its next bytes; a file without bytes comes once.

    Raises:
        ValueError: no archive of exactly one preset: links, devices, other names, files in two
            folders, encrypted, damaged, or larger than `ARCHIVE`, `UNPACKED`, `MEMBERS` allow.

    Example:
        >>> import tempfile, zipfile
        >>> from keras_pde.presets.archive import contents
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Path(folder) / "a.zip"
        ...     with zipfile.ZipFile(archive, "w") as bundle:
        ...         bundle.writestr("mine/config.json", "{}")
        ...     list(contents(archive, "a.zip"))
        [('config.json', b'{}')]
    """
    try:
        yield from _checked(archive)
    except _RefusedError as error:
        raise ValueError(f"{source} {error}") from None
    # zipfile and tarfile raise anything, from RuntimeError to zlib.error, on a damaged archive
    except Exception as error:
        why = one_line(error)[:200] or type(error).__name__
        raise ValueError(
            f"{source} is a damaged archive, or none: {why}. Make it anew, by zip or tar -czf, and"
            " state its sha256."
        ) from None


def _checked(archive: Path) -> Iterator[tuple[str, bytes]]:
    size = archive.stat().st_size
    if size > ARCHIVE:
        raise _RefusedError(f"has {size} bytes, and at most {ARCHIVE} are taken")
    total, found, home = 0, set(), None
    for count, member in enumerate(_members(archive), 1):
        if count > MEMBERS:
            raise _RefusedError(f"holds more than {MEMBERS} files and folders")
        shown = repr(member.name[:80])
        folder, name = _place(member.name, shown)
        if member.kind == "folder":
            continue
        if member.kind != "file":
            raise _RefusedError(f"holds {member.kind}, {shown}, and only plain files are taken")
        if name not in NAMES:
            raise _RefusedError(
                f"holds {shown}, which is no file of a preset: those are {', '.join(NAMES)}"
            )
        if home not in (None, folder):
            raise _RefusedError(
                f"holds files in two folders, {home!r} and {folder!r}: an archive holds one preset"
            )
        if name in found:
            raise _RefusedError(f"holds {shown} twice")
        home = folder
        found.add(name)
        if member.size > UNPACKED - total:
            raise _RefusedError(_large(shown))
        before = total
        for piece in member.pieces():
            total += len(piece)
            if total > UNPACKED:
                raise _RefusedError(_large(shown))
            yield name, piece
        if total - before != member.size:
            raise _RefusedError(
                f"is damaged: {shown} has {total - before} bytes, and its header says {member.size}"
            )
        if not member.size:
            yield name, b""
    if CONFIG not in found:
        raise _RefusedError(f"holds no preset: it has no {CONFIG}")


def _large(shown: str) -> str:
    return f"unpacks to more than {UNPACKED} bytes with {shown}, and at most {UNPACKED} are taken"


def _place(path: str, shown: str) -> tuple[str, str]:
    """Folder and name of a member, which nothing can misread."""
    if not path.isprintable() or set(path) & set("\\:") or len(path) > 255:
        raise _RefusedError(
            f"holds the name {shown}: names have at most 255 characters, none of them a backslash,"
            " a colon or a control character"
        )
    *folders, name = (path[2:] if path.startswith("./") else path).removesuffix("/").split("/")
    if path.startswith("/") or ".." in (*folders, name):
        raise _RefusedError(f"holds a path outside its folder: {shown}")
    if {"", "."} & {*folders, name} and path not in (".", "./"):
        raise _RefusedError(f"holds the path {shown}, which has an empty part")
    return "/".join(folders), name


def _members(archive: Path) -> Iterator[_Member]:
    with open(archive, "rb") as file:
        start = file.read(4)
    if start in (b"PK\3\4", b"PK\5\6"):
        yield from _zipped(archive)
    elif start[:2] == b"\x1f\x8b":
        yield from _tarred(archive)
    else:
        raise _RefusedError("is neither a .zip nor a .tar.gz archive")


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


class _Bounded(io.FileIO):
    """A file that reads a bounded piece at a time: zipfile reads a directory at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > DIRECTORY:
            raise _RefusedError(f"has a directory of more than {DIRECTORY} bytes")
        return super().read(size) or b""


def _zipped(archive: Path) -> Iterator[_Member]:
    with _Bounded(archive) as file, zipfile.ZipFile(file) as bundle:
        end = 0
        for info in sorted(bundle.infolist(), key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise _RefusedError(f"has members that overlap: {info.filename[:80]!r}")
            end = info.header_offset + 30 + info.compress_size
        for info in bundle.infolist():
            if info.flag_bits & 0x2041:  # the member, by a strong cipher, the directory
                raise _RefusedError("is encrypted: make it anew without a password")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _RefusedError(
                    f"is compressed by method {info.compress_type}: deflate it, as zip does"
                )
            mode = stat.S_IFMT(info.external_attr >> 16)  # 0 where the maker has none
            folder = info.is_dir() and not info.file_size and mode in (0, stat.S_IFDIR)
            plain = not info.is_dir() and mode in (0, stat.S_IFREG)
            kind = "folder" if folder else "file" if plain else "a link, a device or a pipe"

            def pieces(info: zipfile.ZipInfo = info) -> Iterator[bytes]:
                with bundle.open(info) as source:
                    yield from _pieces(source)

            # zipfile cuts a name at NUL
            yield _Member(info.orig_filename, kind, info.file_size, pieces)


class _Gunzip:
    """What a .gz file unpacks to, and how much of it may still be read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.engine = zlib.decompressobj(31)
        self.left = HEADERS
        self.total = 0
        self.last = 0  # bytes up to the last that is not 0

    def read(self, size: int) -> bytes:
        """At most so many next bytes; none at the end."""
        piece = b""
        while not piece and not self.engine.eof:
            data = self.engine.unconsumed_tail or self.file.read(PIECE)
            piece = self.engine.decompress(data, size)
            if not data and not piece and not self.engine.eof:
                raise EOFError("it ends too early")
        self.left -= len(piece)
        if self.left < 0:
            raise _RefusedError(f"has a member with headers of more than {HEADERS} bytes")
        if kept := len(piece.rstrip(b"\0")):
            self.last = self.total + kept
        self.total += len(piece)
        return piece


def _tarred(archive: Path) -> Iterator[_Member]:
    with open(archive, "rb") as file:
        stream: Any = _Gunzip(file)
        # as a stream: tarfile seeks nowhere, and reads no more than it is given
        with tarfile.open(None, "r|", stream, bufsize=4096) as bundle:
            while info := bundle.next():
                plain = info.isreg() and not info.issparse()
                kind = "folder" if info.isdir() else "file" if plain else "a link or a device"

                def pieces(info: tarfile.TarInfo = info) -> Iterator[bytes]:
                    stream.left = info.size + HEADERS
                    source = bundle.extractfile(info)
                    yield from _pieces(source) if source else ()

                yield _Member(info.name, kind, info.size if plain else 0, pieces)
                stream.left = HEADERS
            end = bundle.offset  # of the first header that is none; two empty blocks end a .tar
        while stream.read(PIECE):
            pass
        if stream.last > end or stream.total < end + 1024:
            raise EOFError("a header is damaged, or it ends too early")

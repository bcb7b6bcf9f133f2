"""Fetch the archive of a preset: staged, hashed while it is read, and only then kept.

The cache has a folder for each archive, named by its sha256: the archive, and the preset's files
beside it. Whenever they are used they are compared with the archive, and the archive with its hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import tempfile
import urllib.error
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_pde.presets.archive import ARCHIVE, PIECE, contents
from keras_pde.presets.files import file_hash
from keras_pde.presets.url import RefusedError, opened, require_allowed, shown
from keras_pde.runtime.one_line import one_line

_STAGE = ".fetch-"  # beginning of the names of folders in which a download is under way
_FILE = "archive"
_PRESET = "preset"


def cache_root() -> Path:
    """Where downloaded presets live: keras_pde in Keras's own home directory."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras_pde"


def fetch_archive(url: str, sha256: str) -> Path:
    """Directory of the preset in a .zip or .tar.gz at a URL, from the cache where it is there.

    https and file are the only protocols, after redirects too. A download takes 600 seconds at
    most, 30 of them without a byte. One that is killed leaves a folder that the next one removes;
    of several at once the first to end is kept, and the others use it.

    Args:
        url: https://... or file:///...; without a user name, which would be printed in errors.
        sha256: of the archive, 64 hexadecimal digits.

    Raises:
        ValueError: another protocol, a file larger than `keras_pde.presets.archive.ARCHIVE`, a hash
            that differs, or an archive that does not hold exactly one preset. Nothing is kept.
        OSError: the URL cannot be read, or the cache not be written.

    Example:
        >>> from keras_pde.presets.download import fetch_archive
        >>> fetch_archive("http://example.org/a.zip", "0" * 64)
        Traceback (most recent call last):
        ...
        ValueError: http://example.org/a.zip: presets are read by https:// or file://, not by http
    """
    require_allowed(url)
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 must be 64 hexadecimal digits. Received: sha256={sha256!r}")
    wanted = sha256.lower()
    root = cache_root()
    entry, source = root / wanted, shown(url)
    if not _intact(entry, wanted, source):
        root.mkdir(parents=True, exist_ok=True)
        with _stage(root) as stage:
            new = stage / "new"
            new.mkdir()
            _fetch(url, wanted, new / _FILE)
            _unpack(new / _FILE, new / _PRESET, source)
            with _locked(root):
                if not _intact(entry, wanted, source):
                    with contextlib.suppress(FileNotFoundError):
                        entry.rename(stage / "old")
                    new.rename(entry)
    return entry / _PRESET


def _intact(entry: Path, wanted: str, source: str) -> bool:
    """Whether a folder of the cache holds the archive, and the files in it as they came."""
    try:
        files = list((entry / _PRESET).iterdir())
        if not all(path.is_file() for path in (entry / _FILE, *files)):
            return False
        if file_hash(entry / _FILE) != wanted:
            return False
        expected: dict[str, Any] = defaultdict(hashlib.sha256)
        for name, piece in contents(entry / _FILE, source):
            expected[name].update(piece)
        return {path.name: file_hash(path) for path in files} == {
            name: digest.hexdigest() for name, digest in expected.items()
        }
    except OSError:
        return False


# --- folders of the cache ---


@contextlib.contextmanager
def _stage(root: Path) -> Iterator[Path]:
    """A new folder in the cache, which vanishes; those that killed processes left vanish first."""
    with _locked(root):
        for old in root.glob(_STAGE + "*"):
            with _locked(old, wait=False) as dead:
                if dead:
                    shutil.rmtree(old, ignore_errors=True)
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=root))
        alive = contextlib.ExitStack()
        alive.enter_context(_locked(stage))
    try:
        with alive:
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Lock a folder, until its process ends at the latest; gives whether it is locked.

    Where a system has no such locks nothing is locked.
    """
    try:
        import fcntl
    except ImportError:
        yield False
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


# --- what is fetched ---


def _fetch(url: str, wanted: str, path: Path) -> None:
    """Write what a URL holds to a path, if it has the hash."""
    source = shown(url)
    try:
        digest = _read(url, path)
    except RefusedError as error:
        raise ValueError(f"{source} {error}") from None
    # also text of urllib, which may name a proxy with its password
    except (OSError, http.client.HTTPException, ValueError) as error:
        why: object = error.reason if isinstance(error, urllib.error.URLError) else error
        text = one_line(shown(str(why))) or type(why).__name__
        raise OSError(f"{source} could not be fetched to {path}: {text}") from None
    if digest != wanted:
        raise ValueError(
            f"{source} has sha256 {digest}, and {wanted} was expected: the file is damaged or not"
            " the one meant. Nothing was kept."
        )


def _read(url: str, path: Path) -> str:
    """Write what a URL holds to a path, and return its sha256."""
    digest, total = hashlib.sha256(), 0
    with open(path, "wb") as file, opened(url) as (source, declared):
        while piece := source.read(PIECE) if (declared or 0) <= ARCHIVE else b"":
            total += len(piece)
            if total > ARCHIVE:
                break
            digest.update(piece)
            file.write(piece)
    if max(total, declared or 0) > ARCHIVE:
        raise RefusedError(f"has more than {ARCHIVE} bytes, and no archive of a preset has")
    if declared not in (None, total):
        raise OSError(f"it ended after {total} of {declared} bytes")
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path, source: str) -> None:
    folder.mkdir()
    for name, piece in contents(archive, source):
        try:
            with open(folder / name, "ab") as file:
                file.write(piece)
        except OSError as error:
            raise OSError(f"{source} could not be unpacked to {folder / name}: {error}") from None

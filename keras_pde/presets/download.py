"""Fetch a preset archive: staged, verified by its sha256, and only then moved into the cache."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from keras_pde.presets.files import CONFIG, staged


def cache_root() -> Path:
    """Where downloaded presets live: keras_pde in Keras's own home directory."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras_pde"


def fetch_archive(url: str, sha256: str) -> Path:
    """Directory of the preset in a .zip or .tar.gz at a URL; cached under its hash.

    Raises:
        ValueError: the download's hash differs (nothing is kept), or the archive holds no single
            preset.
        OSError: the URL cannot be read.
    """
    wanted = sha256.lower()
    if len(wanted) != 64 or set(wanted) - set("0123456789abcdef"):
        raise ValueError(f"sha256 must be 64 hexadecimal digits. Received: sha256={sha256!r}")
    target = cache_root() / wanted
    if target.is_dir():
        return _preset_in(target, url)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=60) as response:
            while chunk := response.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != wanted:
            raise ValueError(
                f"{url} has sha256 {digest.hexdigest()}, and {wanted} was expected: the file is"
                " damaged or not the one meant. Nothing was kept."
            )
        with staged(target) as stage:
            _unpack(Path(name), stage, url)
            _preset_in(stage, url)
    finally:
        Path(name).unlink(missing_ok=True)
    return _preset_in(target, url)


def _unpack(archive: Path, stage: Path, url: str) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for member in bundle.namelist():
                if not (stage / member).resolve().is_relative_to(stage.resolve()):
                    raise ValueError(f"{url} holds a path outside its folder: {member!r}")
            bundle.extractall(stage)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as bundle:
            bundle.extractall(stage, filter="data")
    else:
        raise ValueError(f"{url} is neither a .zip nor a .tar.gz archive")


def _preset_in(folder: Path, url: str) -> Path:
    found = [path.parent for path in folder.rglob(CONFIG)]
    if len(found) != 1:
        raise ValueError(f"{url} holds {len(found)} presets, and one was expected")
    return found[0]

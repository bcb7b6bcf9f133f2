"""Folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from keras_pde.runtime.disk_errors import naming

__all__ = ["staged"]


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new directory, which takes the target's place if the block ends well, or else vanishes.

    A directory that is there is replaced with all that it holds. If the block or the disk fails,
    it is untouched.

    Args:
        target: the directory to write; folders above it are made.

    Yields:
        The directory to fill.

    Raises:
        OSError: naming the target and the reason: a file in its place, a folder that cannot be
            written, a full disk.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from keras_pde import presets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "mine"
        ...     with presets.staged(target) as stage:
        ...         _ = (stage / "config.json").write_text("{}")
        ...         print(target.exists())
        ...     print(target.exists())
        False
        True
    """
    target = Path(target)
    place = target.resolve()
    if place.exists() and not place.is_dir():
        raise NotADirectoryError(f"{target} is a file, and a folder is to be written")
    made = [folder for folder in place.parents if not folder.exists()]
    stem = place.parent / f".{place.name[:100]}.{secrets.token_hex(6)}"
    stage, old = stem.with_name(f"{stem.name}.tmp"), stem.with_name(f"{stem.name}.old")
    try:
        with naming({str(place.parent): target, str(stage): target}, [target]):
            place.parent.mkdir(parents=True, exist_ok=True)
            stage.mkdir()
            yield stage
            _sync(stage)
            if place.exists():
                stage.chmod(stat.S_IMODE(place.stat().st_mode))
            _put(stage, place, old)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        for folder in made:
            with contextlib.suppress(OSError):  # it holds the target now
                folder.rmdir()


def _put(stage: Path, place: Path, old: Path) -> None:
    """Let the stage take the place, or leave what is there."""
    try:
        if place.exists():
            place.rename(old)
        stage.rename(place)
    except BaseException:
        if old.exists() and not place.exists():
            old.rename(place)
        raise


def _sync(folder: Path) -> None:
    """Force the files of a folder to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "r+b") as file:
                os.fsync(file.fileno())

"""The index of presets: what is in the zoo, and in folders of one's own."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.reading import parse_json, read_bytes, refused
from keras_pde.presets.values import (
    Check,
    either,
    line,
    one_of,
    real,
    record,
    table_of,
    whole,
    word,
)

__all__ = ["folder_of", "index", "roots", "zoo_root"]

INDEX = "presets.json"
# what lists print of an entry, and what else it may have
NEEDED: dict[str, Check] = {
    "class": word,
    "task": word,
    "description": line,
    "ndim": whole(0, 3),
    "channels": whole(0, limits.FILTERS),
    "params": whole(0, limits.WEIGHTS_BYTES),
    "certified": line,
    "metric": record(
        {"name": line, "value": real, "unit": either(one_of(""), line), "tolerance": real},
        optional=False,
    ),
}
FIELDS: dict[str, Check] = {
    **NEEDED,
    "bytes": whole(0, 2 * limits.WEIGHTS_BYTES),
    "tolerance": real,
    "noise": table_of(real),
    "psnr": table_of(real),
    "rollout": table_of(real),
    "accuracy": table_of(real),
    "errors": table_of(real),
    "data": either(one_of(""), line),
    "licence": line,
    "sha256": table_of(line),
}
VARIABLE = "KERAS_PDE_PRESETS"  # folders of one's own, separated as in PATH


@functools.cache
def zoo_root() -> Path:
    """Directory of the zoo: inside the installed package, or beside it in a checkout.

    Example:
        >>> from keras_pde import presets
        >>> (presets.zoo_root() / "denoise" / "linear_2d" / "config.json").is_file()
        True
    """
    here = Path(__file__).resolve().parent
    beside = here.parent.parent / "zoo"
    for root in (here / "zoo", beside):
        if (root / INDEX).is_file():
            return root
    raise FileNotFoundError(
        f"The zoo's {INDEX} is neither in {here / 'zoo'} nor in {beside}. Reinstall keras_pde."
    )


def roots() -> list[Path]:
    """Folders whose presets are found by name: the zoo, and those of KERAS_PDE_PRESETS.

    A preset is in <folder>/<task>/<preset>, and the folder's presets.json is its index.

    Example:
        >>> from keras_pde import presets
        >>> presets.roots()[0] == presets.zoo_root()
        True
    """
    own = [Path(part).resolve() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return [zoo_root(), *own]


def _entries(root: Path) -> dict[str, dict[str, Any]]:
    path = root / INDEX
    if root == zoo_root():
        stat = path.stat()
        return _of_the_zoo(path, stat.st_mtime_ns, stat.st_size)
    return _checked(path) if os.path.lexists(path) else {}


@functools.lru_cache(maxsize=1)
def _of_the_zoo(path: Path, time: int, size: int) -> dict[str, dict[str, Any]]:
    """The zoo's index, read again when it has changed: Keras asks for it in every save and load."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _checked(path: Path) -> dict[str, dict[str, Any]]:
    """An index that anybody may have written."""
    entries = parse_json(read_bytes(path, limits.INDEX_BYTES), path)
    try:
        for name, entry in entries.items():
            word(name, "a preset's name")
            record(FIELDS)(entry, name)
            record(NEEDED, optional=False)({k: entry[k] for k in NEEDED if k in entry}, name)
            # parts of a path, which may not leave the index's folder
            if {name, entry["task"]} & {".", ".."} or "\\" in name + entry["task"]:
                raise ValueError(f"{name} is no folder beside it")
    except ValueError as error:
        raise refused(path, str(error)) from None
    return entries


def index() -> dict[str, dict[str, Any]]:
    """Name to class, task, parameters, hashes and metric, of the zoo and of folders of one's own.

    Where two folders have a preset of one name, the first counts, so that no folder changes what a
    name of the zoo means.

    Example:
        >>> from keras_pde import presets
        >>> presets.index()["perona_malik_2d"]["class"]
        'FEDResNet'
    """
    found: dict[str, dict[str, Any]] = {}
    for root in roots():
        found = {**_entries(root), **found}
    return found


def folder_of(name: str) -> Path:
    """Directory of a preset: zoo/<task>/<name>, or that in a folder of one's own.

    Raises:
        KeyError: no preset has the name.

    Example:
        >>> from keras_pde import presets
        >>> presets.folder_of("perona_malik_2d").parent.name
        'denoise'
    """
    for root in roots():
        if entry := _entries(root).get(name):
            return root / entry["task"] / name
    raise KeyError(name)

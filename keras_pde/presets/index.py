"""The index of presets: what is in the zoo, and in folders of one's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["folder_of", "index", "roots", "zoo_root"]

INDEX = "presets.json"
VARIABLE = "KERAS_PDE_PRESETS"  # folders of one's own, separated as in PATH


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
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


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

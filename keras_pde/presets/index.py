"""The zoo's index, and lists of presets."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

from keras_pde.presets.metric_text import HEADER, entry_text


def zoo_root() -> Path:
    """Directory of the zoo: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    beside = here.parent.parent / "zoo"
    for root in (here / "zoo", beside):
        if (root / "presets.json").is_file():
            return root
    raise FileNotFoundError(
        f"The zoo's presets.json is neither in {here / 'zoo'} nor in {beside}. Reinstall keras_pde."
    )


def index() -> dict[str, dict[str, Any]]:
    """The zoo's index: name to class, task, parameters, hashes and metric.

    Example:
        >>> from keras_pde import presets
        >>> presets.index()["perona_malik_2d"]["class"]
        'FEDResNet'
    """
    entries: dict[str, dict[str, Any]] = json.loads(
        (zoo_root() / "presets.json").read_text(encoding="utf-8")
    )
    return entries


def folder_of(name: str) -> Path:
    """Directory of a preset of the zoo: zoo/<task>/<name>.

    Example:
        >>> from keras_pde import presets
        >>> presets.folder_of("perona_malik_2d").parent.name
        'denoise'
    """
    return zoo_root() / index()[name]["task"] / name


class PresetList(list[str]):
    """Names of presets: a list to use, which prints as a table to read."""

    def __repr__(self) -> str:
        entries = index()
        rows = [("preset", "class", "task", "params", "certified", HEADER, "what it is")]
        for name in self:
            e = entries[name]
            rows.append(
                (
                    name,
                    e["class"],
                    e["task"],
                    f"{e['params']:,}",
                    e["certified"],
                    entry_text(e),
                    e["description"],
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def list_presets(pattern: str = "*", *, task: str | None = None) -> PresetList:
    """Names of the zoo's presets that match a shell pattern, of one task or of all.

    Example:
        >>> import keras_pde
        >>> len(keras_pde.list_presets("*_1d", task="denoise")) >= 2
        True
    """
    entries = index()
    return PresetList(
        n
        for n in sorted(entries)
        if fnmatch.fnmatch(n, pattern) and task in (None, entries[n]["task"])
    )

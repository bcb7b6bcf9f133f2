"""Lists of presets: names to use, which print as a table to read."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

from keras_pde.presets.index import index
from keras_pde.runtime.printed import rounded
from keras_pde.tasks import registry as tasks

__all__ = ["PresetList", "certified", "list_presets"]


class PresetList(list[str]):
    """Names of presets, which print with class, task, size, guarantee and number.

    Example:
        >>> import keras_pde
        >>> print(keras_pde.list_presets("linear_1d"))
        preset     class      task     params  certified  metric    what it is
        linear_1d  FEDResNet  denoise  0       averaged   23.87 dB  homogeneous diffusion of signals
    """

    def __repr__(self) -> str:
        entries = index()
        rows = [("preset", "class", "task", "params", "certified", "metric", "what it is")]
        for name in self:
            e = entries[name]
            number = tasks.get(e["task"]).row(e)
            about = (e["class"], e["task"], f"{e['params']:,}", certified(e), number)
            rows.append((name, *about, e["description"]))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def list_presets(pattern: str = "*", *, task: str | None = None) -> PresetList:
    """Names of presets that match a shell pattern, of one task or of all.

    They are those of the zoo, and of the folders that the environment variable KERAS_PDE_PRESETS
    names.

    Example:
        >>> import keras_pde
        >>> len(keras_pde.list_presets("*_1d", task="denoise")) >= 2
        True
    """
    entries = index()
    return PresetList(
        name
        for name in sorted(entries)
        if fnmatch.fnmatch(name, pattern) and task in (None, entries[name]["task"])
    )


def certified(entry: Mapping[str, Any]) -> str:
    """What is proved of a preset in a word, with the margin that a solver's tolerance leaves.

    Example:
        >>> from keras_pde.tasks.listing import certified
        >>> certified({"certified": "averaged", "tolerance": 5e-4}), certified({"certified": "no"})
        ('averaged to 0.0005', 'no')
    """
    margin = entry.get("tolerance")
    return f"{entry['certified']} to {rounded(margin, 2)}" if margin else entry["certified"]

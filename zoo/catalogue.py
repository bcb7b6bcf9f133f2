"""The zoo's index, presets.json, and the cards of the presets that scripts make."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from keras_pde.tasks import registry
from keras_pde.tasks.index_entry import describe, write_index


def write_catalogue(folders: Iterable[Path], data: Path | None = None) -> None:
    """Measure presets; write their entries of presets.json and their cards.

    Every number is computed from the shipped files.

    Args:
        folders: of the presets.
        data: folder of the BSD sets.
    """
    entries = {}
    for folder in folders:
        entries[folder.name] = made = describe(folder, data)
        number = registry.get(made["task"]).row(made)
        print(f"{folder.name:<32} {made['certified']:<13} {number}", flush=True)
    write_index(entries)

"""The recipe beside a preset: which task, which data, how it was trained or made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["recipe_in"]


def recipe_in(folder: Path) -> dict[str, Any]:
    """The recipe in a preset's folder, as it is written.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.tasks.recipe_file import recipe_in
        >>> recipe_in(presets.folder_of("cpl_digits_2d"))["options"]["data"]
        'digits'
    """
    found: dict[str, Any] = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    return found

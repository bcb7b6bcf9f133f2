"""A preset's entry of the zoo's index, presets.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_pde import presets

if TYPE_CHECKING:
    pass


def certified(model: Any) -> str:
    """The strongest of the guarantees, in a word."""
    return model.certificate().strongest()


def entry(model: Any, folder: Path, *, metric: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Index entry of a preset: the facts given, those of the model, and the hashes of its files.

    Args:
        model: loaded from the folder.
        folder: of the preset's files.
        metric: its name, value, unit and tolerance.
        facts: task, description, ndim, channels, data, licence, and where there are, a table of
            stopping times (noise) and one of PSNR by noise level (psnr).
    """
    files = (presets.CONFIG, presets.WEIGHTS, presets.GOLDEN)
    made = {
        "class": type(model).__name__,
        "task": facts["task"],
        "description": facts["description"],
        "ndim": facts["ndim"],
        "channels": facts["channels"],
        "params": model.count_params(),
        "bytes": sum((folder / name).stat().st_size for name in files),
        "certified": certified(model),
    }
    made |= {key: facts[key] for key in ("noise", "psnr") if facts.get(key)}
    return {
        **made,
        "metric": metric,
        "data": facts["data"],
        "licence": facts["licence"],
        "sha256": {name: presets.file_hash(folder / name) for name in files},
    }


def write_index(entries: dict[str, Any]) -> None:
    """Put entries in presets.json in place of those of the same names.

    The others stay, sorted, unless their folder is gone.
    """
    root = presets.zoo_root()
    path = root / "presets.json"
    present = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    merged = {
        **{n: e for n, e in present.items() if (root / e["task"] / n / presets.CONFIG).is_file()},
        **entries,
    }
    path.write_text(
        json.dumps(dict(sorted(merged.items())), indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )

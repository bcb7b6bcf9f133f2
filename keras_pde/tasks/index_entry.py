"""A preset's entry of the zoo's index, presets.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.models.network import Network
from keras_pde.presets.files import CONFIG, GOLDEN, WEIGHTS
from keras_pde.presets.index import INDEX
from keras_pde.presets.metadata import state_license
from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks import cards
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.recipe_file import recipe_in

TRAINING = "training.json"
TABLES = ("noise", "psnr", "rollout", "accuracy", "errors")  # that an entry may have, in this order


def describe(folder: Path, data: str | Path | None = None) -> dict[str, Any]:
    """Measure a preset's shipped weights; write its metrics, pictures and card.

    Args:
        folder: of the preset, with recipe.json, which names the task and says what the preset is,
            and with training.json where it was trained.
        data: folder of the data sets.

    Returns:
        Its entry of the index.
    """
    recipe = recipe_in(folder)
    task, network = tasks.get(recipe.get("task", "denoise")), presets.from_preset(folder)
    facts = task.measure(network, folder, data)
    made = entry(network, folder, task=task.name, description=recipe["description"], **facts)
    state_license(folder, made["licence"])
    if (folder / TRAINING).is_file():
        task.pictures(network, folder, data)
    cards.write_card(folder, made)
    return made


def entry(
    network: Network, folder: Path, *, metric: dict[str, Any], **facts: Any
) -> dict[str, Any]:
    """Index entry of a preset: the facts given, those of the network, the hashes of its files.

    Args:
        network: loaded from the folder.
        folder: of the preset's files.
        metric: its name, value, unit and tolerance.
        facts: task, description, data, licence, and where there are, a table of stopping times
            (noise), one of PSNR by noise level (psnr), one of errors by number of steps (rollout),
            one of accuracies by size of perturbation (accuracy), one of errors by grid (errors).
    """
    files, best = (CONFIG, WEIGHTS, GOLDEN), network.certificate().best()
    margin = 0.0 if best is None else best.tolerance  # inf is of exact solves, and no number
    return {
        "class": type(network).__name__,
        "task": facts["task"],
        "description": facts["description"],
        "ndim": network.ndim,
        "channels": network.input_channels,
        "params": network.count_params(),
        "bytes": sum((folder / name).stat().st_size for name in files),
        "certified": "no" if best is None else best.word,
        **({"tolerance": margin} if margin and math.isfinite(margin) else {}),
        **{key: facts[key] for key in TABLES if facts.get(key)},
        "metric": metric,
        "data": facts["data"],
        "licence": facts["licence"],
        "sha256": {name: presets.file_hash(folder / name) for name in files},
    }


def write_index(entries: dict[str, Any], root: Path | None = None) -> None:
    """Put entries in presets.json in place of those of the same names.

    The others stay, sorted, unless their folder is gone.

    Args:
        entries: name to entry.
        root: folder of the presets; None is the zoo.
    """
    root = presets.zoo_root() if root is None else root
    path = root / INDEX
    present = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    merged = {
        **{n: e for n, e in present.items() if (root / e["task"] / n / CONFIG).is_file()},
        **entries,
    }
    text = json.dumps(dict(sorted(merged.items())), indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())

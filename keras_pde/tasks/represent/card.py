"""Sections of the card of a network that represents a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.represent.settings import Settings
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)

PAPER = (
    "Cite: de Avila Belbute-Peres, Kolter, Simple initialization and parametrization of sinusoidal"
    "\nnetworks via their kernel bandwidth, arXiv:2211.14503 (2022)"
)


def sections(folder: Path, network: Any, entry: Mapping[str, Any]) -> list[Section]:
    """What it represents, an example, its number, its certificate, and how it was made.

    Args:
        folder: of the preset, with recipe.json, the picture, and training.json.
        network: as loaded from it.
        entry: of the index.
    """
    recipe = recipe_in(folder)
    about = entry["metric"]
    return [
        Section("", f"{sentence(entry['description'])}.\n\n{_use(network, recipe)}"),
        Section(
            "Results",
            f"PSNR of the rendered picture: {about['value']:.2f} dB, tolerance"
            f" {about['tolerance']:g} dB, by {network.count_params():,} weights.\n"
            f"`keras-pde evaluate {network.name}` computes it again.",
        ),
        network_section(network),
        certificate_section(network),
        Section("Made", _made(folder, network, recipe, entry)),
    ]


def _use(network: Any, recipe: Mapping[str, Any]) -> str:
    return f"""```python
import keras_pde

network = keras_pde.from_preset("{network.name}")
picture = network.render((300, 300))          # of any size; black 0 and white 1
value = network.example()["input"]            # or at points (..., 2) of the box from -1 to 1
print(network(value).shape)
```

For: {recipe["purpose"]}.

![the picture, what the network renders, and a part eight times as fine](example.png)

`keras-pde represent --network {network.name} OUT.png --size 1024` renders it;
`keras-pde represent IN OUT.png` fits such a network to a picture of yours."""


def _made(folder: Path, network: Any, recipe: Mapping[str, Any], entry: Any) -> str:
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    settings = Settings(recipe["options"])
    n = settings.shrink
    shrunk = f", {n} × {n} pixels averaged" if n > 1 else ""
    minutes = f"{training['seconds'] / 60:.0f} minutes"
    course = f"{training['steps']:,} steps of {recipe.get('batch_size', 16):,} pixels"
    return f"""Trained on {settings.source}{shrunk}:
{course}, {minutes} on {training["device"]} ({training["backend"]}).
Again: `keras-pde train {network.name}`.
Licence: {entry["licence"]}.

{PAPER}."""


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde.tasks.represent.card import overview
        >>> entry = {"description": "a face", "params": 12, "metric": {"value": 30.0}}
        >>> print(overview({"a": entry}).splitlines()[2])
        | `a` | a face | 12 | 30.00 dB |
    """
    rows = [("preset", "what it represents", "weights", "PSNR")]
    for name, entry in sorted(entries.items()):
        number = f"{entry['metric']['value']:.2f} dB"
        rows.append((f"`{name}`", entry["description"], f"{entry['params']:,}", number))
    return table(rows)

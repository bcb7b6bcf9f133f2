"""Sections of the card of a classifier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.tasks.classify.attacks import STEPS
from keras_pde.tasks.classify.scores import ATTACKED
from keras_pde.tasks.classify.settings import CLEAN, Settings
from keras_pde.tasks.classify.sources import source
from keras_pde.tasks.labelling import PGD
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)

LINES = {
    "l2": (
        "Meunier, Delattre, Araujo, Allauzen, A Dynamical System Perspective for Lipschitz Neural"
        " Networks, arXiv:2110.12690 (2022);\nAraujo, Havens, Delattre, Allauzen, Hu, A Unified"
        " Algebraic Perspective on Lipschitz Neural Networks, arXiv:2303.03169 (2023)"
    ),
    "linf": (
        "Jafarpour, Abate, Davydov, Bullo, Coogan, Robustness Certificates for Implicit Neural"
        " Networks: A Mixed Monotone Contractive Approach, arXiv:2208.03889 (2022)"
    ),
}
SYMBOLS = {"l2": "‖e‖₂", "linf": "‖e‖∞"}


def sections(folder: Path, network: Any, entry: Mapping[str, Any]) -> list[Section]:
    """What it answers, an example, its numbers, its certificate, and how it was made.

    Args:
        folder: of the preset, with recipe.json, the picture, and training.json.
        network: as loaded from it.
        entry: of the index.
    """
    recipe = recipe_in(folder)
    settings = Settings(recipe["options"])
    return [
        Section("", f"{sentence(entry['description'])}.\n\n{_use(network, recipe)}"),
        Section("Results", _results(network, settings, entry)),
        network_section(network),
        certificate_section(network),
        Section("Made", _made(folder, network, recipe, settings, entry)),
    ]


def _use(network: Any, recipe: Mapping[str, Any]) -> str:
    shape, norm = (*network.sizes, network.input_channels), SYMBOLS[network.norm]
    return f"""```python
import keras_pde

network = keras_pde.from_preset("{network.name}")
image = network.example()["input"]          # (1, {", ".join(map(str, shape))}), in [0, 1]
answer = keras_pde.classify(image, preset=network)
answer.names, answer.radius                 # no {norm} < radius changes the class
```

Image: (batch, {", ".join(map(str, shape))}), black 0 and white 1. Classes:
{", ".join(network.names_of(range(network.classes)))}.
For: {recipe["purpose"]}.

![test images, each with its radius and two attacks](example.png)

Top: test images, with the answer and the proved radius. Middle: attacked within the radius, which
cannot change the answer. Bottom: attacked farther out, at the size that is said.

`keras-pde classify IMAGE --preset {network.name}` prints class, margin and radius."""


def _results(network: Any, settings: Settings, entry: Mapping[str, Any]) -> str:
    scores = dict(entry["accuracy"])
    rows = ["| perturbation | certified | under attack (PGD) |", "|---|---|---|"]
    rows.append(f"| none | {scores['clean']:.1f} % | |")
    for eps in settings.radii:
        key = f"{eps:g}"
        proved, stands = scores[key], scores[f"PGD {key}"]
        rows.append(f"| {SYMBOLS[network.norm]} ≤ {key} | {proved:.1f} % | {stands:.1f} % |")
    table = "\n".join(rows)
    others = beside(network.name, entry, settings)
    table += f"\n\nBeside others on the same test images:\n\n{others}" * bool(others)
    tolerance = entry["metric"]["tolerance"]
    return f"""Accuracy on the test images of {settings.data}. Certified: the answer is right, and
provably the same for every such perturbation. Under attack: {STEPS} steps of projected gradient
descent left it right, on the first {ATTACKED} images at most.

{table}

`keras-pde evaluate {network.name}` computes them again; tolerance: {tolerance:g} %."""


def beside(name: str, entry: Mapping[str, Any], settings: Settings) -> str:
    """A table of a preset and of other methods on the same test; "" where none is known.

    Args:
        name: of the preset.
        entry: of the index.
        settings: of its recipe.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.tasks.classify.card import beside
        >>> from keras_pde.tasks.classify.settings import Settings
        >>> entry = presets.index()["cpl_digits_2d"]
        >>> settings = Settings({"data": "digits", "radii": [0.5]})
        >>> print(beside("cpl_digits_2d", entry, settings).splitlines()[0])
        | network | weights | clean | certified at 0.5 | under attack at 0.5 |
    """
    published = json.loads((presets.zoo_root() / "published.json").read_text(encoding="utf-8"))
    others = published.get(f"classify/{name}", [])
    if not others:
        return ""
    keys = [f"{eps:g}" for eps in settings.radii]
    ways = ("certified", ""), ("under attack", PGD)
    head = ["network", "weights", "clean", *[f"{way} at {key}" for way, _ in ways for key in keys]]
    lines = [head]
    for method, weights, scores in (
        (f"**{name}**", entry["params"], entry["accuracy"]),
        *((o["method"], o["parameters"], o["accuracy"]) for o in others),
    ):
        columns = [CLEAN, *[f"{before}{key}" for _, before in ways for key in keys]]
        numbers = [f"{scores[c]:.1f} %" if c in scores else "" for c in columns]
        lines.append([method, f"{weights:,}", *numbers])
    return table(lines)


def _made(
    folder: Path, network: Any, recipe: Mapping[str, Any], settings: Settings, entry: Any
) -> str:
    return f"""Trained on {source(settings.data).text}:
{course(folder, recipe)}.
Again: `keras-pde train {network.name}`.
Licence: {entry["licence"]}.

Cite: {LINES[network.norm]}."""


def course(folder: Path, recipe: Mapping[str, Any]) -> str:
    """How a preset was trained: steps, minutes, and on what."""
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    minutes = f"{max(60, training['seconds']) / 60:.0f} min"
    steps = f"{training['steps']:,} steps of batches of {recipe.get('batch_size', 16)}"
    return f"{steps}, {minutes} on {training['device']} ({training['backend']})"


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde.tasks.classify.card import overview
        >>> found = {"clean": 97.0, "0.5": 71.0, "PGD 0.5": 80.0}
        >>> entry = {"description": "digits", "params": 12, "accuracy": found}
        >>> print(overview({"a": entry}).splitlines()[2])
        | `a` | digits | 12 | 97.0 % | 71.0 % at 0.5 |
    """
    head = ("preset", "what it classifies", "weights", "clean", "certified at ε")
    rows = [head]
    for name, entry in sorted(entries.items()):
        scores = {k: v for k, v in entry["accuracy"].items() if not k.startswith("PGD")}
        clean = scores.pop("clean")
        proved = ", ".join(f"{value:.1f} % at {key}" for key, value in scores.items())
        about = (f"`{name}`", entry["description"], f"{entry['params']:,}", f"{clean:.1f} %")
        rows.append((*about, proved))
    return table(rows)

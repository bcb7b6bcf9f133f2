"""Sections of the card of a segmenter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.tasks.classify.card import LINES, course
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)
from keras_pde.tasks.segment.scores import ATTACKED, STEPS
from keras_pde.tasks.segment.settings import Settings
from keras_pde.tasks.segment.sources import source


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
    return f"""```python
import keras_pde

image = keras_pde.from_preset("{network.name}").example()["input"][0]  # in [0, 1]
answer = keras_pde.segment(image, preset="{network.name}")
answer.labels, answer.radius                # no ‖e‖₂ < radius changes the pixel's class
answer.changed_at_most(0.5)                 # pixels that some ‖e‖₂ ≤ 0.5 can change, at most
```

Image: (height, width, {network.input_channels}) of any size, black 0 and white 1. Classes:
{", ".join(network.names_of(range(network.classes)))}. ‖e‖₂ is the norm of the whole image's change.
For: {recipe["purpose"]}.

![test images, their labels, the answers, and the radius of each pixel](example.png)

`keras-pde segment IMAGE OUT.png --preset {network.name}` writes the classes as an image, and prints
the share of each and its radii."""


def _results(network: Any, settings: Settings, entry: Mapping[str, Any]) -> str:
    scores = dict(entry["accuracy"])
    kinds = ", ".join(
        f"{name} {scores[key]:.1f} %"
        for name in network.names_of(range(network.classes))
        if (key := f"IoU ({name})") in scores
    )
    rows = ["| perturbation | IoU | pixel accuracy | accuracy under attack (PGD) |"]
    rows.append("|---|---|---|---|")
    rows.append(f"| none | {scores['IoU']:.1f} % | {scores['accuracy']:.1f} % | |")
    for eps in settings.radii:
        key = f"{eps:g}"
        rows.append(
            f"| ‖e‖₂ ≤ {key} | ≥ {scores[f'IoU {key}']:.1f} % | ≥ {scores[key]:.1f} % |"
            f" {scores[f'PGD {key}']:.1f} % |"
        )
    table = "\n".join(rows)
    tolerance = entry["metric"]["tolerance"]
    return f"""Means over the test images of {settings.data}. IoU is the intersection over union,
and of an image the mean over its classes: {kinds}. What is marked ≥ is
proved for every such perturbation of each image. Under attack: {STEPS} steps of projected gradient
descent left so many pixels right, on the first {ATTACKED} images.

{table}

`keras-pde evaluate {network.name}` computes them again; tolerance: {tolerance:g} %."""


def _made(
    folder: Path, network: Any, recipe: Mapping[str, Any], settings: Settings, entry: Any
) -> str:
    return f"""Trained on {source(settings.data).text}:
{course(folder, recipe)}.
Again: `keras-pde train {network.name}`.
Licence: {entry["licence"]}.

Cite: {LINES["l2"]}."""


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde.tasks.segment.card import overview
        >>> found = {"IoU": 91.0, "accuracy": 98.0, "0.5": 96.0, "IoU 0.5": 85.0}
        >>> entry = {"description": "nuclei", "params": 12, "accuracy": found}
        >>> print(overview({"a": entry}).splitlines()[2])
        | `a` | nuclei | 12 | 91.0 % | 98.0 % | 96.0 % / 85.0 % at 0.5 |
    """
    head = ["preset", "what it finds", "weights", "IoU", "pixels right"]
    head.append("proved of pixels / IoU at ε")
    rows = [tuple(head)]
    for name, entry in sorted(entries.items()):
        scores = entry["accuracy"]
        proved = ", ".join(
            f"{value:.1f} % / {scores[f'IoU {key}']:.1f} % at {key}"
            for key, value in scores.items()
            if key[:1].isdigit()
        )
        about = (f"`{name}`", entry["description"], f"{entry['params']:,}")
        rows.append((*about, f"{scores['IoU']:.1f} %", f"{scores['accuracy']:.1f} %", proved))
    return table(rows)

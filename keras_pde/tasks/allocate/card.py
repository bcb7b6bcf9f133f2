"""Sections of the card of a network that allocates powers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.tasks.classify.card import course
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)


def sections(folder: Path, network: Any, entry: Mapping[str, Any]) -> list[Section]:
    """What it decides, an example, its numbers, its certificate, and how it was made.

    Args:
        folder: of the preset, with recipe.json, the picture, and training.json.
        network: as loaded from it.
        entry: of the index.
    """
    recipe = recipe_in(folder)
    return [
        Section("", f"{sentence(entry['description'])}.\n\n{_use(network, recipe)}"),
        Section("Results", _results(network, recipe, entry)),
        network_section(network),
        certificate_section(network),
        Section("Made", _made(folder, network, recipe, entry)),
    ]


def _use(network: Any, recipe: Mapping[str, Any]) -> str:
    return f"""```python
import numpy as np
import keras_pde

gains = np.random.default_rng(0).exponential(size=(20, 20)) + 30 * np.eye(20)
found = keras_pde.allocate(gains, preset="{network.name}", noise=1.0)
found.powers, found.rate, found.full        # in [0, 1]; bits by them, and at full power
```

gains[i, j] is from transmitter j to receiver i. For: {recipe["purpose"]}.

![sum rates by number of links, and the powers of one network](example.png)"""


def _results(network: Any, recipe: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    scores = dict(entry["accuracy"])
    rows = ["| links | this network | full power |", "|---|---|---|"]
    for key, value in scores.items():
        if key.endswith("links"):
            links = key.removesuffix(" links")
            full = scores[f"full power, {links}"]
            rows.append(f"| {links} | {value:.1f} % | {full:.1f} % |")
    table, trained = "\n".join(rows), recipe["options"]["links"]
    tolerance = entry["metric"]["tolerance"]
    return f"""Mean sum rates of 500 random networks of each size, in percent of WMMSE's, which is
iterated to its end. It was trained on networks of {trained} links alone.

{table}

`keras-pde evaluate {network.name}` computes them again; tolerance: {tolerance:g} %."""


def _made(folder: Path, network: Any, recipe: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    return f"""Trained without labels on the sum rate of {entry["data"]}:
{course(folder, recipe)}.
Again: `keras-pde train {network.name}`.
Licence: {entry["licence"]}.

Cite: Lee, Lee, Quek, Deep Learning for Distributed Optimization: Applications to Wireless Resource
Management, arXiv:1905.13378 (2019), and on random networks arXiv:2106.07984 (2021);
Shen, Shi, Zhang, Letaief, Graph Neural Networks for Scalable Radio Resource Management,
arXiv:2007.07632 (2020)."""


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde.tasks.allocate.card import overview
        >>> found = {"10 links": 100.0, "30 links": 99.0, "full power, 10": 65.0}
        >>> entry = {"description": "powers", "params": 12, "accuracy": found}
        >>> print(overview({"a": entry}).splitlines()[2])
        | `a` | powers | 12 | 100.0 % with 10 links, 99.0 % with 30 links | 65.0 % with 10 |
    """
    head = ("preset", "what it decides", "weights", "sum rate beside WMMSE", "full power")
    rows = [head]
    for name, entry in sorted(entries.items()):
        scores = entry["accuracy"]
        ours = ", ".join(f"{v:.1f} % with {k}" for k, v in scores.items() if k.endswith("links"))
        full = ", ".join(
            f"{v:.1f} % with {k.rpartition(' ')[2]}"
            for k, v in scores.items()
            if k.startswith("full")
        )
        about = (f"`{name}`", entry["description"], f"{entry['params']:,}")
        rows.append((*about, ours, full))
    return table(rows)

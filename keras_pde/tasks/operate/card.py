"""Sections of the card of a learned operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.tasks.classify.card import course
from keras_pde.tasks.operate.scores import ERROR
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)

CITE = (
    "Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, Multipole Graph Neural"
    " Operator for Parametric Partial Differential Equations, arXiv:2006.09535 (2020)"
)
BESIDE = {
    "darcy": """The solver has the same points and no weights: five points with harmonic means of
the coefficient, and multigrid. It does not see where between the points the phases meet; the
network learned what that does on average. Published on these data, with the same grids: 8.5 % on
16 and 12.4 % on 32 points an axis, by a tensorised Fourier neural operator of neuraloperator.
"Its own fluxes solved" is the network's equation solved exactly, which its cycles approach.""",
    "burgers": """The solver is the closed form of Cole and Hopf for the trigonometric polynomial
through the 16 points. The network learned from evolutions of the same program as the tests.""",
}


def sections(folder: Path, network: Any, entry: Mapping[str, Any]) -> list[Section]:
    """What it answers, an example, its numbers, its certificate, and how it was made.

    Args:
        folder: of the preset, with recipe.json, the picture, and training.json.
        network: as loaded from it.
        entry: of the index.
    """
    recipe = recipe_in(folder)
    rows = [f"| {key} | {value:.2f} % |" for key, value in entry["errors"].items()]
    table = "\n".join(["| ‖u − v‖₂/‖v‖₂ | |", "|---|---|", *rows])
    tolerance = entry["metric"]["tolerance"]
    return [
        Section("", f"{sentence(entry['description'])}.\n\n{_use(network, recipe)}"),
        Section(
            "Results",
            f"Means over the test samples of {entry['data']}, by the points an axis.\n\n{table}\n\n"
            f"{BESIDE[recipe['options']['data']]}\n\n`keras-pde evaluate {network.name}` computes"
            f" them again; tolerance: {tolerance:g} %.",
        ),
        network_section(network),
        certificate_section(network),
        Section(
            "Made",
            f"Trained on {entry['data']}: {course(folder, recipe)}.\nAgain: `keras-pde train"
            f" {network.name}`.\nLicence: {entry['licence']}.\n\nCite: {CITE}.",
        ),
    ]


def _use(network: Any, recipe: Mapping[str, Any]) -> str:
    name = network.named_inputs[0]
    sizes = ", ".join(["n"] * network.ndim)
    return f"""```python
import keras_pde

network = keras_pde.from_preset("{network.name}")
{name} = network.example()["input"]     # (1, {sizes}, {network.input_channels})
solution = network({name})
```

Input: (batch, {sizes}, {network.input_channels}) at the points i/n. For: {recipe["purpose"]}.

![test inputs, solutions, and what the network makes of them](example.png)"""


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde.tasks.operate.card import overview
        >>> entry = {"description": "flow", "params": 12, "errors": {"error 16": 6.0, "solver": 9}}
        >>> print(overview({"a": entry}).splitlines()[2])
        | `a` | flow | 12 | error 16: 6.0 % | solver: 9.0 % |
    """
    head = ("preset", "what it solves", "weights", "network", "exact, on the same points")
    rows = [head]
    for name, entry in sorted(entries.items()):
        told = {True: [], False: []}  # type: dict[bool, list[str]]
        for key, value in entry["errors"].items():
            told[key.startswith(ERROR)].append(f"{key}: {value:.1f} %")
        about = (f"`{name}`", entry["description"], f"{entry['params']:,}")
        rows.append((*about, ", ".join(told[True]), ", ".join(told[False])))
    return table(rows)

"""Sections of the card of a network that advances a state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.models.lattice_boltzmann import LatticeBoltzmann
from keras_pde.models.network import Network
from keras_pde.tasks.evolve.data import Settings, scenario_in
from keras_pde.tasks.evolve.scenario import VORTICES, Scenario
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import (
    Section,
    certificate_section,
    network_section,
    sentence,
    table,
)

NUMBER = "nRMSE is the mean of ‖u − v‖/‖v‖ over"
AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
LINES = (
    "Cite: Celledoni, Jackaman, Murari, Owren, Predictions Based on Pixel Data: Insights from PDEs"
    " and Finite Differences, arXiv:2305.00723 (2023)"
)
LATTICES = (
    "Cite: Ortali, Gabbana, Atmodimedjo, Corbetta, Enhancing lattice kinetic schemes for fluid"
    " dynamics with lattice-equivariant neural networks, arXiv:2405.13850 (2024)"
)


def sections(folder: Path, network: Network, entry: Mapping[str, Any]) -> list[Section]:
    """What it computes, an example, its numbers, its certificate, and how it was made.

    Args:
        folder: of the preset, with recipe.json, the pictures, and training.json if it was trained.
        network: as loaded from it.
        entry: of the index.
    """
    recipe = recipe_in(folder)
    scenario = scenario_in(recipe)
    assert scenario is not None
    return [
        Section("", f"{sentence(entry['description'])}.\n\n{_use(network, scenario, recipe)}"),
        Section("Results", _results(network, scenario, entry)),
        network_section(network),
        certificate_section(network),
        Section("Made", _made(folder, network, recipe, entry)),
    ]


def _use(network: Any, scenario: Scenario, recipe: Mapping[str, Any]) -> str:
    name = network.name
    return f"""```python
import keras_pde

network = keras_pde.from_preset("{name}")
state = network.example()["input"]     # (1, {AXES[network.ndim]}, {network.input_channels})
later = keras_pde.evolve(state, preset=network, steps=10)
film = keras_pde.evolve(state, preset=network, steps=10, every=1)     # 11 states
```

State: (batch, {AXES[network.ndim]}, {network.input_channels}), of any size and batch. A step is
Δt = {network.dt:g}; the scenario below has {" × ".join(map(str, scenario.size))} points.
For: {recipe["purpose"]}.

![rollout](rollout.png)

![animation](rollout.gif)

`keras-pde evolve {name} out.gif --steps {scenario.steps[-1]}` makes such an animation."""


def _results(network: Network, scenario: Scenario, entry: Mapping[str, Any]) -> str:
    scores = dict(entry["rollout"])
    marks = [key for key in scores if key.isdigit()]
    marks.sort(key=int)
    rows = [f"| {key} step{'s' * (key != '1')} | {scores[key]:.1e} |" for key in marks]
    rows += [f"| drift of the {key} | {scores[key]:.0e} |" for key in scores if not key.isdigit()]
    table = "\n".join(["| nRMSE after | |", "|---|---|", *rows])
    facts = ", ".join(f"{key} {value}" for key, value in scenario.coefficients.items())
    about = f" with {facts}" if facts else ""
    factor = f"{entry['metric']['tolerance']:g}"
    return f"""{scenario.equation}{about}: {_starts(scenario)}. {NUMBER}
them; v is {_truth(scenario)}.

{table}

`keras-pde evaluate {network.name}` computes them again; tolerance: a factor of {factor}."""


def _starts(scenario: Scenario) -> str:
    if scenario.file:
        return f"the first states of the last {scenario.states} trajectories"
    kind = (
        "of a\nvortex each"
        if scenario.equation == VORTICES
        else f'of the kind\n"{scenario.initial}"'
    )
    return f"{scenario.states} initial states {kind} on a periodic box, seed {scenario.seed}"


def _truth(scenario: Scenario) -> str:
    if scenario.file:
        return f"recorded in {scenario.file}"
    if scenario.equation == VORTICES:
        return "the exact velocity of the decaying vortices"
    if scenario.evolution.nonlinear is None:
        return "the exact solution of the equation, by its Fourier series in float64"
    return (
        f"the solution by Fourier series and ETDRK4 with {scenario.substeps} substeps a step, in"
        " float64"
    )


def _made(folder: Path, network: Network, recipe: Mapping[str, Any], entry: Any) -> str:
    paper = LATTICES if isinstance(network, LatticeBoltzmann) else LINES
    if not (folder / "training.json").is_file():
        return f"""It is the numerical scheme itself, without training: `{recipe["command"]}`.
Licence: {entry["licence"]}.

{paper}."""
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    settings = Settings(recipe["options"])
    noise = f", noise of {settings.noise:g} increments" if settings.noise else ""
    minutes = f"{training['seconds'] / 60:.0f} minutes"
    course = f"{training['steps']:,} steps of batches of {recipe.get('batch_size', 16)}"
    where = f"{training['device']} ({training['backend']})"
    return f"""Trained on {settings.states} trajectories of {settings.horizon} steps{noise}:
{course}, {minutes} on {where}.
Again: `keras-pde train {network.name}`.
Licence: {entry["licence"]}.

{paper}."""


def overview(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of index entries, in Markdown.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.tasks.evolve.card import overview
        >>> print(overview({"heat_1d": presets.index()["heat_1d"]}).splitlines()[0])
        | preset | what it computes | weights | proved | nRMSE, 1 step | 10 steps | last |
    """
    head = ("preset", "what it computes", "weights", "proved", "nRMSE, 1 step", "10 steps", "last")
    rows = [head]
    for name, entry in sorted(entries.items()):
        errors = {key: f"{x:.1e}" for key, x in entry["rollout"].items() if key.isdigit()}
        last = max(errors, key=int)
        about = (f"`{name}`", entry["description"], f"{entry['params']:,}", entry["certified"])
        rows.append((*about, errors["1"], errors.get("10", ""), f"{errors[last]} ({last})"))
    return table(rows)

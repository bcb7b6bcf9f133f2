"""Sections of a denoiser's card: of one that was trained, and of a classical filter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.data.windows import sizes
from keras_pde.models.block_network import BlockNetwork
from keras_pde.models.network import Network
from keras_pde.tasks.denoise.data import test_set
from keras_pde.tasks.denoise.evaluate import NAMES
from keras_pde.tasks.denoise.kinds import KINDS, Kind
from keras_pde.tasks.denoise.results import results
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import Section, sentence
from keras_pde.tasks.task import SUPERVISED
from keras_pde.tasks.training.recipes import Recipe

PAPER = (
    "Cite: Alt, Peter, Weickert, Schrader, Translating Numerical Concepts for PDEs into Neural"
    " Architectures, arXiv:2103.15419 (2021)"
)


def trained(folder: Path, network: Network, entry: Mapping[str, Any]) -> list[Section]:
    """The sections of a trained network.

    Args:
        folder: of the preset, with recipe.json, training.json and the pictures.
        network: as loaded from it.
        entry: of the index.
    """
    recipe, certificate = Recipe.load(folder), network.certificate()
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    name, kind = recipe.name, KINDS[network.ndim]
    blind = recipe.loss != SUPERVISED
    how = f" The loss {recipe.loss} looks at no clean {kind.noun}." if blind else ""
    unproved = "\n**No guarantee**: nothing is proved about this network's stability.\n"
    return [
        Section(
            "",
            f"{sentence(recipe.description)}. {recipe.purpose}\n"
            f"{'' if certificate.norm_stable else unproved}\n"
            f"{_use(recipe, network)}",
        ),
        Section("Results", _results(recipe, entry, certificate.summary(assuming=False), kind)),
        Section("Architecture", _architecture(network)),
        Section(
            "Certificate",
            f"`keras-pde certify {name}` computes it from the weights:\n\n```\n{certificate}\n```",
        ),
        Section(
            "Training",
            f"{kind.source}: {recipe.train}, {recipe.validation} {kind.samples} held out for"
            f" validation;\n"
            f"the test {kind.noun}s were not looked at. {_course(recipe, network, training)}."
            f"{how}"
            f" Again: `keras-pde train {name}`\n\n"
            f"Licence: {entry['licence']}.\n\n"
            f"{PAPER}; and the data.",
        ),
    ]


def _use(recipe: Recipe, network: Network) -> str:
    low, high = recipe.noise_range
    told, call = "it is not told the noise level", "noisy"
    if network.noise_conditioned:
        told = (
            f"the noise level σ/255, a number for each {KINDS[network.ndim].noun} or a map, is the"
            " second input"
        )
        call = "[noisy, np.full((1,), 25 / 255)]"
    kind = KINDS[network.ndim]
    shape = ", ".join(["1", *["64"] * network.ndim, str(recipe.channels)])
    return f"""```python
import keras_pde
clean = keras_pde.denoise({kind.noun}, noise=25, preset="{recipe.name}")\
     # any size; noise=None estimates it

import numpy as np
model = keras_pde.from_preset("{recipe.name}")      # a Keras model
noisy = np.random.default_rng(0).random(({shape}))
clean = model.predict({call}, verbose=0)
```

Input (batch, {", ".join(kind.axes)}, {recipe.channels}) in [0, 1]; {told}.
For Gaussian noise of {low:g} to {high:g} grey levels of 255.
{kind.unfit}

![example](example.png)

{kind.example[recipe.channels]}: clean, noisy,
{"denoised" if network.ndim == 1 else "denoised, difference"}."""


def _results(recipe: Recipe, entry: Mapping[str, Any], proved: str, kind: Kind) -> str:
    test, name = NAMES.get(recipe.test, recipe.test), recipe.name
    if recipe.stated is not None:
        return f"""PSNR in dB on {test}, whose noise is {recipe.stated:g}: estimated by Stein's
unbiased estimate without clean {kind.noun}s, average over the {kind.noun}s.

{results(recipe.test, {name: (proved, entry)}, list(entry["psnr"]))}"""
    truth = f"\n\n{kind.truth}" if kind.truth else ""
    return f"""PSNR in dB on {test} (float noise not clipped, output clipped, average over the
{kind.noun}s, seed 0), tolerance ± {entry["metric"]["tolerance"]:g}; `keras-pde evaluate {name}`
computes the first row, a test recomputes it.

{results(recipe.test, {name: (proved, entry)}, list(entry["psnr"]))}{truth}"""


def _architecture(network: Network) -> str:
    parts = [f"```mermaid\n{network.diagram()}\n```", f"```\n{network}\n```"]
    if isinstance(network, BlockNetwork):
        alone = all(block.flux.support == 0 for block in network.blocks)
        where = (
            ", where all channels and neighbours have the value s: the diffusivity looks at them"
            " all"
        )
        parts += [
            f"Fluxes Φ(s) of the blocks at σ = 25, a curve a channel{'' if alone else where}:",
            "![fluxes](fluxes.png)",
        ]
        if network.ndim == 2:
            parts += ["Kernels of the first block on the image:", "![kernels](kernels.png)"]
    return "\n\n".join(parts)


def _course(recipe: Recipe, network: Network, training: Mapping[str, Any]) -> str:
    """The stages of the training in words, and how long they took."""
    stages = recipe.stages
    done = [
        f"{stage.steps:,} steps of {stage.batch_size} patches of"
        f" {'×'.join(map(str, sizes(stage.patch_size, stage.ndim)))}"
        for stage in stages
    ]
    if len(stages) > 1:
        smaller = stages[0].build().count_params()
        if smaller != network.count_params():
            done[0] += f" of a network with {smaller:,} parameters, which was grown"
    done[0] += f" from the weights of {recipe.start}" if recipe.start else ""
    run = ", then ".join(done)
    if training["steps"] < sum(stage.steps for stage in stages):
        run += f", ended after {training['steps']:,}"
    minutes = f"{training['seconds'] / 60:.0f} minutes"
    return f"{run}, {minutes} on {training['device']} ({training['backend']})"


def classical(
    folder: Path, network: Network, entry: Mapping[str, Any], metric: Metric
) -> list[Section]:
    """The section of a filter that is the numerical method itself."""
    name = network.name
    recipe = recipe_in(folder)
    times = ", ".join(f"{time:g} at noise {level}" for level, time in entry["noise"].items())
    warning = "\nNot certified: it amplifies structures by design. Do not iterate it.\n"
    shape = (
        "(batch, length, 1)"
        if entry["ndim"] == 1
        else f"(batch, height, width, {entry['channels']})"
    )
    about, build = entry["metric"], recipe["command"].removesuffix("tune") + "build"
    number = metric.full(about["value"], about["tolerance"])
    rows = [f"| {about['name']} | {number} | `{build}` |"]
    if bsd := entry.get("psnr"):
        test, values = (
            NAMES[test_set(entry["channels"], entry["ndim"])],
            ", ".join(f"{v:.2f}" for v in bsd.values()),
        )
        measured = f"PSNR on {test}, noise {', '.join(bsd)}"
        rows.append(f"| {measured} | {values} dB | `keras-pde evaluate {name}` |")
    table = "\n".join(["| measure | value | command |", "|---|---|---|", *rows])
    return [
        Section(
            "",
            f"""{sentence(entry["description"])}: the numerical method itself as a network, without
trained weights.
{warning if entry["certified"] == "no" else ""}
```python
import keras_pde
model = keras_pde.from_preset("{name}")      # input {shape}, values in [0, 1], noise 25/255
```

For: removing Gaussian noise with a classical, explainable filter; a baseline; a scale space.
Not for: the best PSNR, which trained networks reach. For another noise level σ scale the image
by 25/σ and the output back, and choose the time: {times}.

```
{network}
```

```
{network.certificate()}
```

{table}

Contrast and stopping times are fitted on {entry["data"]} (Arbeláez et al., TPAMI 2011, for
non-commercial research and education; no image data is contained): `{recipe["command"]}`.
Licence: {entry["licence"]}.

{PAPER}.""",
        )
    ]

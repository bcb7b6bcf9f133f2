"""Cards of the trained denoisers.

Zoo/<task>/<preset>/README.md with its pictures, generated from the weights and the index.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.certificates.certificate import Certificate
from keras_pde.tasks.denoise.data import test_set
from keras_pde.tasks.denoise.evaluate import NAMES
from keras_pde.tasks.training.recipes import Recipe

DATA = (
    "Berkeley Segmentation Dataset BSDS500 (Arbeláez, Maire, Fowlkes, Malik, TPAMI 2011), for"
    " non-commercial research and education"
)
LICENCE = (
    "weights: non-commercial research and education, as the photographs they are trained on"
    " (BSDS500); code: Apache-2.0"
)


def guarantee(certificate: Certificate) -> str:
    """What is proved, in a few words with the constants.

    Example:
        >>> from keras_pde import Certificate
        >>> from keras_pde.tasks.cards import guarantee
        >>> guarantee(Certificate("a net", norm_gain=1.0, lipschitz=2.0))
        'norm stable, Lipschitz constant 2'
    """
    return certificate.summary()


def pictures(model: Any, folder: Path) -> None:
    """Write fluxes.png, kernels.png and example.png."""
    from keras_pde.data import images, noise
    from keras_pde.data import side_by_side as compare
    from keras_pde.data.photograph import sample
    from keras_pde.models import plotting
    from keras_pde.tasks import quality as qualities
    from keras_pde.tasks.denoise.denoiser import Denoiser

    clean = sample(model.input_channels, 2)[0, 96:288, 144:400]
    noisy = noise.add_noise(clean, 25)
    denoised = Denoiser(model, tuned=True)(noisy, 25).pixels.clip(0, 1)
    notes = {
        name: f"{qualities.quality(clean, x).psnr:.2f} dB"
        for name, x in (("noisy", noisy), ("denoised", denoised))
    }
    images.write_bytes(
        folder / "example.png",
        compare.comparison_png(compare.comparison(noisy, denoised, clean, notes)),
    )
    if not hasattr(model, "blocks"):
        return
    plotting.plot_learned_fluxes(model).savefig(folder / "fluxes.png", dpi=70)
    plotting.plot_kernels(model.blocks[0].operator, 64, patch_size=model.patch_size).savefig(
        folder / "kernels.png", dpi=70
    )


def results(
    test: str,
    measured: dict[str, tuple[str, dict[str, Any]]],
    levels: Sequence[str],
    sources: bool = True,
) -> str:
    """Table of presets, name.

    (guarantee, entry of the index), beside published numbers of the same test.
    """
    lines = [
        "| method | guarantee | parameters | "
        + " | ".join(f"σ = {level}" for level in levels)
        + " |",
        "|---|---|---|" + "---|" * len(levels),
    ]

    def row(method: str, proved: str, parameters: int | None, psnr: dict[str, float]) -> str:
        numbers = " | ".join(f"{psnr[level]:.2f}" if level in psnr else "" for level in levels)
        return (
            f"| {method} | {proved} | {'' if parameters is None else f'{parameters:,}'} |"
            f" {numbers} |"
        )

    lines += [
        row(f"**{name}**", proved, entry["params"], entry["psnr"])
        for name, (proved, entry) in measured.items()
    ]
    for other in json.loads(
        (presets.zoo_root() / "published.json").read_text(encoding="utf-8")
    ).get(test, []):
        method = (
            f"{other['method']} ({other['source']})" if sources else f"{other['method']}, published"
        )
        lines.append(row(method, other["guarantee"], other["parameters"], other["psnr"]))
    return "\n".join(lines)


def overview(test: str) -> str:
    """The README's table: the trained presets for a test set and the best classical filter, best
    first, beside published numbers.
    """
    from keras_pde import presets

    entries = {
        n: e
        for n, e in presets.index().items()
        if e.get("psnr") and test_set(e["channels"]) == test
    }
    best = sorted(entries, key=lambda name: -entries[name]["psnr"]["25"])
    classical = next(
        name for name in best if not (presets.folder_of(name) / "training.json").is_file()
    )
    chosen = [
        name
        for name in best
        if name == classical or (presets.folder_of(name) / "training.json").is_file()
    ]
    return results(
        test,
        {
            name: (guarantee(presets.from_preset(name).certificate()), entries[name])
            for name in chosen
        },
        ("15", "25", "50"),
        sources=False,
    )


def diagram(model: Any) -> str:
    """The architecture as a mermaid flowchart."""
    parts = ["flowchart LR", '  f["noisy image f"]']
    last = "f"
    lifting = getattr(model, "lifting", None)
    if lifting is not None and hasattr(lifting, "certify"):
        parts.append(f'  f --> P["lifting: {lifting!r}"]')
        last = "P"
    if not hasattr(model, "blocks"):
        parts.append(f'  {last} --> N["multigrid cycle"]')
    elif hasattr(model, "schedule"):
        steps, blocks = len(model.schedule), len(model.blocks)
        shared = "one block" if blocks == 1 else f"{blocks} blocks"
        parts.append(
            f'  {last} --> N["{steps} steps ({model.schedule.kind}), {shared}: u − τKᵀΦ(Ku)"]'
        )
    else:
        parts += [f'  {last} --> N["solve u + τKᵀΦ(Ku) = f"]', "  N --> N"]
    if getattr(model, "noise_conditioned", False):
        parts.append('  s["noise level σ"] --> N')
    if last == "P":
        parts += ['  N --> Q["lowering: transposed lifting"]', '  Q --> u["denoised image"]']
    else:
        parts.append('  N --> u["denoised image"]')
    return "\n".join(parts)


def card(recipe: Recipe, model: Any, entry: dict[str, Any], training: dict[str, Any]) -> str:
    """The card of a trained preset."""
    name, certificate, color = recipe.name, model.certificate(), recipe.channels == 3
    low, high = recipe.noise if isinstance(recipe.noise, tuple) else (recipe.noise, recipe.noise)
    conditioned = getattr(model, "noise_conditioned", False)
    call = "[noisy, np.full((1,), 25 / 255)]" if conditioned else "noisy"
    told = (
        "the noise level σ/255, a number for each image or a map, is the second input"
        if conditioned
        else "it is not told the noise level"
    )
    plots = ""
    if hasattr(model, "blocks"):
        alone = all(block.flux.reach == 0 for block in model.blocks)
        where = (
            ""
            if alone
            else (
                ", where all channels and neighbours have the value s: the diffusivity looks at"
                " them all"
            )
        )
        plots = (
            "\nFluxes Φ(s) of the blocks at σ = 25, a curve a"
            f" channel{where}:\n\n![fluxes](fluxes.png)\n"
        )
        plots += "\nKernels of the first block on the image:\n\n![kernels](kernels.png)\n"
    tolerance = entry["metric"]["tolerance"]
    stages = recipe.stages
    done = [
        f"{stage.steps:,} steps of {stage.batch_size} patches of"
        f" {stage.patch_size}×{stage.patch_size}"
        for stage in stages
    ]
    if len(stages) > 1 and (smaller := stages[0].build().count_params()) != model.count_params():
        done[0] += f" of a network with {smaller:,} parameters, which was grown"
    done[0] += f" from the weights of {recipe.start}" if recipe.start else ""
    run = ", then ".join(done)
    if training["steps"] < sum(stage.steps for stage in stages):
        run += f", ended after {training['steps']:,}"
    took = f"{training['seconds'] / 60:.0f} minutes on {training['device']} ({training['backend']})"
    warned = (
        ""
        if certificate.norm_stable
        else "\n**No guarantee**: nothing is proved about this network's stability.\n"
    )
    return f"""# {name}

{recipe.description[0].upper()}{recipe.description[1:]}. {recipe.purpose}
{warned}
```python
import keras_pde
clean = keras_pde.denoise(image, noise=25, preset="{name}")     # any size; noise=None estimates it

import numpy as np
model = keras_pde.from_preset("{name}")      # a Keras model
noisy = np.random.default_rng(0).random((1, 64, 64, {recipe.channels}))
clean = model.predict({call}, verbose=0)
```

Input (batch, height, width, {recipe.channels}) in [0, 1]; {told}. For Gaussian noise of {low:g} to {high:g} grey levels of 255.
Not for other noise (JPEG artefacts, Poisson noise of low light, stripes), and not for diagnosis without a study of your own.

![example](example.png)

scikit-image's {"astronaut" if color else "camera"}, noise 25: clean, noisy, denoised, difference.

## Results

PSNR in dB on {NAMES.get(recipe.test, recipe.test)} (float noise not clipped, output clipped, average over the images, seed 0), tolerance
± {tolerance:g}; `keras-pde evaluate {name}` computes the first row, a test recomputes it.

{results(recipe.test, {name: (guarantee(certificate), entry)}, list(entry["psnr"]))}

## Architecture

```mermaid
{diagram(model)}
```

```
{model}
```
{plots}
## Certificate

`keras-pde certify {name}` computes it from the weights:

```
{certificate}
```

## Training

{DATA}: {recipe.train}, {recipe.validation} images held out for validation;
the test images were not looked at. {run}, {took}. Again: `keras-pde train {name}`

Licence: {LICENCE}.

Cite: Alt, Peter, Weickert, Schrader, Translating Numerical Concepts for PDEs into Neural Architectures, arXiv:2103.15419 (2021); and the data.
"""

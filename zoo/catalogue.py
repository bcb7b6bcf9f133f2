"""The zoo's index, presets.json, and the cards.

Every number in them is computed here from the shipped files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

import keras_pde
from keras_pde.presets import folder_of
from keras_pde.presets.metric_text import metric_text
from keras_pde.tasks.denoise.data import find_data, test_set
from keras_pde.tasks.denoise.evaluate import NAMES, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.classical import Filter
    from zoo.implicit import Implicit
from keras_pde.data.photograph import sample
from keras_pde.tasks.index_entry import entry, write_index

NOISE, SEED, TOLERANCE = 25, 0, 0.02


def metric(model: Any) -> float:
    """PSNR of the sample denoised at noise 25: float noise, not clipped; output clipped; peak 255.

    Example:
        >>> import keras_pde
        >>> from zoo.catalogue import metric
        >>> round(metric(keras_pde.from_preset("truncated_tv_2d")), 1) > 27
        True
    """
    from skimage.metrics import peak_signal_noise_ratio

    from keras_pde.runtime import run_compiled

    clean = sample(model.input_channels, model.blocks[0].operator.ndim)
    noisy = clean + NOISE / 255 * np.random.default_rng(SEED).standard_normal(clean.shape)
    out = np.clip(np.asarray(run_compiled(model, noisy.astype("float32")), dtype=np.float64), 0, 1)
    return float(peak_signal_noise_ratio(clean, out, data_range=1.0))


def write_catalogue(
    filters: Sequence[Filter | Implicit], command: str = "python -m zoo.classical build"
) -> None:
    """Write the filters' entries of presets.json and their cards."""
    entries: dict[str, Any] = {}
    for f in filters:
        folder = folder_of(f.name)
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        model = keras_pde.from_preset(folder)
        scores = (
            measure(model, folder, test_set(f.channels), find_data(), times=recipe["noise"])
            if f.ndim == 2
            else None
        )
        picture = f"{'astronaut' if f.channels == 3 else 'camera'}{' rows' if f.ndim == 1 else ''}"
        entries[f.name] = made = entry(
            model,
            folder,
            task="denoise",
            description=f.description,
            ndim=f.ndim,
            channels=f.channels,
            noise=recipe["noise"],
            psnr=scores,
            metric={
                "name": f"PSNR of scikit-image's {picture}, noise {NOISE}, seed {SEED}",
                "value": round(metric(model), 3),
                "unit": "dB",
                "tolerance": TOLERANCE,
            },
            data=recipe["tuned_on"],
            licence="Apache-2.0 (two fitted numbers, no trained weights)",
        )
        (folder / "README.md").write_text(
            card(f.name, made, recipe, model, command), encoding="utf-8"
        )
        print(f"{f.name:<28} {made['certified']:<13} {made['metric']['value']:.2f} dB", flush=True)
    write_index(entries)


def card(name: str, entry: dict[str, Any], recipe: dict[str, Any], model: Any, command: str) -> str:
    """The card of a preset.

    What it is, for what, its guarantee, its number, and how to make it again.
    """
    bsd = entry.get("psnr", {})
    numbers = f"{', '.join(bsd)} | {', '.join(f'{v:.2f}' for v in bsd.values())} dB"
    row = (
        f"\n| PSNR on {NAMES[test_set(entry['channels'])]}, noise {numbers} | `keras-pde evaluate"
        f" {name}` |"
    )
    times = ", ".join(f"{time:g} at noise {level}" for level, time in entry["noise"].items())
    warning = (
        "\nNot certified: it amplifies structures by design. Do not iterate it.\n"
        if entry["certified"] == "no"
        else ""
    )
    shape = (
        "(batch, length, 1)"
        if entry["ndim"] == 1
        else f"(batch, height, width, {entry['channels']})"
    )
    return f"""# {name}

{entry["description"][0].upper()}{entry["description"][1:]}: the numerical method itself as a network, without trained weights.
{warning}
```python
import keras_pde
model = keras_pde.from_preset("{name}")      # input {shape}, values in [0, 1], noise 25/255
```

For: removing Gaussian noise with a classical, explainable filter; a baseline; a scale space. Not for: the best PSNR, which trained
networks reach. For another noise level σ scale the image by 25/σ and the output back, and choose the time: {times}.

```
{model}
```

```
{model.certificate()}
```

| measure | value | command |
|---|---|---|
| {entry["metric"]["name"]} | {metric_text(entry["metric"], tolerance=True)} | `{command}` |{row if bsd else ""}

Contrast and stopping times are fitted on {entry["data"]} (Arbeláez et al., TPAMI 2011, for non-commercial research and education;
no image data is contained): `{recipe["command"]}`. Licence: {entry["licence"]}.

Cite: Alt, Peter, Weickert, Schrader, Translating Numerical Concepts for PDEs into Neural Architectures, arXiv:2103.15419 (2021).
"""

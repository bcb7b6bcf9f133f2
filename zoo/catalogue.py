"""The zoo's index, presets.json, and the cards: every number in them is computed here from the shipped files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import keras_pde
from keras_pde import presets

if TYPE_CHECKING:
    from zoo.classical import Filter

HERE = Path(__file__).resolve().parent
NOISE, SEED, TOLERANCE = 25, 0, 0.02


def sample(channels: int, ndim: int) -> np.ndarray:
    """The photograph of the metric, in [0, 1]: scikit-image's camera or astronaut, as a batch; its rows for 1-D."""
    from skimage import data

    image = (data.astronaut() if channels == 3 else data.camera()[..., None]).astype("float64") / 255
    return image[::8] if ndim == 1 else image[None]


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


def certified(model: Any) -> str:
    """The strongest of the guarantees, in a word."""
    certificate = model.certificate()
    if certificate.averaged is not None:
        return "averaged"
    if certificate.nonexpansive:
        return "nonexpansive"
    return "norm" if certificate.norm_stable else "no"


def write_catalogue(filters: list[Filter]) -> None:
    """Write presets.json and every card."""
    entries: dict[str, Any] = {}
    for f in filters:
        folder = HERE / f.name
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        model = keras_pde.from_preset(folder)
        entries[f.name] = entry = {
            "class": type(model).__name__,
            "task": "denoise",
            "description": f.description,
            "ndim": f.ndim,
            "channels": f.channels,
            "params": model.count_params(),
            "bytes": sum((folder / name).stat().st_size for name in (presets.CONFIG, presets.WEIGHTS, presets.GOLDEN)),
            "certified": certified(model),
            "noise": recipe["noise"],
            "metric": {
                "name": f"PSNR in dB of scikit-image's {'astronaut' if f.channels == 3 else 'camera'}{' rows' if f.ndim == 1 else ''}, "
                f"noise {NOISE}, seed {SEED}",
                "value": round(metric(model), 3),
                "tolerance": TOLERANCE,
            },
            "data": recipe["tuned_on"],
            "licence": "Apache-2.0 (two fitted numbers, no trained weights)",
            "sha256": {name: presets.file_hash(folder / name) for name in (presets.CONFIG, presets.WEIGHTS, presets.GOLDEN)},
        }
        (folder / "README.md").write_text(card(f.name, entry, recipe, model), encoding="utf-8")
        print(f"{f.name:<28} {entry['certified']:<13} {entry['metric']['value']:.2f} dB", flush=True)
    (HERE / "presets.json").write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(name: str, entry: dict[str, Any], recipe: dict[str, Any], model: Any) -> str:
    """The card of a preset: what it is, for what, its guarantee, its number, and how to make it again."""
    times = ", ".join(f"{time:g} at noise {level}" for level, time in entry["noise"].items())
    warning = "\nNot certified: it amplifies structures by design. Do not iterate it.\n" if entry["certified"] == "no" else ""
    shape = "(batch, length, 1)" if entry["ndim"] == 1 else f"(batch, height, width, {entry['channels']})"
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
| {entry["metric"]["name"]} | {entry["metric"]["value"]:.2f} ± {entry["metric"]["tolerance"]} | `python -m zoo.classical build` |

Contrast and stopping times are fitted on {entry["data"]} (Arbeláez et al., TPAMI 2011, for non-commercial research and education;
no image data is contained): `{recipe["command"]}`. Licence: {entry["licence"]}.

Cite: Alt, Peter, Weickert, Schrader, Translating Numerical Concepts for PDEs into Neural Architectures, arXiv:2103.15419 (2021).
"""

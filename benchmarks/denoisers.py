"""The zoo's trained denoisers against DnCNN's architecture.

Time of an image and parameters, beside the PSNR of the index.

    python benchmarks/denoisers.py [PRESET ...] [--size 321x481] [--rounds 20] [--quick]

DnCNN (Zhang, Zuo, Chen, Meng, Zhang, arXiv:1608.03981): 17 layers of 3×3 convolutions, 64 channels,
batch normalisation, ReLU, a residual; built from Keras layers, with random weights, as its time
does not depend on them. DnCNN gets the faster of XLA and TensorFlow's own kernels; presets run as
`keras_pde.denoise` runs them; the rounds are interleaved.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _timing import compiled, provenance, race
from rich.console import Console
from rich.table import Table

import keras_pde
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.training.publish import trained

LAYERS, CHANNELS = 17, 64
console = Console(width=120)


def dncnn(channels: int = 1) -> keras.Model:
    """DnCNN-S (grey) in Keras layers."""
    image = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(image)
    for _ in range(LAYERS - 2):
        x = keras.layers.Conv2D(CHANNELS, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    noise = keras.layers.Conv2D(channels, 3, padding="same")(x)
    return keras.Model(image, image - noise)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print the table; returns the time of DnCNN over that of each preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--size", default="321x481")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="small image, few rounds")
    args = parser.parse_args(arguments)
    height, width = (48, 64) if args.quick else map(int, args.size.split("x"))
    index = keras_pde.presets.index()
    names = args.preset or [name for name in trained("denoise") if index[name]["channels"] == 1]
    image = tf.constant(np.random.default_rng(0).random((1, height, width, 1)), tf.float32)
    models: dict[str, Any] = {
        "DnCNN": dncnn(),
        **{name: keras_pde.from_preset(name) for name in names},
    }
    contestants = {}
    for name, model in models.items():
        inputs: Any = image
        if name == "DnCNN":
            for way, xla in (("XLA", True), ("TensorFlow", False)):
                contestants[f"{name} {way}"] = functools.partial(
                    compiled(functools.partial(model, training=False), xla), inputs
                )
        else:
            if model.noise_conditioned:
                inputs = [image, tf.constant([25 / 255])]
            way = "XLA" if model.prefers_xla else "TensorFlow, fluxes by XLA"
            contestants[f"{name} {way}"] = functools.partial(
                Denoiser(model, snapshot=True).run, inputs
            )
    timings = race(contestants, 2 if args.quick else args.rounds)
    best = {
        name: min((c for c in contestants if c.split(" ", 1)[0] == name), key=timings.best)
        for name in models
    }
    ratios = {name: timings.ratio(best["DnCNN"], best[name]) for name in models}
    others = json.loads(
        (keras_pde.presets.zoo_root() / "published.json").read_text(encoding="utf-8")
    )["bsd68_gray"]
    published = next(other["psnr"]["25"] for other in others if other["method"] == "DnCNN")
    table = Table(title=f"one {width}×{height} image, float32; {provenance()}")
    for column in (
        "network",
        "parameters",
        "BSD68, noise 25",
        "proved",
        "time of DnCNN over its",
        "run by",
    ):
        table.add_column(
            column, justify="left" if column in ("network", "proved", "run by") else "right"
        )
    for name, model in models.items():
        entry = index.get(name, {})
        psnr = (
            f"{entry['psnr']['25']:.2f} dB"
            if entry.get("psnr")
            else f"{published:.2f} dB, published"
        )
        table.add_row(
            name,
            f"{model.count_params():,}",
            psnr,
            entry.get("certified", "no"),
            f"{ratios[name]:.1f}",
            best[name].split(" ", 1)[1],
        )
    console.print(table)
    return ratios


if __name__ == "__main__":
    main()

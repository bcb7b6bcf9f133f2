"""A small denoiser trained with clean images and without any: each loss of recipes, one start.

    python benchmarks/without_truth.py [--steps 300] [--quick]

The network is a certified FED network with a few filters, told the noise level. It is trained on
photographs of scikit-image at noise 10 to 50; PSNR is that of its camera, at three levels. Then the
estimate of `keras_pde.calibrate` is set beside the true PSNR.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from skimage import data

import keras_pde
from keras_pde.data import images
from keras_pde.tasks.denoise import losses
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.evaluate import noisy_image, psnr_of
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training

LEVELS = (10, 25, 50)
PHOTOGRAPHS = (data.coins, data.moon, data.brick, data.page, data.clock, data.gravel)
FLUX = {
    "class": "FluxActivation",
    "flux": "perona_malik",
    "contrast": 0.05,
    "learn_contrast": True,
    "noise_conditioned": True,
}
OPERATOR = {
    "class": "ConvOperator",
    "filters": 8,
    "kernel_size": 5,
    "boundary": "dirichlet",
    "normalize": True,
}
RECIPE = Recipe(
    "without_truth",
    {
        "class": "DiffusionResNet",
        "schedule": 4,
        "block": {
            "class": "DiffusionBlock",
            "operator": OPERATOR,
            "flux": FLUX,
            "step_size": "learned",
        },
    },
    "a benchmark",
    train="train",
    test="train",
    validation=1,
    noise=(10.0, 50.0),
    patch_size=32,
    batch_size=8,
    warmup=20,
    ema=0.98,
    levels=(25,),
)
console = Console(width=110)


def trained(loss: str, steps: int, folder: Path) -> tuple[keras_pde.DiffusionResNet, float]:
    """The network by one loss, and the seconds that it took."""
    recipe = dataclasses.replace(RECIPE, loss=loss, steps=steps, validate_every=steps)
    run = Training(recipe, folder, folder / loss)
    start = time.perf_counter()
    run.run()
    return run.model, time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="check that it runs")
    args = parser.parse_args(arguments)
    steps, size = (2, 64) if args.quick else (args.steps, 256)
    camera = data.camera()[64 : 64 + size, 160 : 160 + size, None] / 255
    table = Table("loss", *(f"σ = {level}" for level in LEVELS), "estimated at 25", "s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        for i, picture in enumerate(PHOTOGRAPHS):
            pixels = np.float32(picture()[:size, :size, None] / 255)
            images.write(folder / "train" / f"{i}.png", images.Image(pixels))
        for loss in losses.names():
            network, seconds = trained(loss, steps, folder)
            true = [psnr_of(Denoiser(network), [camera], level)[0] for level in LEVELS]
            found = keras_pde.calibrate(network, noisy_image(camera, 25, 0), 25)
            table.add_row(loss, *(f"{x:.2f}" for x in true), str(found.before), f"{seconds:.0f}")
    console.print(f"keras_pde {keras_pde.__version__}, {steps} steps, {size}² pixels, PSNR in dB")
    console.print(table)


if __name__ == "__main__":
    main()

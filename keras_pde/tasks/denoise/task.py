"""The task "denoise": images with Gaussian noise to images without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.task import Entry, Metric, Run, Task, TrainingData

PSNR = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)


class Denoise(Task):
    """Gaussian noise of a known level is removed; PSNR is measured at noise 15, 25 and 50.

    Training minimises the negative PSNR of a patch, so that all noise levels count alike.

    Example:
        >>> from keras_pde.tasks import task
        >>> task.get("denoise").row({"psnr": {"15": 31.1, "25": 28.6, "50": 25.58}})
        '31.10 / 28.60 / 25.58 dB'
    """

    name = "denoise"
    metric = PSNR
    inputs = ("image with noise, in [0, 1]", "noise level σ/255, if the network is told it")
    target = "image without noise"
    data_source = (
        "Berkeley Segmentation Dataset BSDS500 (Arbeláez, Maire, Fowlkes, Malik, TPAMI 2011), for"
        " non-commercial research and education"
    )
    licence = (
        "weights: non-commercial research and education, as the photographs they are trained on"
        " (BSDS500); code: Apache-2.0"
    )

    def check(self, network: Any) -> None:
        """Refuse a network that is no filter of noisy images.

        Raises:
            ValueError: a network of another task.
        """
        if not network.denoises:
            raise ValueError(
                f"The preset is a {type(network).__name__}, and no denoiser. keras-pde list --task"
                " denoise shows those."
            )

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Images of any size, and the noise level where the network is told it."""
        image = (None, None, None, recipe.channels)
        return [image, (None,)] if network.noise_conditioned else image

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """Noisy patches of the recipe's photographs.

        Raises:
            FileNotFoundError: there are none.
        """
        from keras_pde.data import load_images
        from keras_pde.tasks.denoise.data import NoisyPatches, find_data

        images = load_images(find_data(folder) / recipe.train, channels=recipe.channels)
        return NoisyPatches(
            images,
            recipe.validation,
            recipe.patch_size,
            recipe.batch_size,
            recipe.noise,
            recipe.seed,
        )

    def arrange(self, network: Any, batch: tuple[Any, ...]) -> tuple[Any, Any]:
        """The noisy patches, with their noise levels where the network is told them; the clean."""
        noisy, sigma, clean = batch
        return ([noisy, sigma] if network.noise_conditioned else noisy), clean

    def loss(self, target: Any, output: Any) -> Any:
        """10 log₁₀ of each sample's mean squared error, in dB."""
        from keras import ops

        axes = tuple(range(1, len(output.shape)))
        error = ops.mean(ops.square(output - target), axis=axes)
        return (10 / np.log(10)) * ops.log(error + 1e-7)

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """PSNR on the held-out photographs, at each of the recipe's levels."""
        from keras_pde.tasks.denoise.denoiser import Denoiser
        from keras_pde.tasks.denoise.evaluate import table

        return table(Denoiser(network, run=run), data.held_out, recipe.levels)

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
        levels: tuple[float, ...] = (15, 25, 50),
    ) -> dict[str, float]:
        """PSNR on BSD68, in colour CBSD68, at each noise level.

        Raises:
            ValueError: not a denoiser of images.
            FileNotFoundError: no data.
        """
        from keras_pde.data import load_images
        from keras_pde.tasks.denoise.data import find_data, test_set
        from keras_pde.tasks.denoise.denoiser import Denoiser
        from keras_pde.tasks.denoise.evaluate import table

        self.check(network)
        if network.ndim != 2:
            raise ValueError(
                f"{network.name} is no denoiser of images: evaluate is for those of keras-pde list"
                " --task denoise, 2-D"
            )
        images = load_images(
            find_data(folder) / test_set(network.input_channels), channels=network.input_channels
        )
        return table(Denoiser(network, times=(entry or {}).get("noise")), images[:limit], levels)

    def measure(
        self, network: Any, folder: Path, data: str | Path | None, recipe: Any
    ) -> dict[str, Any]:
        """Write metrics.json: PSNR on the recipe's test set, and on its first few images."""
        from keras_pde.tasks.denoise.data import find_data
        from keras_pde.tasks.denoise.evaluate import NAMES, SEED, measure

        scores = measure(network, folder, recipe.test, find_data(data), levels=recipe.levels)
        level = "25" if "25" in scores else next(iter(scores))
        name = f"PSNR on {NAMES.get(recipe.test, recipe.test)}, noise {level}, seed {SEED}"
        return {"psnr": scores, "metric": PSNR.entry(name, scores[level])}

    def stated(self, entry: Entry) -> dict[str, float]:
        """PSNR by noise level."""
        return dict(entry.get("psnr", {}))

    def label(self, key: str) -> str:
        """The noise level."""
        return f"σ = {key}"

    def row(self, entry: Entry) -> str:
        """PSNR at noise 15, 25 and 50, where it is measured on BSD68 or CBSD68."""
        values = (entry.get("psnr") or {}).values() or (entry["metric"]["value"],)
        return self.metric.text(*values)

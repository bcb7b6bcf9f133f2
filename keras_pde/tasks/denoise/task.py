"""The task "denoise": images with Gaussian noise to images without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.denoise.kinds import KINDS, titles
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import Section, sentence
from keras_pde.tasks.task import Entry, Run, Task, TrainingData

TRAINING = "training.json"  # which a folder has of a network that was trained
PSNR = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)


class Denoise(Task):
    """Gaussian noise of a known level is removed; PSNR is measured at noise 5, 15, 25 and 50.

    Training minimises the negative PSNR of a patch, so that all noise levels count alike.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("denoise").row({"psnr": {"5": 37.2, "15": 31.1, "25": 28.6, "50": 25.58}})
        '31.10 / 28.60 / 25.58 dB'
    """

    name = "denoise"
    metric = PSNR
    inputs = ("image with noise, in [0, 1]", "noise level σ/255, if the network is told it")
    target = "image without noise"
    data_source = KINDS[2].source
    licence = KINDS[2].licence

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
        """Data of any size, and the noise level where the network is told it."""
        image = (*[None] * (1 + recipe.ndim), recipe.channels)
        return [image, (None,)] if network.noise_conditioned else image

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """Noisy patches of the recipe's photographs, signals or volumes.

        They are mirrored unless the recipe's options have "mirror": false.

        Raises:
            FileNotFoundError: there are none.
            ValueError: too few, damaged ones, or smaller than a patch.
        """
        from keras_pde.data.windows import sizes
        from keras_pde.tasks.denoise import losses
        from keras_pde.tasks.denoise.data import NoisyPatches, find_data, samples

        try:
            loss = losses.get(recipe.loss)(None)
        except ValueError as error:
            raise recipe.refusal("loss", error) from None
        if recipe.stated is not None and loss.needs_clean:
            text = f"images with stated noise are not clean, which {loss.name!r} needs"
            raise recipe.refusal("loss", text)
        if not loss.needs_clean and recipe.noise_range[0] < 1:
            text = f"{loss.name!r} divides by its square, and it must be 1 or more"
            raise recipe.refusal("noise", text)
        place, ndim = find_data(folder, recipe.ndim) / recipe.train, recipe.ndim
        least = max(sizes(recipe.patch_size, ndim)) if ndim == 2 else 1
        images = samples(place, ndim, recipe.channels, least)
        if not 0 < recipe.validation < len(images):
            raise recipe.refusal(
                "validation",
                f"of the {len(images)} {KINDS[ndim].noun}s of {place} 1 to {len(images) - 1} can be"
                f" held out. Received: validation={recipe.validation}",
            )
        return NoisyPatches(
            images,
            recipe.validation,
            recipe.patch_size,
            recipe.batch_size,
            recipe.noise_range,
            recipe.seed,
            recipe.options.get("mirror", True),
            ndim,
            recipe.stated,
            None if loss.needs_clean else loss,
        )

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:
        """Refuse test images, and images that may be held out, that the network cannot filter."""
        from keras_pde.data.windows import sizes
        from keras_pde.tasks.denoise.data import find_data, samples

        least, ndim = network.smallest_size, recipe.ndim
        place = find_data(folder, ndim)
        samples(place / recipe.test, ndim, recipe.channels, least, "the network")
        if least > min(sizes(recipe.patch_size, ndim)):
            samples(place / recipe.train, ndim, recipe.channels, least, "the network")

    def arrange(self, network: Any, batch: tuple[Any, ...]) -> tuple[Any, Any]:
        """The noisy patches, with their noise levels where the network is told them; the clean."""
        noisy, sigma, clean = batch
        return ([noisy, sigma] if network.noise_conditioned else noisy), clean

    def loss(self, target: Any, output: Any) -> Any:
        """10 log₁₀ of each sample's mean squared error, in dB."""
        from keras_pde.tasks.denoise.losses import Supervised

        return Supervised(None)(target, output)

    def loss_of(self, recipe: Any, network: Any) -> Any:
        """One of `keras_pde.tasks.denoise.losses`."""
        from keras_pde.tasks.denoise import losses

        return losses.get(recipe.loss)(network)

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """Of patches: targets of losses without clean images hold more."""
        return tuple(self.loss_of(recipe, None).output_shape(target))

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """PSNR on the held-out photographs, at each of the recipe's levels.

        Of photographs with noise of a stated level it is estimated by SURE, at that level alone.
        """
        from keras_pde.tasks.denoise.denoiser import Denoiser
        from keras_pde.tasks.denoise.evaluate import estimated, table

        if recipe.stated is not None:
            found = estimated(Denoiser(network, run=run), data.held_out, recipe.stated)
            return {f"{recipe.stated:g}": round(float(found.mean()), 3)}
        return table(Denoiser(network, run=run), data.held_out, recipe.levels)

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """PSNR on BSD68, in colour CBSD68; for signals and volumes on the zoo's own.

        Raises:
            ValueError: no denoiser.
            FileNotFoundError: no data.
        """
        from keras_pde.tasks.denoise.evaluate import score

        self.check(network)
        return score(network, folder, limit, (entry or {}).get("noise"))

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """PSNR on the test set, and of a photograph where the filter was not trained.

        Metrics.json holds PSNR on the whole set and on its first few images, for a test to compute
        again.
        """
        from keras_pde.tasks.denoise import evaluate
        from keras_pde.tasks.denoise.data import find_data, test_set
        from keras_pde.tasks.training.recipes import Recipe

        if (folder / TRAINING).is_file():
            recipe = Recipe.load(folder)
            scores = evaluate.measure(
                network,
                folder,
                recipe.test,
                find_data(data, network.ndim),
                levels=evaluate.levels_of(recipe.levels, recipe.noise),
                stated=recipe.stated,
            )
            level = "25" if "25" in scores else next(iter(scores))
            test = titles().get(recipe.test, recipe.test)
            name = f"PSNR on {test}, noise {level}, seed {evaluate.SEED}"
            if recipe.stated is not None:
                name = f"PSNR on {test}, noise {level} as stated, estimated"
            metric = self.metric.entry(name, scores[level])
            return {
                "psnr": scores,
                "metric": metric,
                "data": KINDS[network.ndim].source,
                "licence": KINDS[network.ndim].licence,
            }
        fitted = recipe_in(folder)
        times, scores = fitted["noise"], {}
        if network.ndim == 2:
            test = test_set(network.input_channels, network.ndim)
            scores = evaluate.measure(network, folder, test, find_data(data), times=times)
        name, value = evaluate.photograph_psnr(network)
        return {
            "noise": times,
            "psnr": scores,
            "metric": self.metric.entry(name, value),
            "data": fitted["tuned_on"],
            "licence": "Apache-2.0 (two fitted numbers, no trained weights)",
        }

    def stated(self, entry: Entry) -> dict[str, float]:
        """PSNR by noise level."""
        return dict(entry.get("psnr") or {})

    def label(self, key: str) -> str:
        """The noise level."""
        return f"σ = {key}"

    def listed(self, entry: Entry) -> dict[str, float]:
        """PSNR at noise 15, 25 and 50, where it is measured on a test set."""
        return dict(list(self.stated(entry).items())[-3:])

    def overview(self) -> str:
        """A table for each test set."""
        from keras_pde.tasks.denoise.results import overview

        tables = {title: overview(test) for test, title in titles().items()}
        return "\n\n".join(
            f"### {sentence(title)}\n\n{table}" for title, table in tables.items() if table
        )

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """A photograph with noise and without; fluxes and kernels of a network of blocks."""
        from keras_pde.tasks.denoise.pictures import write_pictures

        write_pictures(network, folder)

    def sections(self, folder: Path, network: Any, entry: Entry) -> list[Section]:
        """Of a trained network: results, architecture, certificate, training. Of a filter: one."""
        from keras_pde.tasks.denoise import card

        if (folder / TRAINING).is_file():
            return card.trained(folder, network, entry)
        return card.classical(folder, network, entry, self.metric)

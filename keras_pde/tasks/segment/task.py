"""The task "segment": images to a class for each pixel, with proved radii."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.labelling import Labelling
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.task import SUPERVISED, Entry, Run, TrainingData


class Segment(Labelling):
    """Each pixel is given a class, and the largest perturbation that is proved to leave it so.

    The number is the intersection over union: the mean over test images of the mean over the
    classes that an image's labels hold.

    Example:
        >>> from keras_pde.tasks import registry
        >>> entry = {"accuracy": {"IoU": 91.2, "accuracy": 98.6, "0.5": 97.0, "IoU 0.5": 80.1}}
        >>> registry.get("segment").row(entry)
        '91.2 / 80.1 % (0.5)'
    """

    name = "segment"
    metric = Metric("IoU", unit="%", digits=1, tolerance=0.3)
    inputs = ("image in [0, 1], of any size",)
    target = "a number for each class at each pixel, whose largest is the answer"
    licence = "Apache-2.0"

    def parsed(self, options: Any) -> Any:
        """The options of a recipe."""
        from keras_pde.tasks.segment.settings import Settings

        return Settings(options)

    def source(self, settings: Any) -> Any:
        """Where the set comes from."""
        from keras_pde.tasks.segment.sources import source

        return source(settings.data)

    def load(self, settings: Any, part: str, folder: str | Path | None) -> Any:
        """Images and masks."""
        from keras_pde.tasks.segment.sources import load

        return load(settings.data, part, folder)

    def check(self, network: Any) -> None:
        """Refuse a network that is no segmenter.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.certified_segmenter import CertifiedSegmenter

        if not isinstance(network, CertifiedSegmenter):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which gives pixels no class."
                " keras-pde list --task segment shows those that do."
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Images of any size."""
        return (None, *(None,) * recipe.ndim, recipe.channels)

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """The images of the recipe's set that are to train on, in crops of patch_size.

        Raises:
            ValueError: options that are none of the task's; images with other channels, smaller
                than a crop, or too few.
            FileNotFoundError: no such set.
        """
        from keras_pde.data.windows import sizes
        from keras_pde.tasks.segment.data import MaskedBatches

        settings, images = self.training_set(recipe, folder)
        if recipe.ndim != 2 or any(x.shape[-1] != recipe.channels for x in images.images):
            text = f"images of {settings.data} have other axes or channels than the recipe says"
            raise recipe.refusal("channels", text)
        crop = sizes(recipe.patch_size, recipe.ndim)
        least = [min(x.shape[axis] for x in images.images) for axis in (0, 1)]
        if any(n < m for n, m in zip(least, crop, strict=True)):
            text = f"images of {settings.data} have {least[0]} × {least[1]} pixels at least"
            raise recipe.refusal("patch_size", text)
        return MaskedBatches(
            images, recipe.validation, settings, recipe.batch_size, crop, recipe.seed
        )

    def measurable(self, network: Any, test: Any, settings: Any) -> None:
        """Refuse test images of other channels than the network's, or of more classes."""
        channels = {x.shape[-1] for x in test.images}
        # a test set may lack the last classes
        if channels != {network.input_channels} or len(test.classes) > network.classes:
            raise ValueError(
                f"{network.name} is for images of {network.input_channels} channels and"
                f" {network.classes} classes, and {settings.data} has {sorted(channels)} and"
                f" {len(test.classes)}"
            )

    def loss(self, target: Any, output: Any) -> Any:
        """Cross-entropy of the pixels' classes, their mean."""
        return _mean_cross_entropy(target, output, 0.0, 1.0)

    def loss_of(self, recipe: Any, network: Any) -> Any:
        """Cross-entropy with the options' margin, the mean over an image's pixels."""
        if recipe.loss != SUPERVISED:
            text = f"the task {self.name!r} has no loss but {SUPERVISED!r}, not {recipe.loss!r}"
            raise recipe.refusal("loss", text)
        settings = self.recipe_settings(recipe)
        return lambda y, z: _mean_cross_entropy(y, z, settings.eps, settings.temperature)

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """A number for each class at each pixel."""
        return (*target, recipe.model["classes"])

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """IoU and pixel accuracy on the held-out images."""
        from keras_pde.tasks.segment import scores
        from keras_pde.tasks.segment.data import MaskedBatches

        assert isinstance(data, MaskedBatches)
        found = scores.each(lambda x: run(x).argmax(-1), data.validation.images)
        return dict(list(scores.clean(found, data.validation).items())[:2])

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """IoU and pixel accuracy on the test set, what is proved of both, and accuracy attacked.

        Args:
            network: a `CertifiedSegmenter`.
            folder: of the sets.
            limit: only the first so many images.
            entry: with the "options" of a recipe that name the set and the radii; a preset of the
                zoo has them in its recipe.

        Raises:
            ValueError: another network, no set, or one of other images.
            FileNotFoundError: no data.
            AssertionError: an attack did more than is proved possible.
        """
        from keras_pde.tasks.segment import scores

        found, test, settings = self._proved(network, folder, limit, entry)
        few = test.part(slice(scores.ATTACKED))
        return {**found, **scores.attacked(network, few, settings.radii)}

    def _proved(
        self, network: Any, folder: str | Path | None, limit: int | None, entry: Entry | None
    ) -> tuple[dict[str, float], Any, Any]:
        """The numbers without attacks, the images, and the options."""
        from keras_pde.tasks.segment import scores

        settings, test = self.test_set(network, folder, limit, entry)
        answers = scores.each(network.answers, test.images)
        radii = scores.each(network.radius, test.images)
        proved = scores.certified(answers, radii, test, settings.radii)
        names = network.names_of(range(network.classes))
        return {**scores.clean(answers, test, names), **proved}, test, settings

    def label(self, key: str) -> str:
        """What the number is of."""
        eps = key.removeprefix("IoU ")
        return (
            f"certified IoU, ε = {eps}" if eps[:1].isdigit() and eps != key else super().label(key)
        )

    def listed(self, entry: Entry) -> dict[str, float]:
        """IoU, and what is certified of it at the first radius."""
        from keras_pde.tasks.labelling import FIRST

        stated = self.stated(entry)
        proved = [stated[f"IoU {key}"] for key in stated if f"IoU {key}" in stated]
        return dict(zip(("clean", FIRST), (stated["IoU"], *proved), strict=False))

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """Intersection over union."""
        return f"IoU on {settings.data}, mean over images and their classes", scores["IoU"]

    # --- showing ---

    def draw(self, network: Any, settings: Any, folder: Path, data: str | Path | None) -> None:
        """A test image, its labels, what is answered, and the radius of each pixel."""
        from keras_pde.tasks.segment.pictures import write_pictures

        write_pictures(network, settings, folder, data)

    def card(self) -> Any:
        """What it answers, an example, its numbers, its certificate, and how it was made."""
        from keras_pde.tasks.segment import card

        return card


def _mean_cross_entropy(y: Any, z: Any, eps: float, temperature: float) -> Any:
    from keras import ops

    from keras_pde.tasks.classify.losses import cross_entropy

    return ops.mean(cross_entropy(y, z, eps, temperature), axis=tuple(range(1, len(z.shape) - 1)))

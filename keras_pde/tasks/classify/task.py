"""The task "classify": images to the class they show, with a proved radius."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.classify.settings import CLEAN
from keras_pde.tasks.labelling import FIRST, Labelling
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.task import SUPERVISED, Entry, Run, TrainingData

ROBUST = "robust"
NORMS = {"l2": "ℓ2", "linf": "ℓ∞"}


class Classify(Labelling):
    """An image is given a class, and the largest perturbation that is proved to leave it so.

    The number is certified accuracy: the share of test images whose class is right and provably
    stays so under each perturbation of at most the recipe's first radius, in the network's norm.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("classify").row({"accuracy": {"clean": 97.6, "0.141": 93.24, "0.5": 72.0}})
        '97.6 / 93.2 % (0.141)'
    """

    name = "classify"
    metric = Metric("accuracy", unit="%", digits=1, tolerance=0.3)
    inputs = ("image in [0, 1], of the size that the network was trained for",)
    target = "a number for each class, whose largest is the answer"
    data_source = "labelled images"
    licence = "Apache-2.0"

    def parsed(self, options: Any) -> Any:
        """The options of a recipe."""
        from keras_pde.tasks.classify.settings import Settings

        return Settings(options)

    def draw(self, network: Any, settings: Any, folder: Path, data: str | Path | None) -> None:
        """Test images with their radius, an attack within it, and one beyond that succeeds."""
        from keras_pde.tasks.classify.pictures import write_pictures

        write_pictures(network, settings, folder, data)

    def source(self, settings: Any) -> Any:
        """Where the set comes from."""
        from keras_pde.tasks.classify.sources import source

        return source(settings.data)

    def load(self, settings: Any, part: str, folder: str | Path | None) -> Any:
        """Images and labels."""
        from keras_pde.tasks.classify.sources import load

        return load(settings.data, part, folder)

    def check(self, network: Any) -> None:
        """Refuse a network that is no classifier.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.classifier import Classifier

        if not isinstance(network, Classifier):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which names no class."
                " keras-pde list --task classify shows those that do."
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Images of the one size that the recipe's patch_size states."""
        from keras_pde.data.windows import sizes

        return (None, *sizes(recipe.patch_size, recipe.ndim), recipe.channels)

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """The images of the recipe's set that are to train on.

        Raises:
            ValueError: options that are none of the task's; images of another size, or too few.
            FileNotFoundError: no such set.
        """
        from keras_pde.tasks.classify.data import LabelledBatches

        settings, images = self.training_set(recipe, folder)
        shape, wanted = images.images.shape[1:], self.input_shape(recipe, None)[1:]
        if shape != wanted:
            text = f"images of {settings.data} are {shape}; with channels it says {wanted}"
            raise recipe.refusal("patch_size", text)
        return LabelledBatches(
            images,
            recipe.validation,
            settings,
            recipe.batch_size,
            recipe.seed,
            recipe.steps,
            with_images=recipe.loss == ROBUST,
        )

    def measurable(self, network: Any, test: Any, settings: Any) -> None:
        """Refuse test images of another size than the network's, or of more classes."""
        wanted = (*network.sizes, network.input_channels)
        # a test set may lack the last classes
        if test.images.shape[1:] != wanted or len(test.classes) > network.classes:
            raise ValueError(
                f"{network.name} is for images {wanted} of {network.classes} classes, and"
                f" {settings.data} has {test.images.shape[1:]} of {len(test.classes)}"
            )

    def loss(self, target: Any, output: Any) -> Any:
        """Cross-entropy of the class."""
        from keras_pde.tasks.classify.losses import cross_entropy

        return cross_entropy(target[:, 0], output, 0.0, 1.0)

    def loss_of(self, recipe: Any, network: Any) -> Any:
        """Cross-entropy with the options' margin; "robust", that of the worst case of a box."""
        from keras_pde.tasks.classify import losses

        settings = self.recipe_settings(recipe)
        if recipe.loss == ROBUST:
            if not settings.eps:
                raise recipe.refusal("loss", f"{ROBUST!r} needs options.eps > 0, the box's size")
            return losses.robust_loss(settings, network)
        if recipe.loss != SUPERVISED:
            text = f"the task {self.name!r} has {SUPERVISED!r} and {ROBUST!r}, not {recipe.loss!r}"
            raise recipe.refusal("loss", text)
        return losses.margin_loss(settings)

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """A number for each class."""
        return (target[0], recipe.model["classes"])

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """Clean and certified accuracy on the held-out images."""
        from keras_pde.tasks.classify.data import LabelledBatches
        from keras_pde.tasks.classify.scores import accuracies

        assert isinstance(data, LabelledBatches)
        return accuracies(network, data.validation, self.recipe_settings(recipe).radii)

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """Clean and certified accuracy on the test set, and accuracy under attack on a part of it.

        Args:
            network: a `Classifier`.
            folder: of the sets.
            limit: only the first so many images.
            entry: with the "options" of a recipe that name the set and the radii; a preset of the
                zoo has them in its recipe.

        Raises:
            ValueError: another network, no set, or one of other images.
            FileNotFoundError: no data.
            AssertionError: an attack changed a class that is certified.
        """
        from keras_pde.tasks.classify.scores import ATTACKED, accuracies, attacked

        settings, test = self.test_set(network, folder, limit, entry)
        few = test.part(slice(ATTACKED))
        found = accuracies(network, test, settings.radii)
        return {**found, **attacked(network, few, settings.radii)}

    def listed(self, entry: Entry) -> dict[str, float]:
        """Clean accuracy, and certified at the first radius, which differs between presets."""
        scores = dict(list(self.stated(entry).items())[:2])
        return dict(zip((CLEAN, FIRST), scores.values(), strict=False))

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """Accuracy that is certified at the first radius; clean where there is none."""
        first = f"{settings.radii[0]:g}" if settings.radii else "clean"
        what = f"certified at ε = {first}, {NORMS[network.norm]}" if settings.radii else "clean"
        return f"accuracy on {settings.data}, {what}", scores[first]

    # --- showing ---

    def card(self) -> Any:
        """What it answers, an example, its numbers, its certificate, and how it was made."""
        from keras_pde.tasks.classify import card

        return card

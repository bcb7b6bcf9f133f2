"""Labelling: what the tasks share whose networks answer with classes, each with a proved radius."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from keras_pde.tasks.optioned import OptionedTask
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry

__all__ = ["Labelling"]

FIRST = "certified (for ε)"
PGD = "PGD "  # a key of numbers under attack, followed by a radius


class Labelling(OptionedTask):
    """A task of labelled images: its recipes' options name a set, and radii to measure at.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("classify").label("PGD 0.5"), registry.get("segment").label("0.5")
        ('attacked, ε = 0.5', 'certified, ε = 0.5')
    """

    data_source = "labelled images"
    needs = "data and radii"
    table = "accuracy"

    @abstractmethod
    def load(self, settings: Any, part: str, folder: str | Path | None) -> Any:
        """The part "train" or "test" of the set of the options."""

    @abstractmethod
    def measurable(self, network: Any, test: Any, settings: Any) -> None:
        """Refuse, by ValueError, test images that are none for a network."""

    @abstractmethod
    def draw(self, network: Any, settings: Any, folder: Path, data: str | Path | None) -> None:
        """Write the pictures of a card, from a network and the options of its recipe."""

    def training_set(self, recipe: Any, folder: str | Path | None) -> tuple[Any, Any]:
        """The options of a recipe and the images of its set, which fit its classes.

        Raises:
            ValueError: options that are none of the task's; another number of classes; as many
                held out as there are.
            FileNotFoundError: no such set.
        """
        settings = self.recipe_settings(recipe)
        images = self.load(settings, "train", folder)
        if recipe.model.get("classes") != len(images.classes):
            text = f"{settings.data} has {len(images.classes)} classes: give classes so many"
            raise recipe.refusal("model", text)
        if not 0 < recipe.validation < len(images):
            text = f"of {len(images)} images 1 to {len(images) - 1} can be held out"
            raise recipe.refusal("validation", text)
        return settings, images

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:
        """Refuse a set whose test images are none for the network."""
        settings = self.recipe_settings(recipe)
        self.measurable(network, self.load(settings, "test", folder), settings)

    def test_set(
        self, network: Any, folder: str | Path | None, limit: int | None, entry: Entry | None
    ) -> tuple[Any, Any]:
        """The options that a network is measured by, and its test images."""
        settings = self.settings(network, entry)
        test = self.load(settings, "test", folder)
        self.measurable(network, test, settings)
        return settings, test.part(slice(limit))

    def row(self, entry: Entry) -> str:
        """The numbers listed, and the radius of the one that is certified."""
        radii = [key for key in self.stated(entry) if key[:1].isdigit()]
        return super().row(entry) + (f" ({radii[0]})" if radii else "")

    def label(self, key: str) -> str:
        """What the number is of."""
        if key.startswith(PGD):
            return f"attacked, ε = {key.removeprefix(PGD)}"
        return f"certified, ε = {key}" if key[:1].isdigit() else key

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """Write the card's pictures, of test images of the recipe's set."""
        self.draw(network, self.settings(network, recipe_in(folder)), folder, data)

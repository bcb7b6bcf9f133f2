"""Labelling: what the tasks share whose networks answer with classes, each with a proved radius."""

from __future__ import annotations

import json
from abc import abstractmethod
from pathlib import Path
from typing import Any

from keras_pde.tasks.task import Entry, Task

__all__ = ["Labelling"]

FIRST = "certified (for ε)"
PGD = "PGD "  # a key of numbers under attack, followed by a radius


class Labelling(Task):
    """A task of labelled images: its recipes' options name a set, and radii to measure at.

    Example:
        >>> from keras_pde.tasks import task
        >>> task.get("classify").label("PGD 0.5"), task.get("segment").label("0.5")
        ('attacked, ε = 0.5', 'certified, ε = 0.5')
    """

    data_source = "labelled images"

    @abstractmethod
    def parsed(self, options: Any) -> Any:
        """The options of a recipe; ValueError for others."""

    @abstractmethod
    def draw(self, network: Any, settings: Any, folder: Path, data: str | Path | None) -> None:
        """Write the pictures of a card, from a network and the options of its recipe."""

    def _settings(self, recipe: Any) -> Any:
        try:
            return self.parsed(recipe.options)
        except ValueError as error:
            raise recipe.refusal("options", error) from None

    def settings(self, network: Any, entry: Entry | None = None) -> Any:
        """The set and the radii of a network, by what is known of it or the recipe of its preset.

        Raises:
            ValueError: a network that is no preset, and nothing is known of it.
        """
        from keras_pde import presets

        self.check(network)
        options = dict((entry or {}).get("options") or {})
        if not options and network.name in presets.index():
            path = presets.folder_of(network.name) / "recipe.json"
            options = json.loads(path.read_text(encoding="utf-8")).get("options", {})
        if not options:
            raise ValueError(
                f"Nothing says what {network.name} is to be measured on: put options with data and"
                ' radii into the recipe beside the preset, or pass entry={"options": {...}}.'
            )
        return self.parsed(options)

    def stated(self, entry: Entry) -> dict[str, float]:
        """The numbers of `evaluate`, in percent."""
        return dict(entry.get("accuracy") or {self.metric.name: entry["metric"]["value"]})

    def label(self, key: str) -> str:
        """What the number is of."""
        if key.startswith(PGD):
            return f"attacked, ε = {key.removeprefix(PGD)}"
        return f"certified, ε = {key}" if key[:1].isdigit() else key

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """Write the card's pictures, of test images of the recipe's set."""
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        self.draw(network, self.settings(network, recipe), folder, data)

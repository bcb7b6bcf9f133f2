"""OptionedTask: what tasks share whose recipes' options say what a network is measured on."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry, Task

__all__ = ["OptionedTask", "Origin"]


class Origin(NamedTuple):
    """Where data are from: a text for cards, and the licence of what is trained on them.

    Example:
        >>> from keras_pde.tasks.optioned import Origin
        >>> Origin("random fields, drawn from their seed", "MIT").licence
        'MIT'
    """

    text: str
    licence: str


class OptionedTask(Task):
    """A task whose recipes have options, which name the data of training and of the measure.

    Attributes:
        needs: what options must say, in words; "" where they may be left out.
        table: key of an index entry for all the numbers of `evaluate`; "" where there is one.

    Example:
        >>> from keras_pde import from_preset
        >>> from keras_pde.tasks import registry
        >>> registry.get("represent").settings(from_preset("sinusoidal_camera_2d")).data
        'camera'
    """

    needs: ClassVar[str] = "data"
    table: ClassVar[str] = ""

    @abstractmethod
    def parsed(self, options: Mapping[str, Any]) -> Any:
        """The options of a recipe; ValueError for others."""

    def source(self, settings: Any) -> Any:
        """Where the data of the options come from, with its ``text`` and ``licence``."""
        return Origin(self.data_source, self.licence)

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """The name and the value of the number that networks are compared by: the first."""
        return next(iter(scores.items()))

    def recipe_settings(self, recipe: Any) -> Any:
        """The parsed options of a recipe.

        Raises:
            ValueError: options that are none of the task's, with the recipe's name.
        """
        try:
            return self.parsed(recipe.options)
        except ValueError as error:
            raise recipe.refusal("options", error) from None

    def settings(self, network: Any, entry: Entry | None = None) -> Any:
        """The parsed options of a network, of what is known of it or the recipe of its preset.

        Raises:
            ValueError: a network of another task; one that is no preset, of which nothing is known.
        """
        from keras_pde import presets

        self.check(network)
        options = dict((entry or {}).get("options") or {})
        if not options and network.name in presets.index():
            options = recipe_in(presets.folder_of(network.name)).get("options", {})
        if not options and self.needs:
            raise ValueError(
                f"Nothing says what {network.name} is to be measured on: put options with"
                f" {self.needs} into the recipe beside the preset, or pass"
                ' entry={"options": {...}}.'
            )
        return self.parsed(options)

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """The numbers of `evaluate`, into metrics.json; one, and the table, for the index."""
        recipe = recipe_in(folder)
        scores = self.evaluate(network, data, entry=recipe)
        write_bytes(folder / "metrics.json", (json.dumps(scores, indent=1) + "\n").encode())
        settings = self.settings(network, recipe)
        known = self.source(settings)
        return {
            "metric": self.metric.entry(*self.number(network, settings, scores)),
            **({self.table: scores} if self.table else {}),
            "data": known.text,
            "licence": known.licence,
        }

    def stated(self, entry: Entry) -> dict[str, float]:
        """The numbers of `evaluate` that an entry states."""
        return dict(entry.get(self.table) or super().stated(entry))

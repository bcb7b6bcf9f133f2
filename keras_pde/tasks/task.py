"""What a network is for: the contract of a task.

All that trains, measures, lists or describes networks asks a `Task`. One's own is a subclass and a
call of `keras_pde.tasks.registry.register`. This file and the tasks' own import no Keras or
TensorFlow before they need it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from keras_pde.runtime.options import said
from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.section import Section, network_section, sentence
from keras_pde.tasks.training_data import TrainingData

__all__ = ["Metric", "Section", "Task", "TrainingData"]

SUPERVISED = "supervised"  # the loss of a recipe that names none
Run = Callable[[Any], np.ndarray]
Entry = Mapping[str, Any]


class Task(ABC):
    """What a network is for: its data, loss, measure and card.

    A subclass declares ``name``, ``metric``, ``inputs`` and ``target``, and writes at least
    `evaluate`; one whose networks are trained writes `data`, `arrange`, `loss` and `validate` too.

    Attributes:
        name: of the task: the ``task`` of recipes and index entries, and the zoo's folder.
        metric: by which its networks are compared.
        inputs: what a network is given, in words, in the order of its arguments.
        target: what it returns, in words.
        data_source, licence: of its trained networks, for the index and the card.

    Example:
        >>> from keras_pde.tasks.task import Metric, Task
        >>> class Count(Task):
        ...     name, metric = "count", Metric("parameters", digits=0)
        ...     inputs, target = ("image",), "another"
        ...     def evaluate(self, network, folder=None, limit=None, entry=None):
        ...         return {"parameters": network.count_params()}
        >>> Count().row({"metric": {"value": 1234.0}})
        '1234'
    """

    name: ClassVar[str]
    metric: ClassVar[Metric]
    inputs: ClassVar[tuple[str, ...]]
    target: ClassVar[str]
    data_source: ClassVar[str] = "none"
    licence: ClassVar[str] = "Apache-2.0"

    def check(self, network: Any) -> None:  # noqa: B027 - most networks do
        """Refuse a network that is not for this task.

        Raises:
            ValueError: what the network is, and what would be needed.
        """

    def network_of(self, preset: Any) -> Any:
        """The network of a preset's name or directory, or itself, if it is for this task.

        Raises:
            ValueError: no network, one of another task, or one without weights.

        Example:
            >>> from keras_pde.tasks import registry
            >>> registry.get("evolve").network_of("heat_2d").ndim
            2
        """
        from keras_pde import presets
        from keras_pde.models.network import Network

        named = isinstance(preset, str | os.PathLike)
        network = presets.from_preset(preset) if named else preset
        if not isinstance(network, Network):
            raise ValueError(
                f"preset must be one of keras_pde.list_presets(task={self.name!r}), a directory, or"
                f" a network. Received: preset={said(preset)}"
            )
        self.check(network)
        network.require_weights(f"{network.name} cannot be used without weights")
        return network

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """What the network of a recipe is built for: the shape, or shapes, of its inputs."""
        raise NotImplementedError(f"the task {self.name!r} has no training")

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """What a recipe trains on.

        Args:
            recipe: a `keras_pde.tasks.training.recipes.Recipe`.
            folder: of the data sets; None is the task's usual one.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        raise NotImplementedError(f"the task {self.name!r} has no training")

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:  # noqa: B027
        """Refuse, before the training, data that a trained network could not be measured on.

        Raises:
            ValueError, OSError: the file, and what is wrong with it.
        """

    def arrange(self, network: Any, batch: tuple[Any, ...]) -> tuple[Any, Any]:
        """The network's inputs, and its target, of a batch."""
        *inputs, target = batch
        return (inputs[0] if len(inputs) == 1 else list(inputs)), target

    def loss(self, target: Any, output: Any) -> Any:
        """A value for each sample, whose mean is minimised, by `keras.ops`."""
        raise NotImplementedError(f"the task {self.name!r} has no training")

    def loss_of(self, recipe: Any, network: Any) -> Callable[[Any, Any], Any]:
        """What a recipe minimises, as `loss` does; ValueError for a loss that the task lacks."""
        if recipe.loss != SUPERVISED:
            text = (
                f"the task {self.name!r} has no loss but {SUPERVISED!r}. Received: {recipe.loss!r}"
            )
            raise recipe.refusal("loss", text)
        return self.loss

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the output that a batch's target is for; by default the target's own."""
        return target

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """Numbers on the held-out samples; their mean is what training watches.

        Args:
            network: that is trained.
            run: network inputs, as arrays, to its output as an array, by the weights at hand.
            data: of `data`.
            recipe: that is trained.
        """
        raise NotImplementedError(f"the task {self.name!r} has no training")

    # --- measuring ---

    @abstractmethod
    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """The numbers that `keras-pde evaluate` prints and a card states, measured.

        Args:
            network: of the task.
            folder: of the data sets; None is the task's usual one.
            limit: only the first so many samples.
            entry: the network's entry of the index, if it has one.

        Raises:
            ValueError: a network of another task.
            FileNotFoundError: no data.
        """

    def stated(self, entry: Entry) -> dict[str, float]:
        """What an index entry states for the numbers of `evaluate`, by the same keys."""
        return {self.metric.name: entry["metric"]["value"]}

    def label(self, key: str) -> str:
        """A key of `evaluate` as the head of a column."""
        return key

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """Measure a preset, and write metrics.json into its folder.

        Args:
            network: as loaded from the folder.
            folder: of the preset, with recipe.json and, where it was trained, training.json.
            data: folder of the data sets.

        Returns:
            More of its index entry: ``metric``, ``data``, ``licence``, tables of numbers.
        """
        import json

        scores = {key: round(value, 6) for key, value in self.evaluate(network, data).items()}
        write_bytes(folder / "metrics.json", (json.dumps(scores, indent=1) + "\n").encode())
        key, value = next(iter(scores.items()))
        made = self.metric.entry(key, value)
        return {"metric": made, "data": self.data_source, "licence": self.licence}

    def example(self, network: Any) -> dict[str, np.ndarray]:
        """A small input for the golden file; by default the network's own."""
        return dict(network.example())

    # --- showing ---

    def listed(self, entry: Entry) -> dict[str, float]:
        """Those of `stated` that `keras-pde list` shows."""
        return self.stated(entry)

    def row(self, entry: Entry) -> str:
        """The numbers of a network in `keras-pde list`."""
        return self.metric.text(*(self.listed(entry).values() or [entry["metric"]["value"]]))

    def card(self) -> Any:
        """The module with `overview` and `sections` of the task; None for a card of the numbers."""
        return None

    def overview(self) -> str:
        """The site's tables of the task's presets, in Markdown; "" where there are none."""
        card, zoo = self.card(), self.own_entries()
        return str(card.overview(zoo)) if card is not None and zoo else ""

    def own_entries(self) -> dict[str, Entry]:
        """The index entries of the zoo's presets of this task, without those of one's own."""
        from keras_pde import presets
        from keras_pde.presets.locating import is_own

        return {
            name: entry
            for name, entry in presets.index().items()
            if entry["task"] == self.name and is_own(presets.folder_of(name))
        }

    def pictures(  # noqa: B027 - not every task has some
        self, network: Any, folder: Path, data: str | Path | None = None
    ) -> None:
        """Write the pictures of a trained network's card into its folder.

        Args:
            network: as loaded from the folder.
            folder: of the preset.
            data: folder of the data sets; None is the task's usual one.
        """

    def sections(self, folder: Path, network: Any, entry: Entry) -> list[Section]:
        """The parts of a network's card.

        Args:
            folder: of its preset, with recipe.json and, where it was trained, training.json.
            network: as loaded from it.
            entry: of the index.
        """
        card = self.card()
        if card is not None:
            return list(card.sections(folder, network, entry))
        about = entry["metric"]
        number = self.metric.full(about["value"], about["tolerance"])
        return [
            Section("", f"{sentence(entry['description'])}."),
            Section(
                "Result", f"{about['name']}: {number}. Again: `keras-pde evaluate {network.name}`"
            ),
            network_section(network),
            Section("Certificate", f"```\n{network.certificate()}\n```"),
        ]

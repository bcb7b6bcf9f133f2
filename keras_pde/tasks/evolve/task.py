"""The task "evolve": states of a process to later ones, by networks that advance in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry, Run, Task, TrainingData

TRAINING = "training.json"


class Evolve(Task):
    """A state is advanced in time, and compared with an independent solution of its equation.

    The number is nRMSE, the mean of ‖u − v‖/‖v‖ over initial states, after the scenario's last
    number of steps.

    Example:
        >>> from keras_pde.tasks import registry
        >>> entry = {"metric": {"value": 2.34e-7, "name": "nRMSE after 200 steps"}}
        >>> registry.get("evolve").row(entry)
        '2.3e-07'
    """

    name = "evolve"
    metric = Metric("nRMSE", digits=1, higher_is_better=False, tolerance=2.0, factor=True)
    inputs = ("state of the process",)
    target = "state after the network's steps"
    data_source = "computed: random initial states, and the spectral solution of the equation"
    licence = "Apache-2.0"

    def check(self, network: Any) -> None:
        """Refuse a network that does not advance a state.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.time_stepper import TimeStepper

        if not isinstance(network, TimeStepper):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which advances no state in time."
                " keras-pde list --task evolve shows those that do."
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """States of any size."""
        return (*[None] * (1 + recipe.ndim), recipe.channels)

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """Pairs of states of the recipe's scenario, as many steps apart as a call has.

        Raises:
            ValueError: options that are none of the task's, or that contradict the recipe.
            FileNotFoundError: no file of trajectories.
        """
        from keras_pde.tasks.evolve.data import EvolvingData

        settings = self._settings(recipe)
        if recipe.validation < 1:
            raise recipe.refusal("validation", "at least 1 initial state must be held out")
        data = EvolvingData(
            settings,
            recipe.batch_size,
            recipe.seed,
            recipe.validation,
            recipe.model.get("steps", 1),
            folder,
        )
        for name, found in (("ndim", data.reference.ndim), ("channels", data.reference.channels)):
            if vars(recipe)[name] != found:
                equation = settings.scenario.equation
                raise recipe.refusal(name, f"{equation!r} has {found}, not {vars(recipe)[name]}")
        return data

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:
        """Refuse a scenario that is not the network's."""
        try:
            self._measurable(network, self._settings(recipe).scenario)
        except ValueError as error:
            raise recipe.refusal("options", error) from None

    def _settings(self, recipe: Any) -> Any:
        from keras_pde.tasks.evolve.data import Settings

        try:
            return Settings(recipe.options)
        except ValueError as error:
            raise recipe.refusal("options", error) from None

    def loss(self, target: Any, output: Any) -> Any:
        """The mean square of (u − v)/s for each sample, s the deviation of the increments."""
        from keras import ops

        later, weight = ops.split(target, 2, axis=-1)
        error = ops.square((output - later) * weight)
        return ops.mean(error, axis=tuple(range(1, len(error.shape))))

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """Of states: targets hold the weights of the loss too."""
        return (*target[:-1], target[-1] // 2)

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """nRMSE of rollouts from the held-out initial states."""
        from keras_pde.tasks.evolve.data import EvolvingData
        from keras_pde.tasks.evolve.metrics import rollout_errors

        assert isinstance(data, EvolvingData)
        found = rollout_errors(
            _by_calls(run, network.step_count), data.reference, np.stack(data.held_out), data.marks
        )
        return {str(mark): found[str(mark)] for mark in data.marks}

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """nRMSE after each of the scenario's numbers of steps, and drifts of what is conserved.

        The headline comes first.

        Args:
            network: a `TimeStepper`.
            folder: of recorded trajectories.
            limit: only the first so many initial states.
            entry: with the "scenario", or the "options" of a recipe that have it; a preset of the
                zoo has one in its recipe.

        Raises:
            ValueError: another network, no scenario, or one of another step or other channels.
        """
        from keras_pde.tasks.evolve.metrics import rollout_errors

        scenario = self.scenario(network, entry)
        self._measurable(network, scenario)
        reference = scenario.reference(folder)
        initial = reference.initial(min(limit or scenario.states, scenario.states), scenario.seed)
        found = rollout_errors(
            lambda u, steps: network.rollout(u, steps), reference, initial, scenario.steps
        )
        last = str(scenario.steps[-1])
        return {last: found[last], **found}

    def scenario(self, network: Any, entry: Entry | None = None) -> Any:
        """What a network is to compute, by what is known of it, or by the recipe of its preset.

        Raises:
            ValueError: a network that is no preset, and nothing is known of it.
        """
        from keras_pde import presets
        from keras_pde.tasks.evolve.data import scenario_in

        self.check(network)
        found = scenario_in(entry)
        if found is None and network.name in presets.index():
            found = scenario_in(recipe_in(presets.folder_of(network.name)))
        if found is None:
            raise ValueError(
                f"Nothing says what {network.name} is to compute: put a scenario into the recipe"
                ' beside the preset, or pass entry={"scenario": {"equation": ...}}.'
            )
        return found

    def _measurable(self, network: Any, scenario: Any) -> None:
        if abs(network.dt - scenario.dt) > 1e-6 * scenario.dt:
            raise ValueError(
                f"A step of {network.name} is dt={network.dt:g}, and the scenario's dt ="
                f" {scenario.dt:g}: make them one."
            )

    def stated(self, entry: Entry) -> dict[str, float]:
        """nRMSE by the number of steps."""
        table = entry.get("rollout") or {"": entry["metric"]["value"]}
        return {key: value for key, value in table.items() if not key or key.isdigit()}

    def listed(self, entry: Entry) -> dict[str, float]:
        """The headline alone."""
        return dict(list(self.stated(entry).items())[:1])

    def label(self, key: str) -> str:
        """Steps, or what is conserved."""
        return f"nRMSE, {key} step{'s' * (key != '1')}" if key.isdigit() else f"drift of the {key}"

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """The numbers of `evaluate`, into metrics.json; pictures, where nothing was trained.

        Raises:
            ValueError: a rollout that leaves the numbers.
        """
        from keras_pde.runtime.writing import write_bytes

        recipe = recipe_in(folder)
        found = self.evaluate(network, data, entry=recipe)
        scores = {key: float(f"{value:.3g}") for key, value in found.items()}
        if not np.isfinite(list(scores.values())).all():
            raise ValueError(f"The rollout of {network.name} grows without bound: {scores}")
        write_bytes(folder / "metrics.json", (json.dumps(scores, indent=1) + "\n").encode())
        last, value = next(iter(scores.items()))
        licence = self.licence
        if not (folder / TRAINING).is_file():
            self.pictures(network, folder, data)
            licence += " (no weights)"
        made = self.metric.entry(f"nRMSE after {last} steps", value)
        facts = {"metric": made, "rollout": scores, "data": self.data_source}
        return {**facts, "licence": licence}

    # --- showing ---

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """States of a rollout beside the exact ones, and the rollout as an animation."""
        from keras_pde.tasks.evolve.pictures import write_pictures

        recipe = recipe_in(folder)
        write_pictures(network, self.scenario(network, recipe), folder, data)

    def card(self) -> Any:
        """What it computes, an example, its numbers, its certificate, and how it was made."""
        from keras_pde.tasks.evolve import card

        return card


def _by_calls(run: Run, steps: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Advance by so many steps, by calls of a network that each make some."""

    def advance(u: np.ndarray, count: int) -> np.ndarray:
        if count % steps:
            raise ValueError(f"{count} steps are no whole number of calls of {steps} steps")
        for _ in range(count // steps):
            u = run(u)
        return u

    return advance

"""Trajectories of a scenario as training data: pairs of states, and held-out initial states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.data.trajectories import Trajectories
from keras_pde.runtime.options import names, number, whole
from keras_pde.tasks.evolve.reference import Recorded, Reference
from keras_pde.tasks.evolve.scenario import RECORDED, Scenario
from keras_pde.tasks.task import TrainingData

__all__ = ["EvolvingData", "scenario_in"]

FIELDS = {"scenario", "states", "horizon", "noise", "validate"}
MOST = 10_000
OFFSET = 1_000_000  # between the seeds of training, validation and test


class Settings:
    """The options of a recipe: a scenario, and how its training data are drawn.

    Args:
        options: "scenario"; "states", how many trajectories; "horizon", their steps; "noise", on
            the inputs, in units of the increments' deviation; "validate", the numbers of steps at
            which held-out rollouts are measured.

    Raises:
        ValueError: other options, values out of their range.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        names(options, FIELDS)
        self.scenario = Scenario.of(options.get("scenario", {}))
        self.states = whole(options.get("states", 50), "states", low=1, high=MOST)
        self.horizon = whole(options.get("horizon", 50), "horizon", low=1, high=MOST)
        self.noise = number(options.get("noise", 0.0), "noise", low=0)
        steps = options.get("validate", [self.scenario.steps[-1]])
        if not isinstance(steps, list | tuple) or not steps or list(steps) != sorted(set(steps)):
            raise ValueError(f"validate must be rising numbers of steps. Received: {steps}")
        self.validate = tuple(whole(n, "validate", low=1, high=MOST) for n in steps)


class EvolvingData(TrainingData):
    """Batches (u + σn, (u later, 1/s)): states with noise, targets, and 1/s of the loss.

    s is the standard deviation of the increments from a state to its target, for each channel. The
    loss divides by it, so that equations with small and large increments train alike.

    Args:
        settings: of the recipe.
        batch_size, seed: of the recipe.
        held_out: number of initial states of validation.
        ahead: steps of a call.
        folder: of recorded trajectories.

    Example:
        >>> from keras_pde.tasks.evolve.data import EvolvingData, Settings
        >>> heat = {"equation": "heat", "coefficients": {"diffusivity": 1e-4}, "points": 32}
        >>> data = EvolvingData(Settings({"scenario": heat, "states": 4, "horizon": 6}), 2, 0, 3, 1)
        >>> [part.shape for part in data.batch(0)], len(data.held_out)
        ([(2, 32, 1), (2, 32, 2)], 3)
    """

    def __init__(
        self,
        settings: Settings,
        batch_size: int,
        seed: int,
        held_out: int,
        ahead: int,
        folder: str | Path | None = None,
    ) -> None:
        scenario = settings.scenario
        self.reference: Reference = scenario.reference(folder)
        self.marks = settings.validate
        if scenario.equation == RECORDED:
            assert isinstance(self.reference, Recorded)
            # the last trajectories are measured on, those before them validated on
            kept = len(self.reference.states) - scenario.states - held_out
            if kept < 1:
                raise ValueError(
                    f"{scenario.file} has {len(self.reference.states)} trajectories, of which"
                    f" {scenario.states} are for the test and {held_out} for validation: none are"
                    " left to train on"
                )
            states = self.reference.states[:kept]
            self.reference = Recorded(self.reference.states[kept : kept + held_out])
        else:
            states = self.reference.lessons(
                settings.states, settings.horizon, scenario.seed + OFFSET
            )
        self.held_out = list(self.reference.initial(held_out, scenario.seed + 2 * OFFSET))
        self.trajectories = Trajectories(states, batch_size, ahead, settings.noise, seed)
        self.weight = (1 / self.trajectories.deviation).astype("float32")
        self.batch_size = batch_size

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch number ``step``."""
        first, later = self.trajectories.batch(step)
        weight = np.broadcast_to(self.weight, later.shape)
        return first, np.concatenate([later, weight], -1)

    def content(self) -> Iterable[np.ndarray]:
        """The trajectories, and the held-out states."""
        return [self.trajectories.states, *self.held_out]


def scenario_in(facts: Mapping[str, Any] | None) -> Scenario | None:
    """The scenario of a recipe's facts or of an index entry; None where they have none.

    Example:
        >>> from keras_pde.tasks.evolve.data import scenario_in
        >>> scenario_in({"scenario": {"equation": "heat"}}).equation, scenario_in({})
        ('heat', None)
    """
    facts = facts or {}
    found = facts.get("scenario") or dict(facts.get("options") or {}).get("scenario")
    return Scenario.of(found) if found else None

"""Scenario: an equation, its grid, time step and initial states, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime.options import count, number, said, whole
from keras_pde.tasks.evolve.equations import EQUATIONS, Evolution, equation
from keras_pde.tasks.evolve.grid import PeriodicGrid
from keras_pde.tasks.evolve.initial import INITIAL, initial_states
from keras_pde.tasks.evolve.reference import Recorded, Reference, SpectralReference
from keras_pde.tasks.evolve.spectral import SpectralSolver
from keras_pde.tasks.evolve.taylor_green import TaylorGreen

__all__ = ["Scenario"]

RECORDED, VORTICES = "recorded", "taylor_green"
POINTS = 2**22  # of a grid, of all states together
STEPS = 10**6


@dataclass(frozen=True)
class Scenario:
    """What a network is to compute, and where its numbers are measured.

    Args:
        equation: a name of `keras_pde.tasks.evolve.equations`, "taylor_green" for the vortices of
            a lattice, or "recorded" for trajectories of a file.
        coefficients: of the equation, by name.
        ndim: axes of space.
        points: along each axis, one number for all or one for each.
        length: of the box's sides, likewise.
        dt: time of a step.
        initial: a kind of `keras_pde.tasks.evolve.initial`.
        initial_options: of that kind.
        warmup: steps of the exact solution before a state counts as initial.
        states: how many are measured.
        seed: of them; those of training have others.
        steps: numbers of steps at which the error is measured, rising. The last is the headline.
        substeps: of the reference's integrator in a step, for equations that are not linear.
        refine: how many times the points the reference has along each axis.
        file: of recorded trajectories, an .npz with "states" (samples, times, points, channels).

    Raises:
        ValueError: values out of their range, names that are not known.

    Example:
        >>> from keras_pde.tasks.evolve.scenario import Scenario
        >>> Scenario("heat", {"diffusivity": 1e-4}, points=64).grid.spacing
        (0.015625,)
        >>> Scenario.of({"equation": "heat", "dimension": 2})
        Traceback (most recent call last):
        ...
        ValueError: The scenario has no field 'dimension'. Fields: equation, coefficients, ndim, ...
    """

    equation: str
    coefficients: dict[str, Any] = field(default_factory=dict)
    ndim: int = 1
    points: int | tuple[int, ...] = 160
    length: float | tuple[float, ...] = 1.0
    dt: float = 1.0
    initial: str = "waves"
    initial_options: dict[str, Any] = field(default_factory=dict)
    warmup: int = 0
    states: int = 30
    seed: int = 773
    steps: tuple[int, ...] = (1, 10, 50, 100, 200)
    substeps: int = 4
    refine: int = 1
    file: str = ""

    def __post_init__(self) -> None:
        for name in ("points", "length", "steps"):
            value = vars(self)[name]
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        names = [*EQUATIONS, VORTICES, RECORDED]
        if self.equation not in names:
            raise ValueError(
                f"No equation is called {said(self.equation)}. There are: {', '.join(names)}."
            )
        whole(self.ndim, "ndim", low=1, high=3)
        number(self.dt, "dt", low=0, low_open=True)
        for name in ("states", "substeps", "refine"):
            count(vars(self)[name], name)
        whole(self.warmup, "warmup", low=0, high=STEPS)
        whole(self.seed, "seed", low=0, high=2**32 - 1)
        if self.equation == VORTICES:
            if self.ndim != 2 or set(self.coefficients) - {"viscosity", "speed"}:
                raise ValueError(f"{VORTICES} is of 2 axes, with a viscosity and a speed alone.")
            number(self.coefficients.get("viscosity"), "viscosity", low=0, low_open=True)
        elif self.initial not in INITIAL:
            known = ", ".join(INITIAL)
            raise ValueError(f"No initial states are called {said(self.initial)}: {known}.")
        self._check_steps()
        total = self.states
        for n in self.size:
            total *= count(n, "points") * self.refine
        if total > POINTS:
            raise ValueError(f"{total:,} points in all are more than {POINTS:,}: lower points.")
        for side in self.sides:
            number(side, "length", low=0, low_open=True)
        if (self.equation == RECORDED) != bool(self.file):
            raise ValueError(f"file is for {RECORDED!r}, which needs it. Received: {self.file!r}")

    def _check_steps(self) -> None:
        steps = self.steps
        if not isinstance(steps, tuple) or not steps or list(steps) != sorted(set(steps)):
            raise ValueError(f"steps must be rising numbers. Received: {said(steps)}")
        for value in steps:
            whole(value, "steps", low=1, high=STEPS)

    @staticmethod
    def of(facts: Mapping[str, Any]) -> Scenario:
        """A scenario from its fields, as a recipe has them.

        Raises:
            ValueError: none, or one with other fields.
        """
        if not isinstance(facts, Mapping) or "equation" not in facts:
            raise ValueError(
                'A scenario is an object {"equation": name, ...}. Received: ' + said(facts)
            )
        own = [f.name for f in dataclasses.fields(Scenario)]
        for name in facts:
            if name not in own:
                fields = ", ".join(own)
                raise ValueError(f"The scenario has no field {said(name)}. Fields: {fields}.")
        return Scenario(**facts)

    def facts(self) -> dict[str, Any]:
        """Its fields without those that have their default."""
        return {
            f.name: value
            for f in dataclasses.fields(self)
            if (value := vars(self)[f.name])
            != (f.default_factory() if callable(f.default_factory) else f.default)
        }

    @property
    def size(self) -> tuple[int, ...]:
        """Points along each axis."""
        return _of_each(self.points, self.ndim, "points")

    @property
    def sides(self) -> tuple[float, ...]:
        """Of the box."""
        return _of_each(self.length, self.ndim, "length")

    @property
    def grid(self) -> PeriodicGrid:
        """Its grid."""
        return PeriodicGrid(self.size, self.sides)

    @property
    def evolution(self) -> Evolution:
        """Its equation with the coefficients."""
        return equation(self.equation, self.ndim, self.coefficients)

    def _vortices(self) -> TaylorGreen:
        grid = PeriodicGrid(self.size, tuple(map(float, self.size)))
        return TaylorGreen(grid, **self.coefficients)

    def start(self, channels: int) -> np.ndarray:
        """Its initial states (states, *points, channels), without a warm-up."""
        if self.equation == VORTICES:
            return self._vortices().start(self.states, self.seed)
        return initial_states(
            self.initial, self.grid, channels, self.states, self.seed, self.initial_options
        )

    def reference(self, folder: str | Path | None = None) -> Reference:
        """What networks are compared with.

        Args:
            folder: of the data, where the trajectories are a file; None is the current one.

        Raises:
            FileNotFoundError: no such file.
        """
        if self.equation == VORTICES:
            return self._vortices()
        if self.equation != RECORDED:
            solver = SpectralSolver(self.evolution, self.grid, self.dt, self.substeps, self.refine)
            channels = self.evolution.channels

            def start(count: int, seed: int) -> np.ndarray:
                return dataclasses.replace(self, states=count, seed=seed).start(channels)

            return SpectralReference(solver, start, self.warmup)
        from keras_pde.data.trajectories import load_trajectories

        return Recorded(load_trajectories(Path(folder or ".") / self.file))


def _of_each(value: Any, ndim: int, name: str) -> tuple[Any, ...]:
    found = value if isinstance(value, tuple) else (value,) * ndim
    if len(found) != ndim:
        raise ValueError(f"{name} must be one number, or one for each of {ndim} axes: {value}")
    return found

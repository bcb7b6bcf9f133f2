"""What a network's rollouts are compared with: solutions computed without it, or recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from keras_pde.tasks.evolve.spectral import SpectralSolver

__all__ = ["Recorded", "SpectralReference"]

Quantity = Callable[[np.ndarray], np.ndarray]
Start = Callable[[int, int], np.ndarray]


class Reference(ABC):
    r"""Initial states, and the exact states after them.

    States are (batch, \*points, channels), float64, of values that float32 holds exactly, so that a
    network starts from the same numbers.
    """

    ndim: int
    channels: int

    @abstractmethod
    def initial(self, count: int, seed: int) -> np.ndarray:
        """Random states to start from."""

    @abstractmethod
    def rollout(self, initial: np.ndarray, marks: Sequence[int]) -> list[np.ndarray]:
        """What `observe` sees of the exact states after rising numbers of steps."""

    def lessons(self, count: int, horizon: int, seed: int) -> np.ndarray:
        r"""Trajectories (count, 1 + horizon, \*points, channels) to learn from."""
        first = self.initial(count, seed)
        return np.stack([first, *self.rollout(first, range(1, horizon + 1))], 1)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """What is compared of a state; by default all of it."""
        return state

    def quantities(self) -> dict[str, Quantity]:
        """What the equation keeps, by name: functions of states."""
        return {}

    def scale(self, name: str, initial: np.ndarray) -> np.ndarray:
        """The size relative to which the change of a quantity is measured, for each state."""
        axes = tuple(range(1, initial.ndim - 1))
        return np.asarray(np.sqrt((initial**2).mean(axes)))


class SpectralReference(Reference):
    """The solution of an equation by Fourier series, in float64.

    Args:
        solver: of the equation.
        start: random states (count, *points, channels) of a count and a seed.
        warmup: steps of the solution before a state counts as initial.

    Example:
        >>> from keras_pde.tasks.evolve.scenario import Scenario
        >>> reference = Scenario("heat", coefficients={"diffusivity": 1e-4}).reference()
        >>> u = reference.initial(2, seed=1)
        >>> [v.shape for v in reference.rollout(u, (1, 5))], sorted(reference.quantities())
        ([(2, 160, 1), (2, 160, 1)], ['mean'])
    """

    def __init__(self, solver: SpectralSolver, start: Start, warmup: int = 0) -> None:
        self.solver = solver
        self.start = start
        self.warmup = warmup
        self.ndim = solver.grid.ndim
        self.channels = solver.equation.channels

    def initial(self, count: int, seed: int) -> np.ndarray:
        """Random states, after the warm-up."""
        u = self.start(count, seed)
        if self.warmup:
            u = self.solver(u, self.warmup)
        return u.astype("float32").astype("float64")

    def rollout(self, initial: np.ndarray, marks: Sequence[int]) -> list[np.ndarray]:
        """The solution after rising numbers of steps."""
        found, u, done = [], initial, 0
        for mark in marks:
            u = self.solver(u, mark - done)
            done = mark
            found.append(u)
        return found

    def quantities(self) -> dict[str, Quantity]:
        """Those that the equation conserves."""
        axes = tuple(range(1, self.ndim + 1))
        known: dict[str, Quantity] = {
            "mean": lambda u: u.mean(axes),
            "norm": lambda u: np.sqrt((u**2).mean(axes)),
        }
        return {name: known[name] for name in self.solver.equation.conserved}


class Recorded(Reference):
    r"""Trajectories from a file, the last of which are held out.

    Args:
        states: (samples, times, \*points, channels), a step Δt apart.

    Example:
        >>> from keras_pde.tasks.evolve.reference import Recorded
        >>> reference = Recorded(np.ones((5, 11, 16, 1)))
        >>> u = reference.initial(2, seed=0)
        >>> u.shape, [v.shape for v in reference.rollout(u, (1, 10))]
        ((2, 16, 1), [(2, 16, 1), (2, 16, 1)])
    """

    def __init__(self, states: np.ndarray) -> None:
        self.states = states.astype("float32").astype("float64")
        self.ndim = states.ndim - 3
        self.channels = states.shape[-1]

    def initial(self, count: int, seed: int) -> np.ndarray:
        """The first states of the last trajectories; there is nothing random in them."""
        return self.states[-min(count, len(self.states)) :, 0]

    def rollout(self, initial: np.ndarray, marks: Sequence[int]) -> list[np.ndarray]:
        """The recorded states.

        Raises:
            ValueError: more steps than are recorded.
        """
        last = self.states.shape[1] - 1
        if max(marks) > last:
            raise ValueError(
                f"The trajectories have {last} steps, and step {max(marks)} is asked for: lower"
                " the scenario's steps."
            )
        return [self.states[-len(initial) :, mark] for mark in marks]

"""Trajectories: states of a process at equal distances in time, and pairs of them to learn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_pde.runtime import gate

__all__ = ["Trajectories", "load_trajectories"]

LARGEST = 2**31  # bytes of a file
ARRAY = "states"


@dataclass(frozen=True)
class Trajectories:
    r"""Pairs (u(t) + σn, u(t + kΔt)) of trajectories, drawn at random.

    Batch number ``step`` is a function of (seed, step) alone, so that a training that was stopped
    goes on as if it had not been.

    Args:
        states: (samples, times, \*points, channels), Δt apart.
        batch_size: pairs a batch.
        ahead: the number k of steps from a state to its target.
        noise: standard deviation σ that is added to the first state, in units of the increments'
            own deviation: a network that has met such states comes back from its own errors.
        seed: of the draws.

    Raises:
        ValueError: states of another shape or that are not finite, fewer times than ``ahead``.

    Example:
        >>> from keras_pde.data.trajectories import Trajectories
        >>> falling = np.exp(-np.arange(6.0))[None, :, None, None] * np.ones((3, 1, 8, 1))
        >>> pairs = Trajectories(falling, batch_size=4)
        >>> u, later = pairs.batch(step=0)
        >>> u.shape, bool(np.allclose(later, u / np.e))
        ((4, 8, 1), True)
    """

    states: np.ndarray = field(repr=False)
    batch_size: int
    ahead: int = 1
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        states = gate.array(self.states, "states", ranks=(4, 5, 6))
        gate.count(self.batch_size, "batch_size")
        gate.count(self.ahead, "ahead")
        gate.number(self.noise, "noise", low=0)
        if states.shape[1] <= self.ahead:
            raise ValueError(
                f"The trajectories have {states.shape[1]} times, and a target is {self.ahead}"
                " steps ahead: record more, or lower the steps of a call."
            )
        object.__setattr__(self, "states", np.asarray(states, "float32"))

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of the increments u(t + kΔt) − u(t), for each channel."""
        ahead, axes = self.ahead, tuple(range(self.states.ndim - 1))
        increments = self.states[:, ahead:].astype("float64") - self.states[:, :-ahead]
        return np.asarray(np.maximum(increments.std(axes), 1e-12))

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch number ``step``: states with noise, and their targets, float32."""
        key = np.array([self.seed, step], np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        samples = rng.integers(len(self.states), size=self.batch_size)
        times = rng.integers(self.states.shape[1] - self.ahead, size=self.batch_size)
        first = self.states[samples, times]
        if self.noise:
            size = (self.noise * self.deviation).astype("float32")
            first = first + size * rng.standard_normal(first.shape, dtype=np.float32)
        return first, self.states[samples, times + self.ahead]


def load_trajectories(path: str | Path) -> np.ndarray:
    r"""The array "states" of an .npz file, or that of an .npy file.

    Returns:
        (samples, times, \*points, channels).

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such array, or one of another shape.

    Example:
        >>> import tempfile
        >>> from keras_pde.data.trajectories import load_trajectories
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(Path(folder, "t.npz"), states=np.zeros((2, 5, 16, 1)))
        ...     load_trajectories(Path(folder, "t.npz")).shape
        (2, 5, 16, 1)
    """
    return gate.array(load_array(path, ARRAY), f"{path}: {ARRAY}", ranks=(4, 5, 6))


def load_array(path: str | Path, name: str) -> np.ndarray:
    """An array of an .npz file by its name, or the only one; or that of an .npy file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such array.
    """
    file = gate.path(path, "path")
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file} is larger than {LARGEST:,} bytes")
    try:
        found = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{file} is no .npy or .npz file as NumPy writes it") from error
    if isinstance(found, np.ndarray):
        return found
    with found:
        if name not in found.files and len(found.files) != 1:
            held = ", ".join(found.files) or "nothing"
            raise ValueError(f"{file} holds {held}, and {name!r} is needed")
        return np.asarray(found[name if name in found.files else found.files[0]])

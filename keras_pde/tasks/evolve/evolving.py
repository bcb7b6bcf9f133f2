"""Advancing a state by a preset: `keras_pde.evolve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde.models.time_stepper import TimeStepper
from keras_pde.runtime import gate
from keras_pde.tasks import registry as tasks

__all__ = ["evolve"]


def evolve(
    state: Any,
    preset: Any = "heat_2d",
    steps: int = 1,
    *,
    every: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    r"""uⁿ = Sⁿ(u⁰): the state after many steps of a network, by one compiled loop.

    Memory does not grow with the steps; with ``every`` it grows with the states that are kept.

    Args:
        state: (\*points, channels), or (batch, \*points, channels), or (\*points,) for one channel.
        preset: a name of `keras_pde.list_presets(task="evolve")`, a directory, or a `TimeStepper`.
        steps: number of steps of the network's Δt.
        every: keep the first state and that after every so many steps.
        progress: called with the number of steps done and that of all, after every ``every`` steps
            or about a hundred times.

    Returns:
        The last state, of the shape of the given one and in the network's precision; with ``every``
        the states (1 + steps/every, \*shape).

    Raises:
        ValueError: another network or shape, values that are not finite, steps that ``every`` does
            not divide; a rollout that leaves the numbers, with the step where it does.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.time_stepper import TimeStepper
        >>> class Shift(TimeStepper):
        ...     def step(self, u, prepared):
        ...         return ops.roll(u, 1, axis=1)
        >>> net = Shift(dt=1.0)
        >>> net.build((None, None, 1))
        >>> keras_pde.evolve(np.array([1.0, 0.0, 0.0]), net, steps=2).tolist()
        [0.0, 0.0, 1.0]
    """
    network = tasks.get("evolve").network_of(preset)
    steps = gate.count(steps, "steps")
    values = gate.array(state, "state", integers=True).astype("float64")
    batch = batched(values, network)
    kept: list[np.ndarray] = [np.asarray(batch, network.compute_dtype)]
    apart = every or max(1, steps // 100)
    if every is None:
        while steps % apart:
            apart -= 1

    def tell(done: int, u: np.ndarray) -> None:
        if not np.isfinite(u).all():
            raise ValueError(
                f"The state holds values that are no numbers after {done} steps: {network.name}"
                " grows without bound from this state. Is it scaled as the preset's card says?"
            )
        if every is not None:
            kept.append(u)
        if progress is not None:
            progress(done, steps)

    last = network.rollout(batch, steps, every=apart, callback=tell)
    found = last if every is None else np.stack(kept)
    return found.reshape((*found.shape[: every is not None], *values.shape))


def batched(values: np.ndarray, network: TimeStepper) -> np.ndarray:
    r"""A state with its axes of batch and channels.

    Raises:
        ValueError: a state of another shape than the network's.
    """
    ndim, channels = network.ndim, network.input_channels
    if values.ndim == ndim and channels == 1:
        return values[None, ..., None]
    if ndim + 1 <= values.ndim <= ndim + 2 and values.shape[-1] == channels:
        return values[None] if values.ndim == ndim + 1 else values
    points = ", ".join(["points"] * ndim)
    raise ValueError(
        f"A state of {network.name} is ({points}, {channels}), or with a batch"
        f" (batch, {points}, {channels}). Received: shape {values.shape}"
    )

"""Numbers of a rollout: its relative error at given steps, and what it should keep but does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from keras_pde.tasks.evolve.reference import Reference

__all__ = ["nrmse"]

Advance = Callable[[np.ndarray, int], np.ndarray]


def nrmse(found: np.ndarray, exact: np.ndarray) -> float:
    """The mean over states and channels of ‖u − v‖/‖v‖; inf where u has left the numbers.

    Example:
        >>> from keras_pde.tasks.evolve.metrics import nrmse
        >>> nrmse(np.full((2, 8, 1), 1.1), np.ones((2, 8, 1)))
        0.1
    """
    axes = tuple(range(1, exact.ndim - 1))
    with np.errstate(all="ignore"):
        error = np.sqrt(((found - exact) ** 2).sum(axes))
        size = np.sqrt((exact**2).sum(axes))
        value = float(np.where(size > 0, error / np.where(size > 0, size, 1), error).mean())
    return round(value, 15) if np.isfinite(value) else float("inf")


def drift(kept: np.ndarray, first: np.ndarray, scale: np.ndarray) -> float:
    """The largest change of a quantity over the states, relative to a scale of each."""
    with np.errstate(all="ignore"):
        value = float((np.abs(kept - first) / scale).max())
    return value if np.isfinite(value) else float("inf")


def rollout_errors(
    advance: Advance, reference: Reference, initial: np.ndarray, marks: Sequence[int]
) -> dict[str, float]:
    """nRMSE at numbers of steps, by the number, and the largest drifts of what is conserved.

    Args:
        advance: the state after so many steps of the network.
        reference: that it is compared with.
        initial: states that both start from.
        marks: numbers of steps, rising.
    """
    first = {name: quantity(initial) for name, quantity in reference.quantities().items()}
    scales = {name: reference.scale(name, initial) for name in first}
    drifts = dict.fromkeys(first, 0.0)
    found: dict[str, float] = {}
    u, done = initial.astype("float32"), 0
    for mark, exact in zip(marks, reference.rollout(initial, marks), strict=True):
        u = advance(u, mark - done)
        done = mark
        found[str(mark)] = nrmse(reference.observe(u.astype("float64")), exact)
        for name, quantity in reference.quantities().items():
            now = drift(quantity(u.astype("float64")), first[name], scales[name])
            drifts[name] = max(drifts[name], now)
    return found | drifts

"""Relative errors of a learned operator in percent, beside those of an exact solver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pde.tasks.operate import exact
from keras_pde.tasks.operate.sources import Pairs

__all__ = ["relative"]

ERROR, LAST, SOLVER, FLUXES = "error", "error at t = 1", "solver", "its own fluxes solved"
BATCH = 50


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """The mean over samples of ‖found − wanted‖₂/‖wanted‖₂, in percent.

    Example:
        >>> from keras_pde.tasks.operate.scores import relative
        >>> relative(np.full((2, 4), 1.1), np.ones((2, 4)))
        10.0
    """
    axes = tuple(range(1, wanted.ndim))
    wanted = np.asarray(wanted, np.float64)
    errors = np.sqrt(np.sum((found - wanted) ** 2, axes) / np.sum(wanted**2, axes))
    return round(100 * float(errors.mean()), 4)


def predictions(network: Any, inputs: np.ndarray) -> np.ndarray:
    """The network's outputs, some samples at a time."""
    return np.asarray(network.predict(inputs, batch_size=BATCH, verbose=0), np.float64)


def evaluated(network: Any, name: str, parts: Mapping[str, Pairs]) -> dict[str, float]:
    """The errors of a network and of an exact solver, by the number of points an axis.

    Args:
        network: a `KernelNetwork` or a `KernelPropagator`.
        name: of the set.
        parts: of `load_test`.
    """
    found: dict[str, float] = {}
    for n, pairs in parts.items():
        mine, wanted = predictions(network, pairs.inputs), pairs.outputs
        found[f"{ERROR} {n}"] = relative(mine, wanted)
        if name == "burgers":
            solved = exact.burgers(pairs.inputs, wanted.shape[-1])
            found[f"{LAST}, {n}"] = relative(mine[..., -1], wanted[..., -1])
            found[f"{SOLVER} {n}"] = relative(solved, wanted)
            found[f"{SOLVER} at t = 1, {n}"] = relative(solved[..., -1], wanted[..., -1])
        else:
            found[f"{SOLVER} {n}"] = relative(exact.darcy(pairs.inputs), wanted)
            found[f"{FLUXES} {n}"] = relative(_solved(network, pairs.inputs), wanted)
    return found


def _solved(network: Any, inputs: np.ndarray) -> np.ndarray:
    """A_θu = f solved exactly, which the network's cycles approach."""
    flows, source = network.conductances(inputs)
    return np.pad(exact.solve_edges(flows, source), [(0, 0), *[(1, 0)] * network.ndim, (0, 0)])

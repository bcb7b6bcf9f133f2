"""Implicit Euler steps of a meshless basis, each a few linear least-squares solves."""

from __future__ import annotations

import warnings

import numpy as np
from keras import ops

from keras_pde.models.meshless_function import MeshlessFunction
from keras_pde.schemes.collocation import Condition, Law, least_squares

NEWTON = 20  # iterations of a step, at most
ENOUGH = 1e-10  # change of the state, beside its size or 1, that ends them


def implicit_steps(
    network: MeshlessFunction,
    law: Law,
    points: np.ndarray,
    dt: float,
    steps: int,
    conditions: list[Condition],
) -> np.ndarray:
    """The states (steps + 1, points); the heights of the last one are left in the network."""
    zero = (0,) * network.basis.axes
    rows, _ = network.system([Condition(points, {zero: 1.0})])
    edge, given = network.system(conditions) if conditions else (rows[:0], np.zeros(0))
    parts = network.matrices(points, law.indices)
    heights = np.asarray(ops.convert_to_numpy(network.heights), np.float64)[:, 0]
    states = [rows @ heights]
    for number in range(1, steps + 1):
        enough = ENOUGH * max(1.0, float(np.abs(states[-1]).max()))
        for _ in range(NEWTON):
            value, slopes = law.function(*(parts[index] @ heights for index in law.indices))
            pairs = zip(law.indices, slopes, strict=True)
            moved = sum(np.reshape(s, (-1, 1)) * parts[index] for index, s in pairs)
            matrix = np.concatenate([rows - dt * moved, edge])
            off = rows @ heights - states[-1] - dt * value
            step = least_squares(matrix, -np.concatenate([off, edge @ heights - given]))
            heights = heights + step
            change = float(np.abs(rows @ step).max())
            if change <= enough:
                break
        else:
            warnings.warn(
                f"Newton's method has not converged in step {number} of implicit Euler: its last of"
                f" {NEWTON} iterations moved the state by {change:.1e}, and {enough:g} would end"
                " it. Make dt smaller.",
                RuntimeWarning,
                stacklevel=3,
            )
        states.append(rows @ heights)
    network.heights.assign(heights[:, None])
    return np.stack(states)

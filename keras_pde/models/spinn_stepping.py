"""Implicit Euler steps of a meshless basis, each a few linear least-squares solves."""

from __future__ import annotations

import numpy as np
from keras import ops

from keras_pde.models.meshless_function import MeshlessFunction
from keras_pde.schemes.collocation import Condition, Law, least_squares

NEWTON = 20  # iterations of a step, at most
ENOUGH = 1e-10  # change of the state that ends them


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
    for _ in range(steps):
        for _ in range(NEWTON):
            value, slopes = law.function(*(parts[index] @ heights for index in law.indices))
            change = zip(law.indices, slopes, strict=True)
            moved = sum(np.reshape(s, (-1, 1)) * parts[index] for index, s in change)
            matrix = np.concatenate([rows - dt * moved, edge])
            off = rows @ heights - states[-1] - dt * value
            step = least_squares(matrix, -np.concatenate([off, edge @ heights - given]))
            heights = heights + step
            if np.abs(rows @ step).max() <= ENOUGH:
                break
        states.append(rows @ heights)
    network.heights.assign(heights[:, None])
    return np.stack(states)

"""Training of meshless bases: centres by Adam, heights by least squares at each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.models.meshless_function import MeshlessFunction
from keras_pde.schemes.collocation import Condition, least_squares

WIDTHS = (0.01, 2.0)  # of a refinement, beside the size of the box

Show = Callable[[int, float], None]


class _Residuals(keras.Model):
    """The weighted residuals of conditions, (1, rows), whose squares are to be least."""

    def __init__(self, network: MeshlessFunction, conditions: Sequence[Condition]) -> None:
        super().__init__(name="residuals", dtype=network.dtype_policy)
        self.network, self.conditions = network, tuple(conditions)
        self.built = True

    def call(self, ones: Any) -> Any:
        dtype = self.network.variable_dtype
        rows = []
        for c in self.conditions:
            points = ops.convert_to_tensor(c.points, dtype)
            off = -np.broadcast_to(np.asarray(c.values, np.float64), len(c.points))
            found = ops.convert_to_tensor(off, dtype)
            for index, factor in c.terms.items():
                values = self.network.derivative(points, index)[:, 0]
                found = found + ops.convert_to_tensor(np.asarray(factor), dtype) * values
            rows.append(c.weight * found)
        return ones * ops.concatenate(rows)[None]


def projected_training(
    network: MeshlessFunction,
    conditions: list[Condition],
    steps: int,
    learning_rate: float,
    show: Show,
) -> float:
    """Adam for centres and widths with the heights of the least squares; keeps the best step."""
    least = network.solve(conditions)
    best = network.get_weights()
    moving = _Residuals(network, conditions)
    network.heights.trainable = False
    try:
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        moving.compile(keras.optimizers.Adam(rate), "mse")
        ones = np.ones((1, 1), network.variable_dtype)
        count = sum(len(c.points) for c in conditions)
        zeros = np.zeros((1, count), network.variable_dtype)
        for step in range(1, steps + 1):
            moving.train_on_batch(ones, zeros)
            matrix, values = network.system(conditions)
            found = least_squares(matrix, values)
            network.heights.assign(found[:, None])
            left = float(np.sqrt(np.mean((matrix @ found - values) ** 2)))
            if left < least:
                least, best = left, network.get_weights()
            show(step, left)
    finally:
        network.heights.trainable = True
    network.set_weights(best)
    return least


def projected_refinement(
    network: MeshlessFunction, conditions: list[Condition], evaluations: int
) -> float:
    """Gauss and Newton's steps in a trust region for centres and widths; heights by least squares.

    Centres stay within the box of the points, extended by its size each way, and widths between
    1/100 of its size and twice it.
    """
    from scipy.optimize import least_squares as trust_region

    basis = network.basis
    network.solve(conditions)
    places, widths = network.nodes
    points = np.concatenate([c.points for c in conditions])
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max())
    edge = [np.broadcast_to(e, places.shape).ravel() for e in (low - size, high + size)]
    wide = [np.full(len(widths), np.log(s * size)) for s in WIDTHS]
    bounds = [np.concatenate(pair) for pair in zip(edge, wide, strict=True)]
    start = np.concatenate([places.ravel(), np.log(widths)]).astype(np.float64)

    def left(found: np.ndarray) -> np.ndarray:
        basis.places.assign(found[: places.size].reshape(places.shape))
        basis.log_widths.assign(found[places.size :])
        matrix, values = network.system(conditions)
        return matrix @ least_squares(matrix, values) - values

    step = float(np.finfo(network.variable_dtype).eps) ** 0.5
    inside = np.clip(start, bounds[0] + step, bounds[1] - step)
    best = trust_region(left, inside, bounds=bounds, diff_step=step, max_nfev=evaluations)
    left(best.x)
    return network.solve(conditions)

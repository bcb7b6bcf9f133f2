"""Batches of points of a grid with its values there, to fit functions of coordinates to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_pde.data.pixel_centres import pixel_centres
from keras_pde.tasks.training_data import TrainingData


class Points(TrainingData):
    """Batches of a grid's points, drawn anew for each step; all of them where they fit into one.

    Args:
        values: (*spatial, channels).
        batch_size: points a batch.
        seed: of the draws.
        held_out: share of the points, drawn at random, that no batch holds.

    Attributes:
        coordinates, targets: of the points to train on, (points, axes) and (points, channels).
        held_out: the coordinates and the values of the others.

    Example:
        >>> from keras_pde.tasks.represent.points import Points
        >>> points = Points(np.ones((8, 6, 3)), batch_size=16, seed=0)
        >>> [part.shape for part in points.batch(0)]
        [(16, 2), (16, 3)]
    """

    def __init__(
        self, values: np.ndarray, batch_size: int, seed: int, held_out: float = 0.0
    ) -> None:
        coordinates = pixel_centres(values.shape[:-1]).reshape(-1, values.ndim - 1)
        targets = values.reshape(-1, values.shape[-1]).astype("float32")
        order = np.random.default_rng((seed, 1)).permutation(len(targets))
        left, kept = np.split(order, [round(held_out * len(order))])
        self.coordinates, self.targets = coordinates[np.sort(kept)], targets[np.sort(kept)]
        self.held_out = [coordinates[np.sort(left)], targets[np.sort(left)]]
        self.batch_size = min(batch_size, len(kept))
        self.seed = seed

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Points and their values, a function of the seed and the step."""
        if self.batch_size == len(self.targets):
            return self.coordinates, self.targets
        rng = np.random.default_rng((self.seed, 2, step))
        rows = rng.integers(0, len(self.targets), self.batch_size)
        return self.coordinates[rows], self.targets[rows]

    def content(self) -> Iterable[np.ndarray]:
        """The points and their values."""
        return [self.coordinates, self.targets]

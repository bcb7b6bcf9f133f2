"""Batches of inputs and solutions, by the symmetries of the equation at random."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_pde.tasks.operate.settings import Settings
from keras_pde.tasks.operate.sources import Pairs
from keras_pde.tasks.operate.symmetries import SYMMETRIES
from keras_pde.tasks.task import TrainingData

__all__ = ["PairBatches"]


class PairBatches(TrainingData):
    """Batches (inputs, outputs) of pairs, drawn for each step.

    Args:
        pairs: to train on; the last are held out.
        held_out: how many.
        settings: of the recipe.
        batch_size: pairs of a batch.
        seed: of what is drawn.

    Example:
        >>> from keras_pde.tasks.operate.data import PairBatches
        >>> from keras_pde.tasks.operate.settings import Settings
        >>> from keras_pde.tasks.operate.sources import Pairs
        >>> pairs = Pairs(np.zeros((9, 8, 1)), np.zeros((9, 8, 3)))
        >>> data = PairBatches(pairs, 2, Settings({"data": "burgers", "symmetries": True}), 4, 0)
        >>> [part.shape for part in data.batch(0)], len(data.held_out)
        ([(4, 8, 1), (4, 8, 3)], 2)
    """

    def __init__(
        self, pairs: Pairs, held_out: int, settings: Settings, batch_size: int, seed: int
    ) -> None:
        self.pairs, self.validation = (
            pairs.part(slice(-held_out)),
            pairs.part(slice(-held_out, None)),
        )
        self.held_out = list(self.validation.inputs)
        self.settings = settings
        self.batch_size = batch_size
        self.seed = seed

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch number ``step``."""
        key = np.array([self.seed, step], np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        which = rng.integers(len(self.pairs), size=self.batch_size)
        found = [(self.pairs.inputs[k], self.pairs.outputs[k]) for k in which]
        if self.settings.symmetries:
            found = [SYMMETRIES[self.settings.data](x, y, rng) for x, y in found]
        return np.stack([x for x, _ in found]), np.stack([y for _, y in found])

    def content(self) -> Iterable[np.ndarray]:
        """Inputs and outputs, those that are held out among them."""
        return [x for part in (self.pairs, self.validation) for x in (part.inputs, part.outputs)]

"""Networks of interfering links to train on, drawn as they are needed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_pde.tasks.allocate.interference import field, observed
from keras_pde.tasks.task import TrainingData

__all__ = ["Fields"]


class Fields(TrainingData):
    """Batches (nodes, links, gains): no label but the gains, of which the utility is computed.

    Args:
        links: of a network.
        batch_size: networks of a batch.
        held_out: networks for validation.
        seed: of all of them.

    Example:
        >>> from keras_pde.tasks.allocate.data import Fields
        >>> data = Fields(links=4, batch_size=8, held_out=3, seed=0)
        >>> [x.shape for x in data.batch(0)], len(data.held_out)
        ([(8, 4, 1), (8, 4, 4, 2), (8, 4, 4)], 3)
    """

    def __init__(self, links: int, batch_size: int, held_out: int, seed: int) -> None:
        self.links = links
        self.batch_size = batch_size
        self.seed = seed
        self.held_out = list(self._drawn(0, held_out))

    def _drawn(self, number: int, networks: int) -> np.ndarray:
        key = np.array([self.seed, number], np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        return field(rng, networks, self.links)

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Batch number ``step``."""
        gains = self._drawn(step + 1, self.batch_size)
        return (*observed(gains), gains.astype("float32"))

    def content(self) -> Iterable[np.ndarray]:
        """The networks that are held out."""
        return self.held_out

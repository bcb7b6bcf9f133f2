"""TrainingData: what a network is trained and validated on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["TrainingData"]


class TrainingData(ABC):
    """What a network is trained and validated on.

    Attributes:
        batch_size: samples a batch.
        held_out: samples for validation, which no batch holds.

    Example:
        >>> from keras_pde.tasks.training_data import TrainingData
        >>> class Ones(TrainingData):
        ...     batch_size, held_out = 2, [1.0]
        ...     def batch(self, step):
        ...         return np.ones((2, 4, 1)), np.ones((2, 1))
        ...     def content(self):
        ...         return [np.ones(1)]
        >>> [part.shape for part in Ones().batch(step=0)]
        [(2, 4, 1), (2, 1)]
    """

    batch_size: int
    held_out: Sequence[Any]

    @abstractmethod
    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Batch number ``step``: arrays whose first axis is the samples.

        A pure function of the recipe's seed and the step.
        """

    @abstractmethod
    def content(self) -> Iterable[np.ndarray]:
        """All arrays that the batches come from: processes that train together compare them."""

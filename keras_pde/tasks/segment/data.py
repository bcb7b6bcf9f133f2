"""Batches of crops with their masks, mirrored and turned at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from keras_pde.data.masked import Masked
from keras_pde.tasks.segment.settings import Settings
from keras_pde.tasks.task import TrainingData

__all__ = ["MaskedBatches"]


class MaskedBatches(TrainingData):
    """Batches (x, y): crops, and the numbers of their pixels' classes.

    Args:
        images: to train on, and to hold out some of.
        held_out: how many, as whole images.
        settings: of the recipe.
        batch_size: crops of a batch.
        size: of a crop, (height, width).
        seed: of places and turns.

    Example:
        >>> from keras_pde.data.masked import Masked
        >>> from keras_pde.tasks.segment.data import MaskedBatches
        >>> from keras_pde.tasks.segment.settings import Settings
        >>> image, mask = np.zeros((9, 8, 1), "float32"), np.zeros((9, 8), int)
        >>> some = Masked([image] * 4, [mask] * 4, ("a", "b"))
        >>> data = MaskedBatches(some, 1, Settings({"data": "some"}), 5, (4, 6), 0)
        >>> x, y = data.batch(0)
        >>> x.shape, y.shape, len(data.held_out)
        ((5, 4, 6, 1), (5, 4, 6), 1)
    """

    def __init__(
        self,
        images: Masked,
        held_out: int,
        settings: Settings,
        batch_size: int,
        size: Sequence[int],
        seed: int,
    ) -> None:
        from keras_pde.data import split

        kept, out = split(range(len(images)), held_out)
        self.images, self.validation = images.part(kept), images.part(out)
        self.held_out = list(self.validation.images)
        self.settings = settings
        self.batch_size = batch_size
        self.size = tuple(size)
        self.seed = seed

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch number ``step``: each crop is of an image and a place drawn for it."""
        key = np.array([self.seed, step], np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        pairs = [self._crop(rng) for _ in range(self.batch_size)]
        return np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs]).astype(np.float32)

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        k = int(rng.integers(len(self.images)))
        x, y = self.images.images[k], self.images.labels[k]
        at = [rng.integers(n - m + 1) for n, m in zip(y.shape, self.size, strict=True)]
        place = tuple(slice(i, i + m) for i, m in zip(at, self.size, strict=True))
        x, y = x[place], y[place]
        if not self.settings.flip:
            return x, y
        flips = tuple(slice(None, None, -1 if turn else 1) for turn in rng.integers(2, size=2))
        x, y = x[flips], y[flips]
        if self.size[0] == self.size[1] and rng.integers(2):
            x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
        return x, y

    def content(self) -> Iterable[np.ndarray]:
        """Images and labels, those that are held out among them."""
        parts = (self.images, self.validation)
        return [p for part in parts for pairs in (part.images, part.labels) for p in pairs]

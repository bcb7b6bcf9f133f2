"""Batches of labelled images, shifted and mirrored at random."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from keras_pde.data.labelled import Labelled
from keras_pde.tasks.classify.settings import Settings
from keras_pde.tasks.task import TrainingData

__all__ = ["LabelledBatches"]


class LabelledBatches(TrainingData):
    """Batches (x, t): images, and targets that hold all that a loss may need of a sample.

    A target is (y, a, x): the number of the class, how far training is, in [0, 1], and the values
    of the image, where a loss looks at it.

    Args:
        images: to train on, and to hold out some of.
        held_out: how many.
        settings: of the recipe.
        batch_size, seed, steps: of the recipe.
        with_images: whether targets hold the images too.

    Example:
        >>> from keras_pde.data.labelled import Labelled
        >>> from keras_pde.tasks.classify.data import LabelledBatches
        >>> from keras_pde.tasks.classify.settings import Settings
        >>> some = Labelled(np.zeros((9, 8, 8, 1), "float32"), np.arange(9) % 2, ("a", "b"))
        >>> data = LabelledBatches(some, 3, Settings({"data": "some", "shift": 1}), 4, 0, 10)
        >>> x, target = data.batch(5)
        >>> x.shape, target.shape, float(target[0, 1]), len(data.held_out)
        ((4, 8, 8, 1), (4, 2), 0.5, 3)
    """

    def __init__(
        self,
        images: Labelled,
        held_out: int,
        settings: Settings,
        batch_size: int,
        seed: int,
        steps: int,
        with_images: bool = False,
    ) -> None:
        # at random: some sets alternate between sources, as MNIST between an easy and a hard one
        drawn = _random(seed, 0, 2).permutation(len(images))
        out, kept = np.sort(drawn[:held_out]), np.sort(drawn[held_out:])
        self.images, self.validation = (images.part(x.tolist()) for x in (kept, out))
        self.held_out = list(self.validation.images)
        self.settings = settings
        self.batch_size = batch_size
        self.seed = seed
        self.steps = steps
        self.with_images = with_images

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch number ``step``: each image is drawn once in as many steps as they fill."""
        n, size = len(self.images), self.batch_size
        places = range(step * size, (step + 1) * size)
        drawn = [_order(self.seed, k // n, n)[k % n] for k in places]
        x, y = self.images.images[drawn], self.images.labels[drawn]
        rng = _random(self.seed, step, 1)
        if self.settings.shift:
            x = shifted(x, rng.integers(-self.settings.shift, self.settings.shift + 1, (size, 2)))
        if self.settings.flip:
            x = np.where(rng.random((size, 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
        target = np.stack([y, np.full(size, step / self.steps)], -1)
        if self.with_images:
            target = np.concatenate([target, x.reshape(size, -1)], -1)
        return x, target.astype(np.float32)

    def content(self) -> Iterable[np.ndarray]:
        """Images and labels, those that are held out among them."""
        return [p for part in (self.images, self.validation) for p in (part.images, part.labels)]


def _random(seed: int, number: int, stream: int) -> np.random.Generator:
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, stream]))


@functools.lru_cache(maxsize=4)  # threads draw batches that are near each other
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order in which the images are drawn in an epoch."""
    return _random(seed, epoch, 0).permutation(count)


def shifted(images: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Each image moved by whole pixels, black where nothing is known.

    Example:
        >>> from keras_pde.tasks.classify.data import shifted
        >>> shifted(np.arange(4.0).reshape(1, 2, 2, 1), np.array([[0, 1]]))[0, ..., 0].tolist()
        [[0.0, 0.0], [0.0, 2.0]]
    """
    most = int(np.abs(by).max(initial=0))
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    height, width = images.shape[1:3]
    rows = most - by[:, :1] + np.arange(height)
    columns = most - by[:, 1:] + np.arange(width)
    return padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]

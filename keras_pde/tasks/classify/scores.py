"""The numbers of a classifier: clean, certified and attacked accuracy, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.data.labelled import Labelled
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.classify.settings import CLEAN
from keras_pde.tasks.labelling import PGD

__all__ = ["accuracies", "attacked", "unbroken"]

ATTACKED = 500  # images of a test set that are attacked


def accuracies(network: Any, data: Labelled, radii: Sequence[float]) -> dict[str, float]:
    """The share of images that are classified rightly, and of those whose class is proved.

    Args:
        network: a `Classifier`.
        data: to measure on.
        radii: sizes of perturbations in the network's norm.

    Returns:
        Percent by key: "clean", and each radius as text.

    Example:
        >>> from keras_pde.models.classifier import Classifier
        >>> from keras_pde.data.labelled import Labelled
        >>> from keras_pde.tasks.classify.scores import accuracies
        >>> class Means(Classifier):
        ...     def call(self, image):
        ...         return ops.mean(image, axis=(1, 2))
        >>> image = np.full((1, 4, 4, 2), [0.2, 0.7], "float32")
        >>> accuracies(Means(classes=2), Labelled(image, np.array([1]), ("a", "b")), [0.1])
        {'clean': 100.0, '0.1': 0.0}
    """
    right = network.answers(data.images) == data.labels
    proved = network.proved(data.images, list(radii)) & right if radii else []
    shares = {f"{eps:g}": percent(row) for eps, row in zip(radii, proved, strict=True)}
    return {CLEAN: percent(right), **shares}


def attacked(network: Any, data: Labelled, radii: Sequence[float]) -> dict[str, float]:
    """Accuracy under projected gradient descent at each radius, by keys "PGD 0.5".

    Raises:
        AssertionError: an attack changed a class that is certified: a fault of this library.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.classify.scores import attacked
        >>> from keras_pde.tasks.classify.sources import load
        >>> few = load("digits", "test").part(slice(8))
        >>> list(attacked(keras_pde.from_preset("cpl_digits_2d"), few, [0.1]))
        ['PGD 0.1']
    """
    if not radii:
        return {}
    rows = unbroken(network, data, radii)
    return {f"{PGD}{eps:g}": percent(row) for eps, row in zip(radii, rows, strict=True)}


def unbroken(network: Any, data: Labelled, radii: Sequence[float]) -> np.ndarray:
    """Whether each image is classified rightly and no attack changes that: (radii, batch).

    Raises:
        AssertionError: an attack changed a class that is certified: a fault of this library.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.classify.scores import unbroken
        >>> from keras_pde.tasks.classify.sources import load
        >>> few = load("digits", "test").part(slice(8))
        >>> unbroken(keras_pde.from_preset("cpl_digits_2d"), few, [0.1, 0.2]).shape
        (2, 8)
    """
    x, labels = data.images, data.labels
    right = network.answers(x) == labels
    stands = np.stack(
        [right & (network.answers(pgd(network, x, labels, r)) == labels) for r in radii]
    )
    broken = network.certified(x, labels, list(radii)) & ~stands
    if broken.any():
        raise AssertionError(
            f"An attack of size {radii[int(np.argmax(broken.any(1)))]:g} changed a class that is"
            f" certified, {int(broken.sum())} times: the certificate of {network.name} is wrong."
            " Please report it."
        )
    return stands


def percent(flags: np.ndarray) -> float:
    """The share that holds, in percent.

    Example:
        >>> from keras_pde.tasks.classify.scores import percent
        >>> percent(np.array([True, True, False]))
        66.667
    """
    return round(100 * float(np.mean(flags)), 3)

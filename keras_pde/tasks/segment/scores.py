"""The numbers of a segmenter: IoU and pixel accuracy, clean, certified and attacked, in percent.

All are means over images. The intersection over union of an image is the mean over the classes that
its labels hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_pde.certificates import pixels
from keras_pde.data.masked import Masked
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.labelling import PGD

__all__ = ["attacked", "certified", "clean", "iou", "iou_of"]

ATTACKED = 2  # images of a test set that are attacked
STEPS = 20
IOU, ACCURACY = "IoU", "accuracy"


def iou_of(answers: np.ndarray, labels: np.ndarray, kind: int) -> float:
    """The intersection over union of a class in an image; nan where nothing is of the class.

    Example:
        >>> from keras_pde.tasks.segment.scores import iou_of
        >>> iou_of(np.array([0, 1, 1]), np.array([0, 0, 1]), 1)
        0.5
    """
    mine, truth = answers == kind, labels == kind
    return float((mine & truth).sum() / (mine | truth).sum()) if (mine | truth).any() else np.nan


def iou(answers: np.ndarray, labels: np.ndarray) -> float:
    """The mean of `iou_of` over the classes that the labels of an image hold.

    Example:
        >>> from keras_pde.tasks.segment.scores import iou
        >>> iou(np.array([0, 1, 1]), np.array([0, 0, 1]))
        0.5
    """
    return float(np.mean([iou_of(answers, labels, int(k)) for k in np.unique(labels)]))


def each(function: Callable[[np.ndarray], np.ndarray], images: Sequence[np.ndarray]) -> list[Any]:
    """What a function of batches makes of each image, images of one size together.

    Example:
        >>> from keras_pde.tasks.segment.scores import each
        >>> [len(x) for x in each(lambda x: x, [np.ones((2, 2, 1)), np.ones((3, 2, 1))])]
        [2, 3]
    """
    found: list[Any] = [None] * len(images)
    for shape in dict.fromkeys(image.shape for image in images):
        mine = [i for i, image in enumerate(images) if image.shape == shape]
        for i, value in zip(mine, function(np.stack([images[i] for i in mine])), strict=True):
            found[i] = value
    return found


def clean(
    answers: Sequence[np.ndarray], data: Masked, names: Sequence[str] | None = None
) -> dict[str, float]:
    """IoU, that of each class, and pixel accuracy of answers.

    The IoU of a class is a mean over the images whose labels hold it.

    Args:
        answers: of the images, numbers of classes.
        data: with the labels.
        names: of the classes; None takes those of the data.

    Example:
        >>> from keras_pde.data.masked import Masked
        >>> from keras_pde.tasks.segment.scores import clean
        >>> labels = np.array([[0, 0, 1]])
        >>> clean([np.array([[0, 1, 1]])], Masked([np.zeros((1, 3, 1))], [labels], ("a", "b")))
        {'IoU': 50.0, 'accuracy': 66.667, 'IoU (a)': 50.0, 'IoU (b)': 50.0}
    """
    pairs = list(zip(answers, data.labels, strict=True))
    found = {
        IOU: _percent([iou(a, y) for a, y in pairs]),
        ACCURACY: _percent([(a == y).mean() for a, y in pairs]),
    }
    for kind, name in enumerate(names or data.classes):
        mine = [iou_of(a, y, kind) for a, y in pairs if (y == kind).any()]
        if mine:
            found[f"{IOU} ({name})"] = _percent(mine)
    return found


def certified(
    answers: Sequence[np.ndarray],
    radii_of: Sequence[np.ndarray],
    data: Masked,
    radii: Sequence[float],
) -> dict[str, float]:
    """What pixel accuracy and IoU are at least under every ‖e‖ ≤ ε of each image (K6, K7).

    Args:
        answers: of the images.
        radii_of: of their pixels, as `CertifiedSegmenter.radius` computes them.
        data: with the labels.
        radii: ε, several.

    Returns:
        Percent by key: each ε as text for the accuracy, "IoU ε" for the IoU.

    Example:
        >>> from keras_pde.data.masked import Masked
        >>> from keras_pde.tasks.segment.scores import certified
        >>> labels, r = np.array([[0, 0, 1]]), np.array([[0.3, 0.1, 0.4]])
        >>> some = Masked([np.zeros((1, 3, 1))], [labels], ("a", "b"))
        >>> certified([labels], [r], some, [0.2])
        {'0.2': 66.667, 'IoU 0.2': 50.0}
    """
    found, images = {}, list(zip(radii_of, answers, data.labels, strict=True))
    for eps in radii:
        found[f"{eps:g}"] = _percent(
            [pixels.right_at_least(r, a == y, eps) / y.size for r, a, y in images]
        )
        found[f"{IOU} {eps:g}"] = _percent(
            [
                np.mean([pixels.iou_at_least(r, a, y, int(k), eps) for k in np.unique(y)])
                for r, a, y in images
            ]
        )
    return found


def attacked(
    network: Any, data: Masked, radii: Sequence[float], steps: int = STEPS
) -> dict[str, float]:
    """Pixel accuracy under projected gradient descent at each ε, by keys "PGD 0.5".

    Raises:
        AssertionError: an attack did more than is proved possible: a fault of this library.

    Example:
        >>> import keras_pde
        >>> from keras_pde.data.masked import Masked
        >>> from keras_pde.tasks.segment.scores import attacked
        >>> net = keras_pde.CertifiedSegmenter(2, blocks=1)
        >>> net.build((None, None, None, 1))
        >>> some = Masked([np.full((6, 6, 1), 0.5, "float32")], [np.zeros((6, 6), int)], ("a", "b"))
        >>> list(attacked(net, some, [0.1], steps=2))
        ['PGD 0.1']
    """
    found: dict[str, float] = {}
    for eps in radii:
        shares = []
        for x, y in zip(data.images, data.labels, strict=True):
            answer, r = network.answers(x[None])[0], network.radius(x[None])[0]
            near = network.answers(pgd(network, x[None], y[None], eps, steps=steps))[0]
            most, least = pixels.changed(r, eps), pixels.right_at_least(r, answer == y, eps)
            if (near != answer).sum() > most or (near == y).sum() < least:
                raise AssertionError(
                    f"An attack of size {eps:g} changed {int((near != answer).sum())} pixels, and"
                    f" left {int((near == y).sum())} right, where at most {most} and at least"
                    f" {least} are proved: the certificate of {network.name} is wrong. Please"
                    " report it."
                )
            shares.append((near == y).mean())
        found[f"{PGD}{eps:g}"] = _percent(shares)
    return found


def _percent(shares: Sequence[Any]) -> float:
    return round(100 * float(np.mean(shares)), 3)

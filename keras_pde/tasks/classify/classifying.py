"""Naming what images show, with the radius that is proved: `keras_pde.classify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.models.classifier import Classifier
from keras_pde.runtime import gate
from keras_pde.tasks import registry as tasks

__all__ = ["Answer", "classify"]


@dataclass(frozen=True)
class Answer:
    """What a classifier answers for a batch of images, and what is proved of it.

    Attributes:
        labels: number of the class of each image.
        names: their names.
        margin: by how much the largest logit is ahead of the second.
        radius: r of each: no perturbation e with ‖e‖ < r changes the class.
        norm: of e, "l2" or "linf", for values in [0, 1].
        logits: (batch, classes).

    Example:
        >>> import keras_pde
        >>> answer = keras_pde.classify(np.zeros((8, 8), "float32"), "cpl_digits_2d")
        >>> answer.logits.shape, answer.norm, bool(answer.margin[0] > answer.radius[0] > 0)
        ((1, 10), 'l2', True)
    """

    labels: np.ndarray
    names: list[str]
    margin: np.ndarray
    radius: np.ndarray
    norm: str
    logits: np.ndarray


def classify(images: Any, preset: Any = "cpl_digits_2d") -> Answer:
    """argmaxⱼ zⱼ(x) of images x, and the radius r with argmaxⱼ zⱼ(x + e) the same for all ‖e‖ < r.

    Args:
        images: (height, width), (height, width, channels) or (batch, height, width, channels) of
            the preset's size; uint8 or uint16, or floats with black 0 and white 1.
        preset: a name of `keras_pde.list_presets(task="classify")`, a directory, or a `Classifier`.

    Raises:
        ValueError: another network; images of another size or number of channels; values that are
            not finite, or floats outside [0, 1].

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.classifier import Classifier
        >>> class Means(Classifier):
        ...     def call(self, image):
        ...         return ops.mean(image, axis=(1, 2))
        >>> net = Means(classes=2, class_names=["dark", "light"])
        >>> net.build((None, 4, 4, 2))
        >>> answer = keras_pde.classify(np.full((4, 4, 2), [51, 204], "uint8"), net)
        >>> answer.names, answer.margin.round(2), answer.radius
        (['light'], array([0.6]), array([0.]))
    """
    network = tasks.get("classify").network_of(preset)
    batch = batched(images, network)
    logits = network.logits(batch).astype(np.float64)
    ordered = np.sort(logits, axis=-1)
    labels = logits.argmax(-1)
    margin = ordered[:, -1] - ordered[:, -2]
    names = network.names_of(labels)
    return Answer(labels, names, margin, network.radius(batch), network.norm, logits)


def batched(images: Any, network: Classifier) -> np.ndarray:
    """Images with their axis of batch, as float32 in [0, 1].

    Raises:
        ValueError: another shape than the network's; floats outside [0, 1].
    """
    values = in_unit_range(images)
    shape = (*network.sizes, network.input_channels)
    if values.shape == network.sizes and network.input_channels == 1:
        values = values[None, ..., None]
    elif values.shape == shape:
        values = values[None]
    if values.shape[1:] != shape:
        raise ValueError(
            f"{network.name} is for images {shape}. Received: shape {values.shape}. Cut or resize"
            " them first."
        )
    return values


def in_unit_range(images: Any) -> np.ndarray:
    """Images as float32 in [0, 1].

    Raises:
        ValueError: other types than uint8, uint16 and floats; floats outside [0, 1].

    Example:
        >>> from keras_pde.tasks.classify.classifying import in_unit_range
        >>> in_unit_range(np.array([[0, 255]], "uint8")).tolist()
        [[0.0, 1.0]]
    """
    values = gate.array(images, "images", integers=True)
    if values.dtype.kind in "ui" and values.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"Images are uint8, uint16, or floats in [0, 1]. Received: {values.dtype.name}"
        )
    white = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    values = (values / white).astype(np.float32)
    if values.size and not 0 <= values.min() <= values.max() <= 1:
        raise ValueError(
            f"Floats must have black 0 and white 1. Received: values {values.min():g} to"
            f" {values.max():g}"
        )
    return values

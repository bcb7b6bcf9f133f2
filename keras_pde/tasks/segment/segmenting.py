"""Naming what the pixels of an image show, with radii that are proved: `keras_pde.segment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.certificates import pixels
from keras_pde.runtime import gate
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.classify.classifying import in_unit_range

__all__ = ["Segmentation", "segment"]


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter answers for the pixels of an image, and what is proved of them.

    Attributes:
        labels: number of the class of each pixel, (height, width).
        radius: r of each: no change e of the image with ‖e‖₂ < r changes the pixel's class.
        classes: names of the classes.
        logits: (height, width, classes).

    Example:
        >>> import keras_pde
        >>> found = keras_pde.segment(np.zeros((20, 30), "float32"), "sll_cells_2d")
        >>> found.labels.shape, found.classes, bool((found.radius > 0).all())
        ((20, 30), ['background', 'nucleus'], True)
        >>> found.changed_at_most(0.0)
        0
    """

    labels: np.ndarray
    radius: np.ndarray
    classes: list[str]
    logits: np.ndarray

    def changed_at_most(self, eps: float) -> int:
        """The number of pixels that some ‖e‖₂ ≤ eps can change, at most (K6)."""
        return pixels.changed(self.radius.ravel(), gate.number(eps, "eps", low=0.0))


def segment(image: Any, preset: Any = "sll_cells_2d") -> Segmentation:
    """argmaxⱼ zⱼ of each pixel, and the radius r with the same argmax for all ‖e‖ < r.

    Args:
        image: (height, width) or (height, width, channels) of any size; uint8 or uint16, or floats
            with black 0 and white 1.
        preset: a name of `keras_pde.list_presets(task="segment")`, a directory, or a
            `CertifiedSegmenter`.

    Raises:
        ValueError: another network; another number of channels; values that are not finite, or
            floats outside [0, 1].

    Example:
        >>> import keras_pde
        >>> net = keras_pde.CertifiedSegmenter(2, blocks=1, class_names=["dark", "light"])
        >>> net.build((None, None, None, 1))
        >>> keras_pde.segment(np.full((5, 6), 200, "uint8"), net).radius.shape
        (5, 6)
    """
    network = tasks.get("segment").network_of(preset)
    values = in_unit_range(image)
    if values.ndim == network.ndim:
        values = values[..., None]
    if values.ndim != network.ndim + 1 or values.shape[-1] != network.input_channels:
        raise ValueError(
            f"{network.name} is for images (height, width, {network.input_channels}). Received:"
            f" shape {values.shape}"
        )
    batch = values[None]
    logits = network.logits(batch)[0].astype(np.float64)
    names = network.names_of(range(network.classes))
    return Segmentation(logits.argmax(-1), network.radius(batch)[0], names, logits)

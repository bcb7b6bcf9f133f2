"""NamedClasses: the base of networks whose last axis has a number for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.models.network import Network
from keras_pde.runtime import gate

BATCH = 256  # images that are evaluated at once on the host's behalf
PIXELS = 1 << 20  # of all images that are evaluated at once, where they are large


class NamedClasses(Network):
    """A map of images in [0, 1] to logits, whose largest along the last axis names a class.

    Args:
        classes: number of classes, at least 2.
        class_names: their names, in the order of the logits; None where they have none.

    Raises:
        ValueError: fewer than 2 classes; another number of names, or names that are no text.
    """

    def __init__(
        self, classes: int, class_names: Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.classes = gate.whole(classes, "classes", low=2)
        self.class_names = _checked_names(class_names, self.classes)

    @property
    def input_units(self) -> dict[str, str]:
        """What the values of the image mean."""
        return {"image": "floats, black 0 and white 1"}

    @property
    def output_names(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """The names of the classes, which an export states."""
        return self.class_names

    def logits(self, x: Any) -> np.ndarray:
        """The logits (..., classes) as a NumPy array, computed in batches."""
        x = np.asarray(x)
        size = together(x, BATCH, PIXELS)
        return np.asarray(self.predict(x, batch_size=size, verbose=0))

    def answers(self, x: Any) -> np.ndarray:
        """The class of the largest logit, the first of equal ones."""
        return self.logits(x).argmax(axis=-1)

    def names_of(self, answers: Sequence[int] | np.ndarray) -> list[str]:
        """The names of classes; their numbers as text where classes have no names."""
        names = self.class_names or tuple(map(str, range(self.classes)))
        return [names[int(i)] for i in answers]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        names = None if self.class_names is None else list(self.class_names)
        return {**super().get_config(), "classes": self.classes, "class_names": names}


def together(x: np.ndarray, images: int, pixels: int) -> int:
    """How many images to evaluate at once: at most so many, and of so many pixels in all.

    Example:
        >>> from keras_pde.models.named_classes import together
        >>> together(np.zeros((9, 8, 8, 1)), 256, 1 << 20), together(np.zeros((9, 8, 8, 1)), 9, 128)
        (256, 2)
    """
    return max(1, min(images, pixels // max(1, math.prod(x.shape[1:-1]))))


def _checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    texts = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not texts or len(names) != classes or len(set(names)) < classes:
        raise ValueError(
            f"class_names must be {classes} different texts, one a class, or None. Received:"
            f" class_names={gate.said(names)}"
        )
    return tuple(names)

"""The options of a recipe of the task segment."""

from __future__ import annotations

from typing import ClassVar

from keras_pde.tasks.classify import settings


class Settings(settings.Settings):
    """The options of a recipe: the images, the loss, and the radii that are measured.

    Args:
        options: "data", the set's name; "radii", the sizes of perturbations of whole images at
            which certified numbers are measured; "eps", the margin that the loss asks for at each
            pixel; "temperature", by which logits are divided; "flip", whether crops are mirrored
            and turned by quarters.

    Raises:
        ValueError: other options, values out of their range, no set.

    Example:
        >>> from keras_pde.tasks.segment.settings import Settings
        >>> Settings({"data": "cells", "radii": [0.5, 2], "flip": True}).radii
        (0.5, 2.0)
    """

    fields: ClassVar[tuple[str, ...]] = ("data", "radii", "eps", "temperature", "flip")

"""The options of a recipe of the task classify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from keras_pde.runtime.options import flag, names, number, said, whole

MOST_SHIFT = 64
CLEAN = "clean"  # a key of accuracies, without attack


class Settings:
    """The options of a recipe: the images, the loss, and the radii that are measured.

    Args:
        options: "data", the set's name; "radii", the sizes of perturbations at which certified
            accuracy is measured; "eps", the margin that the loss asks for, or the box of robust
            training; "temperature", by which logits are divided; "kappa", the share of the worst
            case in robust training, and "ramp", the share of the steps in which eps and kappa
            rise; "shift", by how many pixels images are shifted at most; "flip", whether they are
            mirrored.

    Raises:
        ValueError: other options, values out of their range, no set.

    Example:
        >>> from keras_pde.tasks.classify.settings import Settings
        >>> Settings({"data": "digits", "radii": [0.1, 0.5]}).radii
        (0.1, 0.5)
    """

    fields: ClassVar[tuple[str, ...]] = (
        "data",
        "radii",
        "eps",
        "temperature",
        "kappa",
        "ramp",
        "shift",
        "flip",
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        names(options, self.fields)
        data = options.get("data")
        if not isinstance(data, str) or not data:
            raise ValueError(f"data must name a set of labelled images. Received: {said(data)}")
        self.data = data
        radii = options.get("radii", [])
        if not isinstance(radii, list | tuple) or list(radii) != sorted(set(radii)):
            raise ValueError(f"radii must be rising numbers. Received: {said(radii)}")
        self.radii = tuple(number(r, "radii", low=0, low_open=True) for r in radii)
        self.eps = number(options.get("eps", 0.0), "eps", low=0)
        self.temperature = number(options.get("temperature", 1.0), "temperature", low=1e-3)
        self.kappa = number(options.get("kappa", 0.75), "kappa", low=0, high=1)
        self.ramp = number(options.get("ramp", 0.5), "ramp", low=0, high=1)
        self.shift = whole(options.get("shift", 0), "shift", low=0, high=MOST_SHIFT)
        self.flip = flag(options.get("flip", False), "flip")

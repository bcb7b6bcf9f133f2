"""The photograph by which filters are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass


def sample(channels: int, ndim: int) -> np.ndarray:
    """The photograph of the metric, in [0, 1]: scikit-image's camera or astronaut, as a batch.

    Its rows for 1-D.
    """
    from skimage import data

    image = (data.astronaut() if channels == 3 else data.camera()[..., None]).astype(
        "float64"
    ) / 255
    return image[::8] if ndim == 1 else image[None]

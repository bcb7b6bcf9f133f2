"""The photograph by which filters are measured."""

from __future__ import annotations

import numpy as np


def sample(channels: int, ndim: int) -> np.ndarray:
    """A photograph of scikit-image in [0, 1], as a batch: camera, or in colour astronaut.

    Args:
        channels: 1 or 3.
        ndim: 2, or 1 for a batch of the photograph's rows, every eighth.

    Example:
        >>> from keras_pde.data.photograph import sample
        >>> sample(channels=1, ndim=2).shape, sample(channels=3, ndim=1).shape
        ((1, 512, 512, 1), (64, 512, 3))
    """
    from skimage import data

    pixels = data.astronaut() if channels == 3 else data.camera()[..., None]
    image = pixels.astype("float64") / 255
    return image[::8] if ndim == 1 else image[None]

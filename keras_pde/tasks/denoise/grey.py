"""Colour images whose channels are equal: one grey image."""

from __future__ import annotations

import numpy as np

from keras_pde.data.noise.adding import added

__all__ = ["is_grey", "with_noise"]


def is_grey(pixels: np.ndarray, visible: np.ndarray | None = None) -> bool:
    """Whether an image of three channels has the same in all of them.

    Args:
        pixels: (height, width, channels).
        visible: (height, width), or None where all pixels are: hidden colours do not count.

    Example:
        >>> from keras_pde.tasks.denoise.grey import is_grey
        >>> is_grey(np.zeros((2, 2, 3))), is_grey(np.zeros((2, 2, 1)))
        (True, False)
    """
    seen = pixels if visible is None or not visible.any() else pixels[visible][None]
    # most colour images are told by their first row
    return seen.shape[-1] == 3 and all(
        bool((part[..., 0] == part[..., i]).all()) for part in (seen[:1], seen) for i in (1, 2)
    )


def with_noise(
    pixels: np.ndarray, sigma: float, seed: int = 0, visible: np.ndarray | None = None
) -> np.ndarray:
    """Pixels with Gaussian noise, the same in three channels that are equal.

    Args:
        pixels: floats, (height, width, channels), with white 1.
        sigma: as `keras_pde.data.noise.add_noise` takes it.
        seed: the same.
        visible: as `is_grey` takes it.

    Example:
        >>> from keras_pde.tasks.denoise import grey
        >>> grey.is_grey(grey.with_noise(np.zeros((2, 2, 3)), 25))
        True
    """
    return added(pixels, sigma, seed, 1 if is_grey(pixels, visible) else None)

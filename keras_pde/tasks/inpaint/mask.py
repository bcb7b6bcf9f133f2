"""Masks painted in image files: which pixels are known."""

from __future__ import annotations

import numpy as np

__all__ = ["known_in"]

PLAIN = 0.1  # how far from black or white a mask's shades are, but for some of them
SOME = 0.05


def known_in(pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """Which pixels a painted mask calls known: those that are white and opaque.

    White is whatever is brighter than a half in every channel, so strokes of any colour are holes;
    opaque is more than half so. Where opaque pixels have many shades, the mask is a picture whose
    holes were erased, and its colours do not count.

    Args:
        pixels: (height, width, channels) in [0, 1].
        alpha: (height, width) in [0, 1], or None.

    Returns:
        (height, width), of bool.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.inpaint.mask import known_in
        >>> known_in(np.ones((1, 3, 1)), alpha=np.array([[0.0, 1.0, 1.0]]))
        array([[False,  True,  True]])
    """
    shades = pixels.min(axis=-1)
    white = shades > 0.5
    opaque = np.ones_like(white) if alpha is None else alpha > 0.5
    if opaque.all() or not opaque.any():
        return np.asarray(white & opaque)
    between = (shades[opaque] > PLAIN) & (shades[opaque] < 1 - PLAIN)
    return np.asarray(opaque if between.mean() > SOME else white & opaque)

"""The part of a range that an image's values fill."""

from __future__ import annotations

import numpy as np


def occupied(pixels: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of an image but for a thousandth of its pixels each.

    Args:
        pixels: of any type.

    Returns:
        Both; equal for an image without pixels.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.occupied import occupied
        >>> occupied(np.arange(4096, dtype="uint16"))
        (4.0, 4091.0)
    """
    values = np.asarray(pixels).reshape(-1)
    values = values[:: -(-values.size // (1 << 20)) or 1]
    if not values.size:
        return 0.0, 0.0
    rest = min(len(values) // 1000, len(values) - 1)
    ends = np.partition(values, (rest, len(values) - 1 - rest))
    return float(ends[rest]), float(ends[len(values) - 1 - rest])

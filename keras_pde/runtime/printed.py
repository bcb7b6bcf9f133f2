"""Numbers as they are printed: a printed bound is still a bound."""

from __future__ import annotations

import math
from typing import Any


def rounded(x: float, digits: int = 5, up: bool = True) -> str:
    """So many digits, rounded up (or down): a printed bound is a bound.

    Example:
        >>> from keras_pde.runtime.printed import rounded
        >>> rounded(1.25), rounded(1 + 1e-15), rounded(4 / 9, 4, up=False)
        ('1.25', '1.0001', '0.4444')
    """
    text = f"{x:.{digits}g}"
    if not math.isfinite(x) or (float(text) >= x if up else float(text) <= x):
        return text
    unit = 10.0 ** (math.floor(math.log10(abs(x))) - digits + 1)
    return f"{x + unit if up else x - unit:.{digits}g}"


def counted(model: Any) -> str:
    """The number of a model's weights, or that it is known when the model is built.

    Example:
        >>> import keras
        >>> from keras_pde.runtime.printed import counted
        >>> counted(keras.layers.Dense(3))
        'counted when built'
    """
    return f"{model.count_params():,}" if model.built else "counted when built"

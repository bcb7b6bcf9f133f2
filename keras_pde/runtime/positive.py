"""Positive parameters: softplus, exact to rounding on every runtime, and its inverse."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from keras import ops

# from where down softplus is a series of seven terms in eˣ, exact to rounding in float64
FAR_BELOW = -5.0


def inverse_softplus(y: Any) -> Any:
    """x with softplus(x) = y > 0: what the weight of a positive parameter starts at."""
    return y + np.log(-np.expm1(-y))


def softplus(x: Any) -> Any:
    """log(1 + eˣ) > 0, to rounding also where a runtime has no log(1 + y) of its own.

    LiteRT's is wrong by 2.6e-4 of it at x = −7.8.
    """
    y = ops.exp(ops.minimum(x, FAR_BELOW))
    series = functools.reduce(lambda rest, n: 1 / n - y * rest, range(6, 0, -1), 1 / 7)
    return ops.where(x < FAR_BELOW, y * series, ops.softplus(x))

"""The arithmetic of bounds: what 0 · ∞ is, so that no bound is ever NaN."""

from __future__ import annotations

import math


def times(*factors: float) -> float:
    """The product of bounds, where a factor 0 makes 0 of whatever it meets, ∞ included.

    What is multiplied with 0 is not there, so its bound does not count: of a weight 0 in a sum, of
    a step of size 0, of a map to 0. IEEE arithmetic would say NaN, of which every comparison is
    false.

    Example:
        >>> from keras_pde.runtime.bounds import times
        >>> times(0.0, float("inf")), times(2.0, 3.0)
        (0.0, 6.0)
    """
    return 0.0 if 0 in factors else math.prod(factors)


def or_none(bound: float) -> float:
    """The bound; ∞, which says that there is none, where overflow has made it NaN.

    Example:
        >>> from keras_pde.runtime.bounds import or_none
        >>> inf = float("inf")
        >>> or_none(inf - inf), or_none(2.0)
        (inf, 2.0)
    """
    return math.inf if math.isnan(bound) else bound

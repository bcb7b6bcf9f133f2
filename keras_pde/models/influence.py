"""Influence: how far a pixel of the input acts on the output."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Influence", "decay"]

LEAST, MOST = 64, 480  # pixels of an influence that is not exact
ACCURACY = 1e-4  # the weight below which a pixel no longer counts


@dataclass(frozen=True)
class Influence:
    """How far a pixel of the input acts on the output of a network.

    Args:
        pixels: distance beyond which it does not act, or acts with a weight below 1e-4.
        exact: whether it does not act at all beyond that distance.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(10, filters=8, kernel_size=5)
        >>> net.build((None, None, None, 1))
        >>> net.influence()
        Influence(pixels=40, exact=True)
    """

    pixels: int
    exact: bool

    @classmethod
    def fading(cls, pixels: float = math.inf) -> Influence:
        """The influence of a network whose output depends on the whole image, from 64 to 480."""
        return cls(math.ceil(min(max(LEAST, pixels), MOST)), exact=False)


def decay(q: float, m: float) -> float:
    r"""Distance, in couplings, at which the inverse of I + τKᵀΦ′K has decayed to 1e-4.

    Where KᵀΦ′K joins pixels up to ρ apart, the inverse of a matrix of condition κ decays with the
    distance d at least as ((√κ − 1)/(√κ + 1))^(d/ρ), the rate of conjugate gradients. Here
    κ ≤ (1 + q)/(1 − m) with q = τL‖K‖² and m = τμ‖K‖²; for m ≥ 1 no rate is known.

    Example:
        >>> from keras_pde.models.influence import decay
        >>> round(decay(8.0, 0.0), 2), decay(1.0, 1.0)
        (13.29, inf)
    """
    if m >= 1:
        return math.inf
    root = math.sqrt((1 + q) / (1 - m))
    return math.log(ACCURACY) / math.log((root - 1) / (root + 1)) if root > 1 else 0.0

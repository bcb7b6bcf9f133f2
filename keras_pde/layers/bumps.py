"""Bumps of one variable with their derivatives in closed form, for meshless bases."""

from __future__ import annotations

import math
from collections.abc import Callable

from keras import ops

from keras_pde.runtime.positive import softplus
from keras_pde.runtime.types import Tensor

__all__ = ["gaussian", "softplus_hat"]

HIGHEST = 2  # derivative that is known along an axis
PEAK = math.log1p(math.e)  # softplus(1)
Bump = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


def gaussian(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """φ = exp(−z²/2) with φ′ = −zφ and φ″ = (z² − 1)φ.

    Example:
        >>> from keras_pde.layers.bumps import gaussian
        >>> [float(part) for part in gaussian(ops.convert_to_tensor(0.0))]
        [1.0, -0.0, -1.0]
    """
    value = ops.exp(-ops.square(z) / 2)
    return value, -z * value, (ops.square(z) - 1) * value


def softplus_hat(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """φ = sp(1 + 2 ln 2 − sp(2z) − sp(−2z))/sp(1), a smooth hat of width 1, and φ′, φ″.

    The argument is s = 1 − 2 ln cosh z, with s′ = −2 tanh z and s″ = −2(1 − tanh² z); sp′ is the
    sigmoid σ, and sp″ = σ(1 − σ).

    Example:
        >>> from keras_pde.layers.bumps import softplus_hat
        >>> [round(float(part), 4) for part in softplus_hat(ops.convert_to_tensor(0.0))]
        [1.0, -0.0, -1.1133]
    """
    size = ops.abs(z)
    far = ops.exp(-2 * size)
    s = 1 + 2 * math.log(2) - 2 * size - 2 * ops.log1p(far)  # ln cosh z, without overflow
    slope = ops.sign(z) * (1 - far) / (1 + far)  # not ops.tanh: on JAX it computes in float32
    share = ops.sigmoid(s)
    first = -2 * share * slope
    second = share * (4 * (1 - share) * ops.square(slope) - 2 * (1 - ops.square(slope)))
    return softplus(s) / PEAK, first / PEAK, second / PEAK


BUMPS: dict[str, Bump] = {"gaussian": gaussian, "softplus": softplus_hat}

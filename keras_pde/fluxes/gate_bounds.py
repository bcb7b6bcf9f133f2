r"""How strongly a gate can react: the matrix of its slopes, channel by channel.

A gate sigmoid(b + Σⱼ Vᵢⱼ(Dⱼ ∗ h)ⱼ) of the evidence hⱼ = eⱼ²/(ℓⱼ² + eⱼ²) moves Φᵢ, which is at most
λᵢ sup|Φ/λ|. Where e changes, Φ changes by S₁(A ⊗ C)S₂ with

    A = ¼·(3√3/8)·sup|Φ/λ|·(Vᵢⱼ·sup|D̂ⱼ|·λᵢ/ℓⱼ)ᵢⱼ,

S₁ and S₂ that multiply values by factors from −1 to 1, and C the windows over their norms, a window
a channel: three contractions. So c = ‖A‖, of V with its signs, bounds the Lipschitz constant of
e ↦ Φ. The functions take NumPy arrays (xp=numpy, for certificates) and tensors (xp=keras.ops,
differentiable, for training).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.fluxes.flux_layer import SMALLEST_CONTRAST
from keras_pde.fluxes.noise_level import REFERENCE_NOISE
from keras_pde.operators import fourier
from keras_pde.runtime.types import Tensor

__all__ = ["contrast_range", "reactions", "window_norms"]

# for which the Lipschitz constant of a noise-conditioned gate is stated
NOISE_RANGE = (5 / 255, 55 / 255)
LOG_RANGE = tuple(math.log(sigma / REFERENCE_NOISE) for sigma in NOISE_RANGE)
# of λ/r where a coupling is bounded: then the ratio of two contrasts is the same for every noise
LEAST_CONTRAST = 1e-3
# sup of the derivatives of sigmoid(x) and of x²/(1 + x²)
STEEPEST_SIGMOID, STEEPEST_EVIDENCE = 0.25, 3 * math.sqrt(3) / 8


def contrast_range(raw: Tensor, slope: Tensor | None, bounded: bool, xp: Any = np) -> Any:
    """The least and the largest λ/r = softplus(θ + η log r) for noise in `NOISE_RANGE`.

    Args:
        raw: θ.
        slope: η, or None where λ does not follow the noise.
        bounded: whether λ/r is at least `LEAST_CONTRAST`, and as outside the range as at its ends.
        xp: numpy or keras.ops.

    Example:
        >>> from keras_pde.fluxes.gate_bounds import contrast_range
        >>> least, most = contrast_range(np.array([-3.0]), np.array([1.0]), False)
        >>> bool(least < np.log1p(np.exp(-3.0)) < most)
        True
    """
    if slope is None:
        value = xp.maximum(xp.logaddexp(0 * raw, raw), SMALLEST_CONTRAST)
        return value, value
    ends = []
    for t in LOG_RANGE:
        floor = LEAST_CONTRAST if bounded else SMALLEST_CONTRAST * math.exp(-t)
        ends.append(xp.maximum(xp.logaddexp(0 * raw, raw + slope * t), floor))
    return xp.minimum(*ends), xp.maximum(*ends)


def window_norms(window: Tensor, xp: Any = np) -> Tensor:
    """Upper bounds of sup|D̂ⱼ|, by which a window multiplies norms at most, (channels,).

    For training they are ‖Dⱼ‖₁, which windows without negative values have.

    Args:
        window: D, (*window, channels, 1).
        xp: numpy or keras.ops.

    Example:
        >>> from keras_pde.fluxes.gate_bounds import window_norms
        >>> difference = np.array([0.5, 0.0, -0.5]).reshape(3, 1, 1)
        >>> 1 <= float(window_norms(difference)[0]) < 1.01
        True
    """
    total = xp.sum(xp.abs(window), axis=tuple(range(len(window.shape) - 2)))[:, 0]
    if xp is not np:
        return total
    return np.minimum(total, np.sqrt(fourier.suprema(np.swapaxes(window, -2, -1))[0]))


def reactions(sizes: Tensor, mixing: Tensor, most: Tensor, least: Tensor, height: float) -> Tensor:
    """Aᵀ: how much the flux of channel i (columns) reacts to channel j (rows), at most.

    Args:
        sizes: of the windows, (channels,).
        mixing: V, (channels j, channels i).
        most: largest λᵢ, (channels,).
        least: least ℓⱼ, (channels,).
        height: sup|Φ/λ|.

    Example:
        >>> from keras_pde.fluxes.gate_bounds import reactions
        >>> one = np.ones(1)
        >>> print(reactions(3 * one, np.full((1, 1), -2.0), one, one, 1.0).round(4))
        [[-0.9743]]
    """
    slopes = STEEPEST_SIGMOID * STEEPEST_EVIDENCE * height
    return slopes * mixing * sizes[:, None] * most[None, :] / least[:, None]

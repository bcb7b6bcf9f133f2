r"""How strongly a gate can react: the matrix of its slopes, channel by channel, and its norm.

A gate sigmoid(b + Σⱼ Vᵢⱼ(Dⱼ ∗ h)ⱼ) of the evidence hⱼ = eⱼ²/(ℓⱼ² + eⱼ²) moves Φᵢ, which is at most
λᵢ sup|Φ/λ|, by at most Aᵢⱼ times a change of eⱼ,

    A = ¼·(3√3/8)·sup|Φ/λ|·(|Vᵢⱼ|·‖Dⱼ‖₁·λᵢ/ℓⱼ)ᵢⱼ.

So c = ‖A‖ bounds the Lipschitz constant of e ↦ Φ. The functions take NumPy arrays (xp=numpy, for
certificates) and tensors (xp=keras.ops, differentiable, for training).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes.flux_layer import SMALLEST_CONTRAST
from keras_pde.fluxes.noise_level import REFERENCE_NOISE
from keras_pde.runtime.types import Tensor

__all__ = ["contrast_range", "reactions", "squared_norm"]

# for which the Lipschitz constant of a noise-conditioned gate is stated
NOISE_RANGE = (5 / 255, 55 / 255)
LOG_RANGE = tuple(math.log(sigma / REFERENCE_NOISE) for sigma in NOISE_RANGE)
# of λ/r where a coupling is bounded: then the ratio of two contrasts is the same for every noise
LEAST_CONTRAST = 1e-3
# sup of the derivatives of sigmoid(x) and of x²/(1 + x²)
STEEPEST_SIGMOID, STEEPEST_EVIDENCE = 0.25, 3 * math.sqrt(3) / 8
SQUARINGS = 6


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


def reactions(
    window: Tensor, mixing: Tensor, most: Tensor, least: Tensor, height: float, xp: Any = np
) -> Tensor:
    """Aᵀ: how much the flux of channel i (columns) reacts to channel j (rows), at most.

    Args:
        window: D, (*window, channels, 1).
        mixing: V, (channels j, channels i).
        most: largest λᵢ, (channels,).
        least: least ℓⱼ, (channels,).
        height: sup|Φ/λ|.
        xp: numpy or keras.ops.

    Example:
        >>> from keras_pde.fluxes.gate_bounds import reactions
        >>> one = np.ones(1)
        >>> print(reactions(np.ones((3, 1, 1)), np.full((1, 1), -2.0), one, one, 1.0).round(4))
        [[0.9743]]
    """
    weights = xp.sum(xp.abs(window), axis=tuple(range(len(window.shape) - 2)))[:, 0]
    slopes = STEEPEST_SIGMOID * STEEPEST_EVIDENCE * height
    return slopes * xp.abs(mixing) * weights[:, None] * most[None, :] / least[:, None]


def squared_norm(matrix: Tensor) -> Tensor:
    """Upper bound of ‖A‖² for entries ≥ 0, differentiable: max (Bp)ⱼ/pⱼ, B = AAᵀ, for some p > 0.

    Every p gives a bound (Collatz, Wielandt), and p ← Bp never makes it larger. From p = 1, where
    it is at most ‖A‖₁‖A‖∞, the steps are taken without gradients.

    Source: Collatz (Math. Z. 1942); Wielandt (Math. Z. 1950).

    Example:
        >>> from keras_pde.fluxes.gate_bounds import squared_norm
        >>> A = np.array([[1.0, 2.0], [0.5, 0.1]], "float32")
        >>> 1 <= float(squared_norm(A)) / np.linalg.norm(A, 2) ** 2 < 1.0001
        True
    """
    matrix = ops.convert_to_tensor(matrix)
    gram = ops.matmul(matrix, ops.transpose(matrix))
    held = ops.stop_gradient(gram)
    p = ops.ones_like(held[:, :1])
    for _ in range(SQUARINGS):
        p = ops.matmul(held, p)
        p = ops.maximum(p / (ops.max(p) + 1e-30), 1e-6)
    return ops.max(ops.matmul(gram, p) / p)

"""WMMSE: powers of interfering links by weighted minimum mean square error, the usual iteration."""

from __future__ import annotations

import numpy as np

from keras_pde.tasks.allocate.interference import sum_rate

__all__ = ["wmmse"]


def wmmse(gains: np.ndarray, steps: int = 1000, tolerance: float = 1e-6) -> np.ndarray:
    """Powers in [0, 1] at a stationary point of the sum rate, from full power.

    With amplitudes vᵢ = √pᵢ and hᵢⱼ = √gᵢⱼ it alternates minimisers of Σ wᵢeᵢ − log wᵢ, where eᵢ is
    the error of receiver i, each of which is known in closed form:

        uᵢ = hᵢᵢvᵢ/(1 + Σⱼgᵢⱼvⱼ²),   wᵢ = 1/(1 − uᵢhᵢᵢvᵢ),
        vᵢ = min(1, wᵢuᵢhᵢᵢ/Σⱼgⱼᵢwⱼuⱼ²).

    The sum rate never falls.

    Args:
        gains: (networks, n, n) in units of the noise.
        steps: at most.
        tolerance: it ends where the mean sum rate gains less than this part in ten steps.

    Source: Shi, Razaviyayn, Luo, He, IEEE Transactions on Signal Processing 59 (2011).

    Example:
        >>> from keras_pde.tasks.allocate.wmmse import wmmse
        >>> apart = np.array([[[9.0, 0.0], [0.0, 9.0]]])  # no interference: full power
        >>> wmmse(apart).round(6)
        array([[1., 1.]])
    """
    own = np.sqrt(np.diagonal(gains, axis1=1, axis2=2))
    turned = np.swapaxes(gains, 1, 2)
    v, before = np.ones_like(own), 0.0
    for step in range(steps):
        u = own * v / (1 + (gains @ (v * v)[..., None])[..., 0])
        w = 1 / (1 - u * own * v)
        heard = (turned @ (w * u * u)[..., None])[..., 0]
        v = np.minimum(1, w * u * own / np.maximum(heard, np.finfo(float).tiny))
        if step % 10 == 9:
            now = float(sum_rate(gains, v * v).mean())
            if now - before < tolerance * now:
                break
            before = now
    return v * v

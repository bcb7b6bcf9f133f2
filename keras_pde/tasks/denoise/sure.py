"""Stein's unbiased estimate of a denoiser's error, from one noisy image and no clean one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Risk", "probe", "sure"]

STEP = 0.01  # of the noise: 0.1 is off by up to 0.3 dB where results are clipped
DECIBELS = 10 / math.log(10)


class Risk(NamedTuple):
    """An estimated mean squared error, in units of white², and how certain it is.

    Args:
        error: the estimate, which may be negative.
        deviation: its standard error.

    Example:
        >>> from keras_pde.tasks.denoise.sure import Risk
        >>> print(Risk(error=0.001, deviation=0.00002))
        30.00 ± 0.09 dB
    """

    error: float
    deviation: float

    @property
    def psnr(self) -> float:
        """PSNR in dB; infinite where the estimate is 0 or less."""
        return -DECIBELS * math.log(self.error) if self.error > 0 else math.inf

    @property
    def psnr_deviation(self) -> float:
        """The standard error of the PSNR, in dB, to first order."""
        return DECIBELS * self.deviation / self.error if self.error > 0 else math.inf

    @property
    def least_psnr(self) -> float:
        """PSNR in dB of an error that is its standard error at least, so always finite."""
        return -DECIBELS * math.log(max(self.error, self.deviation, 1e-30))

    def __str__(self) -> str:
        if self.error > 2 * self.deviation:
            return f"{self.psnr:.2f} ± {self.psnr_deviation:.2f} dB"
        most = max(self.error, 0.0) + 2 * self.deviation
        return f"at least {-DECIBELS * math.log(max(most, 1e-30)):.1f} dB"


def probe(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random signs, float32: a direction b with E bbᵀ = I.

    Example:
        >>> from keras_pde.tasks.denoise.sure import probe
        >>> sorted(set(probe((8, 8)).ravel().tolist()))
        [-1.0, 1.0]
    """
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), shape)


def sure(
    noisy: np.ndarray,
    result: np.ndarray,
    change: np.ndarray,
    signs: np.ndarray,
    sigma: float,
    doubt: float = 0.0,
) -> Risk:
    r"""The mean squared error of D(y), y = x + σn with n ~ N(0, I), without x.

        SURE = mean (D(y) − y)² − σ² + 2σ² mean b·J b,    J = D′(y), E bbᵀ = I.

    Its expectation is that of mean (D(y) − x)², for every D with weak derivatives:
    ‖D − x‖² = ‖D − y‖² − ‖σn‖² + 2 σn·(D − x), and E n·D(x + σn) = σ E tr J by integration by
    parts, since n e^(−‖n‖²/2) is a gradient. tr J is E b·Jb. Its distance δ from the true error
    satisfies

        N² E δ² = E(4σ²‖D − y‖² − 2Nσ⁴ + 4σ⁴ tr J²),

    by Stein's identity of second order, E(n·f − σ div f)² = E(‖f‖² + σ² tr(∇f)²), for
    f = 2(y − D) − σn. With tr J² ≤ ‖J‖² = E‖Jb‖², and var b·Jb ≤ 2‖J‖² of the direction, the
    standard error is at most the root of

        (4σ² mean (D − y)² − 2σ⁴ + 12σ⁴ mean (Jb)²)/N.

    Most of it is the share σ⁴·2/N of the noise itself: of a small image, or where the error is a
    small part of σ², no estimate of this kind is certain.

    Args:
        noisy: y, of any shape.
        result: D(y).
        change: J b, such as (D(y + εb) − D(y))/ε.
        signs: b, as of `probe`.
        sigma: σ, in units of the values.
        doubt: the relative standard error of σ; adds 2σ²·doubt·|1 − 2 mean b·Jb| in the square.

    Source: Stein, Annals of Statistics (1981); Ramani, Blu, Unser, "Monte-Carlo SURE" (IEEE TIP
    2008); Bellec, Zhang, "Second order Stein: SURE for SURE" (Annals of Statistics 2021,
    arXiv:1811.04121).

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.sure import probe, sure
        >>> y, b = np.random.default_rng(0).standard_normal((99, 99)), probe((99, 99))
        >>> found = sure(y, y / 2, b / 2, b, sigma=1.0)  # noise alone, halved: the error is 1/4
        >>> abs(found.error - 1 / 4) < 3 * found.deviation < 0.1
        True
    """
    square = float(np.mean(np.square(result - noisy), dtype=np.float64))
    divergence = float(np.mean(signs * change, dtype=np.float64))
    norm = float(np.mean(np.square(change), dtype=np.float64))
    error = square - sigma**2 + 2 * sigma**2 * divergence
    variance = 4 * sigma**2 * square - 2 * sigma**4 + 12 * sigma**4 * norm
    level = 2 * sigma**2 * doubt * (1 - 2 * divergence)
    return Risk(error, math.sqrt(max(variance, 0.0) / noisy.size + level**2))

"""The classical fluxes: diffusivity g, potential ψ, and the bounds of g and Φ′ of each."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_pde.fluxes.flux import Flux

_REGISTERED = keras.saving.register_keras_serializable(package="keras_pde")


@_REGISTERED
class Linear(Flux):
    """g = 1, ψ = s²/2: homogeneous diffusion, Gaussian smoothing.

    Example:
        >>> from keras_pde import activations
        >>> float(activations.Linear()(np.float32(3)))
        3.0
    """

    key = "linear"
    rational = True
    diffusivity_bounds = (1.0, 1.0)
    slope_bounds = (1.0, 1.0)
    projection = True

    def _g(self, r: Any) -> Any:
        return ops.ones_like(r)

    def _dg(self, r: Any) -> Any:
        return ops.zeros_like(r)

    def _psi(self, r: Any) -> Any:
        return r / 2


@_REGISTERED
class Charbonnier(Flux):
    """g = 1/√(1+s²/λ²), ψ = λ²(√(1+s²/λ²) − 1).

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.Charbonnier(contrast=0.5)
        >>> round(float(flux(np.float32(100))), 3)  # clipped smoothly at λ
        0.5
    """

    key = "charbonnier"
    height = 1.0

    def _g(self, r: Any) -> Any:
        return ops.rsqrt(1 + r)

    def _dg(self, r: Any) -> Any:
        h = ops.rsqrt(1 + r)
        return -h * h * h / 2

    def _psi(self, r: Any) -> Any:
        return r / (ops.sqrt(1 + r) + 1)  # √(1+r) − 1 without cancellation


@_REGISTERED
class TruncatedTV(Flux):
    """g = min(1, λ/|s|), ψ the Huber function: truncated total variation.

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.TruncatedTV(contrast=0.5)
        >>> [float(flux(np.float32(s))) for s in (0.25, 2.0)]
        [0.25, 0.5]
    """

    key = "truncated_tv"
    height = 1.0
    projection = True

    def _g(self, r: Any) -> Any:
        return ops.rsqrt(ops.maximum(r, 1))

    def _dg(self, r: Any) -> Any:
        h = ops.rsqrt(ops.maximum(r, 1))
        return ops.where(r <= 1, ops.zeros_like(r), -h * h * h / 2)

    def _psi(self, r: Any) -> Any:
        return ops.where(r <= 1, r / 2, ops.sqrt(ops.maximum(r, 1)) - 0.5)


@_REGISTERED
class PeronaMalik(Flux):
    """g = 1/(1+s²/λ²), ψ = (λ²/2)ln(1+s²/λ²); inf Φ′ = −1/8 at √3λ (Perona, Malik 1990).

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.PeronaMalik(contrast=2.0)
        >>> float(flux(np.float32(2))), flux.slope_bounds  # λ/2 at λ
        (1.0, (-0.125, 1.0))
    """

    key = "perona_malik"
    height = 0.5
    rational = True
    slope_bounds = (-0.125, 1.0)

    def _g(self, r: Any) -> Any:
        return 1 / (1 + r)

    def _dg(self, r: Any) -> Any:
        return -ops.square(1 / (1 + r))

    def _psi(self, r: Any) -> Any:
        return ops.log1p(r) / 2


@_REGISTERED
class PeronaMalikExponential(Flux):
    """g = exp(−s²/(2λ²)), ψ = λ²(1 − g); inf Φ′ = −2exp(−3/2) at √3λ (Perona, Malik 1990).

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.PeronaMalikExponential(contrast=2.0)
        >>> round(float(flux(np.float32(2))) / 2, 4), round(flux.slope_bounds[0], 4)
        (0.6065, -0.4463)
    """

    key = "perona_malik_exponential"
    height = math.exp(-0.5)
    slope_bounds = (-2 * math.exp(-1.5), 1.0)

    def _g(self, r: Any) -> Any:
        return ops.exp(-r / 2)

    def _dg(self, r: Any) -> Any:
        return -ops.exp(-r / 2) / 2

    def _psi(self, r: Any) -> Any:
        return -ops.expm1(-r / 2)


@_REGISTERED
class Weickert(Flux):
    """g = 1 − exp(−C/(s/λ)⁸), C = 3.31488; inf Φ′ = 1 − 8exp(−7/8) (Weickert 1998).

    ψ = s²g/2 + (√√C/2) λ² Γ(3/4, C(λ/s)⁸) with the upper incomplete gamma function.

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.Weickert(contrast=2.0)
        >>> round(float(flux(np.float32(2))) / 2, 4), round(flux.slope_bounds[0], 3)
        (0.9637, -2.335)
    """

    key = "weickert"
    slope_bounds = (1 - 8 * math.exp(-7 / 8), 1.0)
    height = (1 - math.exp(-3.31488)) * (1 + 1e-12)  # at s = λ: C solves eᶜ = 1 + 8C to 6 digits
    _C = 3.31488

    def _t(self, r: Any) -> Any:
        # exp(−t) is 0 below r = 1/4 in every precision; the clamp keeps the gradient finite at 0,
        # and powers of 1/r keep it finite for large r, where powers of r overflow
        return self._C * ops.square(ops.square(1 / ops.maximum(r, 0.25)))

    def _g(self, r: Any) -> Any:
        # not expm1: five times slower under XLA on a CPU, and the digits it saves are below the
        # rounding of u
        return 1 - ops.exp(-self._t(r))

    def _dg(self, r: Any) -> Any:
        t = self._t(r)
        return -4 * t * ops.exp(-t) / ops.maximum(r, 0.25)

    def _psi(self, r: Any) -> Any:
        return r * -ops.expm1(-self._t(r)) / 2 + 0.5 * self._C**0.25 * _upper_gamma(
            0.75, self._t(r)
        )


@_REGISTERED
class TruncatedBFB(Flux):
    """g = min(1, λ²/s²): truncated balanced forward-backward flux; inf Φ′ = −1 just beyond λ.

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.TruncatedBFB(contrast=2.0)
        >>> [float(flux(np.float32(s))) for s in (1, 4)]
        [1.0, 1.0]
    """

    key = "truncated_bfb"
    height = 1.0
    rational = True
    slope_bounds = (-1.0, 1.0)

    def _g(self, r: Any) -> Any:
        return 1 / ops.maximum(r, 1)

    def _dg(self, r: Any) -> Any:
        return ops.where(r <= 1, ops.zeros_like(r), -ops.square(1 / ops.maximum(r, 1)))

    def _psi(self, r: Any) -> Any:
        return ops.where(r <= 1, r, 1 + ops.log(ops.maximum(r, 1))) / 2


def _upper_gamma(a: float, t: Any) -> Any:
    """Γ(a, t) for t ≥ 0: power series below 8, continued fraction (Legendre) above.

    Error below 1e-13.
    """
    low, high = ops.minimum(t, 8.0), ops.maximum(t, 8.0)
    term = total = ops.ones_like(low) / a
    for n in range(1, 50):
        term = term * low / (a + n)
        total = total + term
    series = math.gamma(a) - ops.power(low, a) * ops.exp(-low) * total
    tail = ops.zeros_like(high)
    for n in range(40, 0, -1):
        tail = n * (n - a) / (high + 2 * n + 1 - a - tail)
    fraction = ops.power(high, a) * ops.exp(-high) / (high + 1 - a - tail)
    return ops.where(t < 8.0, series, fraction)

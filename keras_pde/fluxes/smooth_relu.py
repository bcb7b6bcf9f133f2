"""SmoothReLU: the fixed point of a chemical reaction as a flux, monotone and no function of s²."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.fluxes.flux import FAR, Flux
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Number, Tensor

SMALL = 0.125  # z = s/(2λ) below which the odd part of ψ is its series
# of 2∫(√(1 + z²) − 1)dz = z³(1/3 − z²/20 + …); what is left out at z = 1/8 is below 1e-16 of it
SERIES = (1 / 3, -1 / 20, 1 / 56, -5 / 576, 7 / 1408, -21 / 6656, 11 / 5120, -429 / 278528)


@keras.saving.register_keras_serializable(package="keras_pde")
class SmoothReLU(Flux):
    r"""Φ = (s + √(s² + 4λ²))/2 − λ, a smooth ReLU with the slope (1 + s/√(s² + 4λ²))/2.

    Monotone, 0 < Φ′ < 1, 0 < g < 1, not odd; Φ falls to −λ on the left and nears s − λ on the
    right. With h = λ² it is the stable fixed point of ẋ = h + ax − x² at a = s, less that at a = 0:
    a network of such units is a chemical reaction network (B3). Cost: one root.

    Args:
        contrast: λ in [1e-30, 1e12], half the width of the corner; λ → 0 gives ReLU.

    Source: Anderson, Joshi, Deshpande, arXiv:2010.13290 (2020).

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.SmoothReLU(contrast=0.5)
        >>> [round(float(flux(np.float32(s))), 4) for s in (-1e4, 0, 1e4)]
        [-0.5, 0.0, 9999.5]
        >>> flux.monotone, flux.L
        (True, 1.0)
    """

    key = "smooth_relu"
    isotropic = False

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""
        s = ops.convert_to_tensor(s)
        wide, far, small, q, w = self._corner(s, contrast)
        right = wide * (0.5 + ops.where(far, w - q, q / (1 + w)) / 2)
        left = -small * (0.5 - q / (1 + w) / 2)
        return narrow(ops.where(wide >= 0, right, left), s)

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """g = Φ(s)/s, which is 1/2 at 0."""
        s = ops.convert_to_tensor(s)
        wide, far, _, q, w = self._corner(s, contrast)
        right = 0.5 + ops.where(far, w - q, q / (1 + w)) / 2
        left = ops.where(far, q, 1) * (0.5 - q / (1 + w) / 2)
        return narrow(ops.where(wide >= 0, right, left), s)

    def slope(self, s: Any, contrast: Any = None) -> Any:
        """Φ′ = (1 + s/√(s² + 4λ²))/2."""
        s = ops.convert_to_tensor(s)
        wide, far, _, q, w = self._corner(s, contrast)
        right = 0.5 + ops.where(far, 1, q) / w / 2
        left = ops.where(far, q * q / (1 + w), w - q) / w / 2
        return narrow(ops.where(wide >= 0, right, left), s)

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """ψ = λ²(x²/4 + x√(x² + 4)/4 + arsinh(x/2) − x) at x = s/λ."""
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        lam = self._contrast(contrast, wide)
        x = ops.clip(wide / lam, -(FAR**0.5), FAR**0.5)
        size, z = ops.abs(x), ops.abs(x) / 2
        root = ops.sqrt(size * size + 4)
        arsinh = ops.log1p(z + z * z / (1 + ops.sqrt(1 + z * z)))
        odd = _odd_part(z)
        near = ops.square(z) + ops.where(x >= 0, odd, -odd)
        right = size * (size + root) / 4 + arsinh - size
        left = size - arsinh - size / (root + size)
        psi = ops.where(z < SMALL, near, ops.where(x >= 0, right, left))
        return narrow(psi * (lam * lam), s)

    def _corner(self, s: Tensor, contrast: Number | None) -> tuple[Tensor, ...]:
        """s in at least float32, whether |s| > 2λ, the smaller of both, and q and w.

        q ≤ 1 is the smaller over the larger, and w = √(1 + q²), so that √(s² + 4λ²) is w times the
        larger: no square overflows, and each formula above is free of cancellation.
        """
        wide = at_least_float32(s)
        # a tensor: of a number where makes float32 on PyTorch
        corner = ops.convert_to_tensor(2 * self._contrast(contrast, wide), dtype=wide.dtype)
        size = ops.abs(wide)
        far = size > corner
        small = ops.where(far, corner, size)
        q = small / ops.where(far, size, corner)
        return wide, far, small, q, ops.sqrt(1 + q * q)


def _odd_part(z: Tensor) -> Tensor:
    """2∫₀ᶻ(√(1 + t²) − 1)dt for 0 ≤ z ≤ 1/8, where its closed form would lose digits."""
    z = ops.where(z < SMALL, z, SMALL)  # minimum makes float32 of float64 on PyTorch
    squared, total = z * z, 0.0
    for coefficient in reversed(SERIES):
        total = total * squared + coefficient
    return z * squared * total

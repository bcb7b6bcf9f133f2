"""Flux: an activation Φ(s) = g(s²)s that knows its diffusivity, its potential and their bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes.declared import check_flux
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.registry import Configured
from keras_pde.runtime.types import Number, Tensor

SMALLEST, LARGEST = 1e-30, 1e12  # λ that float32 computes with
TINY = 1e-15  # below, the squares of λ and of s around it underflow in float32: only s/λ is squared
# r = s²/λ² from which on g′ underflows, and ψ overflows: larger r count as these
STEEP, FAR = 1e30, 1e36


def checked_contrast(contrast: float) -> float:
    """λ as a number that float32 computes with.

    Raises:
        ValueError: no number in [1e-30, 1e12].
    """
    number = isinstance(contrast, int | float) and not isinstance(contrast, bool)
    if not (number and SMALLEST <= contrast <= LARGEST):
        raise ValueError(
            f"The contrast of a flux must be a finite number > 0, from {SMALLEST:g} to {LARGEST:g}."
            f" Received: contrast={contrast!r}. Scale the data and the contrast."
        )
    return float(contrast)


def in_units(s: Tensor, contrast: Number) -> tuple[Tensor, Number]:
    """s and λ, or s/λ and 1 where squares of λ would underflow.

    Example:
        >>> from keras_pde.fluxes.flux import in_units
        >>> in_units(3.0, 2.0), in_units(1e-20, 1e-20)
        ((3.0, 2.0), (1.0, 1.0))
    """
    tiny = isinstance(contrast, float) and contrast < TINY
    return (s / contrast, 1.0) if tiny else (s, contrast)


class _Sampled(type):
    """Of a flux that is made, the declared bounds are checked when all its arguments are set."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        flux = super().__call__(*args, **kwargs)
        check_flux(flux)
        return flux


class Flux(Configured, metaclass=_Sampled):
    r"""Flux Φ(s) = g(s²)s with potential ψ, ψ′ = Φ, and contrast λ.

    Data of a flux, independent of λ: ``diffusivity_bounds`` = (inf g, sup g) and ``slope_bounds`` =
    (inf Φ′, sup Φ′); from them ``L_g`` = sup g, ``L`` = sup Φ′, ``mu`` = max(0, −inf Φ′), and
    ``monotone`` (inf Φ′ ≥ 0). Cost: pointwise, 2 to 10 operations an entry.

    To add a flux, subclass, set the two pairs of bounds, write ``_g``, its derivative ``_dg``, and
    ``_psi`` as functions of r = s²/λ² (``_psi`` is ψ/λ²), and decorate with
    ``keras.saving.register_keras_serializable``. What a flux of one's own declares is checked on
    samples where it is made, and stands among the assumptions of certificates.

    Args:
        contrast: λ in [1e-30, 1e12], in the units of s (for images in [0, 1], of a grey value
            difference).

    Call args: ``s``, any shape; ``contrast``, optional λ that replaces the constructor's (a tensor
    broadcastable to s). Returns Φ(s), same shape and dtype.

    Raises:
        ValueError: a contrast that is no number in [1e-30, 1e12]; a flux of one's own whose values
            contradict the bounds, slope or potential that it declares.

    Source: Alt, Peter, Weickert, Schrader, arXiv:2103.15419 (2021), table of diffusivities.

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.perona_malik
        >>> float(flux(1.0)), flux.L, flux.mu, flux.monotone     # λ/2 at s = λ
        (0.5, 1.0, 0.125, False)
        >>> layer = keras.layers.Dense(8, activation=flux)
    """

    diffusivity_bounds: tuple[float, float] = (0.0, 1.0)
    slope_bounds: tuple[float, float] = (0.0, 1.0)
    height: float = math.inf  # sup |Φ|/λ
    key = ""  # name in `keras_pde.activations`
    rational = False  # g takes a division only, no root and no exponential
    projection = False  # Φ(Φ(s)) = Φ(s): onto an interval, the proximal map of its indicator
    isotropic = True  # g depends on s² only, so it can be shared by coupled channels

    def __init__(self, contrast: float = 1.0) -> None:
        self.contrast = checked_contrast(contrast)

    @property
    def name(self) -> str:
        """Name by which `get` finds this flux."""
        return self.key or type(self).__name__

    __name__ = name  # Keras names an activation by it

    @property
    def L_g(self) -> float:
        """sup g: the constant of norm stability, step_size ≤ 2/(L_g‖K‖²)."""
        return self.diffusivity_bounds[1]

    @property
    def L(self) -> float:
        """sup Φ′: the constant of nonexpansiveness and of energy descent."""
        return self.slope_bounds[1]

    @property
    def mu(self) -> float:
        """max(0, −inf Φ′): how far Φ is from monotone."""
        return max(0.0, -self.slope_bounds[0])

    @property
    def monotone(self) -> bool:
        """Whether Φ′ ≥ 0 everywhere."""
        return self.slope_bounds[0] >= 0

    def _g(self, r: Any) -> Any:
        raise NotImplementedError

    def _dg(self, r: Any) -> Any:
        raise NotImplementedError

    def _psi(self, r: Any) -> Any:
        raise NotImplementedError

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        return narrow(self.diffusivity_at(wide, contrast) * wide, s)

    def diffusivity(self, s2: Any, contrast: Any = None) -> Any:
        """g(s²); the argument is the square s² (or a sum of squares, for coupled channels).

        Raises:
            ValueError: the flux depends on the sign of s.
        """
        if not self.isotropic:
            raise ValueError(
                f"The {self.name} flux depends on the sign of s, so it has no diffusivity g(s²) and"
                " cannot be coupled. Ask diffusivity_at(s)."
            )
        s2 = ops.convert_to_tensor(s2)
        wide = at_least_float32(s2)
        lam = self._contrast(contrast, wide)
        return narrow(self._g(wide / (lam * lam)), s2)

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """g at s itself: what a frozen step multiplies with."""
        wide = at_least_float32(s)
        units, lam = in_units(wide, self._contrast(contrast, wide))
        return narrow(self.diffusivity(units * units, lam), s)

    def slope(self, s: Any, contrast: Any = None) -> Any:
        """Φ′(s) = g + 2r g′(r), r = s²/λ².

        Example:
            >>> from keras_pde import activations
            >>> round(float(activations.perona_malik.slope(3**0.5)), 6)     # its least slope
            -0.125
        """
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        r = ops.minimum(ops.square(wide / self._contrast(contrast, wide)), STEEP)
        return narrow(self._g(r) + 2 * r * self._dg(r), s)

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """ψ(s) = ∫₀ˢ Φ: the density of the energy that diffusion with this flux lowers."""
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        lam = self._contrast(contrast, wide)
        r = ops.minimum(ops.square(wide / lam), FAR)
        return narrow(self._psi(r) * (lam * lam), s)

    def derivatives(self, r: Tensor) -> tuple[Tensor, Tensor]:
        """g and g′ at r = s²/λ², for which a caller has summed the squares of many channels."""
        return self._g(r), self._dg(r)

    def radial_potential(self, s2: Tensor, contrast: Number) -> Tensor:
        """ψ as a function of s², or of a sum of squares, for coupled channels."""
        r = ops.minimum(s2 / (contrast * contrast), FAR)
        return self._psi(r) * (contrast * contrast)

    def _contrast(self, contrast: Any, like: Any) -> Any:
        if contrast is None:
            return self.contrast
        return contrast if isinstance(contrast, int | float) else ops.cast(contrast, like.dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"contrast": self.contrast}

    def __repr__(self) -> str:
        return (
            f"<{self.name} flux: contrast {self.contrast:g}, g in"
            f" [{self.diffusivity_bounds[0]:.4g}, {self.L_g:.4g}], slope in"
            f" [{self.slope_bounds[0]:.4g}, {self.L:.4g}]>"
        )


def contrast_of_parts(contrast: Number, parts: list[Tensor]) -> list[Number]:
    """The contrast of each part: a contrast per channel is cut like the channels."""
    if len(parts) == 1 or np.ndim(contrast) == 0 or contrast.shape[-1] == 1:
        return [contrast] * len(parts)
    return ops.split(contrast, len(parts), -1)

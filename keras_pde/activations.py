"""Fluxes Φ(s) = g(s²)s of nonlinear diffusion, as Keras activations.

A flux is an activation function that knows its mathematics: the diffusivity g, the potential ψ with
ψ′ = Φ, and the bounds on g and on Φ′ from which every guarantee of this library is computed. All fluxes
scale with their contrast λ > 0,

    Φ(s; λ) = λ Φ(s/λ; 1),    g(s²; λ) = g(s²/λ²; 1),    ψ(s; λ) = λ² ψ(s/λ; 1),

so the bounds do not depend on λ: learning the contrast never costs a guarantee.

| flux                      | monotone | inf Φ′            | shape                                   |
|---------------------------|----------|-------------------|-----------------------------------------|
| linear                    | yes      | 1                 | identity                                |
| charbonnier               | yes      | 0                 | smooth clipping at λ                    |
| truncated_tv (Huber)      | yes      | 0                 | clipping at λ                           |
| perona_malik              | no       | −1/8              | rises to λ/2 at λ, falls like λ²/s      |
| perona_malik_exponential  | no       | −2exp(−3/2)       | rises to 0.6065λ at λ, falls to 0       |
| weickert                  | no       | 1 − 8exp(−7/8)    | identity, then a steep fall to 0        |
| truncated_bfb             | no       | −1                | identity up to λ, then λ²/s             |
| fab                       | no       | −1.142 (kappa=2)  | negative beyond λ: backward diffusion   |
| relu                      | yes      | 0                 | max(s, 0); not odd                      |
"""

from __future__ import annotations

import difflib
import math
from typing import Any, cast

import keras
import numpy as np
from keras import ops

__all__ = [
    "Flux",
    "charbonnier",
    "fab",
    "get",
    "linear",
    "perona_malik",
    "perona_malik_exponential",
    "relu",
    "serialize",
    "truncated_bfb",
    "truncated_tv",
    "weickert",
]

_REGISTERED = keras.saving.register_keras_serializable(package="keras_pde")


class Flux:
    r"""Flux Φ(s) = g(s²)s with potential ψ, ψ′ = Φ, and contrast λ.

    Data of a flux, independent of λ: ``diffusivity_bounds`` = (inf g, sup g) and ``slope_bounds`` =
    (inf Φ′, sup Φ′); from them ``L_g`` = sup g, ``L`` = sup Φ′, ``mu`` = max(0, −inf Φ′), and
    ``monotone`` (inf Φ′ ≥ 0). Cost: pointwise, 2 to 10 operations an entry.

    To add a flux, subclass, set the two pairs of bounds, write ``_g`` and ``_psi`` as functions of r = s²/λ²
    (``_psi`` is ψ/λ²), and decorate with ``keras.saving.register_keras_serializable``.

    Args:
        contrast: λ > 0, in the units of s (for images in [0, 1], of a grey value difference).

    Call args: ``s``, any shape; ``contrast``, optional λ that replaces the constructor's (a tensor
    broadcastable to s). Returns Φ(s), same shape and dtype.

    Raises:
        ValueError: contrast ≤ 0 or not finite.

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
    isotropic = True  # g depends on s² only, so it can be shared by coupled channels

    def __init__(self, contrast: float = 1.0) -> None:
        if not (isinstance(contrast, int | float) and math.isfinite(contrast) and contrast > 0):
            raise ValueError(f"The contrast of a flux must be a finite number > 0. Received: contrast={contrast}")
        self.contrast = float(contrast)

    @property
    def name(self) -> str:
        """Name by which `get` finds this flux."""
        return next(n for n, c in _BY_NAME.items() if c is type(self)) if type(self) in _BY_NAME.values() else type(self).__name__

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

    def _psi(self, r: Any) -> Any:
        raise NotImplementedError

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        return _narrow(self.diffusivity(wide * wide, contrast) * wide, s)

    def diffusivity(self, s2: Any, contrast: Any = None) -> Any:
        """g(s²); the argument is the square s² (or a sum of squares, for coupled channels)."""
        s2 = ops.convert_to_tensor(s2)
        wide = at_least_float32(s2)
        lam = self._contrast(contrast, wide)
        return _narrow(self._g(wide / (lam * lam)), s2)

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """g at s itself: what a frozen step multiplies with."""
        wide = at_least_float32(s)
        return _narrow(self.diffusivity(wide * wide, contrast), s)

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """ψ(s) = ∫₀ˢ Φ: the density of the energy that diffusion with this flux lowers."""
        s = ops.convert_to_tensor(s)
        wide = at_least_float32(s)
        lam = self._contrast(contrast, wide)
        return _narrow(self._psi(ops.square(wide / lam)) * (lam * lam), s)

    def _contrast(self, contrast: Any, like: Any) -> Any:
        if contrast is None:
            return self.contrast
        return contrast if isinstance(contrast, int | float) else ops.cast(contrast, like.dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"contrast": self.contrast}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Flux:
        """Rebuild from `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and cast(Flux, other).get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.get_config().items()))))

    def __repr__(self) -> str:
        return (
            f"<{self.name} flux: contrast {self.contrast:g}, g in [{self.diffusivity_bounds[0]:.4g}, {self.L_g:.4g}], "
            f"slope in [{self.slope_bounds[0]:.4g}, {self.L:.4g}]>"
        )


@_REGISTERED
class Linear(Flux):
    """g = 1, ψ = s²/2: homogeneous diffusion, Gaussian smoothing."""

    diffusivity_bounds = (1.0, 1.0)
    slope_bounds = (1.0, 1.0)

    def _g(self, r: Any) -> Any:
        return ops.ones_like(r)

    def _psi(self, r: Any) -> Any:
        return r / 2


@_REGISTERED
class Charbonnier(Flux):
    """g = 1/√(1+s²/λ²), ψ = λ²(√(1+s²/λ²) − 1)."""

    def _g(self, r: Any) -> Any:
        return ops.rsqrt(1 + r)

    def _psi(self, r: Any) -> Any:
        return r / (ops.sqrt(1 + r) + 1)  # √(1+r) − 1 without cancellation


@_REGISTERED
class TruncatedTV(Flux):
    """g = min(1, λ/|s|), ψ the Huber function: truncated total variation."""

    def _g(self, r: Any) -> Any:
        return ops.rsqrt(ops.maximum(r, 1))

    def _psi(self, r: Any) -> Any:
        return ops.where(r <= 1, r / 2, ops.sqrt(ops.maximum(r, 1)) - 0.5)


@_REGISTERED
class PeronaMalik(Flux):
    """g = 1/(1+s²/λ²), ψ = (λ²/2)ln(1+s²/λ²); inf Φ′ = −1/8 at √3λ (Perona, Malik 1990)."""

    slope_bounds = (-0.125, 1.0)

    def _g(self, r: Any) -> Any:
        return 1 / (1 + r)

    def _psi(self, r: Any) -> Any:
        return ops.log1p(r) / 2


@_REGISTERED
class PeronaMalikExponential(Flux):
    """g = exp(−s²/(2λ²)), ψ = λ²(1 − g); inf Φ′ = −2exp(−3/2) at √3λ (Perona, Malik 1990)."""

    slope_bounds = (-2 * math.exp(-1.5), 1.0)

    def _g(self, r: Any) -> Any:
        return ops.exp(-r / 2)

    def _psi(self, r: Any) -> Any:
        return -ops.expm1(-r / 2)


@_REGISTERED
class Weickert(Flux):
    """g = 1 − exp(−C/(s/λ)⁸), C = 3.31488; inf Φ′ = 1 − 8exp(−7/8) (Weickert 1998).

    ψ = s²g/2 + (√√C/2) λ² Γ(3/4, C(λ/s)⁸) with the upper incomplete gamma function.
    """

    slope_bounds = (1 - 8 * math.exp(-7 / 8), 1.0)
    _C = 3.31488

    def _t(self, r: Any) -> Any:
        # exp(−t) is 0 below r = 1/4 in every precision; the clamp keeps the gradient finite at 0, and powers of 1/r
        # keep it finite for large r, where powers of r overflow
        return self._C * ops.square(ops.square(1 / ops.maximum(r, 0.25)))

    def _g(self, r: Any) -> Any:
        return -ops.expm1(-self._t(r))

    def _psi(self, r: Any) -> Any:
        return r * self._g(r) / 2 + 0.5 * self._C**0.25 * _upper_gamma(0.75, self._t(r))


@_REGISTERED
class TruncatedBFB(Flux):
    """g = min(1, λ²/s²): truncated balanced forward-backward flux; inf Φ′ = −1 just beyond λ."""

    slope_bounds = (-1.0, 1.0)

    def _g(self, r: Any) -> Any:
        return 1 / ops.maximum(r, 1)

    def _psi(self, r: Any) -> Any:
        return ops.where(r <= 1, r, 1 + ops.log(ops.maximum(r, 1))) / 2


@_REGISTERED
class FAB(Flux):
    """g = 2exp(−a s²/λ²) − exp(−b s²/λ²), b = ln2/(κ²−1), a = κ²b: forward-and-backward diffusion.

    g < 0 beyond λ, so the norm theorem fails (and the certificate says so). ``kappa`` = κ > 1.
    """

    def __init__(self, contrast: float = 1.0, kappa: float = 2.0) -> None:
        super().__init__(contrast)
        if not kappa > 1:
            raise ValueError(f"The forward-and-backward flux needs kappa > 1. Received: kappa={kappa}")
        self.kappa = float(kappa)
        self._b = math.log(2) / (self.kappa**2 - 1)
        self._a = self.kappa**2 * self._b
        r = np.linspace(0, 6 / math.sqrt(self._b), 20001) ** 2
        fast, slow = np.exp(-self._a * r), np.exp(-self._b * r)
        slope = 2 * (1 - 2 * self._a * r) * fast - (1 - 2 * self._b * r) * slow
        outward = 1e-5 * self.kappa**2  # more than the grid can miss: h²/8 sup|Φ‴|
        self.diffusivity_bounds = (float((2 * fast - slow).min()) - outward, 1.0)
        self.slope_bounds = (float(slope.min()) - outward, max(1.0, float(slope.max())))

    def _g(self, r: Any) -> Any:
        return 2 * ops.exp(-self._a * r) - ops.exp(-self._b * r)

    def _psi(self, r: Any) -> Any:
        return ops.expm1(-self._b * r) / (2 * self._b) - ops.expm1(-self._a * r) / self._a

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "kappa": self.kappa}


@_REGISTERED
class ReLU(Flux):
    """Φ = max(s, 0), g = 1 for s > 0 and 0 elsewhere; monotone, L = 1, not odd, the same for every λ."""

    isotropic = False

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""
        return ops.relu(s)

    def diffusivity(self, s2: Any, contrast: Any = None) -> Any:
        """Not a function of s²."""
        raise ValueError("The relu flux depends on the sign of s, so it has no diffusivity g(s²) and cannot be coupled.")

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """1 where s > 0, else 0."""
        return ops.cast(s > 0, s.dtype)

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """max(s, 0)²/2."""
        return ops.square(ops.relu(s)) / 2


def at_least_float32(x: Any) -> Any:
    """x as it is, or in float32 where it has 16 bits: there s² overflows beyond 256 and λ² underflows below 2e-4."""
    return ops.cast(x, "float32") if keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16") else x


def _narrow(y: Any, like: Any) -> Any:
    return ops.cast(y, like.dtype) if keras.backend.standardize_dtype(like.dtype) in ("float16", "bfloat16") else y


def _upper_gamma(a: float, t: Any) -> Any:
    """Γ(a, t) for t ≥ 0: power series below 8, continued fraction (Legendre) above; error below 1e-13."""
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


_BY_NAME: dict[str, type[Flux]] = {
    "linear": Linear,
    "charbonnier": Charbonnier,
    "truncated_tv": TruncatedTV,
    "perona_malik": PeronaMalik,
    "perona_malik_exponential": PeronaMalikExponential,
    "weickert": Weickert,
    "truncated_bfb": TruncatedBFB,
    "fab": FAB,
    "relu": ReLU,
}

linear = Linear()
charbonnier = Charbonnier()
truncated_tv = TruncatedTV()
perona_malik = PeronaMalik()
perona_malik_exponential = PeronaMalikExponential()
weickert = Weickert()
truncated_bfb = TruncatedBFB()
fab = FAB()
relu = ReLU()


def get(identifier: str | dict[str, Any] | Flux) -> Flux:
    """Find a flux by name, by configuration, or return the flux given.

    Ours come first: ``get("linear")`` is a `Flux`, where Keras's own look-up would return a bare function.

    Raises:
        ValueError: no flux of that name; the message lists the near ones.

    Example:
        >>> from keras_pde import activations
        >>> activations.get("charbonnier") == activations.charbonnier
        True
    """
    if isinstance(identifier, Flux):
        return identifier
    if isinstance(identifier, dict):
        found = keras.saving.deserialize_keras_object(identifier)
        if isinstance(found, Flux):
            return found
    name = str(identifier).removeprefix("keras_pde>")
    if name in _BY_NAME:
        return _BY_NAME[name]()
    near = difflib.get_close_matches(name, _BY_NAME, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(f"No flux is called {identifier!r}. {hint}There are: {', '.join(_BY_NAME)}, or any keras_pde.activations.Flux.")


def serialize(flux: Flux) -> dict[str, Any]:
    """Configuration of a flux that `get` reads back.

    Example:
        >>> from keras_pde import activations
        >>> activations.get(activations.serialize(activations.fab)) == activations.fab
        True
    """
    return keras.saving.serialize_keras_object(flux)

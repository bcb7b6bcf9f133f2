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

from typing import Any

import keras

from keras_pde.configured import find
from keras_pde.flux import Flux
from keras_pde.fluxes import (
    FAB,
    Charbonnier,
    Linear,
    PeronaMalik,
    PeronaMalikExponential,
    ReLU,
    TruncatedBFB,
    TruncatedTV,
    Weickert,
)

__all__ = [
    "FAB",
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

_CLASSES: list[type[Flux]] = [Linear, Charbonnier, TruncatedTV, PeronaMalik, PeronaMalikExponential, Weickert, TruncatedBFB, FAB, ReLU]
_BY_NAME = {cls.key: cls for cls in _CLASSES}

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
    return find("flux", Flux, _BY_NAME, identifier, "keras_pde.activations.Flux")


def serialize(flux: Flux) -> dict[str, Any]:
    """Configuration of a flux that `get` reads back.

    Example:
        >>> from keras_pde import activations
        >>> activations.get(activations.serialize(activations.fab)) == activations.fab
        True
    """
    return keras.saving.serialize_keras_object(flux)

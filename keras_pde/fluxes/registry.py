"""The fluxes by name: one of each, and `get`."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.fluxes.classical import (
    Charbonnier,
    Linear,
    PeronaMalik,
    PeronaMalikExponential,
    TruncatedBFB,
    TruncatedTV,
    Weickert,
)
from keras_pde.fluxes.fab import FAB
from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.relu import ReLU
from keras_pde.fluxes.smooth_relu import SmoothReLU
from keras_pde.runtime.registry import find

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
    "smooth_relu",
    "truncated_bfb",
    "truncated_tv",
    "weickert",
]

_CLASSES: list[type[Flux]] = [
    Linear,
    Charbonnier,
    TruncatedTV,
    PeronaMalik,
    PeronaMalikExponential,
    Weickert,
    TruncatedBFB,
    FAB,
    ReLU,
    SmoothReLU,
]
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
smooth_relu = SmoothReLU()


def get(identifier: str | dict[str, Any] | Flux, argument: str = "") -> Flux:
    """Find a flux by name, by configuration, or return the flux given.

    Ours come first: ``get("linear")`` is a `Flux`, where Keras's own look-up would return a bare
    function.

    Raises:
        ValueError: no flux of that name; the message lists the near ones.

    Example:
        >>> from keras_pde import activations
        >>> activations.get("charbonnier") == activations.charbonnier
        True
    """
    return find("flux", Flux, _BY_NAME, identifier, "keras_pde.activations.Flux", argument)


def serialize(flux: Flux) -> dict[str, Any]:
    """Configuration of a flux that `get` reads back.

    Example:
        >>> from keras_pde import activations
        >>> activations.get(activations.serialize(activations.fab)) == activations.fab
        True
    """
    return keras.saving.serialize_keras_object(flux)

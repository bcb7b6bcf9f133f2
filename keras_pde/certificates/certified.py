"""Certified: a layer or network that states its own certificate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate

__all__ = ["Certified", "uncertified"]

KEYS = ("norm", "lipschitz", "averaged", "energy")


class Certified:
    """A map of its first input that states its own certificate, as `keras_pde.certify` asks for it.

    A layer of one's own joins by inheriting from it. Of a layer with a weight that is NaN or
    infinite nothing is proved, whatever its rules: its certificate says which weight it is.

    Example:
        >>> import keras
        >>> import keras_pde
        >>> from keras_pde.certificates.certified import Certified
        >>> class Half(keras.layers.Layer, Certified):
        ...     def call(self, x):
        ...         return x / 2
        ...     def certificate(self):
        ...         return keras_pde.Certificate("half", norm_gain=0.5, lipschitz=0.5)
        >>> model = keras.Sequential([keras.Input((4,)), Half(), Half()])
        >>> keras_pde.certify(model).lipschitz
        0.25
    """

    held_inputs: ClassVar[tuple[str, ...]] = ("noise",)  # further arguments that must not change
    sized_by: ClassVar[tuple[str, ...]] = ()  # further arguments of which only the shape counts

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "certificate" in cls.__dict__:
            cls.certificate = _of_sound_weights(cls.certificate)  # type: ignore[method-assign]

    def certificate(self) -> Certificate:
        """What is proved about the map, from the weights at hand."""
        raise NotImplementedError


def _of_sound_weights(certify: Callable[..., Certificate]) -> Callable[..., Certificate]:
    """The rules of a class, asked only where the weights are numbers to compute with."""

    @functools.wraps(certify)
    def certificate(self: Any, *args: Any, **kwargs: Any) -> Certificate:
        why_not = damage(self)
        return uncertified(self.name, why_not) if why_not else certify(self, *args, **kwargs)

    return certificate


def damage(layer: Any) -> str:
    """Which weight of a layer is no finite number, in words; empty where all are.

    Example:
        >>> import keras
        >>> from keras_pde.certificates.certified import damage
        >>> layer = keras.layers.Dense(1, name="last")
        >>> layer.build((None, 2))
        >>> damage(layer)
        ''
        >>> kernel = layer.kernel.assign([[np.nan], [1.0]])
        >>> damage(layer)
        "the weight 'last/kernel' has values that are NaN or infinite"
    """
    if not isinstance(layer, keras.layers.Layer):
        return ""
    for weight in layer.weights:
        dtype = keras.backend.standardize_dtype(weight.dtype)
        if "float" in dtype and not np.isfinite(float(ops.max(ops.abs(weight)))):
            return f"the weight {weight.path!r} has values that are NaN or infinite"
    return ""


def uncertified(subject: str, reason: str) -> Certificate:
    """The certificate of a map of which nothing is proved, with the reason why not.

    Example:
        >>> from keras_pde.certificates.certified import uncertified
        >>> print(str(uncertified("a net", "no rule")).splitlines()[1])
          norm stability    not proved  no bound                       no rule
    """
    return Certificate(subject, reasons=dict.fromkeys(KEYS, reason))

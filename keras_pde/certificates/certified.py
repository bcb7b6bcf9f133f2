"""Certified: a layer or network that states its own certificate."""

from __future__ import annotations

from typing import ClassVar

from keras_pde.certificates.certificate import Certificate

__all__ = ["Certified", "uncertified"]

KEYS = ("norm", "lipschitz", "averaged", "energy")


class Certified:
    """A map of its first input that states its own certificate, as `keras_pde.certify` asks for it.

    A layer of one's own joins by inheriting from it.

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

    def certificate(self) -> Certificate:
        """What is proved about the map, from the weights at hand."""
        raise NotImplementedError


def uncertified(subject: str, reason: str) -> Certificate:
    """The certificate of a map of which nothing is proved, with the reason why not.

    Example:
        >>> from keras_pde.certificates.certified import uncertified
        >>> print(str(uncertified("a net", "no rule")).splitlines()[1])
          norm stability    not proved  no bound                       no rule
    """
    return Certificate(subject, reasons=dict.fromkeys(KEYS, reason))

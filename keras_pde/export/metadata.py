"""Metadata: what an artifact says about itself, for readers without keras_pde."""

from __future__ import annotations

from typing import Any

from keras_pde.export.served import Served
from keras_pde.models.classifier import Classifier
from keras_pde.models.timed import Timed
from keras_pde.runtime.version import __version__


def metadata(served: Served) -> dict[str, Any]:
    """Class, inputs with their units, outputs, noise level, times, influence and certificate.

    Of a classifier also what its radius is computed from. All of it is for JSON.

    Example:
        >>> import keras_pde
        >>> from keras_pde.export.metadata import metadata
        >>> from keras_pde.export.served import Served
        >>> about = metadata(Served(keras_pde.from_preset("perona_malik_2d"), {"25": 2.0}))
        >>> about["noise level"], about["reach"]["exact"]
        ('made for 25 grey levels of 255', True)
    """
    network = served.network
    about: dict[str, Any] = {
        "keras_pde": __version__,
        "class": type(network.model if isinstance(network, Timed) else network).__name__,
        "inputs": served.input_units,
    }
    if network.output_names is not None:
        about["outputs"] = list(network.output_names)
    if served.level and (served.times or network.noise_conditioned):
        about["noise level"] = f"made for {served.level:g} grey levels of 255"
    if isinstance(network, Timed):
        about["time"] = {**network.facts(), "tuned for noise": served.times}
    if isinstance(network, Classifier):
        facts = network.reader_facts()
        if facts is not None:
            about["radius"] = facts
    if network.denoises:
        about["reach"] = _reach(served)
    return {**about, "certificate": served.certificate().as_json()}


def _reach(served: Served) -> dict[str, Any]:
    """How far the input acts on the output: the halo that tiles need, for readers that tile."""
    network = served.network
    timed = isinstance(network, Timed)
    influence = (network.at(network.largest_step) if timed else network).influence()
    patches = {"tiles begin at multiples of": served.patch_size} if served.patch_size > 1 else {}
    return {
        "pixels": influence.pixels,
        "of": "each step" if timed else "the network",
        "exact": influence.exact,
        **patches,
    }

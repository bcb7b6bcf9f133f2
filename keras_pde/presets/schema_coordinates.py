"""What the configuration of each function of coordinates may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets import limits
from keras_pde.presets.schema_parts import FILTERS, INITIALIZERS, LAYER, Part, optional
from keras_pde.presets.values import Check, either, flag, listed, real, word

WEIGHTS = optional(either(word, Part(*INITIALIZERS)))

# name of a class: its keys, each with a check
COORDINATES: dict[str, dict[str, Check]] = {
    "SinusoidalNetwork": {
        **LAYER,
        "hidden": listed(FILTERS, 1, limits.CONVOLUTIONS),
        "outputs": FILTERS,
        "omega": either(real, word),
        "extent": optional(listed(real, 1, 3)),
    },
    "Sinusoidal": {
        **LAYER,
        "units": FILTERS,
        "omega": real,
        "initializer": WEIGHTS,
        "bias_initializer": WEIGHTS,
    },
    "SPINN": {**LAYER, "basis": Part("MeshlessBasis"), "outputs": FILTERS},
    "MeshlessBasis": {
        **LAYER,
        "centres": listed(listed(real, 1, 8), 1, limits.FILTERS),
        "width": either(listed(real, 1, limits.FILTERS), real),
        "kernel": word,
        "partition_of_unity": flag,
        "learned": flag,
    },
}

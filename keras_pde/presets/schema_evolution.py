"""What the configuration of each class for time stepping may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets import limits
from keras_pde.presets.schema_parts import FILTERS, INITIALIZERS, LAYER, STEPS, Part, optional
from keras_pde.presets.values import Check, either, flag, listed, real, table_of, whole, word

WALLS = either(word, listed(word, 1, 3))
HIDDEN = listed(FILTERS, 0, limits.CONVOLUTIONS)
PERMUTATIONS = listed(listed(whole(0, limits.FILTERS), 1, limits.FILTERS), 1, limits.FILTERS)

# name of a class: its keys, each with a check; LAYER and others are in schema_parts
EVOLUTION: dict[str, dict[str, Check]] = {
    "LatticeBoltzmann": {
        **LAYER,
        "lattice": word,
        "viscosity": optional(real),
        "steps": STEPS,
        "boundary": WALLS,
        "lids": optional(table_of(listed(real, 1, 3))),
        "hidden": HIDDEN,
    },
    "Collision": {**LAYER, "lattice": word, "viscosity": optional(real), "hidden": HIDDEN},
    "OrbitDense": {
        **LAYER,
        "permutations": PERMUTATIONS,
        "channels": FILTERS,
        "outputs": optional(PERMUTATIONS),
        "use_bias": flag,
        "initializer": optional(either(word, Part(*INITIALIZERS))),
    },
    "Lattice": {**LAYER, "lattice": word, "boundary": WALLS},
}

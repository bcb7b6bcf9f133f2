"""What the configuration of each classifier, and of its parts, may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets import limits
from keras_pde.presets.schema_parts import (
    FILTERS,
    FLUXES,
    LAYER,
    SOLVERS,
    SPLITTINGS,
    Part,
    optional,
)
from keras_pde.presets.values import Check, either, listed, real, whole, word

CLASSES = whole(2, limits.FILTERS)
CLASS_NAMES = optional(listed(word, 2, limits.FILTERS))
BLOCK_COUNT = whole(0, limits.BLOCKS // limits.STAGES)
PATCH = whole(1, limits.PATCH_SIZE)
BLOCK = Part("DiffusionBlock")


def for_stages(check: Check) -> Check:
    """One value for all stages, or one for each."""
    return either(listed(check, 1, limits.STAGES), check)


EQUILIBRIUM: dict[str, Check] = {
    **LAYER,
    "units": FILTERS,
    "flux": either(word, Part(*FLUXES)),
    "margin": real,
    "solver": optional(either(word, Part(*SOLVERS, *SPLITTINGS))),
    "tolerance": real,
}

# name of a class: its keys, each with a check
CLASSIFIERS: dict[str, dict[str, Check]] = {
    "CertifiedClassifier": {
        **LAYER,
        "classes": CLASSES,
        "class_names": CLASS_NAMES,
        "block": for_stages(BLOCK),
        "blocks": for_stages(BLOCK_COUNT),
        "channels": for_stages(optional(FILTERS)),
        "patch_size": for_stages(PATCH),
        "pooling": for_stages(word),
    },
    "CertifiedSegmenter": {
        **LAYER,
        "classes": CLASSES,
        "class_names": CLASS_NAMES,
        "block": BLOCK,
        "blocks": whole(1, limits.BLOCKS // limits.STAGES),
        "channels": optional(FILTERS),
        "patch_size": PATCH,
    },
    "RobustImplicit": {**EQUILIBRIUM, "classes": CLASSES, "class_names": CLASS_NAMES},
    "MonotoneImplicit": {
        **EQUILIBRIUM,
        "norm": word,
        "max_iterations": whole(1, limits.ITERATIONS),
    },
    "ForwardBackward": {},
    "PeacemanRachford": {},
}

"""What the configuration of each class of multilevel kernels may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets.schema_parts import FILTERS, INITIALIZERS, LAYER, STEPS, Part, optional
from keras_pde.presets.values import Check, either, flag, real, whole, word

MOST = 16  # points of a near field to each side
LEVELS = whole(1, 12)

KERNELS: dict[str, dict[str, Check]] = {
    "MultilevelKernel": {
        **LAYER,
        "near_field": whole(0, MOST),
        "boundary": word,
        "initializer": optional(either(word, Part(*INITIALIZERS))),
    },
    "LearnedGraphKernel": {
        **LAYER,
        "hidden": FILTERS,
        "ndim": whole(2, 3),
        "order": whole(0, 4),
        "positions": flag,
    },
    "LearnedKernel": {
        **LAYER,
        "hidden": FILTERS,
        "order": whole(0, 4),
        "levels": LEVELS,
        "boundary": word,
        "symmetric": flag,
    },
    "KernelNetwork": {
        **LAYER,
        "filters": FILTERS,
        "hidden": FILTERS,
        "cycles": STEPS,
        "levels": LEVELS,
        "positions": flag,
        "source": real,
    },
    "KernelPropagator": {
        **LAYER,
        "steps": STEPS,
        "filters": FILTERS,
        "hidden": FILTERS,
        "levels": LEVELS,
        "boundary": word,
        "positions": flag,
    },
}

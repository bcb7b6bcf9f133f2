"""What the configuration of each class for graphs may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets import limits
from keras_pde.presets.schema_parts import FILTERS, FLUXES, LAYER, Part
from keras_pde.presets.values import Check, either, whole, word

MESSAGES: dict[str, Check] = {
    **LAYER,
    "channels": FILTERS,
    "hidden": whole(0, limits.FILTERS),
    "flux": either(word, Part(*FLUXES)),
    "aggregate": word,
}

# name of a class: its keys, each with a check
GRAPHS: dict[str, dict[str, Check]] = {
    "MessagePassing": {
        **MESSAGES,
        "messages": FILTERS,
        "update_hidden": whole(0, limits.FILTERS),
    },
    "MessagePassingNetwork": {
        **MESSAGES,
        "rounds": whole(1, limits.BLOCKS),
        "decisions": FILTERS,
    },
}

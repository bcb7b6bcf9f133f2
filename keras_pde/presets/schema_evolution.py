"""What the configuration of each class for time stepping may hold: a line for each class."""

from __future__ import annotations

from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.schema_parts import (
    FILTERS,
    INITIALIZERS,
    KERNEL_SIZE,
    LAYER,
    STEPS,
    Part,
    optional,
)
from keras_pde.presets.values import (
    Check,
    either,
    flag,
    listed,
    real,
    table_of,
    whole,
    word,
    wrong,
)

WALLS = either(word, listed(word, 1, 3))
HIDDEN = listed(FILTERS, 0, limits.CONVOLUTIONS)
PERMUTATIONS = listed(listed(whole(0, limits.FILTERS), 1, limits.FILTERS), 1, limits.FILTERS)
INDEX = listed(whole(0, 8), 1, 3)  # a multi-index


def term(value: Any, where: str) -> None:
    """A multi-index and its coefficient."""
    if type(value) is not list or len(value) != 2:
        raise wrong(where, "a multi-index and a coefficient", value)
    INDEX(value[0], f"{where}[0]")
    real(value[1], f"{where}[1]")


SPACING = either(real, listed(real, 1, 3))
ORDERS = listed(whole(0, 8), 0, 3)  # a multi-index, () for none


def factor(value: Any, where: str) -> None:
    """A component and the multi-index of its derivative."""
    if type(value) is not list or len(value) != 2:
        raise wrong(where, "a component and a multi-index", value)
    whole(0, 63)(value[0], f"{where}[0]")
    ORDERS(value[1], f"{where}[1]")


def monomial(value: Any, where: str) -> None:
    """A term of an equation: coefficient, factors, outer derivative, component."""
    if type(value) is not list or len(value) != 4:
        raise wrong(where, "a coefficient, factors, a multi-index and a component", value)
    real(value[0], f"{where}[0]")
    listed(factor, 0, 8)(value[1], f"{where}[1]")
    ORDERS(value[2], f"{where}[2]")
    whole(0, 63)(value[3], f"{where}[3]")


DERIVATIVES = either(word, listed(either(INDEX, listed(term, 1, 64)), 1, 64))

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
    "FiniteDifference": {
        **LAYER,
        "derivatives": DERIVATIVES,
        "accuracy": whole(1, 12),
        "spacing": SPACING,
        "boundary": word,
        "learned": flag,
        "side": either(word, listed(word, 1, 3)),
    },
    "MethodOfLines": {
        **LAYER,
        "right_hand_side": Part("PolynomialRightHandSide", "TwoLayerRightHandSide"),
        "integrator": word,
        "dt": real,
        "steps": STEPS,
        "conserve": optional(word),
    },
    "PolynomialRightHandSide": {
        **LAYER,
        "equation": Part("Equation"),
        "spacing": SPACING,
        "boundary": word,
        "accuracy": either(word, whole(1, 12)),
        "upwind": flag,
        "learned": flag,
    },
    "TwoLayerRightHandSide": {
        **LAYER,
        "filters": FILTERS,
        "kernel_size": KERNEL_SIZE,
        "squares": whole(0, limits.FILTERS),
        "scale": real,
        "ndim": whole(1, 3),
        "components": whole(1, 64),
        "boundary": word,
    },
    "Equation": {
        "terms": listed(monomial, 1, 256),
        "ndim": whole(1, 3),
        "name": word,
        "ranges": listed(listed(real, 2, 2), 1, 64),
    },
}

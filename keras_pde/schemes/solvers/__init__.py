"""Solvers of the implicit step u + τKᵀΦ(Ku) = f, and of equilibria z = Φ(Az + f).

In architecture each iteration is a layer of a recurrent network with a skip from f. With
q = τL‖K‖² and m = τμ‖K‖² (L = sup Φ′, −μ = inf Φ′):

| solver              | an iteration               | iterations grow with | needs                  |
|---------------------|----------------------------|----------------------|------------------------|
| `FixedPoint`        | K, Φ, Kᵀ                   | 1 + q                | if undamped: q < 1     |
| `Accelerated`       | K, Φ, Kᵀ                   | √(1 + q)             | nothing                |
| `Anderson`          | K, Φ, Kᵀ, 2·memory states  | about √(1 + q)       | nothing                |
| `LaggedDiffusivity` | about √(1 + q) times K, Kᵀ | hardly               | g ≥ 0                  |

All work sample by sample and hold what has converged. Where the solution is unique (m < 1) the
result is the same to the tolerance. `Solver` says how they are kept from diverging.

The first three also solve equilibria that contract in the maximum norm, where q and m mean the same
(W3). Those with a monotone matrix are split:

| solver             | an iteration    | iterations grow with | needs              |
|--------------------|-----------------|----------------------|--------------------|
| `ForwardBackward`  | A, Φ            | ((1 + q)/(1 − m))²   | Φ a projection     |
| `PeacemanRachford` | (I − A)⁻¹, Φ, A | (1 + q)/(1 − m)      | Φ a projection     |
"""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.runtime.registry import find
from keras_pde.schemes.solvers.accelerated import Accelerated
from keras_pde.schemes.solvers.anderson import Anderson
from keras_pde.schemes.solvers.equation import CONTRACTION, GRADIENT, MONOTONE
from keras_pde.schemes.solvers.fixed_point import FixedPoint
from keras_pde.schemes.solvers.lagged_diffusivity import LaggedDiffusivity
from keras_pde.schemes.solvers.solver import Solver
from keras_pde.schemes.solvers.splitting import ForwardBackward, PeacemanRachford

__all__ = [
    "Accelerated",
    "Anderson",
    "FixedPoint",
    "ForwardBackward",
    "LaggedDiffusivity",
    "PeacemanRachford",
    "Solver",
    "get",
    "serialize",
]

_BY_NAME: dict[str, type[Solver]] = {
    cls.key: cls
    for cls in (
        FixedPoint,
        Accelerated,
        Anderson,
        LaggedDiffusivity,
        ForwardBackward,
        PeacemanRachford,
    )
}

_JACOBIANS = {
    GRADIENT: "symmetric",
    CONTRACTION: "that of a contraction in the maximum norm",
    MONOTONE: "that of a monotone matrix behind a projection",
}


def get(identifier: str | dict[str, Any] | Solver, equation: str = GRADIENT) -> Solver:
    """Find a solver by name, by configuration, or return the solver given.

    Args:
        identifier: the name, the configuration or the solver.
        equation: what it is to solve: "gradient" for implicit steps, "contraction" or "monotone"
            for equilibria.

    Raises:
        ValueError: no solver of that name; the message lists the near ones. One that does not solve
            such equations.

    Example:
        >>> from keras_pde import solvers
        >>> solvers.get("fixed_point")
        FixedPoint(damping='auto')
    """
    found = find("solver", Solver, _BY_NAME, identifier, "keras_pde.solvers.Solver")
    if equation not in found.equations:
        able = [key for key, cls in _BY_NAME.items() if equation in cls.equations]
        raise ValueError(
            f"The solver {found.name!r} is not proved to converge for this equation, whose Jacobian"
            f" is {_JACOBIANS[equation]}. Use {' or '.join(map(repr, able))}."
        )
    return found


def serialize(solver: Solver) -> dict[str, Any]:
    """Write a solver as a configuration that `get` reads back.

    Example:
        >>> from keras_pde import solvers
        >>> solvers.get(solvers.serialize(solvers.Anderson(memory=3)))
        Anderson(memory=3, regularization=1e-08)
    """
    return keras.saving.serialize_keras_object(solver)

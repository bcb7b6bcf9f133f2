"""Solvers of the implicit step u + τKᵀΦ(Ku) = f.

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
"""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.runtime.registry import find
from keras_pde.schemes.solvers.accelerated import Accelerated
from keras_pde.schemes.solvers.anderson import Anderson
from keras_pde.schemes.solvers.fixed_point import FixedPoint
from keras_pde.schemes.solvers.lagged_diffusivity import LaggedDiffusivity
from keras_pde.schemes.solvers.solver import Solver

__all__ = [
    "Accelerated",
    "Anderson",
    "FixedPoint",
    "LaggedDiffusivity",
    "Solver",
    "get",
    "serialize",
]

_BY_NAME: dict[str, type[Solver]] = {
    cls.key: cls for cls in (FixedPoint, Accelerated, Anderson, LaggedDiffusivity)
}


def get(identifier: str | dict[str, Any] | Solver) -> Solver:
    """Find a solver by name, by configuration, or return the solver given.

    Raises:
        ValueError: no solver of that name; the message lists the near ones.

    Example:
        >>> from keras_pde import solvers
        >>> solvers.get("fixed_point")
        FixedPoint(damping='auto')
    """
    return find("solver", Solver, _BY_NAME, identifier, "keras_pde.solvers.Solver")


def serialize(solver: Solver) -> dict[str, Any]:
    """Write a solver as a configuration that `get` reads back.

    Example:
        >>> from keras_pde import solvers
        >>> solvers.get(solvers.serialize(solvers.Anderson(memory=3)))
        Anderson(memory=3, regularization=1e-08)
    """
    return keras.saving.serialize_keras_object(solver)

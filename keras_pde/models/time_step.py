"""The time step of a scheme: suggested where none is given, refused beyond the stability bound."""

from __future__ import annotations

import math

import numpy as np

from keras_pde.layers.right_hand_side import RightHandSideLayer
from keras_pde.runtime import gate
from keras_pde.schemes.integrators import Verlet
from keras_pde.schemes.integrators.integrator import Integrator

SHARE = 0.9  # of the longest stable step, where no step is given
GROWTH = 0.5  # by whose exponential a state may grow in a step then


def bounded(spectrum: np.ndarray) -> np.ndarray:
    """Eigenvalues without the growth that is the equation's own: Re λ ≤ 0.

    Example:
        >>> from keras_pde.models.time_step import bounded
        >>> bounded(np.array([1.0 + 2j, -3.0])).tolist()
        [2j, (-3+0j)]
    """
    return np.minimum(spectrum.real, 0.0) + 1j * spectrum.imag


def checked_step(
    rhs: RightHandSideLayer, method: Integrator, dt: float | None, conserve: str | None
) -> float:
    """The time step, or a suggested one.

    Raises:
        ValueError: a step beyond the longest stable one; none given where none can be suggested.
    """
    if isinstance(method, Verlet) and not rhs.alternates():
        raise ValueError(
            "Verlet's method is for systems of positions and velocities, of which each drives the"
            " other alone, such as 'wave'. Take another integrator, such as 'rk4'."
        )
    if dt is None:
        spectrum = rhs.spectrum(of_range=True)
        longest = method.longest_step(bounded(spectrum))
        if not 0 < longest < math.inf:
            why = "every step is stable" if longest else "no step is stable"
            why = why if rhs.knows_spectrum else "no bound is known"
            raise ValueError(
                f"dt is needed: {why} for the linear part, by {method.name}, so that none can be"
                " suggested"
            )
        growth = float(spectrum.real.max())
        return min(SHARE * longest, GROWTH / growth if growth > 0 else math.inf)
    dt = gate.number(dt, "dt", low=0, low_open=True)
    if conserve == "norm":
        return dt  # no step grows
    return method.check_step(dt, bounded(rhs.spectrum()))

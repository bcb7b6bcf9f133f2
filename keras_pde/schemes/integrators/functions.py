"""Functions of the linear part L, as multipliers: e^{tL}, φₖ(tL), and (I − aL)⁻¹."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.schemes.integrators.complex_pair import Complex
from keras_pde.schemes.integrators.fourier import is_matrix
from keras_pde.schemes.integrators.phi_functions import (
    inverse_of_matrices,
    phi_functions,
    phi_of_matrices,
)


def phi_multipliers(multipliers: Any, dt: float, highest: int, ndim: int) -> list[Complex]:
    """φ₀(Δt λ), ..., φₕ(Δt λ) of numbers, or of matrices over the channels.

    Args:
        multipliers: λ(ω), as `RightHandSide.multipliers` gives them.
        dt: Δt.
        highest: h.
        ndim: number of spatial axes.
    """
    m = Complex.of(multipliers)
    return (phi_of_matrices if is_matrix(m, ndim) else phi_functions)(dt * m, highest)


def resolvent_multiplier(multipliers: Any, a: float, ndim: int) -> Complex:
    """(1 − aλ(ω))⁻¹ of numbers, or of matrices over the channels.

    Args:
        multipliers: λ(ω), as `RightHandSide.multipliers` gives them.
        a: ≥ 0.
        ndim: number of spatial axes.
    """
    m = Complex.of(multipliers)
    if not is_matrix(m, ndim):
        return (1 - a * m).reciprocal()
    eye = np.eye(int(m.real.shape[-1]))
    one = eye if m.xp is np else m.xp.convert_to_tensor(eye, dtype=m.real.dtype)
    return inverse_of_matrices(-a * m + one)

"""Verlet's method for systems of positions and velocities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.integrator import Integrator
from keras_pde.schemes.integrators.stability import spectrum_of


class Verlet(Integrator):
    r"""v½ = v + ½Δt a(q), q⁺ = q + Δt f(v½), v⁺ = v½ + ½Δt a(q⁺): symplectic, order 2.

    For systems ∂ₜq = f(v), ∂ₜv = a(q): the first half of the channels is q, the second v, as for
    waves with f(v) = v and a(q) = c²Δq. The right-hand side returns f(v) and a(q) in this order.

    It is the same backwards in time and keeps areas of phase space. For f(v) = v and a(q) = −Aq
    with a symmetric A ≥ 0 and Δt²‖A‖ < 4 it keeps the energy ½⟨v, v⟩ + ½⟨q, A(I − ¼Δt²A)q⟩, so
    that states stay bounded for ever. Of an oscillator with the eigenvalues ±iω it is stable for
    Δt ω ≤ 2, and R(z) = 1 + ½z² + z√(1 + ¼z²).

    Source: Verlet (1967); Hairer, Lubich, Wanner (Acta Numerica 12, 2003).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> verlet = integrators.get("verlet")
        >>> verlet.longest_step([3j, -3j]) == 2 / 3
        True
        >>> oscillator = lambda u: ops.stack([u[..., 1], -u[..., 0]], -1)
        >>> u = verlet.step(ops.convert_to_tensor([[[1.0, 0.0]]]), 0.5, oscillator, None)
        >>> [round(float(x), 5) for x in u[0, 0]]
        [0.875, -0.46875]
    """

    name, order, stages = "verlet", 2, 3

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step."""
        half = int(u.shape[-1]) // 2
        q, v = u[..., :half], u[..., half:]
        v = v + (dt / 2) * rhs(u)[..., half:]
        q = q + dt * rhs(ops.concatenate([q, v], -1))[..., :half]
        v = v + (dt / 2) * rhs(ops.concatenate([q, v], -1))[..., half:]
        return ops.concatenate([q, v], -1)

    def amplification(self, z: Any) -> np.ndarray:
        """1 + ½z² + z√(1 + ¼z²)."""
        z = np.asarray(z, np.complex128)
        return 1 + z * z / 2 + z * np.sqrt(1 + z * z / 4)

    def longest_step(self, spectrum: Any) -> float:
        """2/max |λ| for imaginary λ; 0 where one has a real part."""
        lam = spectrum_of(spectrum)
        if lam.real.any():
            return 0.0
        size = float(np.abs(lam).max())
        return 2 / size if size else math.inf

    def norm_gain(self, z: Any) -> float:
        """y³/8 + √(1 + y⁶/64), y = max |z|: the norm of a step in the coordinates (ωq, v).

        A step of an oscillator is no normal map: its norm exceeds 1, and its powers stay bounded.
        """
        cubed = float(np.abs(np.asarray(z, np.complex128)).max()) ** 3 / 8
        return cubed + math.sqrt(1 + cubed * cubed)

"""Solutions of ∂ₜu = Lu + N(u) to compare networks with: spectral, in float64, by NumPy alone."""

from __future__ import annotations

import numpy as np

from keras_pde.tasks.evolve.equations import Evolution
from keras_pde.tasks.evolve.grid import PeriodicGrid

__all__ = ["SpectralSolver", "exponential", "phi_functions"]

CIRCLE = 32  # points on which φ functions are averaged
TERMS = 18  # of the exponential's series


class SpectralSolver:
    r"""u(t + Δt) of ∂ₜu = Lu + N(u), by Fourier series in space.

    Without N it is û ↦ e^(ΔtL(k)) û, exact in time. With N each Δt is made of a number of steps of
    ETDRK4, of order 4 and exact for the linear part. N of degree d is Galerkin's: of states and of
    N(u), the frequencies from 2/(d + 1) of the highest on are left out, others would fold back.

    Args:
        equation: L and N.
        grid: on which states are given.
        dt: the time Δt of a step.
        substeps: of the integrator in Δt.
        refine: how many times the points the solver's own grid has along each axis.

    Source: Cox and Matthews, Exponential time differencing for stiff systems (2002); Kassam and
    Trefethen, Fourth-order time-stepping for stiff PDEs (2005).

    Example:
        >>> from keras_pde.tasks.evolve.equations import heat
        >>> from keras_pde.tasks.evolve.grid import PeriodicGrid
        >>> from keras_pde.tasks.evolve.spectral import SpectralSolver
        >>> grid = PeriodicGrid((16,), (1.0,))
        >>> wave = np.sin(2 * np.pi * grid.places()[0])[None, ..., None]
        >>> later = SpectralSolver(heat(1), grid, dt=0.01)(wave, 3)
        >>> bool(np.allclose(later, np.exp(-4 * np.pi**2 * 0.03) * wave, atol=1e-14))
        True
    """

    def __init__(
        self,
        equation: Evolution,
        grid: PeriodicGrid,
        dt: float,
        substeps: int = 1,
        refine: int = 1,
    ) -> None:
        self.equation = equation
        self.grid = grid
        self.refine = refine
        self.fine = grid.refined(refine)
        self.substeps = substeps
        symbol = equation.symbol(self.fine)
        if equation.nonlinear is None:
            whole = symbol * dt
            self.factor = exponential(whole) if equation.couples else np.exp(whole)
            return
        z = dt / substeps * symbol
        self.full, self.half = np.exp(z), np.exp(z / 2)
        first, second, third = phi_functions(z)
        step = dt / substeps
        self.inner = step / 2 * phi_functions(z / 2)[0]
        self.weights = (
            step * (first - 3 * second + 4 * third),
            step * (2 * second - 4 * third),
            step * (4 * third - second),
        )
        self.kept = self.fine.low(2 / (equation.degree + 1))[..., None]

    def __call__(self, state: np.ndarray, steps: int = 1) -> np.ndarray:
        """The state (batch, *points, channels) after so many steps of Δt."""
        u = self.fine.forward(self.grid.interpolated(state, self.refine))
        coupled = self.equation.couples
        if self.equation.nonlinear is None:
            for _ in range(steps):
                u = (self.factor @ u[..., None])[..., 0] if coupled else self.factor * u
        else:
            for _ in range(steps * self.substeps):
                u = self._step(u)
        found = self.fine.back(u)
        return found[(slice(None), *[slice(None, None, self.refine)] * self.grid.ndim)]

    def _change(self, u: np.ndarray) -> np.ndarray:
        assert self.equation.nonlinear is not None
        return self.kept * self.equation.nonlinear(self.fine.back(self.kept * u), self.fine)

    def _step(self, u: np.ndarray) -> np.ndarray:
        begin = self._change(u)
        a = self.half * u + self.inner * begin
        at_a = self._change(a)
        b = self.half * u + self.inner * at_a
        at_b = self._change(b)
        c = self.half * a + self.inner * (2 * at_b - begin)
        first, middle, last = self.weights
        return self.full * u + first * begin + middle * (at_a + at_b) + last * self._change(c)


def phi_functions(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """φ₁(z) = (e^z − 1)/z, φ₂ = (φ₁ − 1)/z, φ₃ = (φ₂ − ½)/z, as means over circles around z.

    The quotients themselves lose their digits near 0.

    Example:
        >>> from keras_pde.tasks.evolve.spectral import phi_functions
        >>> [round(float(value.real), 12) for value in phi_functions(np.zeros(()))]
        [1.0, 0.5, 0.166666666667]
    """
    real = np.isrealobj(z)
    angles = np.pi * (2 * np.arange(CIRCLE) + 1) / CIRCLE
    w = np.asarray(z)[..., None] + np.exp(1j * angles)
    first = (np.exp(w) - 1) / w
    second = (first - 1) / w
    third = (second - 0.5) / w
    means = [value.mean(-1) for value in (first, second, third)]
    one, two, three = (value.real if real else value for value in means)
    return one, two, three


def exponential(matrices: np.ndarray) -> np.ndarray:
    """e^A of matrices (..., n, n), by the Taylor series of A/2^s and s squarings.

    Example:
        >>> from keras_pde.tasks.evolve.spectral import exponential
        >>> exponential(np.array([[0.0, 1.0], [0.0, 0.0]])).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """
    largest = float(np.abs(matrices).sum(-1).max())
    halvings = max(0, int(np.ceil(np.log2(max(largest, 1e-300)))) + 1)
    part = matrices / 2**halvings
    total = term = np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape).astype(part.dtype)
    for order in range(1, TERMS):
        term = term @ part / order
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total

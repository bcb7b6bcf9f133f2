"""Solvers of the equations behind the sets, on the points that are given: what learning adds to.

Darcy: −∇·(a∇u) = f by five points, harmonic means of a on the edges, and multigrid cycles. The data
say a and f up to a common factor: −Δu is 50.29 inside one phase and 2.787 inside the other, medians
over the points of the training pairs whose eight neighbours are of their phase. Burgers: u_t + uu_x
= νu_xx with ν = 0.01 on [0, 1) by Cole and Hopf, from the trigonometric polynomial through the
points.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.models.multigrid_unet import MultigridUNet
from keras_pde.operators.boundary import cut, zeros_around
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.problems import StencilProblem

__all__ = ["burgers", "darcy", "solve_edges"]

LAPLACIANS = (50.29, 2.787)  # −Δu inside the phases 0 and 1
VISCOSITY = 0.01
FINE = 1024  # points of Cole and Hopf's transform


def darcy(coefficient: np.ndarray) -> np.ndarray:
    """u of (samples, n, n, 1) phases 0 and 1 at the points i/n, u = 0 at the walls.

    Example:
        >>> from keras_pde.tasks.operate.exact import darcy
        >>> u = darcy(np.zeros((1, 16, 16, 1)))[0, :, :, 0]
        >>> u.shape, round(float(u.max() / 50.29), 4)  # of −Δu = 1: 0.0737
        ((16, 16), 0.0734)
    """
    phases = np.asarray(coefficient, np.float64)
    spread = np.pad(phases, [(0, 0), (0, 1), (0, 1), (0, 0)], "edge")  # to the walls behind
    f = np.where(spread > 0.5, LAPLACIANS[1], LAPLACIANS[0])  # 1/a
    flows = []
    for axis in (1, 2):
        line = cut(f, 3 - axis, 1, -1)
        flows.append(2 / (cut(line, axis, 1, None) + cut(line, axis, None, -1)))
    return np.pad(solve_edges(flows, 1 / phases.shape[1] ** 2), [(0, 0), (1, 0), (1, 0), (0, 0)])


class Edges(StencilProblem):
    """−∇·(c∇u) with a number c for each edge, those to the walls among them; u = 0 beyond.

    The coefficient has, for each axis, the edge before a point and that behind it.
    """

    equation = "-∇·(c∇u) = b, c on the edges"

    def coefficient_channels(self, ndim: int) -> int:
        """Two for each axis."""
        return 2 * ndim

    def apply(self, u: Tensor, coefficient: Tensor | None) -> Tensor:
        """What flows out of each point."""
        c: Any = coefficient
        total = 0 * u
        for axis in range(1, len(u.shape) - 1):
            wide = zeros_around(u, axis, 1, 1)
            before, behind = c[..., 2 * axis - 2 : 2 * axis - 1], c[..., 2 * axis - 1 : 2 * axis]
            total = total + before * (u - cut(wide, axis, None, -2))
            total = total + behind * (u - cut(wide, axis, 2, None))
        return total


@functools.cache
def _solver() -> MultigridUNet:
    return MultigridUNet(Edges())


def solve_edges(flows: Sequence[np.ndarray], source: float) -> np.ndarray:
    r"""u of −∇·(c∇u) = f with a number c for each edge, u = 0 beyond, to a residual of 1e-10.

    Args:
        flows: c, axis by axis, (samples, \*spatial, 1): along its own axis an array has an edge
            before each point and one after the last.
        source: f times the squared spacing.

    Example:
        >>> from keras_pde.tasks.operate.exact import solve_edges
        >>> print(solve_edges([np.ones((1, 4, 1))], 1.0)[0, :, 0].round(6))
        [1.5 2.  1.5]
    """
    sides = []
    for axis, flow in enumerate(flows, start=1):
        sides += [cut(flow, axis, None, -1), cut(flow, axis, 1, None)]
    coefficient = np.concatenate(sides, -1)
    b = np.full((*coefficient.shape[:-1], 1), source)
    found = _solver().solve([b, coefficient], tolerance=1e-10)
    if not found.converged:
        raise RuntimeError(f"The equation of the edges was not solved: {found}")
    return found.x


def burgers(state: np.ndarray, times: int = 16) -> np.ndarray:
    """The states at the times 1/16, 2/16, … of (samples, n, 1) states of mean zero at i/n.

    Example:
        >>> from keras_pde.tasks.operate.exact import burgers
        >>> u = 1e-3 * np.sin(2 * np.pi * np.arange(16) / 16)[None, :, None]
        >>> decay = np.exp(-0.01 * (2 * np.pi) ** 2)  # of a small wave until t = 1
        >>> bool(np.abs(burgers(u)[0, :, -1] / 1e-3 - decay * u[0, :, 0] / 1e-3).max() < 0.05)
        True
    """
    u = np.asarray(state, np.float64)[..., 0]
    n = u.shape[-1]
    waves = np.zeros((len(u), FINE // 2 + 1), complex)
    waves[:, : n // 2 + 1] = np.fft.rfft(u) * FINE / n
    waves[:, n // 2] /= 2
    k = 2j * np.pi * np.arange(FINE // 2 + 1)
    integral = np.fft.irfft(np.divide(waves, k, out=np.zeros_like(waves), where=k != 0), FINE)
    # u = −2ν(log θ)_x, where θ solves the heat equation
    theta = np.fft.rfft(np.exp(-integral / (2 * VISCOSITY)))
    found = []
    for time in np.arange(1, times + 1) / 16:
        spread = theta * np.exp(VISCOSITY * k**2 * time)
        quotient = np.fft.irfft(k * spread, FINE) / np.fft.irfft(spread, FINE)
        found.append(-2 * VISCOSITY * quotient[:, :: FINE // n])
    return np.stack(found, -1)

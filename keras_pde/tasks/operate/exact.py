"""Solvers of the equations behind the sets, on the points that are given: what learning adds to.

Darcy: −∇·(a∇u) = f by five points, harmonic means of a on the edges, and a direct solve. The data
say a and f up to a common factor: −Δu is 50.29 inside one phase and 2.787 inside the other (medians
over the training pairs). Burgers: u_t + uu_x = νu_xx with ν = 0.01 on [0, 1) by Cole and Hopf, from
the trigonometric polynomial through the points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    found = []
    for phases in np.asarray(coefficient)[..., 0]:
        n = len(phases)
        a = np.where(
            np.pad(phases, [(0, 1), (0, 1)], "edge") > 0.5, *(1 / f for f in LAPLACIANS[::-1])
        )
        flows = []
        for axis in (0, 1):
            line = np.moveaxis(a, axis, 0)[:, 1:-1]
            flows.append(np.moveaxis(2 / (1 / line[1:] + 1 / line[:-1]), 0, axis))
        found.append(np.pad(solve_edges(flows, 1 / n**2), [(1, 0), (1, 0)]))
    return np.stack(found)[..., None]


def solve_edges(flows: Sequence[np.ndarray], source: float) -> np.ndarray:
    """u of A u = f for −∇·(c∇u) with a number c for each edge, u = 0 beyond, by a direct solve.

    Args:
        flows: c, axis by axis: along its own axis an array has an edge before each point and one
            after the last.
        source: f times the squared spacing.

    Example:
        >>> from keras_pde.tasks.operate.exact import solve_edges
        >>> print(solve_edges([np.ones(4)], 1.0))
        [1.5 2.  1.5]
    """
    import scipy.sparse
    import scipy.sparse.linalg

    sizes = tuple(n - (axis == 0) for axis, n in enumerate(flows[0].shape))
    number = np.arange(int(np.prod(sizes))).reshape(sizes)
    diagonal, rows, columns, values = np.zeros(sizes), [], [], []
    for axis, flow in enumerate(flows):
        c, k = np.moveaxis(flow, axis, 0), np.moveaxis(number, axis, 0)
        diagonal += np.moveaxis(c[1:] + c[:-1], 0, axis)
        for one, two in ((k[1:], k[:-1]), (k[:-1], k[1:])):
            rows.append(one.ravel())
            columns.append(two.ravel())
            values.append(-c[1:-1].ravel())
    places = (np.concatenate([number.ravel(), *rows]), np.concatenate([number.ravel(), *columns]))
    matrix = scipy.sparse.csc_matrix((np.concatenate([diagonal.ravel(), *values]), places))
    return scipy.sparse.linalg.spsolve(matrix, np.full(number.size, source)).reshape(sizes)


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

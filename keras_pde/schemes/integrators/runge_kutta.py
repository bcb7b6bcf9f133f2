"""Explicit Runge-Kutta methods, each one table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.integrator import Integrator
from keras_pde.schemes.integrators.right_hand_side import RightHandSide
from keras_pde.schemes.integrators.stability import longest_stable

TOLERANCE = 1e-9  # of an order condition
MOST_SSP = 1e4


class RungeKutta(Integrator):
    r"""kᵢ = F(u + Δt Σⱼ aᵢⱼkⱼ), u⁺ = u + Δt Σᵢ bᵢkᵢ, with aᵢⱼ = 0 for j ≥ i.

    The table says all: R(z) = 1 + Σₖ zᵏ bᵀAᵏ⁻¹e is a polynomial, the order (up to 4) follows from
    the order conditions, and the coefficient ``ssp`` is the radius of absolute monotonicity: steps
    up to ``ssp`` times those for which Euler's step keeps a convex bound, such as the max-min
    principle or total variation, keep it too.

    Args:
        name: by which `register` makes it known.
        matrix: A, strictly lower triangular.
        weights: b, with Σb = 1.

    Raises:
        ValueError: a table that is not explicit, or of order 0.

    Source: Butcher (1964); Shu, Osher (1988); Kraaijevanger (BIT 31, 1991).

    Example:
        >>> from keras_pde.schemes import integrators
        >>> heun = integrators.RungeKutta("my_heun", [[0, 0], [1, 0]], [0.5, 0.5])
        >>> heun.order, heun.stages, round(heun.ssp, 6), heun.coefficients.tolist()
        (2, 2, 1.0, [1.0, 1.0, 0.5])
    """

    def __init__(
        self, name: str, matrix: Sequence[Sequence[float]], weights: Sequence[float]
    ) -> None:
        a = gate.array(np.asarray(matrix, float), "matrix", ranks=(2,))
        b = gate.array(np.asarray(weights, float), "weights", ranks=(1,))
        if a.shape != (len(b), len(b)) or np.triu(a).any():
            raise ValueError(
                "An explicit method needs a strictly lower triangular matrix, as many rows as"
                f" weights. Received: matrix={a.tolist()}, weights={b.tolist()}"
            )
        self.name = name
        self.matrix, self.weights = a, b
        self.stages = len(b)
        self.order = order_of(a, b)
        if not self.order:
            raise ValueError(f"The weights of a method add up to 1. Received: sum {b.sum():.6g}")
        self.ssp = ssp_coefficient(a, b)
        powers = [np.ones(len(b))]
        for _ in range(len(b) - 1):
            powers.append(a @ powers[-1])
        self.coefficients = np.array([1.0] + [float(b @ p) for p in powers])
        self.linear_ssp = threshold_factor(self.coefficients)

    def step(self, u: Tensor, dt: float, rhs: Any, prepared: Any) -> Tensor:
        """The state after one step, stage by stage in a loop, see `runtime.loops`."""
        if self.stages == 1 or (isinstance(rhs, RightHandSide) and rhs.written_out):
            slopes: list[Tensor] = []
            for row in self.matrix:
                slopes.append(rhs(_advanced(u, dt, row, slopes)))
            return _advanced(u, dt, self.weights, slopes)
        kept = self.stages - 1
        # where each stage looks at the last slope alone, no others are kept
        chained = not np.tril(self.matrix, -2).any()
        sizes = np.diag(self.matrix[1:, :-1])[None] if chained else self.matrix[:, :kept].T
        if chained:
            sizes, kept = np.concatenate([[[0.0]], sizes], axis=1), 1

        def stage(state: list[Tensor], factors: list[Tensor]) -> list[Tensor]:
            total, *slopes = state
            weight, here, *own = factors
            v = u
            for factor, slope in zip(own, slopes, strict=True):
                v = v + factor * slope
            new = rhs(v)
            if chained:
                return [total + weight * new, new]
            put = [ops.where(here == j, new, slope) for j, slope in enumerate(slopes)]
            return [total + weight * new, *put]

        factors = [dt * self.weights, np.arange(self.stages), *(dt * sizes)]
        start = [u, *[ops.zeros_like(u)] * kept]
        dtypes = [u.dtype, "int32", *[u.dtype] * kept]
        tensors = [ops.convert_to_tensor(x, dtype=d) for x, d in zip(factors, dtypes, strict=True)]
        return repeat(stage, start, tensors)[0]

    def amplification(self, z: Any) -> np.ndarray:
        """R(z), by Horner's rule."""
        return np.polynomial.polynomial.polyval(np.asarray(z, np.complex128), self.coefficients)

    def longest_step(self, spectrum: Any) -> float:
        """The largest Δt with |R(sλ)| ≤ 1 for all s in [0, Δt] and all λ, by polynomial roots."""
        return longest_stable(self.coefficients, spectrum)


def _advanced(u: Tensor, dt: float, factors: np.ndarray, slopes: list[Tensor]) -> Tensor:
    for factor, slope in zip(factors, slopes, strict=False):
        if factor:
            u = u + (dt * float(factor)) * slope
    return u


def order_of(a: np.ndarray, b: np.ndarray) -> int:
    """The order of a table by Butcher's conditions, as far as 4.

    Example:
        >>> from keras_pde.schemes.integrators.runge_kutta import order_of
        >>> order_of(np.array([[0.0, 0.0], [0.5, 0.0]]), np.array([0.0, 1.0]))
        2
    """
    c = a.sum(axis=1)
    conditions = [
        [(b.sum(), 1.0)],
        [(b @ c, 1 / 2)],
        [(b @ c**2, 1 / 3), (b @ a @ c, 1 / 6)],
        [
            (b @ c**3, 1 / 4),
            (b @ (c * (a @ c)), 1 / 8),
            (b @ a @ c**2, 1 / 12),
            (b @ a @ a @ c, 1 / 24),
        ],
    ]
    for order, of_order in enumerate(conditions):
        if any(not math.isclose(x, y, abs_tol=TOLERANCE) for x, y in of_order):
            return order
    return len(conditions)


def ssp_coefficient(a: np.ndarray, b: np.ndarray) -> float:
    """The radius of absolute monotonicity of a table: how many of Euler's steps one step is worth.

    The largest r with K(I + rK)⁻¹ ≥ 0 and rK(I + rK)⁻¹e ≤ 1, for K = [[A, 0], [bᵀ, 0]]. All
    smaller r have both, so that bisection finds it.

    Source: Kraaijevanger (BIT 31, 1991); Gottlieb, Ketcheson, Shu (2011).

    Example:
        >>> from keras_pde.schemes.integrators.runge_kutta import ssp_coefficient
        >>> ssp_coefficient(np.array([[0.0, 0.0], [0.5, 0.0]]), np.array([0.0, 1.0]))     # midpoint
        0.0
    """
    n = len(b)
    k = np.zeros((n + 1, n + 1))
    k[:n, :n], k[n, :n] = a, b

    def holds(r: float) -> bool:
        m = k @ np.linalg.inv(np.eye(n + 1) + r * k)
        return bool((m >= -1e-12).all() and (r * m.sum(axis=1) <= 1 + 1e-12).all())

    return _largest(holds)


def _largest(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, MOST_SSP
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low if low > 1e-6 else 0.0


def threshold_factor(coefficients: np.ndarray) -> float:
    """The largest r such that R(z) = Σⱼ aⱼ(1 + z/r)ʲ with all aⱼ ≥ 0: ssp for linear F.

    The aⱼ are, up to factors > 0, the derivatives of R at −r, and stay ≥ 0 on the way to r.

    Source: Spijker (Numer. Math. 42, 1983).

    Example:
        >>> from keras_pde.schemes.integrators.runge_kutta import threshold_factor
        >>> round(threshold_factor(np.array([1.0, 1.0, 1 / 2])), 6)
        1.0
    """
    derivatives = [
        np.polynomial.polynomial.polyder(coefficients, j) for j in range(len(coefficients))
    ]

    def holds(r: float) -> bool:
        return all(np.polynomial.polynomial.polyval(-r, d) >= -1e-12 for d in derivatives)

    return _largest(holds)


def euler() -> RungeKutta:
    """u⁺ = u + Δt F(u): order 1, stable for |1 + Δt λ| ≤ 1.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> integrators.euler().longest_step([-1.0])
        2.0
    """
    return RungeKutta("euler", [[0]], [1])


def heun() -> RungeKutta:
    """Heun's method, order 2, ssp 1: u⁺ = ½u + ½E(E(u)) with Euler's step E.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> round(integrators.heun().longest_step([-1.0]), 9)
        2.0
    """
    return RungeKutta("heun", [[0, 0], [1, 0]], [1 / 2, 1 / 2])


def ssp_rk3() -> RungeKutta:
    """The method of Shu and Osher, order 3, ssp 1: real stability 2.5127, imaginary √3.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> [round(integrators.ssp_rk3().longest_step([x]), 4) for x in (-1, 1j)]
        [2.5127, 1.7321]
    """
    return RungeKutta("ssp_rk3", [[0, 0, 0], [1, 0, 0], [1 / 4, 1 / 4, 0]], [1 / 6, 1 / 6, 2 / 3])


def rk4() -> RungeKutta:
    """The classical method of order 4: real stability 2.7853, imaginary 2√2.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> [round(integrators.rk4().longest_step([x]), 4) for x in (-1, 1j)]
        [2.7853, 2.8284]
    """
    return RungeKutta(
        "rk4",
        [[0, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 1 / 2, 0, 0], [0, 0, 1, 0]],
        [1 / 6, 1 / 3, 1 / 3, 1 / 6],
    )

"""Anderson: combine the last steps so that the residual, were F linear, would be least."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.equation import Equation
from keras_pde.schemes.solvers.solver import Solver, damping


@keras.saving.register_keras_serializable(package="keras_pde")
class Anderson(Solver):
    """uˡ⁺¹ = uˡ − wF(uˡ) − Σⱼγⱼ(Δuⱼ − wΔFⱼ), with differences Δ over the last steps.

    γ = argmin ‖F(uˡ) − Σⱼγⱼ ΔFⱼ‖² + ε Σⱼ‖ΔFⱼ‖²γⱼ², for each sample its own.

    For a linear Φ and enough memory it is as fast as conjugate residuals, without knowing the
    condition; a nonlinear Φ needs more memory, not another formula. Steps are safeguarded (see
    `Solver`), so it converges wherever the damped fixed point does. Cost: K, Φ and Kᵀ an iteration,
    and 2·memory states to keep and combine.

    Args:
        memory: number of steps that are combined.
        regularization: ε > 0, relative to each column ΔFⱼ; raised to the rounding error of the
            precision in use.

    Raises:
        ValueError: memory < 1, regularization ≤ 0.

    Source: Anderson (1965); Walker, Ni (2011); safeguards: Zhang, O'Donoghue, Boyd,
    arXiv:1808.03971 (2018).

    Example:
        >>> from keras_pde import ImplicitDiffusion, solvers
        >>> layer = ImplicitDiffusion("forward", step_size=5.0, solver=solvers.Anderson(memory=8))
        >>> bool(ops.all(layer.solve(keras.random.normal((2, 16, 16, 1), seed=0)).converged))
        True
    """

    key = "anderson"
    safeguarded = True

    def __init__(self, memory: int = 5, regularization: float = 1e-8) -> None:
        self.memory = gate.whole(memory, "memory", low=1)
        self.regularization = gate.number(regularization, "regularization", low=0, low_open=True)

    def start(self, equation: Equation) -> list[Tensor]:
        """Columns Δu and ΔF, (batch, memory, unknowns), all zero."""
        flat = ops.reshape(equation.f, (ops.shape(equation.f)[0], 1, -1))
        zeros = ops.tile(ops.zeros_like(flat), (1, self.memory, 1))
        return [zeros, zeros]

    def advance(
        self, equation: Equation, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The combined step; without memory the damped one."""
        du, dr = memory
        w = damping(equation.q, equation.m)
        column = ops.reshape(r, (ops.shape(r)[0], -1, 1))
        lengths = ops.max(ops.abs(dr), axis=-1, keepdims=True)
        # squares of small differences would underflow
        unit = dr / ops.where(lengths > 0, lengths, 1)
        gamma = self._least_squares(
            ops.matmul(unit, ops.transpose(unit, (0, 2, 1))), ops.matmul(unit, column)
        )
        gamma = gamma / ops.where(lengths > 0, lengths, 1)
        change = ops.reshape(ops.sum(gamma * (du - w * dr), axis=1), ops.shape(u))
        return u - w * r - change, memory

    def _least_squares(self, gram: Tensor, right: Tensor) -> Tensor:
        """γ of (G + ε diag G)γ = b, (batch, memory, 1), by LDLᵀ with G scaled to a unit diagonal.

        γ is 0 for columns of zeros.
        """
        n = self.memory
        floor = max(
            self.regularization,
            8 * n * float(np.finfo(keras.backend.standardize_dtype(gram.dtype)).eps),
        )
        diagonal = [gram[:, i, i] for i in range(n)]
        root = [ops.rsqrt(ops.where(d > 0, d, ops.ones_like(d))) for d in diagonal]
        a = [
            [gram[:, i, j] * root[i] * root[j] + (floor if i == j else 0.0) for j in range(i + 1)]
            for i in range(n)
        ]
        lower: list[list[Tensor]] = [[None] * n for _ in range(n)]
        pivots: list[Tensor] = []
        y: list[Tensor] = []
        for i in range(n):
            for j in range(i):
                lower[i][j] = (
                    a[i][j] - sum(lower[i][k] * lower[j][k] * pivots[k] for k in range(j))
                ) / pivots[j]
            # rounding can take a pivot below the ε that it is at least
            pivots.append(
                ops.maximum(a[i][i] - sum(lower[i][k] ** 2 * pivots[k] for k in range(i)), floor)
            )
            y.append(right[:, i, 0] * root[i] - sum(lower[i][k] * y[k] for k in range(i)))
        x: list[Tensor] = [None] * n
        for i in reversed(range(n)):
            x[i] = y[i] / pivots[i] - sum(lower[k][i] * x[k] for k in range(i + 1, n))
        return ops.stack([v * s for v, s in zip(x, root, strict=True)], axis=1)[..., None]

    def learn(self, memory: list[Tensor], du: Tensor, dr: Tensor) -> list[Tensor]:
        """Put the latest step first."""
        return [
            ops.concatenate([ops.reshape(new, (ops.shape(new)[0], 1, -1)), old[:, :-1]], axis=1)
            for new, old in zip((du, dr), memory, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"memory": self.memory, "regularization": self.regularization}

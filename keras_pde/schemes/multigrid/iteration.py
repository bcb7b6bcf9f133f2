"""Cycles until convergence: the residual in float64, the correction in the model's own precision.

For a linear operator one cycle from x is x + C(b − Ax) with C the cycle from 0. So only the
residual needs float64, and the cycles run in float32 at half the traffic: defect correction, which
reaches the accuracy of float64 all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime.compiling import compiled, double_precision
from keras_pde.runtime.types import Tensor

__all__ = ["Solution", "iterate"]

# cycles without a new least residual after which rounding is taken to be all that is left
PATIENCE = 4
REPLACED = 10  # steps of conjugate gradients after which b − Ax is computed anew
PATIENCE_CONJUGATE = 50  # the residual of conjugate gradients may rise for long


@dataclass(frozen=True)
class Solution:
    """What `MultigridUNet.solve` returns.

    Args:
        x: the solution, float64, shape of b; ``np.asarray(solution)`` is it too.
        residuals: ‖b − Ax‖/‖b‖ before the first and after each cycle, shape (cycles + 1, batch);
            conjugate gradients update it, and every tenth and the last one are computed anew.
        tolerance: what was asked for.
        converged: whether every sample reached it.

    Example:
        >>> from keras_pde import MultigridUNet
        >>> solution = MultigridUNet("poisson").solve(np.ones((1, 31, 31, 1)))
        >>> solution.converged, solution.factor < 0.1, np.asarray(solution).shape
        (True, True, (1, 31, 31, 1))
    """

    x: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    tolerance: float
    converged: bool

    @property
    def cycles(self) -> int:
        """Number of cycles run."""
        return len(self.residuals) - 1

    @property
    def factor(self) -> float:
        """Mean factor of the residual's reduction a cycle, of the slowest sample."""
        first, last = self.residuals[0], self.residuals[-1]
        ratios = last[first > 0] / first[first > 0]
        return float(ratios.max() ** (1 / self.cycles)) if self.cycles and ratios.size else 0.0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """x, so that NumPy takes a solution for its array."""
        return np.array(self.x, dtype=dtype, copy=copy)

    def __str__(self) -> str:
        how = "converged" if self.converged else f"NOT converged to {self.tolerance:g}"
        residual = self.residuals[-1].max(initial=0)
        return (
            f"{how}: relative residual {residual:.2e} after {self.cycles} cycles,"
            f" factor {self.factor:.3f} a cycle"
        )


@dataclass(repr=False)
class Iteration:
    """Compiled pieces of the iteration for one shape.

    Args:
        prepare: mask, coefficient or a vector that stands for none ↦ data of the levels.
        cycle: (b, x or None, data) ↦ one cycle, in the working precision.
        residual: (b, x, data) ↦ b − Ax in float64.
        dtype: working precision of a correction; None for a nonlinear operator, whose cycles run in
            float64 themselves.
    """

    prepare: Callable[..., Any]
    cycle: Callable[..., Any]
    residual: Callable[..., Any]
    dtype: str | None

    def __post_init__(self) -> None:
        # apart from the norms: in one program XLA would compute each residual again inside the sum
        # over it, on one thread
        self.norms = compiled(_norms)
        self.products = compiled(self._products)
        self.prepare = compiled(self.prepare)
        self.residual = compiled(self.residual)
        self.advance = compiled(self._advance)
        self.correct = compiled(self._correction)
        self.direct = compiled(self._direct)

    def _correction(self, r: Tensor, norm: Tensor, data: list[Tensor]) -> Tensor:
        scale = ops.where(norm > 0, norm, ops.ones_like(norm))
        return ops.cast(self.cycle(ops.cast(r / scale, self.dtype), None, data), "float64") * scale

    def _advance(self, b: Tensor, x: Tensor, r: Tensor, norm: Tensor, data: list[Tensor]) -> Tensor:
        return self.cycle(b, x, data) if self.dtype is None else x + self._correction(r, norm, data)

    def step(self, b: Tensor, state: list[Tensor], data: list[Tensor]) -> list[Tensor]:
        """One cycle: [x, r, ‖r‖] ↦ the next."""
        x = self.advance(b, *state, data)
        r = self.residual(b, x, data)
        return [x, r, self.norms(r)]

    def _products(
        self, z: Tensor, r: Tensor, old_r: Tensor, old_p: Tensor, old_rz: Tensor
    ) -> Tensor:
        rz = _dot(z, r)
        # Polak-Ribière: a cycle need be neither symmetric nor the same at every step
        return z + _quotient(rz - _dot(z, old_r), old_rz) * old_p, rz

    def _direct(self, x: Tensor, r: Tensor, p: Tensor, image: Tensor) -> list[Tensor]:
        alpha = _quotient(_dot(p, r), _dot(p, image))
        return [x + alpha * p, r - alpha * image]

    def conjugate_step(self, b: Tensor, state: list[Tensor], data: list[Tensor]) -> list[Tensor]:
        """One step of flexible conjugate gradients, preconditioned by a cycle.

        [x, r, ‖r‖, p, old r, old ⟨r, z⟩] ↦ the next, with r less what the step takes from it.
        """
        x, r, norm, p, old_r, old_rz = state
        p, rz = self.products(self.correct(r, norm, data), r, old_r, p, old_rz)
        image = -self.residual(ops.zeros_like(b), p, data)
        x, new = self.direct(x, r, p, image)
        return [x, new, self.norms(new), p, r, rz]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return ops.sum(a * b, axis=tuple(range(1, len(a.shape))), keepdims=True)


def _norms(r: Tensor) -> Tensor:
    return ops.sqrt(_dot(r, r))


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    return ops.where(
        ops.abs(b) > 0, a / ops.where(ops.abs(b) > 0, b, ops.ones_like(b)), ops.zeros_like(a)
    )


def iterate(
    iteration: Iteration,
    b: np.ndarray,
    guess: np.ndarray | None,
    given: np.ndarray | None,
    scale: np.ndarray | None,
    tolerance: float,
    max_cycles: int,
    callback: Callable[[int, float], None] | None,
    accelerate: bool,
) -> Solution:
    """Cycles until every sample's residual is at most tolerance·‖b‖.

    They also end when none lowers it any more, and after ``max_cycles``.

    Args:
        iteration: the compiled pieces.
        b: right-hand side.
        guess: where to start, 0 if None.
        given: known pixels of an inpainting problem, or a coefficient.
        scale: what residuals are relative to, of each sample; ‖b‖ if None.
        tolerance: of the relative residual.
        max_cycles: at most so many.
        callback: called with (cycle, largest relative residual) after each cycle.
        accelerate: whether conjugate gradients are preconditioned by the cycle.

    Example:
        >>> from keras_pde import MultigridUNet
        >>> MultigridUNet("poisson").solve(np.ones((1, 15, 1)), tolerance=1e-10).cycles > 0
        True
    """
    with double_precision():
        right = ops.convert_to_tensor(b, dtype="float64")
        x = (
            ops.zeros_like(right)
            if guess is None
            else ops.convert_to_tensor(guess, dtype="float64")
        )
        data = iteration.prepare(
            ops.zeros((1,)) if given is None else ops.convert_to_tensor(given, dtype="float64")
        )
        r = right if guess is None else iteration.residual(right, x, data)
        norm = iteration.norms(r)
        size = ops.convert_to_numpy(iteration.norms(right)).reshape(-1) if scale is None else scale
        size = np.where(size > 0, size, 1.0)
        history = [ops.convert_to_numpy(norm).reshape(-1) / size]
        state = (
            [x, r, norm, ops.zeros_like(r), r, ops.zeros_like(norm)] if accelerate else [x, r, norm]
        )
        step = iteration.conjugate_step if accelerate else iteration.step
        best, best_x, since, least = history[0].max(), x, 0, math.inf
        patience = PATIENCE_CONJUGATE if accelerate else PATIENCE
        for cycle in range(1, max_cycles + 1):
            if history[-1].max() <= tolerance or since >= patience:
                break
            state = step(right, state, data)
            left = ops.convert_to_numpy(state[2]).reshape(-1) / size
            if accelerate and (
                left.max() <= tolerance or cycle == max_cycles or cycle % REPLACED == 0
            ):
                r = iteration.residual(right, state[0], data)
                state[1:3] = [r, iteration.norms(r)]
                left = ops.convert_to_numpy(state[2]).reshape(-1) / size
            history.append(left)
            worst = float(history[-1].max())
            if callback is not None:
                callback(cycle, worst)
            if not math.isfinite(worst):
                break
            # of conjugate gradients the residual may rise for long while this norm of it falls
            energy = float(ops.convert_to_numpy(state[5]).max()) if accelerate else math.inf
            since = 0 if worst < 0.9 * best or energy < 0.9 * least else since + 1
            least = min(least, abs(energy))
            if worst < best:
                best, best_x = worst, state[0]
        return Solution(
            ops.convert_to_numpy(best_x), np.stack(history), tolerance, bool(best <= tolerance)
        )

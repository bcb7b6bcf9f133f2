"""Solving A u = b by iterated cycles: what a MultigridUNet without weights can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.models.multigrid_inputs import checked_arrays, spatial_sizes
from keras_pde.runtime.compiling import double_precision
from keras_pde.schemes.multigrid.iteration import Iteration, Solution, iterate


class Solving:
    """Mixin of MultigridUNet: `solve`."""

    _sizes: tuple[int, ...] | None
    _iteration: Iteration | None

    def solve(
        self: Any,
        b: Any,
        tolerance: float = 1e-8,
        *,
        guess: Any = None,
        max_cycles: int = 100,
        callback: Callable[[int, float], None] | None = None,
        accelerate: bool = False,
    ) -> Solution:
        r"""Cycles until ‖b − Ax‖ ≤ tolerance·‖b‖ for every sample, with the residual in float64.

        Args:
            b: NumPy array (batch, \*spatial, channels); for inpainting [f, mask], where the
                residual is relative to that of f itself.
            tolerance: of the relative residual; about 1e-13 is what float64 allows.
            guess: where to start if not from 0 (inpainting: f on the known pixels; nonlinear
                diffusion: b).
            max_cycles: at most so many; the loop also ends when rounding keeps four cycles from
                lowering the residual.
            callback: called with (cycle, largest relative residual) after each cycle.
            accelerate: conjugate gradients preconditioned by the cycle, for a linear symmetric A.

        Returns:
            A `Solution` with x, residuals, cycles and whether it converged.

        Raises:
            ValueError: b not finite or of a wrong shape, b not of mean 0 where A is singular, a
                learned net.

        Example:
            >>> from keras_pde import MultigridUNet
            >>> print(MultigridUNet("screened_poisson").solve(np.ones((1, 20, 30, 1)), 1e-6).converged)
            True
        """
        if self.channels is not None:
            raise ValueError("A learned net is no solver: solve() is for a model without channels")
        if accelerate and not self.problem.linear:
            raise ValueError(
                "Conjugate gradients accelerate linear problems only: use accelerate=False"
            )
        if not tolerance > 0 or max_cycles < 1:
            raise ValueError(
                f"tolerance must be > 0 and max_cycles >= 1. Received: tolerance={tolerance},"
                f" max_cycles={max_cycles}"
            )
        right, mask, start = checked_arrays(self.problem, b, guess)
        if not self.built:
            self.build(right.shape)
        self._sizes = right.shape[1:-1]
        scale = None
        if mask is not None:
            right, scale = self._source(right, mask)
        return iterate(
            self._compiled_iteration(),
            right,
            start,
            mask,
            scale,
            tolerance,
            max_cycles,
            callback,
            accelerate,
        )

    def _source(self: Any, f: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right-hand side of inpainting, and its norm on the unknown pixels.

        That of all is dominated by the known ones.
        """
        with double_precision():
            unknown, tensor = (ops.convert_to_tensor(x, dtype="float64") for x in (1 - known, f))
            (level,) = self.problem.levels(
                self.grids(spatial_sizes(tensor), "float64")[:1], "float64", [unknown]
            )
            right = ops.convert_to_numpy(level.source(tensor))
        return right, np.sqrt(((1 - known) * right**2).sum(axis=tuple(range(1, f.ndim))))

    def _compiled_iteration(self: Any) -> Iteration:
        """Compiled functions, kept: they are traced once for each shape."""
        if self._iteration is None:
            narrow = keras.backend.standardize_dtype(self.variable_dtype) != "float64"
            dtype = ("float32" if narrow else "float64") if self.problem.linear else None

            def prepare(mask: Any) -> Any:
                return (
                    self.problem.prepare(
                        self.grids(spatial_sizes(mask), dtype or "float64"),
                        dtype or "float64",
                        mask,
                    )
                    if self.problem.masked
                    else []
                )

            def residual(b: Any, x: Any, data: Any) -> Any:
                wide = [ops.cast(d, "float64") for d in data[:1]]
                level = self.problem.levels(
                    self.grids(spatial_sizes(b), "float64")[:1], "float64", wide
                )[0]
                return b - level.operator(x)

            self._iteration = Iteration(prepare, self.cycle, residual, dtype)
        return self._iteration

"""MultigridSolver: one multigrid cycle for A u = b without weights, and its iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.models.diagram import flowchart
from keras_pde.models.equation_inputs import EquationInputs
from keras_pde.models.multigrid_inputs import (
    centred,
    checked_arrays,
    spatial_sizes,
)
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import double_precision
from keras_pde.runtime.precision import point_mean
from keras_pde.runtime.types import DType, Inputs, Shape, Tensor
from keras_pde.schemes.multigrid.cycle import Cycle
from keras_pde.schemes.multigrid.cycle_type import CycleType
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.iteration import Iteration, Solution, iterate
from keras_pde.schemes.multigrid.linear_level import DENSE
from keras_pde.schemes.multigrid.problems import Problem
from keras_pde.schemes.multigrid.smoothers import Smoother
from keras_pde.schemes.multigrid.smoothing import plans_for

LEARNED_LEVELS = 4
_NO_THEOREM = "no rule for a multigrid cycle: see the residuals of solve()"


class MultigridSolver(EquationInputs):
    """The cycle of a `MultigridUNet` on given grids, and `solve`, which iterates it.

    Args:
        problem: the equation A u = b.
        cycle_type: order of the grids and numbers of smoothing steps.
        smoother: what damps the rough part of the error.
        levels: number of grids, or "auto": down to one point (learned: 4).
        fas: whether coarse grids solve the full equation, as a nonlinear one needs.
        channels: state channels of a learned net; None without weights.

    Attributes:
        sizes: of the last input whose sizes were known, for `print(model)`; else None.
    """

    def __init__(
        self,
        problem: Problem,
        cycle_type: CycleType,
        smoother: Smoother,
        levels: int | str,
        fas: bool,
        channels: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.problem = problem
        self.cycle_type = cycle_type
        self.smoother = smoother
        self.levels = levels
        self.fas = fas
        self.channels = channels
        self.sizes: tuple[int, ...] | None = None
        self._iteration: Iteration | None = None

    @property
    def description(self) -> str:
        """The kind of cycle."""
        return f"a {self.cycle_type} cycle of multigrid"

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Note rank, channels, and sizes where they are known."""
        super().build(input_shape)
        sizes = self.image_shape(input_shape)[1:-1]
        self.built_sizes = sizes
        if None not in sizes:
            self.sizes = tuple(int(n) for n in sizes)  # type: ignore[arg-type]

    @property
    def export_sizes(self) -> tuple[int | None, ...]:
        """Those it was built for, where the number of levels follows from them, else any."""
        if self.levels != "auto" or self.channels is not None:
            return super().export_sizes
        if self.problem.galerkin or None in self.built_sizes:
            raise ValueError(
                f"{self.name}: the number of levels follows from the sizes, which must be fixed:"
                " size in Python, --size HxW in the command"
            )
        return self.built_sizes

    def grids(
        self, sizes: tuple[Any, ...], dtype: DType = "float32", count: int | None = None
    ) -> list[Grid]:
        """The hierarchy of grids for an image of the given sizes, finest first."""
        wanted = count or (
            LEARNED_LEVELS if self.channels and self.levels == "auto" else self.levels
        )
        if wanted == "auto" and not all(isinstance(n, int) for n in sizes):
            raise ValueError(
                'levels="auto" needs known sizes, and this graph was traced without them: give'
                " levels a number"
            )
        # in 1-D every second point has no seam to suffer from; learned transfers know no others
        circles = self.channels is None and len(sizes) > 1
        grids = [Grid.finest(sizes, self.problem.grid_boundary, dtype, circles=circles)]
        known = wanted == "auto" and grids[0].known
        last = self.problem.coarsest(grids[0].points) if known else 1
        while (
            grids[-1].coarsens
            and (last == 1 or grids[-1].points > last)
            and wanted in ("auto", *range(len(grids) + 1, 99))
        ):
            grids.append(self.problem.coarser(grids[-1]))
        return grids

    def cycle(
        self,
        b: Tensor,
        x: Tensor | None = None,
        data: Any = None,
        record: dict[int, Any] | None = None,
    ) -> Tensor:
        """One cycle of the scheme for A u = b, in the precision of b.

        What a solver's call does, with the levels' data given.
        """
        dtype = keras.backend.standardize_dtype(b.dtype)
        levels = self.problem.levels(self.grids(spatial_sizes(b), dtype), dtype, data)
        last = levels[-1]
        if last.exact and last.grid.coarsens and last.grid.known and last.grid.points > DENSE:
            raise ValueError(
                f"The coarsest of {len(levels)} grids has {last.grid.points} points, and {DENSE}"
                " are solved exactly: give more levels, or 'auto'"
            )
        if self.problem.singular:
            b = mean_removed(b)
        x = Cycle(
            levels,
            plans_for(self.smoother, self.cycle_type, levels),
            self.cycle_type.kind,
            self.fas,
            record,
        )(b, x)
        return mean_removed(x) if self.problem.singular else x

    def diagram(self) -> str:
        """The cycle as a mermaid flowchart."""
        return flowchart("multigrid cycle", self.noise_conditioned)

    def solve(
        self,
        b: Inputs,
        tolerance: float = 1e-8,
        *,
        guess: Tensor | None = None,
        max_cycles: int = 100,
        callback: Callable[[int, float], None] | None = None,
        accelerate: bool | None = None,
    ) -> Solution:
        r"""Cycles until ‖b − Ax‖ ≤ tolerance·‖b‖ for every sample, with the residual in float64.

        Args:
            b: NumPy array (batch, \*spatial, channels); [b, coefficient] of a problem that is given
                one; for inpainting [f, mask], where the residual is relative to that of f itself.
            tolerance: of the relative residual; about 1e-13 is what float64 allows.
            guess: where to start if not from 0 (inpainting: f on the known pixels; nonlinear
                diffusion: b).
            max_cycles: at most so many; the loop also ends when rounding keeps four cycles from
                lowering the residual.
            callback: called with (cycle, largest relative residual) after each cycle.
            accelerate: conjugate gradients preconditioned by the cycle, for a linear symmetric A;
                None is the problem's own choice (yes for those with a coefficient).

        Returns:
            A `Solution` with x, residuals, cycles and whether it converged. Where A is singular, x
            is the solution of mean 0, to the precision of float64. An empty batch has an empty one.

        Raises:
            ValueError: b not real, not finite or of a wrong shape; masked arrays; arguments out of
                range; where A is singular, b of a mean that rounding does not explain (more than
                (64 + √n)·2⁻²⁴ of its root mean square); a learned net.

        Example:
            >>> from keras_pde import MultigridUNet
            >>> solver = MultigridUNet("screened_poisson")
            >>> solver.solve(np.ones((1, 20, 30, 1)), tolerance=1e-6).converged
            True
        """
        if self.channels is not None:
            raise ValueError("A learned net is no solver: solve() is for a model without channels")
        accelerate = gate.flag(
            self.problem.accelerated if accelerate is None else accelerate, "accelerate"
        )
        if accelerate and not self.problem.linear:
            raise ValueError(
                "Conjugate gradients accelerate linear problems only: use accelerate=False"
            )
        tolerance = gate.number(tolerance, "tolerance", low=0, low_open=True)
        max_cycles = gate.whole(max_cycles, "max_cycles", low=1)
        if callback is not None and not callable(callback):
            raise ValueError(
                "callback must be a function of two numbers, or None. Received:"
                f" callback={gate.said(callback)}"
            )
        right, given, start = checked_arrays(self.problem, b, guess)
        if not len(right):
            return Solution(right, np.zeros((1, 0)), tolerance, True)
        if not self.built:
            self.build(right.shape)
        self.sizes = right.shape[1:-1]
        scale = None
        if given is not None and self.problem.masked:
            right, scale = self._source(right, given)
        found = iterate(
            self._compiled_iteration(),
            right,
            start,
            given,
            scale,
            tolerance,
            max_cycles,
            callback,
            accelerate,
        )
        # in float64: a cycle centres in its own precision, and no residual sees a constant
        return replace(found, x=centred(found.x)) if self.problem.singular else found

    def certificate(self) -> Certificate:
        """No bound.

        The theory of multigrid bounds the factor of a cycle by constants that are not computed
        here.
        """
        reasons = dict.fromkeys(("norm", "lipschitz", "averaged", "energy"), _NO_THEOREM)
        return Certificate(self.subject, reasons=reasons)

    def _source(self, f: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right-hand side of inpainting, and its norm on the unknown pixels.

        That of all is dominated by the known ones.
        """
        with double_precision():
            unknown, tensor = (ops.convert_to_tensor(x, dtype="float64") for x in (1 - known, f))
            finest = self.grids(spatial_sizes(tensor), "float64")[0]
            source = self.problem.source(tensor, finest, "float64", [unknown])
            right = ops.convert_to_numpy(source)
        return right, np.sqrt(((1 - known) * right**2).sum(axis=tuple(range(1, f.ndim))))

    def _compiled_iteration(self) -> Iteration:
        """Compiled functions, kept: they are traced once for each shape."""
        if self._iteration is None:
            narrow = keras.backend.standardize_dtype(self.variable_dtype) != "float64"
            dtype = ("float32" if narrow else "float64") if self.problem.linear else None

            def prepare(given: Tensor) -> list[Tensor]:
                sizes = spatial_sizes(given) if len(given.shape) > 1 else self.sizes or ()
                return (
                    self.problem.prepare(
                        self.grids(sizes, dtype or "float64"),
                        dtype or "float64",
                        given if len(given.shape) > 1 else None,
                    )
                    if self.problem.galerkin
                    else []
                )

            def residual(b: Tensor, x: Tensor, data: Any) -> Tensor:
                wide = [ops.cast(d, "float64") for d in data[:1]]
                level = self.problem.levels(
                    self.grids(spatial_sizes(b), "float64")[:1], "float64", wide
                )[0]
                return b - level.operator(x)

            self._iteration = Iteration(prepare, self.cycle, residual, dtype)
        return self._iteration


def mean_removed(x: Tensor) -> Tensor:
    """A tensor less the mean of each sample and channel.

    Example:
        >>> ops.convert_to_numpy(mean_removed(ops.ones((1, 3, 1)))).max().item()
        0.0
    """
    return x - point_mean(x)

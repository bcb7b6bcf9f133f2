r"""A⁻¹b as a function of b and a coefficient, with the exact gradients to both.

u\* = A(a)⁻¹b has du\* = A⁻¹(db − dA u\*). With z(a, b) = b − A(a)u\*, u\* held, that is A⁻¹dz:
so the cotangent of z is λ = A⁻¹ū, one more solve with the same symmetric A, and the backend
differentiates z, a single application of A. Memory does not depend on the number of cycles.

Source: the adjoint method; as implicit layers Bai, Kolter, Koltun, arXiv:1909.01377 (2019).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.layers.implicit_gradient import refuse_twice
from keras_pde.models.multigrid_inputs import spatial_sizes, split_inputs
from keras_pde.models.multigrid_solver import MultigridSolver, mean_removed
from keras_pde.runtime import gate
from keras_pde.runtime.types import Inputs, Tensor
from keras_pde.schemes.solvers.preconditioned import preconditioned_conjugate_gradients


class DifferentiableSolver(MultigridSolver):
    """A `MultigridSolver` whose solution is a tensor with gradients."""

    def solution(self, inputs: Inputs, tolerance: float = 1e-6, max_cycles: int = 100) -> Tensor:
        r"""u = A(a)⁻¹b as a tensor, in the precision of b, with exact gradients to b and a.

        Conjugate gradients, preconditioned by the cycle, run in one loop that compiles; the
        gradient is that of the equation (an adjoint solve), not of the cycles. `solve` is for
        arrays, and takes residuals in float64.

        Args:
            inputs: b, or [b, a].
            tolerance: of the residual, relative to b.
            max_cycles: at most so many; a sample that needs more is NaN, and its gradient too.

        Raises:
            ValueError: a nonlinear or masked problem, a learned net.

        Example:
            >>> import numpy as np
            >>> from keras_pde import MultigridUNet, problems
            >>> model = MultigridUNet(problems.Diffusion(coefficient="cells", boundary="dirichlet"))
            >>> b, a = np.ones((2, 8, 1), "float32"), np.ones((2, 8, 1), "float32")
            >>> u = model.solution([b, a])
            >>> bool(np.allclose(u, model.solve([b, a]).x, atol=1e-4))
            True
        """
        if self.channels is not None or not self.problem.linear or self.problem.masked:
            raise ValueError(
                "solution() is for a linear problem without mask, and without channels. Received:"
                f" {self.problem!r}, channels={self.channels}"
            )
        tolerance = gate.number(tolerance, "tolerance", low=0, low_open=True)
        max_cycles = gate.whole(max_cycles, "max_cycles", low=1)
        self.check_inputs(inputs)
        b, a, x = split_inputs(self.problem, inputs)
        if x is not None:
            raise ValueError("solution() starts from 0: give it b, or [b, a]")
        b, a = (None if t is None else ops.convert_to_tensor(t) for t in (b, a))
        return _inverse(self, b, a, tolerance, max_cycles)


def _inverse(
    model: MultigridSolver, b: Tensor, a: Tensor | None, tolerance: float, max_cycles: int
) -> Tensor:
    """A(a)⁻¹b by conjugate gradients that the model's cycle preconditions."""
    problem, sizes = model.problem, spatial_sizes(b)
    dtype = keras.backend.standardize_dtype(b.dtype)
    grids = model.grids(sizes, dtype)

    def apply(given: Any, u: Tensor) -> Tensor:
        return problem.levels(grids[:1], dtype, [given])[0].operator(u)

    def solve(right: Tensor, given: Any, data: Any) -> Tensor:
        right = mean_removed(right) if problem.singular else right
        x, reached = preconditioned_conjugate_gradients(
            lambda u: apply(given, u),
            lambda r: model.cycle(r, None, data),
            right,
            tolerance,
            max_cycles,
        )
        x = mean_removed(x) if problem.singular else x
        return ops.where(ops.reshape(reached, (-1,) + (1,) * (len(x.shape) - 1)), x, float("nan"))

    held = None if a is None else ops.stop_gradient(a)
    data = problem.prepare(grids, dtype, held)
    b = mean_removed(b) if problem.singular else b
    u = ops.stop_gradient(solve(ops.stop_gradient(b), held, data))
    z = b - apply(a, u)
    flat = keras.tree.flatten(data)

    @ops.custom_gradient
    def solution(z: Tensor, u: Tensor, *tensors: Tensor) -> Any:
        def gradient(*cotangents: Any, upstream: Any = None) -> Any:
            (cotangent,) = cotangents if upstream is None else (upstream,)
            packed = keras.tree.pack_sequence_as(data, list(tensors))
            given = packed[0] if a is not None else None
            found = refuse_twice(solve(cotangent, given, packed), z, *tensors)
            return (found, *[ops.zeros_like(x) for x in (u, *tensors)])

        return u, gradient

    return solution(z, u, *flat)

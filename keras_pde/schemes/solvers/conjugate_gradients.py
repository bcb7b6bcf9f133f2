"""Conjugate gradients for many symmetric systems at once, each with step sizes of its own."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.implicit_step import dot, magnitude, spread


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], right: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor]:
    """x with ‖b − Ax‖ ≤ tolerance·‖b‖ for each sample, from x = 0, with a symmetric A.

    A sample that has converged is held. One that meets a direction with ⟨p, Ap⟩ ≤ 0, in which A is
    not positive, stops with the x it has. Every iterate lowers ½⟨x, Ax⟩ − ⟨b, x⟩.

    Args:
        apply: x ↦ Ax, sample by sample.
        right: b, (batch, ...).
        tolerance: of ‖b − Ax‖/‖b‖.
        max_iterations: products with A at most.

    Returns:
        x, and whether the tolerance was reached, a truth value a sample.

    Example:
        >>> x, reached = conjugate_gradients(lambda x: 2 * x, ops.ones((1, 4)), 1e-6, 10)
        >>> float(x[0, 0]), bool(reached[0])
        (0.5, True)
    """
    scale = spread(magnitude(right), right)
    r = right / scale
    rr = dot(r, r)
    stop = tolerance * tolerance * rr
    state = (ops.zeros((), "int32"), ops.zeros_like(r), r, r, rr, rr > stop)

    def going(k: Tensor, x: Tensor, r: Tensor, p: Tensor, rr: Tensor, active: Tensor) -> Tensor:
        return ops.logical_and(k < max_iterations, ops.any(active))

    def body(
        k: Tensor, x: Tensor, r: Tensor, p: Tensor, rr: Tensor, active: Tensor
    ) -> tuple[Tensor, ...]:
        product = apply(p)
        curvature = dot(p, product)
        active = ops.logical_and(active, curvature > 0)
        alpha = spread(ops.where(active, rr / ops.where(active, curvature, 1.0), 0.0), p)
        x, r = x + alpha * p, r - alpha * product
        new = ops.where(active, dot(r, r), rr)
        beta = spread(ops.where(active, new / ops.where(active, rr, 1.0), 0.0), p)
        return k + 1, x, r, r + beta * p, new, ops.logical_and(active, new > stop)

    _, x, _, _, rr, _ = ops.while_loop(going, body, state)
    return x * scale, rr <= stop

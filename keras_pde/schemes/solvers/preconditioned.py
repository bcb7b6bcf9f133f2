"""Preconditioned conjugate gradients for many symmetric systems at once, in one loop."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.implicit_step import dot, magnitude, spread


def preconditioned_conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    precondition: Callable[[Tensor], Tensor],
    right: Tensor,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, Tensor]:
    """x with ‖r‖ ≤ tolerance·‖b‖ for each sample, from x = 0, with a symmetric A.

    r is the residual that the recurrence r ← r − αAp carries, which rounding of x does not stop. A
    sample that has converged is held. Directions are those of Polak and Ribière, as the
    preconditioner need not be symmetric.

    Args:
        apply: x ↦ Ax, sample by sample.
        precondition: r ↦ an approximation of A⁻¹r.
        right: b, (batch, ...).
        tolerance: of ‖r‖/‖b‖.
        max_iterations: products with A at most.

    Returns:
        x, and whether the tolerance was reached, a truth value a sample.

    Example:
        >>> x, reached = preconditioned_conjugate_gradients(
        ...     lambda x: 2 * x, lambda r: r / 2, ops.ones((1, 4)), 1e-6, 10
        ... )
        >>> float(x[0, 0]), bool(reached[0])
        (0.5, True)
    """
    scale = spread(magnitude(right), right)
    r = right / scale
    stop = tolerance * tolerance * dot(r, r)
    one = ops.ones_like(stop)
    state = (ops.zeros((), "int32"), ops.zeros_like(r), r, r, ops.zeros_like(r), one, stop >= 0)
    state = (*state[:-1], dot(r, r) > stop)

    def going(
        k: Tensor, x: Tensor, r: Tensor, old: Tensor, p: Tensor, rz: Tensor, active: Tensor
    ) -> Tensor:
        return ops.logical_and(k < max_iterations, ops.any(active))

    def body(
        k: Tensor, x: Tensor, r: Tensor, old: Tensor, p: Tensor, rz: Tensor, active: Tensor
    ) -> tuple[Tensor, ...]:
        z = precondition(r)
        new = dot(z, r)
        beta = ops.where(active, (new - dot(z, old)) / ops.where(active, rz, one), 0 * one)
        p = z + ops.where(k > 0, spread(beta, p), 0.0) * p
        product = apply(p)
        curvature = dot(p, product)
        active = ops.logical_and(active, curvature > 0)
        alpha = ops.where(active, dot(p, r) / ops.where(active, curvature, one), 0 * one)
        x, further = x + spread(alpha, p) * p, r - spread(alpha, p) * product
        return k + 1, x, further, r, p, new, ops.logical_and(active, dot(further, further) > stop)

    _, x, r, _, _, _, _ = ops.while_loop(going, body, state)
    return x * scale, dot(r, r) <= stop

"""Conjugate gradients for many symmetric systems at once, each sample with step sizes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_pde.schemes.solvers.implicit_step import dot, magnitude, spread


def conjugate_gradients(
    apply: Callable[[Any], Any], right: Any, tolerance: float, max_iterations: int
) -> tuple[Any, Any]:
    """x with ‖b − Ax‖ ≤ tolerance·‖b‖ for each sample, from x = 0, and whether that was reached.

    A symmetric.

    A sample that has converged is held. One that meets a direction with ⟨p, Ap⟩ ≤ 0, in which A is
    not positive, stops with the x it has. Every iterate lowers ½⟨x, Ax⟩ − ⟨b, x⟩.

    Args:
        apply: x ↦ Ax, sample by sample.
        right: b, (batch, ...).
        tolerance: relative.
        max_iterations: products with A at most.
    """
    scale = spread(magnitude(right), right)
    r = right / scale
    rr = dot(r, r)
    stop = tolerance * tolerance * rr
    state = (ops.zeros((), "int32"), ops.zeros_like(r), r, r, rr, rr > stop)

    def going(k: Any, x: Any, r: Any, p: Any, rr: Any, active: Any) -> Any:
        return ops.logical_and(k < max_iterations, ops.any(active))

    def body(k: Any, x: Any, r: Any, p: Any, rr: Any, active: Any) -> Any:
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

r"""Gradient of an implicit step by the implicit function theorem.

Memory and cost do not depend on the solver's iterations.

At u\* = f − τKᵀΦ_θ(Ku\*) let z(θ, f) = f − τKᵀΦ_θ(Ku\*) with u\* held. Then du\* = dz − τKᵀΦ′K
du\*, so a cotangent ḡ of u\* is the cotangent λ of z with (I + τKᵀΦ′(Ku\*)K)λ = ḡ. The matrix is
symmetric (and positive definite for τμ‖K‖² < 1): λ comes from conjugate gradients with K, Φ′ and Kᵀ
alone, and the backend differentiates z, a single explicit step.

Second derivatives are refused: u\* is held in z, so the derivative of ∂z/∂θ along u\* would be
missing. Not to hold it would take a second linear system for every first derivative.

Source: implicit layers: Bai, Kolter, Koltun, arXiv:1909.01377 (2019); Gilton, Ongie, Willett,
arXiv:2102.07944 (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keras import ops

from keras_pde.schemes.solvers.conjugate_gradients import conjugate_gradients
from keras_pde.schemes.solvers.implicit_step import ImplicitStep


def held(problem: ImplicitStep) -> ImplicitStep:
    """The problem without gradients: to solve it is no part of the graph that is differentiated."""

    def stop(x: Any) -> Any:
        return x if isinstance(x, float | int) else ops.stop_gradient(x)

    return replace(
        problem,
        f=stop(problem.f),
        kernels=[stop(k) for k in problem.kernels],
        step=stop(problem.step),
        parameters=[stop(p) for p in problem.parameters],
        q=stop(problem.q),
        m=stop(problem.m),
    )


def attach(
    problem: ImplicitStep,
    u: Any,
    tolerance: float,
    max_iterations: int,
    report: Callable[[Any, Any], Any],
) -> Any:
    """The solution u with the gradients of the implicit function theorem.

    They are those to all that the problem depends on.

    Args:
        problem: the implicit step, with gradients.
        u: its solution, without.
        tolerance: of the conjugate gradients.
        max_iterations: of the conjugate gradients.
        report: maps (λ, whether it was reached, for each sample) to the λ to use.
    """
    z = u - problem.residual(u)
    fixed = held(problem)
    # everything the backward pass needs goes in as a tensor: TensorFlow refuses to capture
    # variables
    numbers = [*fixed.kernels, fixed.step, *fixed.parameters]
    tensors = [x for x in numbers if not isinstance(x, float | int)]

    @ops.custom_gradient
    def solution(z: Any, u: Any, f: Any, *tensors: Any) -> Any:
        def gradient(*cotangents: Any, upstream: Any = None) -> Any:
            (cotangent,) = cotangents if upstream is None else (upstream,)
            given = iter(tensors)
            values = [x if isinstance(x, float | int) else next(given) for x in numbers]
            n = len(fixed.kernels)
            at = replace(fixed, f=f, kernels=values[:n], step=values[n], parameters=values[n + 1 :])
            linearization = at.linearize(u)
            adjoint = report(
                *conjugate_gradients(
                    lambda v: at.jacobian(linearization, v), cotangent, tolerance, max_iterations
                )
            )
            once = _refuse_twice(adjoint, z, f, *tensors)
            return (once, *[ops.zeros_like(x) for x in (u, f, *tensors)])

        return u, gradient

    return solution(z, u, fixed.f, *tensors)


@ops.custom_gradient
def _refuse_twice(adjoint: Any, *depends: Any) -> Any:
    """λ; a derivative of it, by all that it depends on, is refused."""

    def gradient(*cotangents: Any, upstream: Any = None) -> Any:
        raise ValueError(
            "Second derivatives through an implicit step are not computed: its gradient comes from"
            " the implicit function theorem, which is applied once. Take differences of first"
            " derivatives, or the second derivatives of an explicit network (DiffusionResNet)."
        )

    return adjoint, gradient

r"""Gradient of an equilibrium by the implicit function theorem.

Memory and cost do not depend on the solver's iterations.

At a solution u\* of F(u) = 0 let z(θ, f) = u\* − F(u\*) with u\* held. Then F′du\* = dz, so a
cotangent ḡ of u\* is the cotangent λ of z with (F′)ᵀλ = ḡ, and the backend differentiates z, a
single evaluation of F.

* An implicit step has F(u) = u − f + τKᵀΦ_θ(Ku), so F′ = I + τKᵀΦ′K is symmetric (and positive
  definite for τμ‖K‖² < 1): λ comes from conjugate gradients with K, Φ′ and Kᵀ alone.
* An equilibrium network has F(u) = u − Φ(Au + f), so F′ is not symmetric: the transposed system is
  a linear equilibrium, which the solver of the network solves.

Second derivatives are refused: u\* is held in z, so the derivative of ∂z/∂θ along u\* would be
missing. Not to hold it would take a second linear system for every first derivative.

Source: implicit layers: Bai, Kolter, Koltun, arXiv:1909.01377 (2019); Gilton, Ongie, Willett,
arXiv:2102.07944 (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from keras import ops

from keras_pde.schemes.solvers.conjugate_gradients import conjugate_gradients
from keras_pde.schemes.solvers.equation import Equation
from keras_pde.schemes.solvers.implicit_step import ImplicitStep

Kind = TypeVar("Kind", bound=Equation)
# maps (equation, its solution, ḡ) to λ and whether it was reached, for each sample
Adjoint = Callable[[Kind, Any, Any], tuple[Any, Any]]


def held(equation: Kind) -> Kind:
    """The equation without gradients: its solve is no part of the graph that is differentiated."""

    def stop(x: Any) -> Any:
        return x if isinstance(x, float | int) else ops.stop_gradient(x)

    return equation.with_numbers(stop(equation.f), [stop(x) for x in equation.numbers])


def symmetric_adjoint(tolerance: float, max_iterations: int) -> Adjoint[ImplicitStep]:
    """λ of an implicit step, whose Jacobian is its own transpose, by conjugate gradients."""

    def adjoint(step: ImplicitStep, u: Any, cotangent: Any) -> tuple[Any, Any]:
        linearization = step.linearize(u)
        return conjugate_gradients(
            lambda v: step.jacobian(linearization, v), cotangent, tolerance, max_iterations
        )

    return adjoint


def attach(
    equation: Kind, u: Any, adjoint: Adjoint[Kind], report: Callable[[Any, Any], Any]
) -> Any:
    """The solution u with the gradients of the implicit function theorem.

    They are those to all that the equation depends on.

    Args:
        equation: the equation, with gradients.
        u: its solution, without.
        adjoint: solves the transposed system at u.
        report: maps (λ, whether it was reached, for each sample) to the λ to use.
    """
    z = u - equation.residual(u)
    fixed = held(equation)
    # everything the backward pass needs goes in as a tensor: TensorFlow refuses to capture
    # variables
    numbers = fixed.numbers
    tensors = [x for x in numbers if not isinstance(x, float | int)]

    @ops.custom_gradient
    def solution(z: Any, u: Any, f: Any, *tensors: Any) -> Any:
        def gradient(*cotangents: Any, upstream: Any = None) -> Any:
            (cotangent,) = cotangents if upstream is None else (upstream,)
            given = iter(tensors)
            values = [x if isinstance(x, float | int) else next(given) for x in numbers]
            found = report(*adjoint(fixed.with_numbers(f, values), u, cotangent))
            once = refuse_twice(found, z, f, *tensors)
            return (once, *[ops.zeros_like(x) for x in (u, f, *tensors)])

        return u, gradient

    return solution(z, u, fixed.f, *tensors)


@ops.custom_gradient
def refuse_twice(adjoint: Any, *depends: Any) -> Any:
    """λ; a derivative of it, by all that it depends on, is refused."""

    def gradient(*cotangents: Any, upstream: Any = None) -> Any:
        raise ValueError(
            "Second derivatives through an implicit step are not computed: its gradient comes from"
            " the implicit function theorem, which is applied once. Take differences of first"
            " derivatives, or the second derivatives of an explicit network (DiffusionResNet)."
        )

    return adjoint, gradient

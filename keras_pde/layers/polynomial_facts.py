"""What is known of a discretised polynomial equation, read off the kernels in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.schemes.equations.equation import Equation

SHARE = 2e-15  # of Σ|kᵢ| and of the number of taps, to which a sum of float64 is 0
FLOAT32 = 1e-6  # of learned kernels, which are stored in float32


def order_of_terms(layer: Any) -> tuple[float | None, str]:
    """The lowest order of all stencils in use (E22), and where it holds."""
    orders = [row.order for o in layer.stencils for row in o.consistency()]
    if not orders:
        return None, "it has no derivatives"
    why = "the moments of the kernels"
    reach = max((max(k.shape) // 2 for o in layer.stencils for k in o.kernels()), default=0)
    if layer.boundary == "dirichlet" and (reach > 1 or layer.terms.outer or _odd(layer.equation)):
        return None, (
            "beyond a zero boundary these stencils look further than the point that is 0, where the"
            " solution does not go on with zeros"
        )
    if layer.boundary == "neumann" and _flux_is_odd(layer.equation):
        return None, (
            "a reflecting boundary continues all states evenly, and a product that is"
            " differentiated is odd there"
        )
    if layer.boundary != "periodic":
        why += f", for solutions that fulfil the {layer.boundary} boundary condition"
    return float(min(orders)), why


def _odd(equation: Equation) -> bool:
    """Whether a first or another odd derivative is in it."""
    return any(n % 2 for t in equation.terms for _, a in t.factors for n in a)


def _flux_is_odd(equation: Equation) -> bool:
    """Whether the derivative of a product of odd functions is in it."""
    for term in equation.terms:
        for axis, n in enumerate(term.outer):
            if n and sum(a[axis] for _, a in term.factors) % 2:
                return True
    return False


def sums_to_zero(kernel: np.ndarray, learned: bool = False) -> bool:
    """Whether the entries of a kernel add up to 0, to their rounding.

    Example:
        >>> from keras_pde.layers.polynomial_facts import sums_to_zero
        >>> sums_to_zero(np.array([1.0, -2.0, 1.0])), sums_to_zero(np.array([1.0, -2.0, 1.1]))
        (True, False)
    """
    share = FLOAT32 if learned else SHARE * kernel.size
    return bool(abs(kernel.sum()) <= share * np.abs(kernel).sum())


def even(kernel: np.ndarray) -> bool:
    """Whether a centred kernel is its own mirror image along each axis.

    Example:
        >>> from keras_pde.layers.polynomial_facts import even
        >>> even(np.array([1.0, -2.0, 1.0])), even(np.array([-1.0, 0.0, 1.0]))
        (True, False)
    """
    return all(np.array_equal(kernel, np.flip(kernel, axis)) for axis in range(kernel.ndim))


def mean_of_terms(layer: Any) -> tuple[bool, str]:
    """Whether ΣF(u) = 0 for each component and every u (E23), and why."""
    if layer.boundary == "dirichlet":
        return False, "beyond a zero boundary the state flows out"
    equation: Equation = layer.equation
    for term in equation.terms:
        if not term.linear and not any(term.outer):
            return False, f"the term {term} is not in conservative form"
        # beside fine differences it would be rounding in the sum of their kernel
        if term.linear and term.coefficient and not any(term.factors[0][1]):
            return False, "a linear term has no derivative"
    kernels = layer.kernels()
    if kernels is None:
        return True, "the wave of frequency 0 is not changed"
    every = [*kernels.values(), *layer.terms.outer_kernels()]
    if not all(sums_to_zero(k, layer.learned) for k in every):
        return False, "a kernel has another sum than 0"
    if layer.boundary == "neumann" and not all(map(even, every)):
        return False, "kernels that are not symmetric let the state flow over a reflecting boundary"
    return True, "conservative form: all kernels have the sum 0"


def reaction_of(layer: Any) -> np.ndarray | None:
    """The coefficients, lowest first, of p where F(u) = Du + p(u) with a linear D of derivatives.

    None for systems, and where products have derivatives.
    """
    equation: Equation = layer.equation
    if equation.components > 1:
        return None
    found = np.zeros(max(equation.degree, 1) + 1)
    values = _by_term(layer)
    for term, x in zip(equation.terms, values, strict=True):
        plain = not any(term.outer) and not any(any(a) for _, a in term.factors)
        if plain:
            found[len(term.factors)] += x
        elif not term.linear:
            return None
    return found


def _by_term(layer: Any) -> list[float]:
    """The coefficient in use of each term of a scalar equation."""
    if not layer.learned:
        return [t.coefficient for t in layer.equation.terms]
    found, numbers = [], layer.coefficients()
    if layer.kernels() is None:
        return numbers
    # of learned stencils each linear term is a use, and each other one a product
    uses = len(layer.terms.plan.uses)
    linear, products = iter(numbers[:uses]), iter(numbers[uses:])
    for term in layer.equation.terms:
        found.append(next(linear if term.linear else products))
    return found

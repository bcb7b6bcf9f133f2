"""Evolution equations ∂ₜu = F(u) with a polynomial F, as data.

Each named equation is a function of its coefficients, which returns an `Equation`; one of your own
is a list of `Term`s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_pde.runtime.registry import find
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.equations.linear import (
    advection,
    advection_diffusion,
    dispersion,
    heat,
    hyper_diffusion,
    wave,
)
from keras_pde.schemes.equations.nonlinear import (
    allen_cahn,
    burgers,
    fisher,
    gray_scott,
    korteweg_de_vries,
    kuramoto_sivashinsky,
)
from keras_pde.schemes.equations.term import Term

__all__ = [
    "Equation",
    "Term",
    "advection",
    "advection_diffusion",
    "allen_cahn",
    "burgers",
    "dispersion",
    "fisher",
    "get",
    "gray_scott",
    "heat",
    "hyper_diffusion",
    "korteweg_de_vries",
    "kuramoto_sivashinsky",
    "names",
    "wave",
]

NAMES: dict[str, Callable[..., Equation]] = {
    "heat": heat,
    "advection": advection,
    "advection_diffusion": advection_diffusion,
    "dispersion": dispersion,
    "hyper_diffusion": hyper_diffusion,
    "wave": wave,
    "burgers": burgers,
    "fisher": fisher,
    "allen_cahn": allen_cahn,
    "gray_scott": gray_scott,
    "kuramoto_sivashinsky": kuramoto_sivashinsky,
    "korteweg_de_vries": korteweg_de_vries,
}


def get(equation: Any, **coefficients: Any) -> Equation:
    """An equation by its name and coefficients, from a list of terms, or the equation itself.

    Args:
        equation: a name, an `Equation`, its configuration, or a list of `Term`s or their arguments.
        coefficients: arguments of the named equation, or of `Equation` for a list.

    Raises:
        ValueError: none is meant; coefficients that the equation does not have.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.get("heat", ndim=2, diffusivity=0.1))
        ∂t u = 0.1 ∂xx u + 0.1 ∂yy u
        >>> print(equations.get([(-1.0, [(0, 1)])]))
        ∂t u = −∂x u
    """
    if isinstance(equation, str) and equation in NAMES:
        make: Any = NAMES[equation]
    elif isinstance(equation, list | tuple):
        make = lambda **more: Equation(equation, **more)  # noqa: E731
    else:
        names: Any = NAMES
        found = find("equation", Equation, names, equation, "keras_pde.equations.Equation")
        if coefficients:
            raise ValueError(
                f"{found.name} is an equation already, whose coefficients are given. Received:"
                f" {', '.join(coefficients)}"
            )
        return found
    try:
        return make(**coefficients)
    except TypeError as error:
        raise ValueError(f"{equation} does not take these coefficients: {error}") from None


def names() -> list[str]:
    """The equations that `get` finds by name.

    Example:
        >>> from keras_pde import equations
        >>> "gray_scott" in equations.names()
        True
    """
    return list(NAMES)

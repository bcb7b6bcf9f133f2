"""Linear equations by name: transport, diffusion, dispersion and waves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from keras_pde.runtime import gate
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.equations.term import Index, Term

Coefficient = float | Sequence[float]


def heat(ndim: int = 1, diffusivity: Coefficient = 1.0) -> Equation:
    """∂ₜu = ∇·(ν∇u) with a diffusivity ν ≥ 0, one for all axes or one an axis.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.heat(2, 0.5))
        ∂t u = 0.5 ∂xx u + 0.5 ∂yy u
    """
    return Equation(diffusion(ndim, diffusivity), ndim, "heat")


def advection(ndim: int = 1, velocity: Coefficient = 1.0) -> Equation:
    """∂ₜu = −c·∇u with a velocity c, one for all axes or one an axis.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.advection(2, (1.0, -0.5)))
        ∂t u = −∂x u + 0.5 ∂y u
    """
    return Equation(transport(ndim, velocity), ndim, "advection")


def advection_diffusion(
    ndim: int = 1, velocity: Coefficient = 1.0, diffusivity: Coefficient = 0.01
) -> Equation:
    """∂ₜu = −c·∇u + ∇·(ν∇u).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.advection_diffusion())
        ∂t u = −∂x u + 0.01 ∂xx u
    """
    terms = [*transport(ndim, velocity), *diffusion(ndim, diffusivity)]
    return Equation(terms, ndim, "advection_diffusion")


def dispersion(ndim: int = 1, dispersivity: Coefficient = 1.0) -> Equation:
    """∂ₜu = Σᵢ ξᵢ∂ᵢ³u: waves whose speed depends on their length.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.dispersion(1, 0.1))
        ∂t u = 0.1 ∂xxx u
    """
    sizes = per_axis(dispersivity, ndim, "dispersivity")
    return Equation([Term(x, ((0, a),)) for x, a in along(sizes, 3)], ndim, "dispersion")


def hyper_diffusion(ndim: int = 1, diffusivity: float = 1.0) -> Equation:
    """∂ₜu = −μΔ²u with μ ≥ 0.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.hyper_diffusion(2))
        ∂t u = −∂xxxx u − 2 ∂xxyy u − ∂yyyy u
    """
    size = gate.number(diffusivity, "diffusivity", low=0)
    return Equation(bilaplacian(ndim, -size), ndim, "hyper_diffusion")


def wave(ndim: int = 1, speed: float = 1.0) -> Equation:
    """∂ₜu = v, ∂ₜv = c²Δu: the wave equation as a system for a displacement and its velocity.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.wave(1, 2.0))
        ∂t u = v, ∂t v = 4 ∂xx u
    """
    squared = gate.number(speed, "speed", low=0, low_open=True) ** 2
    terms = [Term(1.0, ((1, ()),)), *diffusion(ndim, squared, component=1)]
    return Equation(terms, ndim, "wave", ranges=((0.0, 1.0), (-0.5, 0.5)))


def per_axis(value: Coefficient, ndim: int, name: str, low: float | None = None) -> list[float]:
    """A coefficient for each axis."""
    ndim = gate.whole(ndim, "ndim", low=1, high=3)
    values = list(value) if isinstance(value, list | tuple) else [value] * ndim
    if len(values) != ndim:
        raise ValueError(f"{name} is a number, or {ndim} numbers, one an axis. Received: {value!r}")
    return [gate.number(x, name, low=low) for x in values]


def along(sizes: Sequence[float], order: int) -> list[tuple[float, Index]]:
    """Each coefficient that is not 0, and the derivative of that order along its axis."""
    n = len(sizes)
    axes = [tuple(order if i == axis else 0 for i in range(n)) for axis in range(n)]
    return [(x, a) for x, a in zip(sizes, axes, strict=True) if x] or [(0.0, axes[0])]


def diffusion(
    ndim: int, diffusivity: Coefficient, component: int = 0, of: int | None = None
) -> list[Term]:
    """The terms of ∇·(ν∇u); ``of`` is 0 for the component of a wave's displacement."""
    source = 0 if of is None else of
    sizes = per_axis(diffusivity, ndim, "diffusivity", low=0)
    return [Term(x, ((source, a),), component=component) for x, a in along(sizes, 2)]


def transport(ndim: int, velocity: Coefficient) -> list[Term]:
    """The terms of −c·∇u."""
    sizes = per_axis(velocity, ndim, "velocity")
    return [Term(-x, ((0, a),)) for x, a in along(sizes, 1)]


def bilaplacian(ndim: int, size: float) -> list[Term]:
    """The terms of a multiple of Δ²u."""
    ndim = gate.whole(ndim, "ndim", low=1, high=3)
    found: dict[Index, float] = {}
    for i, j in itertools.product(range(ndim), repeat=2):
        a = tuple(2 * (axis == i) + 2 * (axis == j) for axis in range(ndim))
        found[a] = found.get(a, 0.0) + size
    return [Term(x, ((0, a),)) for a, x in found.items()]

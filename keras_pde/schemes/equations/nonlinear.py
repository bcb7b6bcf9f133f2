"""Nonlinear equations by name: reactions, Burgers' equation and chaos."""

from __future__ import annotations

from collections.abc import Sequence

from keras_pde.runtime import gate
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.equations.linear import along, bilaplacian, diffusion
from keras_pde.schemes.equations.term import Term


def burgers(ndim: int = 1, viscosity: float = 0.01) -> Equation:
    """∂ₜuᵢ = −½∂ᵢ(uᵢ²) − Σ_{j≠i} uⱼ∂ⱼuᵢ + νΔuᵢ, one component an axis.

    In 1-D it is in conservative form, so that the mean of u is kept.

    Example:
        >>> from keras_pde import equations
        >>> print(equations.burgers())
        ∂t u = −0.5 ∂x(u²) + 0.01 ∂xx u
        >>> print(equations.burgers(2).components)
        2
    """
    ndim = gate.whole(ndim, "ndim", low=1, high=3)
    viscosity = gate.number(viscosity, "viscosity", low=0)
    axes = [a for _, a in along([1.0] * ndim, 1)]
    terms = []
    for i, own in enumerate(axes):
        terms.append(Term(-0.5, ((i, ()), (i, ())), own, i))
        terms += [Term(-1.0, ((j, ()), (i, a)), (), i) for j, a in enumerate(axes) if j != i]
        if viscosity:
            terms += diffusion(ndim, viscosity, i, i)
    return Equation(terms, ndim, "burgers", ranges=((-1.0, 1.0),) * ndim)


def fisher(ndim: int = 1, diffusivity: float = 0.01, rate: float = 1.0) -> Equation:
    """∂ₜu = νΔu + ru(1 − u): growth to a capacity of 1, which spreads as a front.

    Source: Fisher (1937); Kolmogorov, Petrovsky, Piskunov (1937).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.fisher())
        ∂t u = 0.01 ∂xx u + u − u²
    """
    rate = gate.number(rate, "rate", low=0, low_open=True)
    growth = [Term(rate, ((0, ()),)), Term(-rate, ((0, ()),) * 2)]
    return Equation([*diffusion(ndim, diffusivity), *growth], ndim, "fisher")


def allen_cahn(ndim: int = 1, diffusivity: float = 0.001, rate: float = 1.0) -> Equation:
    """∂ₜu = νΔu + r(u − u³): two phases −1 and 1, whose interfaces move by their curvature.

    Source: Allen, Cahn (1979).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.allen_cahn())
        ∂t u = 0.001 ∂xx u + u − u³
    """
    rate = gate.number(rate, "rate", low=0, low_open=True)
    phases = [Term(rate, ((0, ()),)), Term(-rate, ((0, ()),) * 3)]
    terms = [*diffusion(ndim, diffusivity), *phases]
    return Equation(terms, ndim, "allen_cahn", ranges=((-1.0, 1.0),))


def gray_scott(
    ndim: int = 2,
    feed: float = 0.04,
    kill: float = 0.06,
    diffusivities: Sequence[float] = (2e-5, 1e-5),
) -> Equation:
    """∂ₜu = ν₀Δu − uv² + F(1 − u), ∂ₜv = ν₁Δv + uv² − (F + k)v: spots, stripes and waves.

    Source: Gray, Scott (1984); Pearson (1993).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.gray_scott(1))
        ∂t u = 2e-05 ∂xx u − u · v² + 0.04 − 0.04 u, ∂t v = 1e-05 ∂xx v + u · v² − 0.1 v
    """
    feed, kill = gate.number(feed, "feed", low=0), gate.number(kill, "kill", low=0)
    if not isinstance(diffusivities, list | tuple) or len(diffusivities) != 2:
        raise ValueError(f"diffusivities are those of u and v. Received: {diffusivities!r}")
    reaction = ((0, ()), (1, ()), (1, ()))
    terms = [
        *diffusion(ndim, diffusivities[0], 0, 0),
        Term(-1.0, reaction),
        Term(feed),
        Term(-feed, ((0, ()),)),
        *diffusion(ndim, diffusivities[1], 1, 1),
        Term(1.0, reaction, component=1),
        Term(-(feed + kill), ((1, ()),), component=1),
    ]
    return Equation(terms, ndim, "gray_scott", ranges=((0.2, 1.0), (0.0, 0.4)))


def kuramoto_sivashinsky(ndim: int = 1) -> Equation:
    """∂ₜu = −Δu − Δ²u − ½∂ₓ(u²), in more dimensions −½|∇u|²: chaos that stays bounded.

    Long waves grow and short ones are damped; the nonlinear term carries energy between them. In
    1-D it is in conservative form, so that the mean of u is kept.

    Source: Kuramoto (1978); Sivashinsky (1977).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.kuramoto_sivashinsky())
        ∂t u = −∂xx u − ∂xxxx u − 0.5 ∂x(u²)
    """
    growth = [Term(-1.0, t.factors) for t in diffusion(ndim, 1.0)]
    if ndim == 1:
        nonlinear = [Term(-0.5, ((0, ()),) * 2, (1,))]
    else:
        nonlinear = [Term(-0.5, ((0, a),) * 2) for _, a in along([1.0] * ndim, 1)]
    terms = [*growth, *bilaplacian(ndim, -1.0), *nonlinear]
    return Equation(terms, ndim, "kuramoto_sivashinsky", ranges=((-1.0, 1.0),))


def korteweg_de_vries(dispersivity: float = 1.0) -> Equation:
    """∂ₜu = −3∂ₓ(u²) − ξ∂ₓ³u in 1-D: solitons, which pass through each other.

    Source: Korteweg, de Vries (1895).

    Example:
        >>> from keras_pde import equations
        >>> print(equations.korteweg_de_vries())
        ∂t u = −3 ∂x(u²) − ∂xxx u
    """
    size = gate.number(dispersivity, "dispersivity")
    terms = [Term(-3.0, ((0, ()),) * 2, (1,)), Term(-size, ((0, (3,)),))]
    return Equation(terms, 1, "korteweg_de_vries")

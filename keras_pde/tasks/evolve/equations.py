"""The equations of the reference, ∂ₜu = Lu + N(u), by their symbols: formulas of the literature.

Nothing here knows of networks: what they compute is compared with this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.runtime.options import said
from keras_pde.tasks.evolve.grid import PeriodicGrid

__all__ = ["equation"]

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Evolution:
    """∂ₜu = Lu + N(u) on a periodic box, L by its symbol.

    Args:
        symbol: of a grid: L's multipliers (*frequencies, channels), or where it couples channels
            matrices (*frequencies, channels, channels).
        nonlinear: of a state without high frequencies, and the grid: the transform of N(u). None
            where the equation is linear.
        channels: of the state.
        degree: of the polynomial that N is, by which the frequencies are left out.
        couples: whether the symbol has matrices.
        conserved: what it keeps: "mean" of each channel, "norm" of the state.
    """

    symbol: Callable[[PeriodicGrid], np.ndarray]
    nonlinear: Callable[[np.ndarray, PeriodicGrid], np.ndarray] | None = None
    channels: int = 1
    degree: int = 2
    couples: bool = False
    conserved: tuple[str, ...] = ()


def _stacked(*parts: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*parts), -1)


def _each(value: Numbers, ndim: int) -> Sequence[float]:
    found = [value] * ndim if isinstance(value, int | float) else list(value)
    if len(found) != ndim:
        raise ValueError(f"there must be one number for each of {ndim} axes. Received: {value}")
    return found


def _sum(grid: PeriodicGrid, order: int, factors: Sequence[float]) -> np.ndarray:
    parts = [factor * grid.derivative(i, order) for i, factor in enumerate(factors)]
    return np.asarray(sum(np.broadcast_arrays(*parts), np.zeros(())))


def heat(ndim: int, diffusivity: float = 1.0) -> Evolution:
    """∂ₜu = D Δu."""
    return Evolution(lambda g: _stacked(diffusivity * g.laplacian()), conserved=("mean",))


def advection(ndim: int, velocity: Numbers = 1.0) -> Evolution:
    """∂ₜu = −c·∇u."""
    c = [-x for x in _each(velocity, ndim)]
    return Evolution(lambda g: _stacked(_sum(g, 1, c)), conserved=("mean", "norm"))


def advection_diffusion(ndim: int, velocity: Numbers = 1.0, diffusivity: float = 1.0) -> Evolution:
    """∂ₜu = −c·∇u + D Δu."""
    c = [-x for x in _each(velocity, ndim)]
    return Evolution(
        lambda g: _stacked(_sum(g, 1, c) + diffusivity * g.laplacian()), conserved=("mean",)
    )


def dispersion(ndim: int, dispersivity: float = 1.0) -> Evolution:
    """∂ₜu = ξ Σ ∂ᵢ³u."""
    return Evolution(
        lambda g: _stacked(_sum(g, 3, [dispersivity] * ndim)), conserved=("mean", "norm")
    )


def hyper_diffusion(ndim: int, diffusivity: float = 1.0) -> Evolution:
    """∂ₜu = −μ Δ²u."""
    return Evolution(lambda g: _stacked(-diffusivity * g.laplacian() ** 2), conserved=("mean",))


def wave(ndim: int, speed: float = 1.0) -> Evolution:
    """∂ₜu = v, ∂ₜv = c² Δu."""

    def symbol(g: PeriodicGrid) -> np.ndarray:
        laplacian = speed**2 * g.laplacian()
        zero = np.zeros_like(laplacian)
        return np.stack([_stacked(zero, zero + 1), _stacked(laplacian, zero)], -2)

    return Evolution(symbol, channels=2, couples=True)


def _transport(convection: float) -> Callable[[np.ndarray, PeriodicGrid], np.ndarray]:
    """−½b ∂ₓu² of one axis."""
    return lambda u, g: -convection / 2 * g.derivative(0, 1)[..., None] * g.forward(u**2)


def burgers(ndim: int, viscosity: float = 0.01, convection: float = 1.0) -> Evolution:
    """∂ₜu = −b (u·∇)u + ν Δu, of as many channels as axes; in 1-D −½b ∂ₓu² + ν ∂ₓ²u."""

    def along(u: np.ndarray, g: PeriodicGrid) -> np.ndarray:
        transformed, total = g.forward(u), np.zeros_like(u)
        for i in range(g.ndim):
            total += u[..., i : i + 1] * g.back(g.derivative(i, 1)[..., None] * transformed)
        return -convection * g.forward(total)

    return Evolution(
        lambda g: _stacked(*[viscosity * g.laplacian()] * ndim),
        _transport(convection) if ndim == 1 else along,
        channels=ndim,
        conserved=("mean",) * (ndim == 1),
    )


def korteweg_de_vries(
    ndim: int, convection: float = 6.0, dispersivity: float = 1.0, hyper_diffusivity: float = 0.0
) -> Evolution:
    """∂ₜu = −½b ∂ₓu² − ξ ∂ₓ³u − ζ ∂ₓ⁴u, of one axis."""
    _one_axis(ndim, "korteweg_de_vries")

    def symbol(g: PeriodicGrid) -> np.ndarray:
        return _stacked(
            -dispersivity * g.derivative(0, 3) - hyper_diffusivity * g.derivative(0, 4).real
        )

    return Evolution(symbol, _transport(convection), conserved=("mean",))


def kuramoto_sivashinsky(
    ndim: int,
    convection: float = 1.0,
    diffusivity: float = 1.0,
    hyper_diffusivity: float = 1.0,
) -> Evolution:
    """∂ₜu = −½b ∂ₓu² − ν ∂ₓ²u − ζ ∂ₓ⁴u, of one axis."""
    _one_axis(ndim, "kuramoto_sivashinsky")

    def symbol(g: PeriodicGrid) -> np.ndarray:
        return _stacked(
            -diffusivity * g.derivative(0, 2).real - hyper_diffusivity * g.derivative(0, 4).real
        )

    return Evolution(symbol, _transport(convection), conserved=("mean",))


def fisher(ndim: int, diffusivity: float = 1.0, rate: float = 1.0) -> Evolution:
    """∂ₜu = D Δu + r u(1 − u)."""
    return Evolution(
        lambda g: _stacked(diffusivity * g.laplacian() + rate),
        lambda u, g: g.forward(-rate * u**2),
    )


def allen_cahn(ndim: int, diffusivity: float = 1.0, rate: float = 1.0) -> Evolution:
    """∂ₜu = D Δu + r(u − u³)."""
    return Evolution(
        lambda g: _stacked(diffusivity * g.laplacian() + rate),
        lambda u, g: g.forward(-rate * u**3),
        degree=3,
    )


def gray_scott(
    ndim: int, diffusivities: Sequence[float] = (2e-5, 1e-5), feed: float = 0.04, kill: float = 0.06
) -> Evolution:
    """∂ₜu = Dᵤ Δu − uv² + F(1 − u), ∂ₜv = Dᵥ Δv + uv² − (F + k)v."""

    def symbol(g: PeriodicGrid) -> np.ndarray:
        a, b = (d * g.laplacian() for d in diffusivities)
        return _stacked(a - feed, b - feed - kill)

    def nonlinear(u: np.ndarray, g: PeriodicGrid) -> np.ndarray:
        growth = u[..., 0] * u[..., 1] ** 2
        return g.forward(np.stack([feed - growth, growth], -1))

    return Evolution(symbol, nonlinear, channels=2, degree=3)


def _one_axis(ndim: int, name: str) -> None:
    if ndim != 1:
        raise ValueError(f"{name} is an equation of one axis. Received: ndim={ndim}")


EQUATIONS: dict[str, Callable[..., Evolution]] = {
    made.__name__: made
    for made in (
        heat,
        advection,
        advection_diffusion,
        dispersion,
        hyper_diffusion,
        burgers,
        korteweg_de_vries,
        kuramoto_sivashinsky,
        fisher,
        allen_cahn,
        gray_scott,
        wave,
    )
}


def equation(name: str, ndim: int, coefficients: Mapping[str, Any] | None = None) -> Evolution:
    """An equation of a name with its coefficients.

    Raises:
        ValueError: another name; coefficients that it does not have.

    Example:
        >>> from keras_pde.tasks.evolve.equations import equation
        >>> equation("heat", 2, {"diffusivity": 0.1}).conserved
        ('mean',)
    """
    if name not in EQUATIONS:
        raise ValueError(f"No equation is called {said(name)}. There are: {', '.join(EQUATIONS)}.")
    try:
        return EQUATIONS[name](ndim, **(coefficients or {}))
    except TypeError:
        import inspect

        own = [p for p in inspect.signature(EQUATIONS[name]).parameters if p != "ndim"]
        raise ValueError(
            f"The coefficients of {name} are {', '.join(own)}, each a number or numbers."
            f" Received: {said(dict(coefficients or {}))}"
        ) from None

r"""Smoothers x⁺ = x + ωₖD⁻¹(b − Ax).

Residual blocks with a source skip that damp what a coarser grid cannot represent.

With spectrum of D⁻¹A in [low, high] above the coarse grid's frequencies (for d-dimensional Poisson
[1/d, 2]), k steps damp it by

* `Jacobi`: ((high − low)/(high + low))ᵏ with ω = 2/(high + low): 1/3, 3/5, 5/7 a step in 1-D, 2-D,
  3-D;
* `Chebyshev`: 2qᵏ/(1 + q²ᵏ), q = (√high − √low)/(√high + √low), with ωₖ the inverse Chebyshev
  nodes: 0.074 for 3 steps in 2-D;
* `RedBlack`: Gauss-Seidel over two colours, the best of them: 1/4 for a step in 2-D, less with
  overrelaxation.

A V(ν₁, ν₂) cycle takes the first ν₁ of ν₁ + ν₂ weights before the coarse correction and the others
after it: its factor depends on their product only.

Source: Brandt (1977); Trottenberg, Oosterlee, Schüller, Multigrid (2001); Alt et al.,
arXiv:2107.14742 (2021).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_pde.runtime.registry import Configured, find

__all__ = ["Chebyshev", "Jacobi", "RedBlack", "Smoother", "get"]

_REGISTERED = keras.saving.register_keras_serializable(package="keras_pde")


class Step(NamedTuple):
    """One smoothing step: its weight, and the colour it acts on (None: all points)."""

    weight: Any
    colour: int | None = None


class Smoother(Configured):
    """Base: x⁺ = x + ωₖD⁻¹(b − Ax).

    A subclass lists the steps before and after the coarse correction.

    Example:
        >>> from keras_pde import smoothers
        >>> smoothers.get("jacobi").name
        'jacobi'
    """

    needs_colours = False

    @property
    def name(self) -> str:
        """Name by which `get` finds it."""
        return next(key for key, cls in _NAMES.items() if type(self) is cls)

    def steps(
        self, before: int, after: int, bounds: tuple[Any, Any], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Steps before and after the coarse correction, for D⁻¹A in ndim dimensions with its rough
        part in ``bounds``.
        """
        raise NotImplementedError


@_REGISTERED
class Jacobi(Smoother):
    """x⁺ = x + ωD⁻¹(b − Ax), damped Jacobi.

    Args:
        weight: ω in (0, 1]; None is 2/(low + high): 2/3, 4/5, 6/7 for Poisson in 1-D, 2-D, 3-D.

    Raises:
        ValueError: a weight outside (0, 1].

    Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001), section 2.1.

    Example:
        >>> from keras_pde import smoothers
        >>> [round(step.weight, 3) for step in smoothers.Jacobi().steps(2, 1, (1 / 2, 2))[0]]
        [0.8, 0.8]
    """

    def __init__(self, weight: float | None = None) -> None:
        if weight is not None and not 0 < weight <= 1:
            raise ValueError(
                f"The weight of damped Jacobi must be in (0, 1]. Received: weight={weight}"
            )
        self.weight = weight

    def steps(
        self, before: int, after: int, bounds: tuple[Any, Any], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Equal steps."""
        step = Step(2 / (bounds[0] + bounds[1]) if self.weight is None else self.weight)
        return [step] * before, [step] * after

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"weight": self.weight}


@_REGISTERED
class Chebyshev(Smoother):
    """x⁺ = x + ωₖD⁻¹(b − Ax) with 1/ωₖ the Chebyshev nodes of [low, high], k = 1 … ν₁ + ν₂.

    Args:
        share: low/high, the part of the spectrum left to the coarser grids; None is the level's own
            (1/(2d) for Poisson).
        symmetric: the nodes of ν₁ steps before and of ν₂ steps after, instead of one polynomial
            split in two: V(ν, ν) is then a symmetric preconditioner, which conjugate gradients
            need, and damps less: 0.048 instead of 0.025 for V(2, 2) in 2-D.

    Raises:
        ValueError: a share outside (0, 1).

    Source: Adams, Brezina, Hu, Tuminaro (2003); nodes as in Grewenig, Weickert, Bruhn (2010).

    Example:
        >>> from keras_pde import smoothers
        >>> before, after = smoothers.Chebyshev().steps(2, 1, (1 / 2, 2))
        >>> [round(step.weight, 3) for step in before + after]
        [0.526, 0.8, 1.665]
    """

    def __init__(self, share: float | None = None, symmetric: bool = False) -> None:
        if share is not None and not 0 < share < 1:
            raise ValueError(
                "share is the part of the spectrum left to coarser grids, in (0, 1). Received:"
                f" share={share}"
            )
        self.share, self.symmetric = share, symmetric

    def steps(
        self, before: int, after: int, bounds: tuple[Any, Any], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Short steps first: they damp what the long ones amplify."""
        low, high = bounds if self.share is None else (self.share * bounds[1], bounds[1])

        def nodes(n: int) -> list[Step]:
            return [
                Step(1 / ((high + low) / 2 + (high - low) / 2 * math.cos(math.pi * (k + 0.5) / n)))
                for k in range(n)
            ]

        if self.symmetric:
            return nodes(before), nodes(after)[::-1]
        steps = nodes(before + after)
        return steps[:before], steps[before:]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"share": self.share, "symmetric": self.symmetric}


@_REGISTERED
class RedBlack(Smoother):
    """x⁺ = x + ωD⁻¹(b − Ax) on the points of one colour, then on those of the other.

    Red-black Gauss-Seidel.

    In the same order before and after the coarse correction: the reverse order, which would make
    V(ν, ν) symmetric, doubles the factor. For operators that couple points of different colour only
    (Poisson, screened Poisson, diffusion).

    Args:
        weight: ω in (0, 2), overrelaxed beyond 1; None is 1, 1.15, 1.2 in 1-D, 2-D, 3-D.

    Raises:
        ValueError: a weight outside (0, 2).

    Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001), section 2.1.3.

    Example:
        >>> from keras_pde import smoothers
        >>> [step.colour for step in smoothers.RedBlack().steps(1, 1, (1 / 2, 2))[0]]
        [0, 1]
    """

    needs_colours = True

    def __init__(self, weight: float | None = None) -> None:
        if weight is not None and not 0 < weight < 2:
            raise ValueError(
                f"The weight of Gauss-Seidel must be in (0, 2). Received: weight={weight}"
            )
        self.weight = weight

    def steps(
        self, before: int, after: int, bounds: tuple[Any, Any], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Red, then black."""
        weight = {1: 1.0, 2: 1.15, 3: 1.2}[ndim] if self.weight is None else self.weight
        pair = [Step(weight, 0), Step(weight, 1)]
        return pair * before, pair * after

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"weight": self.weight}


_NAMES: dict[str, type[Smoother]] = {
    "jacobi": Jacobi,
    "chebyshev": Chebyshev,
    "red_black": RedBlack,
}


def get(smoother: str | Smoother | dict[str, Any]) -> Smoother:
    """A smoother by name, by configuration, or itself.

    Raises:
        ValueError: unknown name.

    Example:
        >>> from keras_pde import smoothers
        >>> smoothers.get("chebyshev")
        Chebyshev(share=None, symmetric=False)
    """
    return find("smoother", Smoother, _NAMES, smoother, "keras_pde.smoothers.Smoother")


def damping(steps: list[Step], bounds: tuple[float, float]) -> float:
    """Largest damping factor of weighted steps over the rough part of the spectrum.

    Example:
        >>> from keras_pde import smoothers
        >>> bounds = (1 / 2, 2)
        >>> round(smoothers.damping(sum(smoothers.Chebyshev().steps(2, 1, bounds), []), bounds), 3)
        0.074
    """
    lam = np.linspace(*bounds, 1001)
    return float(np.abs(np.prod([1 - step.weight * lam for step in steps], axis=0)).max())

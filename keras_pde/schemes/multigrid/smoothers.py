r"""Smoothers x⁺ = x + ωₖD⁻¹(b − Ax): they damp what a coarser grid cannot represent.

In architecture a smoothing step is a residual block with a source skip. Let the spectrum of D⁻¹A
above the coarse grid's frequencies lie in [low, high] (for d-dimensional Poisson [1/d, 2]). Then k
steps damp it by

* `Jacobi`: ((high − low)/(high + low))ᵏ with ω = 2/(high + low): 1/3, 3/5, 5/7 a step in 1-D, 2-D,
  3-D;
* `Chebyshev`: 2qᵏ/(1 + q²ᵏ), q = (√high − √low)/(√high + √low), with ωₖ the inverse Chebyshev
  nodes: 0.074 for 3 steps in 2-D;
* `RedBlack`: Gauss-Seidel over two colours, the best of them: 1/4 for a step in 2-D, less with
  overrelaxation.

`MgNet` is for learned nets: kernels in the place of weights, and an activation (X6).

A V(ν₁, ν₂) cycle takes the first ν₁ of ν₁ + ν₂ weights before the coarse correction and the others
after it: of steps that commute, its factor depends on their product only (M1).

Source: Brandt (1977); Trottenberg, Oosterlee, Schüller, Multigrid (2001); Alt et al.,
arXiv:2107.14742 (2021).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.operators.boundary import extend
from keras_pde.runtime import gate
from keras_pde.runtime.precision import as_in
from keras_pde.runtime.registry import find
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.multigrid.smoother import Smoother, Step

__all__ = ["Chebyshev", "Jacobi", "MgNet", "RedBlack", "Smoother", "get"]

WIDEST = 63  # kernels of `MgNet`
_REGISTERED = keras.saving.register_keras_serializable(package="keras_pde")


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

    key = "jacobi"

    def __init__(self, weight: float | None = None) -> None:
        self.weight = gate.number(weight, "weight", low=0, high=1, low_open=True, none=True)

    def steps(
        self, before: int, after: int, bounds: tuple[Number, Number], ndim: int = 2
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
        symmetric: whether the steps before are the nodes of ν₁ steps and those after the nodes of
            ν₂, instead of one polynomial split in two. V(ν, ν) is then a symmetric preconditioner,
            which conjugate gradients need. It damps less: 0.048 instead of 0.025 for V(2, 2) in
            2-D.

    Raises:
        ValueError: a share outside (0, 1).

    Source: Adams, Brezina, Hu, Tuminaro (2003); nodes as in Grewenig, Weickert, Bruhn (2010).

    Example:
        >>> from keras_pde import smoothers
        >>> before, after = smoothers.Chebyshev().steps(2, 1, (1 / 2, 2))
        >>> [round(step.weight, 3) for step in before + after]
        [0.526, 0.8, 1.665]
    """

    key = "chebyshev"

    def __init__(self, share: float | None = None, symmetric: bool = False) -> None:
        self.share = gate.number(
            share, "share", low=0, high=1, low_open=True, high_open=True, none=True
        )
        self.symmetric = gate.flag(symmetric, "symmetric")

    def steps(
        self, before: int, after: int, bounds: tuple[Number, Number], ndim: int = 2
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

    This is red-black Gauss-Seidel. The order is the same before and after the coarse correction:
    the reverse order, which would make V(ν, ν) symmetric, doubles the factor. It is for operators
    that couple points of different colour only (Poisson, screened Poisson, diffusion).

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

    key = "red_black"
    needs_colours = True

    def __init__(self, weight: float | None = None) -> None:
        self.weight = gate.number(
            weight, "weight", low=0, high=2, low_open=True, high_open=True, none=True
        )

    def steps(
        self, before: int, after: int, bounds: tuple[Number, Number], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Red, then black."""
        weight = {1: 1.0, 2: 1.15, 3: 1.2}[ndim] if self.weight is None else self.weight
        pair = [Step(weight, 0), Step(weight, 1)]
        return pair * before, pair * after

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"weight": self.weight}


@_REGISTERED
class MgNet(Smoother):
    """x⁺ = x + σ(Bₖ ∗ σ(D⁻¹(b − Ax))), with learned kernels Bₖ between all channels.

    For a learned `MultigridUNet`, which is then the network MgNet with the way back up. Bₖ = ωₖδ at
    first, with the weights of `Chebyshev`, so with σ = "linear" it starts as the cycle itself (X6).

    Args:
        activation: σ, a flux or its name.
        kernel_size: of Bₖ, odd.

    Raises:
        ValueError: an unknown flux, an even width.

    Source: He, Xu, arXiv:1901.10415 (2019).

    Example:
        >>> from keras_pde import MultigridUNet, smoothers
        >>> net = MultigridUNet("screened_poisson", smoother=smoothers.MgNet("relu"), channels=4)
        >>> tuple(net(np.ones((1, 32, 32, 1), "float32")).shape)
        (1, 32, 32, 1)
    """

    key = "mgnet"
    learned = True

    def __init__(self, activation: str | activations.Flux = "relu", kernel_size: int = 3) -> None:
        self.activation = activations.get(activation, "activation")
        if gate.count(kernel_size, "kernel_size", high=WIDEST) % 2 == 0:
            raise ValueError(
                f"A kernel around a point has an odd width. Received: kernel_size={kernel_size}"
            )
        self.kernel_size = kernel_size

    def steps(
        self, before: int, after: int, bounds: tuple[Number, Number], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """Those of `Chebyshev`, from which the kernels start."""
        return Chebyshev().steps(before, after, bounds, ndim)

    def start(self, weight: float, ndim: int, channels: int) -> np.ndarray:
        """ωδ, which leaves every channel by itself."""
        kernel = np.zeros((*(self.kernel_size,) * ndim, channels, channels))
        kernel[(self.kernel_size // 2,) * ndim] = weight * np.eye(channels)
        return kernel

    def update(self, residual: Tensor, weight: Tensor, boundary: str) -> Tensor:
        """σ(B ∗ σ(r))."""
        reach = [(self.kernel_size // 2,) * 2] * (len(residual.shape) - 2)
        wide = extend(self.activation(residual), reach, boundary)
        return self.activation(ops.conv(wide, as_in(weight, wide), data_format="channels_last"))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "activation": activations.serialize(self.activation),
            "kernel_size": self.kernel_size,
        }


_KINDS: tuple[type[Smoother], ...] = (Jacobi, Chebyshev, RedBlack, MgNet)
_BY_NAME: dict[str, type[Smoother]] = {cls.key: cls for cls in _KINDS}


def get(smoother: str | Smoother | dict[str, Any]) -> Smoother:
    """Find a smoother by name, by configuration, or return the smoother given.

    Raises:
        ValueError: unknown name.

    Example:
        >>> from keras_pde import smoothers
        >>> smoothers.get("chebyshev")
        Chebyshev(share=None, symmetric=False)
    """
    return find("smoother", Smoother, _BY_NAME, smoother, "keras_pde.smoothers.Smoother")


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

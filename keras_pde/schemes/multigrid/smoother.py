"""Smoother: the steps by which a multigrid cycle damps what a coarser grid cannot represent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_pde.runtime.registry import Configured
from keras_pde.runtime.types import Number, Tensor


class Step(NamedTuple):
    """One smoothing step: its weight, and the colour it acts on (None: all points)."""

    weight: Number
    colour: int | None = None

    @property
    def sign(self) -> float | None:
        """1 for colour 0, −1 for colour 1, as `Level.parity` has it; None for all points."""
        return None if self.colour is None else 1.0 - 2.0 * self.colour


class Smoother(Configured):
    """Base: x⁺ = x + ωₖD⁻¹(b − Ax).

    A subclass lists the steps before and after the coarse correction, and says whether they act on
    the points of one colour at a time.

    Example:
        >>> from keras_pde import smoothers
        >>> smoothers.get("jacobi").name
        'jacobi'
    """

    key: str = ""
    needs_colours: bool = False
    learned: bool = False  # whether it is for a learned net only

    @property
    def name(self) -> str:
        """Name by which `get` finds it; of a smoother that `get` does not know, its class's."""
        return self.key or type(self).__name__

    def steps(
        self, before: int, after: int, bounds: tuple[Number, Number], ndim: int = 2
    ) -> tuple[list[Step], list[Step]]:
        """The steps before and after the coarse correction.

        Args:
            before: number of steps before it.
            after: number of steps after it.
            bounds: (low, high), where the rough part of the spectrum of D⁻¹A lies.
            ndim: number of spatial dimensions.
        """
        raise NotImplementedError

    def start(self, weight: float, ndim: int, channels: int) -> np.ndarray:
        """What the weight of a step of a learned net starts at: ω for each channel."""
        return np.full(channels, weight)

    def update(self, residual: Tensor, weight: Tensor, boundary: str) -> Tensor:
        """What a step of a learned net adds to x, from D⁻¹(b − Ax)."""
        return residual * weight

"""Terms: how the terms of an equation are computed, and what is known of their linear part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.certificates.amplification import Region
from keras_pde.operators.finite_difference import FiniteDifference
from keras_pde.runtime.types import Tensor

Kernels = dict[tuple[int, int], np.ndarray]  # of each (component, source)


class Terms(ABC):
    """Lu + N(u) of an equation, given the coefficients of its terms.

    Example:
        >>> from keras_pde.layers.terms import Terms
        >>> Terms.reach.__doc__
        'Pixels that the terms look to each side; None for all.'
    """

    coefficients: list[float]  # at the start
    weighs: bool = False  # whether it has convolutions with weights

    @property
    def operators(self) -> list[FiniteDifference]:
        """The stencils."""
        return []

    @property
    def reach(self) -> int | None:
        """Pixels that the terms look to each side; None for all."""
        return None

    def build(self, shape: Sequence[int | None]) -> None:
        """Create the stencils for states of a shape."""
        return None

    def weights_in_use(self) -> Any:
        """What is made of the weights once for many evaluations."""
        return None

    @abstractmethod
    def evaluate(
        self, u: Tensor, coefficients: Sequence[Any], weights: Any = None, *, linear: bool = True
    ) -> Tensor:
        """Lu + N(u), or N(u) alone.

        Args:
            u: a state.
            coefficients: numbers, or tensors without axes.
            weights: what `weights_in_use` returned, or None.
            linear: whether Lu is part of it.
        """

    @abstractmethod
    def symbol(self, omega: Sequence[np.ndarray], coefficients: Sequence[float]) -> np.ndarray:
        """L on e^{iω·x} for angles a point, one array an axis: (…, components, components)."""

    @abstractmethod
    def multipliers(self, sizes: Sequence[Any], coefficients: Sequence[float]) -> list[list[Any]]:
        """λ(ω) on a periodic grid from each source (second) to each component; None for 0."""

    def kernels(self, coefficients: Sequence[float]) -> Kernels | None:
        """The kernel of L from each source to each component, centred; None where it has none."""
        return None

    def region(self, coefficients: Sequence[float]) -> Region:
        """A region with the eigenvalues of L of one component, where it has no kernels."""
        raise NotImplementedError

"""Correction: what a level adds to a state for the error that smoothing at points leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_pde.runtime.types import DType, Tensor

UNITS = 16  # in the last place


class Correction(ABC):
    """Base: a step x ↦ x + B(b − Ax) that never raises the energy of the error, and its adjoint."""

    @abstractmethod
    def __call__(
        self, b: Tensor, x: Tensor | None, operator: Callable[[Tensor], Tensor], reverse: bool
    ) -> Tensor:
        """The state after the step.

        Args:
            b: right-hand side.
            x: the state, None for 0.
            operator: u ↦ A u.
            reverse: the adjoint step, which makes a cycle symmetric.
        """


def rounding(dtype: DType) -> float:
    """What is less than this, relative to a sum of diagonal entries, is taken for rounding.

    Example:
        >>> from keras_pde.schemes.multigrid.correction import rounding
        >>> rounding("float32") == 16 * 2.0**-23
        True
    """
    return UNITS * float(np.finfo(keras.backend.standardize_dtype(dtype)).eps)


def reciprocal(x: Tensor, least: Tensor | float = 0.0) -> Tensor:
    """1/x, and 0 where x is no more than ``least``.

    Example:
        >>> from keras_pde.schemes.multigrid.correction import reciprocal
        >>> ops.convert_to_numpy(reciprocal(ops.convert_to_tensor([2.0, 0.0]))).tolist()
        [0.5, 0.0]
    """
    return ops.where(x > least, 1 / ops.where(x > least, x, ops.ones_like(x)), ops.zeros_like(x))

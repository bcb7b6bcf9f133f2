"""Arrays: what the vectors of an axis are made of, NumPy arrays or tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops

from keras_pde.runtime.types import Tensor

EQUAL = 1e-14  # entries that differ by less than this, relative to the first, count as equal


@dataclass(frozen=True)
class Arrays:
    """The array functions of one axis, chosen once from its size.

    A size that is known makes NumPy arrays in float64, which become constants of a traced program;
    a size that only the graph knows makes tensors.

    Args:
        xp: the module of array functions, ``numpy`` or ``keras.ops``.
        dtype: precision of the vectors.
        known: whether the size is a number.

    Example:
        >>> Arrays.of(5, "float32").known
        True
    """

    xp: Any
    dtype: str
    known: bool

    @classmethod
    def of(cls, size: Any, dtype: str) -> Self:
        """Arrays for an axis of that many points, a number or a tensor."""
        return cls(np, "float64", True) if isinstance(size, int) else cls(ops, dtype, False)

    def ones(self, size: Any) -> Tensor:
        """A vector of ones."""
        return self.xp.ones((size,), dtype=self.dtype)

    def zeros_like(self, x: Tensor) -> Tensor:
        """A vector of zeros."""
        return self.xp.zeros_like(x)

    def joined(self, *vectors: Tensor) -> Tensor:
        """The vectors, one after the other."""
        return self.xp.concatenate(list(vectors), 0)

    def vector(self, number: Tensor) -> Tensor:
        """A vector of one entry."""
        return self.xp.reshape(number, (1,))

    def length(self, x: Tensor) -> Any:
        """The number of entries, a number or a tensor."""
        return self.xp.shape(x)[0]

    def indices(self, size: Any) -> Tensor:
        """0, 1, ..., size − 1."""
        return self.xp.arange(size)

    def cast(self, x: Tensor) -> Tensor:
        """Integers or truth values in the precision of the vectors."""
        return np.asarray(x, dtype=self.dtype) if self.known else ops.cast(x, self.dtype)

    def largest(self, x: Tensor) -> Any:
        """The largest entry: a number where the size is known."""
        return float(np.max(x)) if self.known else ops.max(x)

    def constant(self, x: Tensor) -> float | None:
        """The entry of a vector whose entries are known and equal, None otherwise."""
        if self.known and np.ptp(x) <= EQUAL * abs(x[0]):
            return float(x[0])
        return None

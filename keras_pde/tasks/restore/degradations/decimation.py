"""Decimation: an image shrunken by a whole factor, without aliasing."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.data import kernels
from keras_pde.operators.boundary import check_boundary
from keras_pde.runtime import gate
from keras_pde.tasks.restore.degradations.degradation import Degradation, Shape
from keras_pde.tasks.restore.degradations.filtering import Filter, norm_bound

__all__ = ["Decimation"]


class Decimation(Degradation):
    """A u = (k * u) at every f-th pixel, centred in blocks of f × f; ‖A‖ is about 1/f.

    Args:
        factor: f, from 2 to 16.
        kernel: "cubic", Keys's cubic stretched by f, as image programs shrink; "box", the mean of
            each block, as a coarser sensor sees it, with ‖A‖ = 1/f; or a matrix whose sizes are
            even where f is.
        boundary: as of `Blur`.

    Call args: u, (f·height, f·width) with channels or not. Returns (height, width) and channels.

    Raises:
        ValueError: arguments out of range; an image whose size is no multiple of f.

    Example:
        >>> import numpy as np
        >>> from keras_pde import degradations
        >>> half = degradations.Decimation(2, "box")
        >>> half(np.arange(8.0).reshape(2, 4)).round(9).tolist(), round(half.norm_bound((2, 4)), 9)
        ([[2.5, 4.5]], 0.5)
    """

    data_are_pixels = True

    def __init__(self, factor: int = 2, kernel: Any = "cubic", boundary: str = "neumann") -> None:
        self.factor = gate.whole(factor, "factor", low=2, high=16)
        self.name = kernel if isinstance(kernel, str) else None
        if self.name is None:
            kernel = kernels.get(kernel)
        elif gate.word(kernel, "kernel", ("cubic", "box")) == "cubic":
            kernel = kernels.cubic(self.factor)
        else:
            kernel = np.full((self.factor, self.factor), 1 / self.factor**2)
        if any(n % 2 != self.factor % 2 for n in kernel.shape):
            raise ValueError(
                "The sizes of a decimation's kernel are even where the factor is even, and odd"
                f" where it is odd. Received: shape {kernel.shape}, factor={self.factor}"
            )
        self.kernel = kernel
        self.boundary = check_boundary(boundary)
        self._filter: Filter | None = None

    def _of(self, shape: Shape) -> Filter:
        if len(shape) not in (2, 3) or any(n % self.factor for n in shape[:2]) or 0 in shape:
            raise ValueError(
                f"The image must have sizes that are multiples of {self.factor}. Received: shape"
                f" {shape}"
            )
        height, width = shape[:2]
        if self._filter is None or self._filter.size != (height, width):
            self._filter = Filter(self.kernel, (height, width), self.boundary, self.factor)
        return self._filter

    def image_shape(self, shape: Shape) -> Shape:
        """f times as high and wide."""
        return (self.factor * shape[0], self.factor * shape[1], *shape[2:])

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """The shrunken image."""
        return self._of(u.shape)(u)

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """Zeros between the pixels of v, and the correlation with the kernel."""
        return self._of(self.image_shape(v.shape)).adjoint(v)

    def norm_bound(self, shape: Shape) -> float:
        """‖A‖ for images of a shape, or an upper bound (R3)."""
        self._of(shape)
        return norm_bound(self.kernel, (shape[0], shape[1]), self.boundary, self.factor)

    def __repr__(self) -> str:
        return f"Decimation({self.factor}, {self.name or 'own kernel'}, {self.boundary})"

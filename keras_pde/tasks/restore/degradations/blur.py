"""Blur: the convolution of an image with a point spread function."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.data import kernels
from keras_pde.operators.boundary import check_boundary
from keras_pde.runtime import gate
from keras_pde.tasks.restore.degradations.degradation import Degradation, Shape
from keras_pde.tasks.restore.degradations.filtering import Filter, norm_bound, wrapped

__all__ = ["Blur"]


class Blur(Degradation):
    """A u = k * u, the convolution with a kernel; ‖A‖ is exact at a periodic boundary.

    At other boundaries the bound of ‖A‖ is exact too for kernels that are symmetric along both
    axes, are not negative and have sum 1: it is 1 (R3). Cost: two transforms of the extended image.

    Args:
        kernel: a matrix, whose centre is at ⌊n/2⌋ along each axis, or "gaussian:WIDTH",
            "box:SIZE" or "motion:LENGTH,ANGLE" in pixels and degrees, with sum 1.
        boundary: how the image goes on beyond its border: "neumann" reflects it, "dirichlet" is
            black, "periodic" goes round.

    Call args: u, (height, width) or (height, width, channels). Returns its shape.

    Raises:
        ValueError: a kernel or a boundary that is none; an image of another rank.

    Example:
        >>> import numpy as np
        >>> from keras_pde import degradations
        >>> blur = degradations.Blur("box:3", boundary="periodic")
        >>> blur(np.eye(3)).round(3).tolist()[0]
        [0.333, 0.333, 0.333]
        >>> round(blur.norm_bound((3, 3)), 9)
        1.0
    """

    data_are_pixels = True

    def __init__(self, kernel: Any, boundary: str = "neumann") -> None:
        self.name = kernel if isinstance(kernel, str) else None
        kernel = kernels.get(kernel)
        # of odd size, so that its centre is that of the matrix
        self.kernel = np.pad(kernel, [(0, 1 - n % 2) for n in kernel.shape])
        self.boundary = check_boundary(boundary)
        self._filter: Filter | None = None

    def _of(self, u: np.ndarray) -> Filter:
        gate.array(u, "image", ranks=(2, 3))
        height, width = u.shape[:2]
        if self._filter is None or self._filter.size != (height, width):
            self._filter = Filter(self.kernel, (height, width), self.boundary)
        return self._filter

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """The blurred image."""
        return self._of(u)(u)

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """The correlation with the kernel, its margins folded back."""
        return self._of(v).adjoint(v)

    def norm_bound(self, shape: Shape) -> float:
        """‖A‖ for images of a shape, or an upper bound."""
        return norm_bound(self.kernel, (shape[0], shape[1]), self.boundary)

    def resolvent(self, b: np.ndarray, step: float, guess: np.ndarray | None = None) -> np.ndarray:
        """(I + γAᵀA)⁻¹b, in closed form on a torus, and for symmetric kernels that reflect."""
        symmetric = all(np.array_equal(self.kernel, np.flip(self.kernel, axis)) for axis in (0, 1))
        reflects = self.boundary == "neumann" and symmetric
        if self.boundary != "periodic" and not reflects:
            return super().resolvent(b, step, guess)
        height, width = b.shape[:2]
        if reflects:
            b = np.pad(b, [(0, height), (0, width), *[(0, 0)] * (b.ndim - 2)], mode="symmetric")
        square = np.abs(np.fft.rfft2(wrapped(self.kernel, b.shape[:2]))) ** 2
        divisor = (1 + step * square).reshape(*square.shape, *[1] * (b.ndim - 2))
        transformed = np.fft.rfft2(b, axes=(0, 1)) / divisor
        return np.fft.irfft2(transformed, b.shape[:2], axes=(0, 1))[:height, :width]

    def first_guess(self, y: np.ndarray) -> np.ndarray:
        """The blurred image."""
        return y

    def __repr__(self) -> str:
        rows, columns = self.kernel.shape
        about = self.name or f"{rows} × {columns} kernel"
        return f"Blur({about}, {self.boundary})"

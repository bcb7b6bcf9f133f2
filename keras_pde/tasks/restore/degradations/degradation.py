"""Degradation: a linear map A from images to data, with its adjoint and a bound of its norm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

__all__ = ["Degradation"]

Shape = tuple[int, ...]
ACCURACY = 1e-10  # relative residual of inner solves
MOST = 1000  # iterations of an inner solve


class Degradation(ABC):
    r"""A linear map u ↦ A u of images, its exact adjoint v ↦ Aᵀv, and an upper bound of ‖A‖.

    A subclass writes `__call__`, `adjoint` and `norm_bound`. Where the data have another shape than
    the image it writes `image_shape` too, and `resolvent` where there is a closed form.

    Images are (height, width) or (height, width, channels) arrays of float64.

    Attributes:
        data_are_pixels: whether the data are an image themselves, so that their noise level can be
            estimated from them.

    Example:
        >>> import numpy as np
        >>> from keras_pde import degradations
        >>> class Half(degradations.Degradation):
        ...     def __call__(self, u):
        ...         return u / 2
        ...     def adjoint(self, v):
        ...         return v / 2
        ...     def norm_bound(self, shape):
        ...         return 0.5
        >>> float(Half().resolvent(np.ones((1, 1)), step=4.0).item())
        0.5
    """

    data_are_pixels: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, u: np.ndarray) -> np.ndarray:
        """A u."""

    @abstractmethod
    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """Aᵀv."""

    @abstractmethod
    def norm_bound(self, shape: Shape) -> float | None:
        """An upper bound of ‖A‖ for images of a shape; None where none is known."""

    def norm_estimate(self, shape: Shape) -> float:
        """What ‖A‖ is about, by which steps are chosen; it proves nothing.

        Raises:
            ValueError: neither a bound is known nor another estimate.
        """
        bound = self.norm_bound(shape)
        if bound is None:
            raise ValueError(f"{self} has no bound of its norm: state the step")
        return bound

    def image_shape(self, shape: Shape) -> Shape:
        """The shape of the image that data of a shape belong to.

        Raises:
            ValueError: data that do not fit.
        """
        return shape

    def first_guess(self, y: np.ndarray) -> np.ndarray:
        """An image to start from: Aᵀy, pixel by pixel over Aᵀ1."""
        weight = self.adjoint(np.ones_like(y))
        return self.adjoint(y) / np.where(np.abs(weight) > 1e-3 * np.abs(weight).max(), weight, 1)

    def resolvent(self, b: np.ndarray, step: float, guess: np.ndarray | None = None) -> np.ndarray:
        """(I + γAᵀA)⁻¹b, by conjugate gradients to a relative residual of 1e-10.

        As I + γAᵀA ≥ I, the result is off by 1e-10‖b‖ at most.

        Args:
            b: an image.
            step: γ > 0.
            guess: an image to start from.

        Raises:
            ValueError: the residual is not reached, so γ‖A‖² is too large.
        """
        return _solve(lambda u: u + step * self.adjoint(self(u)), b, guess)


def _solve(
    apply: Callable[[np.ndarray], np.ndarray], b: np.ndarray, guess: np.ndarray | None = None
) -> np.ndarray:
    """The u with Bu = b for a symmetric B ≥ I, by conjugate gradients."""
    u = np.zeros_like(b) if guess is None else guess.copy()
    r = b - apply(u) if guess is not None else b.copy()
    p, rr, goal = r.copy(), np.vdot(r, r), ACCURACY**2 * np.vdot(b, b)
    for _ in range(MOST):
        if rr <= goal:
            return u
        applied = apply(p)
        length = rr / np.vdot(p, applied)
        u += length * p
        r -= length * applied
        rr, before = np.vdot(r, r), rr
        p = r + (rr / before) * p
    raise ValueError(
        f"A linear system of the data term did not reach the residual {ACCURACY:g} in {MOST}"
        " iterations of conjugate gradients. Take a smaller step: its condition is 1 + step·‖A‖²."
    )

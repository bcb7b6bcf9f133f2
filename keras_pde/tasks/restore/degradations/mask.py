"""Mask: the pixels of an image that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.tasks.inpaint.image import solve
from keras_pde.tasks.restore.degradations.degradation import Degradation, Shape

__all__ = ["Mask"]


class Mask(Degradation):
    """A u = m u with m = 1 where a pixel is known and 0 elsewhere; ‖A‖ = 1, and Aᵀ = A.

    Args:
        known: (height, width) of bool, with a known pixel.

    Call args: u, (height, width) or (height, width, channels). Returns its shape.

    Raises:
        ValueError: a mask that is not of bool, or has no known pixel; an image of another size.

    Example:
        >>> import numpy as np
        >>> from keras_pde import degradations
        >>> degradations.Mask(np.array([[True, False]]))(np.array([[0.5, 0.7]])).tolist()
        [[0.5, 0.0]]
    """

    def __init__(self, known: Any) -> None:
        values = np.asarray(known)
        if isinstance(known, np.ma.MaskedArray) or values.dtype != bool or values.ndim != 2:
            raise ValueError(
                "known must be a matrix of bool, true where a pixel is known. Received:"
                f" {values.dtype}, shape {values.shape}; mask > 0.5 makes one"
            )
        if not values.any():
            raise ValueError("known has no true entry, and a pixel at least must be known")
        self.known = values

    def _times(self, u: np.ndarray) -> np.ndarray:
        """The mask in the shape of an image."""
        if u.ndim not in (2, 3) or u.shape[:2] != self.known.shape:
            raise ValueError(
                f"The image must have the mask's height and width {self.known.shape}. Received:"
                f" shape {u.shape}"
            )
        return self.known if u.ndim == 2 else self.known[..., None]

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """The image, 0 where it is not known."""
        return np.where(self._times(u), u, 0.0)

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """The same: A is symmetric."""
        return self(v)

    def norm_bound(self, shape: Shape) -> float:
        """1."""
        return 1.0

    def first_guess(self, y: np.ndarray) -> np.ndarray:
        """The harmonic function with the known pixels (M5)."""
        wide = y if y.ndim == 3 else y[..., None]
        return solve(wide, self.known, tolerance=1e-3).pixels.reshape(y.shape)

    def resolvent(self, b: np.ndarray, step: float, guess: np.ndarray | None = None) -> np.ndarray:
        """b/(1 + γm)."""
        return b / (1 + step * self._times(b))

    def __repr__(self) -> str:
        return f"Mask({100 * self.known.mean():.3g} % known)"

"""Restored: an image, how the iteration went, and what is proved about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_pde.tasks.restore.theorem import Conclusion

__all__ = ["Restored"]


class Restored(NamedTuple):
    """What `keras_pde.restore` returns.

    Args:
        pixels: the image: of the type of the data where these are 8 or 16 bit, else float64, not
            clipped.
        residuals: ‖uᵏ⁺¹ − uᵏ‖/‖uᵏ⁺¹‖ of each iteration of "pgd", ‖zᵏ⁺¹ − zᵏ‖/‖uᵏ⁺¹‖ of "admm".
        changes: the same without the denominator. They never rise where the theorem applies.
        converged: whether the last residual is within the tolerance.
        step: γ.
        strength: the noise level that the denoiser was told, in grey levels of 255.
        preset: its name.
        conclusion: what is proved about the iteration, or what that lacks.

    Example:
        >>> import keras_pde
        >>> from keras_pde import degradations
        >>> y = np.kron([[0.2, 0.8], [0.8, 0.2]], np.ones((16, 16)))
        >>> blur = degradations.Blur("box:3")
        >>> found = keras_pde.restore(y, blur, preset="linear_2d", noise=2, method="pgd")
        >>> len(found.residuals), found.conclusion.proved, found.rises
        (20, True, 0)
    """

    pixels: np.ndarray
    residuals: np.ndarray
    changes: np.ndarray
    converged: bool
    step: float
    strength: float
    preset: str
    conclusion: Conclusion

    @property
    def rises(self) -> int:
        """How often a change was larger than the one before."""
        return int((np.diff(self.changes) > 0).sum())

    def summary(self) -> str:
        """Iterations and residuals in a line."""
        count = len(self.residuals)
        return (
            f"{self.conclusion.method}, step {self.step:.4g}, strength {self.strength:.3g}:"
            f" {count} iteration{'s' * (count != 1)}, relative residual {self.residuals[0]:.1e} to"
            f" {self.residuals[-1]:.1e}{'' if self.converged else ', not converged'}"
        )

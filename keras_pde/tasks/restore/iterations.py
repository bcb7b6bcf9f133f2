"""The iterations of plug and play: proximal gradient and ADMM.

Each yields an image and the distance of its two last states, for ever. What both need is a
degradation A, data y, a denoiser N as a function of images, and a step γ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from keras_pde.tasks.restore.degradations.degradation import Degradation

__all__ = ["admm", "proximal_gradient"]

Denoise = Callable[[np.ndarray], np.ndarray]
Pairs = Iterator[tuple[np.ndarray, float]]


def proximal_gradient(
    A: Degradation, y: np.ndarray, denoise: Denoise, step: float, start: np.ndarray
) -> Pairs:
    """Iterates u ← N(u − γAᵀ(Au − y)), with the distances ‖uᵏ⁺¹ − uᵏ‖ (R1).

    Source: Venkatakrishnan, Bouman, Wohlberg (2013); Combettes, Wajs (2005).

    Example:
        >>> from keras_pde import degradations
        >>> from keras_pde.tasks.restore.iterations import proximal_gradient
        >>> one = degradations.Mask(np.ones((1, 1), bool))
        >>> steps = proximal_gradient(one, np.ones((1, 1)), lambda u: u / 2, 1.0, np.zeros((1, 1)))
        >>> [next(steps)[1] for _ in range(2)]
        [0.5, 0.0]
    """
    u = start
    while True:
        before, u = u, denoise(u - step * A.adjoint(A(u) - y))
        yield u, float(np.linalg.norm(u - before))


def admm(A: Degradation, y: np.ndarray, denoise: Denoise, step: float, start: np.ndarray) -> Pairs:
    """Iterates z ← z + N(2x − z) − x, x = (I + γAᵀA)⁻¹(z + γAᵀy), with ‖zᵏ⁺¹ − zᵏ‖ (R2).

    This is ADMM in the form of Douglas and Rachford. The image is N(2x − z), equal to x at the end.

    Source: Eckstein, Bertsekas (1992); Venkatakrishnan, Bouman, Wohlberg (2013).

    Example:
        >>> from keras_pde import degradations
        >>> from keras_pde.tasks.restore.iterations import admm
        >>> one = degradations.Mask(np.ones((1, 1), bool))
        >>> steps = admm(one, np.ones((1, 1)), lambda u: u / 2, 1.0, np.zeros((1, 1)))
        >>> [round(float(next(steps)[0].item()), 4) for _ in range(3)]
        [0.5, 0.5, 0.5]
    """
    z = x = start
    weighted = step * A.adjoint(y)
    while True:
        x = A.resolvent(z + weighted, step, x)
        u = denoise(2 * x - z)
        z = z + (u - x)
        yield u, float(np.linalg.norm(u - x))


ITERATIONS = {"pgd": proximal_gradient, "admm": admm}

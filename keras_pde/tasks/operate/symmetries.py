"""Symmetries of the equations that operators are learned of: more pairs from each."""

from __future__ import annotations

import numpy as np

__all__ = ["moved_waves", "turned_square"]


def turned_square(
    a: np.ndarray, u: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A coefficient on the square and its solution, mirrored and turned at random.

    The points are i/n, and those of i = 0 lie on a wall; beyond the last the coefficient goes on,
    and the solution is zero on the walls.

    Example:
        >>> from keras_pde.tasks.operate.symmetries import turned_square
        >>> a = np.arange(9.0).reshape(3, 3, 1)
        >>> turned_square(a, a, np.random.default_rng(0))[1].shape
        (3, 3, 1)
    """
    if rng.integers(2):
        a, u = a.swapaxes(0, 1), u.swapaxes(0, 1)
    for axis in range(2):
        if rng.integers(2):
            a, u = _mirrored(a, axis, edge=True), _mirrored(u, axis, edge=False)
    return a, u


def _mirrored(x: np.ndarray, axis: int, edge: bool) -> np.ndarray:
    """x(n − i): what was at n, beyond the last point, comes to stand at 0."""
    x = np.moveaxis(x, axis, 0)
    first = x[-1:] if edge else np.zeros_like(x[:1])
    return np.moveaxis(np.concatenate([first, x[:0:-1]]), 0, axis)


def moved_waves(
    u: np.ndarray, later: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A periodic state of Burgers' equation and what follows, moved, and u(x) ↦ −u(−x) or not.

    Example:
        >>> from keras_pde.tasks.operate.symmetries import moved_waves
        >>> u = np.arange(4.0)[:, None]
        >>> moved_waves(u, u, np.random.default_rng(1))[0].shape
        (4, 1)
    """
    by = int(rng.integers(len(u)))
    u, later = np.roll(u, by, 0), np.roll(later, by, 0)
    return (-u[::-1], -later[::-1]) if rng.integers(2) else (u, later)


SYMMETRIES = {"darcy": turned_square, "burgers": moved_waves}

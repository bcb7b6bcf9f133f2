"""PeriodicGrid: points, wave numbers and discrete Fourier transforms, in NumPy and float64."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PeriodicGrid"]


@dataclass(frozen=True)
class PeriodicGrid:
    r"""x_j = jℓ/n on a periodic box, and û(k) = Σ u(x_j) e^(−ik·x_j), k ∈ 2πZ/ℓ.

    States are (batch, \*points, channels), their transforms (batch, \*frequencies, channels); the
    last axis of space has the frequencies ≥ 0 alone.

    Args:
        points: along each axis.
        length: of each side of the box.

    Example:
        >>> from keras_pde.tasks.evolve.grid import PeriodicGrid
        >>> grid = PeriodicGrid((32,), (1.0,))
        >>> u = np.sin(2 * np.pi * grid.places()[0])[None, ..., None]
        >>> du = grid.back(grid.derivative(0, 1)[..., None] * grid.forward(u))
        >>> bool(np.allclose(du[0, 0, 0], 2 * np.pi))
        True
    """

    points: tuple[int, ...]
    length: tuple[float, ...]

    @property
    def ndim(self) -> int:
        """Axes."""
        return len(self.points)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of the points along each axis."""
        return tuple(side / n for side, n in zip(self.length, self.points, strict=True))

    def places(self) -> list[np.ndarray]:
        """Coordinates of all points, an array an axis."""
        axes = [h * np.arange(n) for h, n in zip(self.spacing, self.points, strict=True)]
        return list(np.meshgrid(*axes, indexing="ij"))

    def numbers(self, axis: int) -> np.ndarray:
        """Whole wave numbers of an axis, of a shape that fits the frequencies."""
        n, last = self.points[axis], axis == self.ndim - 1
        found = np.fft.rfftfreq(n, 1 / n) if last else np.fft.fftfreq(n, 1 / n)
        return found.reshape([-1 if i == axis else 1 for i in range(self.ndim)])

    def derivative(self, axis: int, order: int) -> np.ndarray:
        """(ik)^order along an axis; of odd order it is 0 at the highest frequency of even n."""
        k, n = self.numbers(axis), self.points[axis]
        symbol = (2j * np.pi / self.length[axis] * k) ** order
        return np.where(np.abs(k) == n / 2, 0, symbol) if order % 2 else symbol

    def laplacian(self) -> np.ndarray:
        """−|k|²."""
        parts = [self.derivative(axis, 2).real for axis in range(self.ndim)]
        return np.asarray(functools.reduce(np.add, parts))

    def low(self, share: float) -> np.ndarray:
        """Whether a frequency is below a share of the highest, along every axis.

        Of products of d functions below 2/(d + 1), no others fold back to where these are.
        """
        parts = [
            np.abs(self.numbers(axis)) < share * self.points[axis] / 2 * (1 - 1e-9)
            for axis in range(self.ndim)
        ]
        return np.asarray(functools.reduce(np.logical_and, parts))

    def forward(self, u: np.ndarray) -> np.ndarray:
        """The transform of a state."""
        return np.fft.rfftn(u, axes=range(1, 1 + self.ndim))

    def back(self, transformed: np.ndarray) -> np.ndarray:
        """The state of a transform."""
        return np.fft.irfftn(transformed, self.points, axes=range(1, 1 + self.ndim))

    def refined(self, times: int) -> PeriodicGrid:
        """The grid with so many times the points along each axis."""
        return PeriodicGrid(tuple(times * n for n in self.points), self.length)

    def interpolated(self, u: np.ndarray, times: int) -> np.ndarray:
        """A state on the refined grid, by its Fourier series.

        The highest frequency of an even number of points is left out: its phase is not known.
        """
        from itertools import product

        if times == 1:
            return u
        fine, coarse = self.refined(times), self.forward(u)
        full = np.zeros((len(u), *_frequencies(fine.points), u.shape[-1]), complex)
        halves = [(n + 1) // 2 for n in self.points]
        for signs in product((1, -1), repeat=self.ndim - 1):
            part = [
                slice(None, m) if s > 0 else slice(-m + 1 or None, None) if m > 1 else slice(0, 0)
                for s, m in zip(signs, halves[:-1], strict=True)
            ]
            where = (slice(None), *part, slice(None, halves[-1]))
            full[where] = coarse[where]
        return fine.back(full) * times**self.ndim


def _frequencies(points: Sequence[int]) -> tuple[int, ...]:
    return (*points[:-1], points[-1] // 2 + 1)

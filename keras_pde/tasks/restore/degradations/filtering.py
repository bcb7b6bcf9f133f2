"""Convolution of an image with a kernel at any boundary, its exact adjoint, and its norm.

The image is extended as `keras_pde.operators.boundary` does it, and convolved where the kernel fits
by the fast Fourier transform in float64. The adjoint is the correlation, whose margins are folded
back onto the pixels that they were copied from. Both may look at every second pixel only, or every
so many: a decimation.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

__all__ = ["Filter", "norm_bound", "wrapped"]

Pad = Literal["symmetric", "wrap"]
MODES: dict[str, Pad] = {"neumann": "symmetric", "periodic": "wrap"}  # of np.pad
SAFETY = 1 + 1e-12  # above the rounding of a transform


class Filter:
    """u ↦ (k * ū) at every ``factor``-th pixel for images of one size, with ū the extended u.

    Args:
        kernel: k, (rows, columns). Its centre is at ⌊n/2⌋ along each axis.
        size: (height, width) of u.
        boundary: "neumann", "dirichlet" or "periodic".
        factor: between the pixels that are kept. The first of them is ⌊(factor − 1)/2⌋, so that a
            kernel of even size lies symmetric to the blocks of an even factor.

    Example:
        >>> from keras_pde.tasks.restore.degradations.filtering import Filter
        >>> mean = Filter(np.ones((1, 3)) / 3, (1, 4), "neumann")
        >>> mean(np.array([[0.0, 0.0, 3.0, 3.0]])).round(9).tolist()
        [[0.0, 1.0, 2.0, 3.0]]
    """

    def __init__(
        self, kernel: np.ndarray, size: tuple[int, int], boundary: str, factor: int = 1
    ) -> None:
        self.size = size
        self.factor = factor
        self.margins = [(k - 1 - k // 2, k // 2) for k in kernel.shape]
        self.first = [k - 1 for k in kernel.shape]  # of the outputs, among those of a transform
        self.extended = tuple(n + k - 1 for n, k in zip(size, kernel.shape, strict=True))
        self.transformed = tuple(_smooth(n) for n in self.extended)
        self.symbol = np.fft.rfft2(kernel, self.transformed)
        self.places = [
            None if boundary == "dirichlet" else np.pad(np.arange(n), margin, mode=MODES[boundary])
            for n, margin in zip(size, self.margins, strict=True)
        ]

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """k * ū, (height, width, ...) for u (height, width, ...)."""
        for axis, (places, margin) in enumerate(zip(self.places, self.margins, strict=True)):
            if places is None:
                u = np.pad(u, [margin if a == axis else (0, 0) for a in range(u.ndim)])
            else:
                u = np.take(u, places, axis)
        return np.ascontiguousarray(self._times(self.symbol, u)[self._kept()])

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """The adjoint's image of v."""
        wide = np.zeros((*self.extended, *v.shape[2:]))
        wide[self._kept()] = v
        wide = self._times(self.symbol.conj(), wide)
        for axis, (places, margin) in enumerate(zip(self.places, self.margins, strict=True)):
            wide = _folded(np.moveaxis(wide, axis, 0), places, margin)
            wide = np.moveaxis(wide, 0, axis)
        return np.ascontiguousarray(wide)

    def _times(self, symbol: np.ndarray, u: np.ndarray) -> np.ndarray:
        wide = symbol.reshape(*symbol.shape, *[1] * (u.ndim - 2))
        transformed = np.fft.rfft2(u, self.transformed, axes=(0, 1))
        found = np.fft.irfft2(wide * transformed, self.transformed, axes=(0, 1))
        return found[: self.extended[0], : self.extended[1]]

    def _kept(self) -> tuple[slice, slice]:
        """The pixels of a transform that are the result."""
        start = (self.factor - 1) // 2
        rows, columns = (slice(first + start, None, self.factor) for first in self.first)
        return rows, columns


def _smooth(n: int) -> int:
    """The least number from n on without prime factors above 5: quick to transform."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _folded(v: np.ndarray, places: np.ndarray | None, margin: tuple[int, int]) -> np.ndarray:
    """Margins of the first axis, added to the entries that they are copies of."""
    before, after = margin
    core = v[before : len(v) - after].copy()
    if places is not None:
        np.add.at(core, places[:before], v[:before])
        np.add.at(core, places[len(v) - after :], v[len(v) - after :])
    return core


def norm_bound(kernel: np.ndarray, size: tuple[int, int], boundary: str, factor: int = 1) -> float:
    """An upper bound of the norm of a `Filter` (R3), exact at a periodic boundary.

    The symbol, folded onto the frequencies of the coarse grid, gives it on a torus. A zero boundary
    cuts such a map on a larger torus; a reflecting one is a map of symmetric images on a torus of
    twice the size, part by part of even and odd symmetry of the kernel. The geometric mean of the
    largest absolute row and column sums is the other bound; the smaller one counts.

    Args:
        kernel: as for `Filter`; at a reflecting boundary its sizes are odd or even as factor is.
        size: a multiple of the factor along each axis.
        boundary: as for `Filter`.
        factor: as for `Filter`.

    Example:
        >>> from keras_pde.tasks.restore.degradations.filtering import norm_bound
        >>> round(norm_bound(np.ones((3, 3)) / 9, (8, 9), "neumann"), 9)
        1.0
    """
    return SAFETY * min(
        _by_symbol(kernel, size, boundary, factor), _by_sums(kernel, size, boundary, factor)
    )


def _by_sums(kernel: np.ndarray, size: tuple[int, int], boundary: str, factor: int) -> float:
    """√(max Σⱼ|aᵢⱼ| · max Σᵢ|aᵢⱼ|), the Schur test."""
    absolute = Filter(np.abs(kernel), size, boundary, factor)
    rows = absolute(np.ones(size))
    columns = absolute.adjoint(np.ones_like(rows))
    return math.sqrt(max(float(rows.max()), 0.0) * max(float(columns.max()), 0.0))


def _by_symbol(kernel: np.ndarray, size: tuple[int, int], boundary: str, factor: int) -> float:
    if boundary == "periodic":
        return _on_torus(kernel, size, factor)
    if boundary == "dirichlet":
        wide = [n + k - 1 for n, k in zip(size, kernel.shape, strict=True)]
        return _on_torus(kernel, tuple(-(-n // factor) * factor for n in wide), factor)
    flips = [kernel, kernel[::-1], kernel[:, ::-1], kernel[::-1, ::-1]]
    torus = tuple(2 * n for n in size)
    total = 0.0
    for one in (1, -1):
        for two in (1, -1):
            signs = (1, one, two, one * two)
            part = np.sum([c * k for c, k in zip(signs, flips, strict=True)], axis=0) / 4
            total += _on_torus(part, torus, factor)
    return total


def _on_torus(kernel: np.ndarray, size: tuple[int, ...], factor: int) -> float:
    """The norm on a torus whose size is a multiple of the factor."""
    square = np.abs(np.fft.fft2(wrapped(kernel, size))) ** 2
    height, width = size
    folds = square.reshape(factor, height // factor, factor, width // factor)
    return math.sqrt(float(folds.mean(axis=(0, 2)).max()))


def wrapped(kernel: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A kernel on a torus, which it goes round where it is larger.

    Example:
        >>> from keras_pde.tasks.restore.degradations.filtering import wrapped
        >>> wrapped(np.ones((1, 3)), (1, 2)).tolist()
        [[2.0, 1.0]]
    """
    torus = np.zeros(size)
    rows, columns = (np.arange(k) % n for k, n in zip(kernel.shape, size, strict=True))
    np.add.at(torus, np.ix_(rows, columns), kernel)
    return torus

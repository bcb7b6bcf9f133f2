"""Symbols of convolutions, and their eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.schemes.integrators.complex_pair import Complex


def eigenvalues(symbol: np.ndarray) -> np.ndarray:
    """All eigenvalues of matrices (…, c, c) in a row.

    Example:
        >>> from keras_pde.layers.symbols import eigenvalues
        >>> eigenvalues(np.array([[[0.0, 1.0], [-4.0, 0.0]]])).round(6).tolist()
        [2j, -2j]
    """
    if symbol.shape[-1] == 1:
        return np.asarray(symbol, complex).ravel()
    return np.linalg.eigvals(np.asarray(symbol, complex)).ravel()


def symbol_of(kernel: np.ndarray, omega: Sequence[np.ndarray]) -> np.ndarray:
    """Σⱼ kⱼ e^{iω·j} of a centred kernel.

    Example:
        >>> from keras_pde.layers.symbols import symbol_of
        >>> symbol_of(np.array([1.0, -2.0, 1.0]), [np.array([0.0, np.pi])]).real.round(9).tolist()
        [0.0, -4.0]
    """
    total: Any = np.zeros(np.broadcast(*omega).shape, complex)
    for place in np.argwhere(kernel):
        j = [int(i) - n // 2 for i, n in zip(place, kernel.shape, strict=True)]
        total = total + kernel[tuple(place)] * np.exp(
            1j * sum(i * w for i, w in zip(j, omega, strict=True))
        )
    return total


def stacked(found: list[list[Any]], copies: int, angles: tuple[list[Any], Any]) -> Complex:
    """Multipliers of each source and component as one array with the channels last."""
    omega, xp = angles
    nothing = Complex(sum(0 * w for w in omega), sum(0 * w for w in omega), xp)
    rows = [[nothing if m is None else m for m in row] for row in found]
    count = len(rows)
    if count == 1:
        return rows[0][0].map(lambda part: xp.stack([part] * copies, -1))
    size = count * copies

    def laid_out(part: str) -> Any:
        lines = []
        for i in range(size):
            line = []
            for j in range(size):
                m = rows[i // copies][j // copies] if i % copies == j % copies else nothing
                line.append(m.real if part == "real" else m.imag)
            lines.append(xp.stack(line, -1))
        return xp.stack(lines, -2)

    return Complex(laid_out("real"), laid_out("imag"), xp)


def centred(kernel: np.ndarray) -> np.ndarray:
    """A kernel whose centre is at (k − 1)//2, with zeros to odd widths around its centre.

    Example:
        >>> from keras_pde.layers.symbols import centred
        >>> centred(np.array([-1.0, 1.0])).tolist()
        [0.0, -1.0, 1.0]
    """
    widths = [(n % 2 == 0, 0) for n in kernel.shape]
    return np.pad(kernel, [(int(a), b) for a, b in widths])


def sum_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The sum of centred kernels of odd widths."""
    shape = tuple(map(max, a.shape, b.shape))
    padded = [
        np.pad(k, [((m - n) // 2,) * 2 for n, m in zip(k.shape, shape, strict=True)])
        for k in (a, b)
    ]
    return padded[0] + padded[1]

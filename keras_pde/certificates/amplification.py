"""Suprema of |R(Δt λ)| over all that a convolution can have as eigenvalues λ, from above.

A convolution with a kernel k has the eigenvalues λ(ω) = Σⱼ kⱼe^{iω·j}. Their real part belongs to
the even part of k and their imaginary part to the odd one, which bound a convex region that holds
them; on it |R| of a polynomial R is largest at the boundary, by the maximum principle, where it is
found by the roots of a polynomial of one variable (E21).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Coefficients = Sequence[float] | np.ndarray

ROUNDING = 1e-12  # relative, of what is 0 or 1 in exact arithmetic
ANGLES = 17  # of the lines that bound a region
MOST = 1 << 17  # samples of a symbol


class Region(NamedTuple):
    """A convex set of complex numbers that is its own mirror image about the real axis.

    Args:
        low: its least real part.
        high: its largest real part.
        corners: those of the upper half of its boundary, from the right to the left; () for a real
            interval.

    Example:
        >>> from keras_pde.certificates.amplification import eigenvalue_region
        >>> eigenvalue_region(np.array([1.0, -2.0, 1.0]))
        Region(low=-4.0, high=0.0, corners=())
    """

    low: float
    high: float
    corners: tuple[complex, ...] = ()

    @property
    def height(self) -> float:
        """The largest imaginary part."""
        return max((corner.imag for corner in self.corners), default=0.0)

    def scaled(self, factor: float) -> Region:
        """All numbers times a factor ≥ 0."""
        corners = tuple(factor * corner for corner in self.corners)
        return Region(factor * self.low, factor * self.high, corners)

    def shifted(self, by: float) -> Region:
        """All numbers plus a real one."""
        corners = tuple(by + corner for corner in self.corners)
        return Region(self.low + by, self.high + by, corners)


def rectangle(low: float, high: float, height: float) -> Region:
    """Real parts in [low, high] and imaginary parts in [−height, height].

    Example:
        >>> from keras_pde.certificates.amplification import rectangle
        >>> rectangle(-1.0, 0.0, 2.0).height
        2.0
    """
    return Region(low, high, (complex(high, height), complex(low, height)) if height else ())


def eigenvalue_region(kernel: np.ndarray) -> Region:
    """A region that holds λ(ω) for every ω.

    The real parts are bounded by the even part of k. Where it has an odd part, lines at several
    angles bound the region to the left, each at the largest sample of the trigonometric polynomial
    Re e^{−iθ}λ(ω), with a margin (N3).

    Args:
        kernel: centred, of odd widths.
    """
    turned = np.flip(kernel)
    even, odd = (kernel + turned) / 2, (kernel - turned) / 2
    size = float(np.abs(kernel).sum())
    low, high = (0.0 if abs(x) <= ROUNDING * size else x for x in even_range(even))
    if not odd.any():
        return Region(low, high)
    if not even.any():
        return rectangle(0.0, 0.0, min(float(np.abs(odd).sum()), _margin(odd) * _largest(odd)))
    angles = np.linspace(np.pi / 2, np.pi, ANGLES)
    far = [_largest(np.cos(t) * even + np.sin(t) * odd) * _margin(kernel) for t in angles]
    corners = [complex(high, far[0])]
    for (t, d), (t2, d2) in itertools.pairwise(zip(angles, far, strict=True)):
        # where Re e^{−it}z = d and Re e^{−it2}z = d2
        turn = math.sin(t2 - t)
        x, y = d * math.sin(t2) - d2 * math.sin(t), d2 * math.cos(t) - d * math.cos(t2)
        corners.append(complex(x / turn, y / turn))
    return Region(-far[-1], max(high, max(c.real for c in corners)), tuple(corners))


def even_range(kernel: np.ndarray) -> tuple[float, float]:
    """Bounds of Σⱼ kⱼcos(ω·j) for k(−j) = k(j).

    Where k is its own mirror image along each axis, the sum is a polynomial of sᵢ = sin²(ωᵢ/2) in
    [0, 1], and lies between its least and largest Bernstein coefficient; those in the corners are
    values that it takes. Otherwise |Σ| ≤ Σ|kⱼ| about the centre.
    """
    centre = tuple(n // 2 for n in kernel.shape)
    if not all(np.array_equal(kernel, np.flip(kernel, a)) for a in range(kernel.ndim)):
        middle = float(kernel[centre])
        around = float(np.abs(kernel).sum()) - abs(middle)
        return middle - around, middle + around
    found = kernel.astype(float)
    for axis, c in enumerate(centre):
        half = np.take(found, range(c, 2 * c + 1), axis)
        doubled = np.moveaxis(half, axis, 0).copy()
        doubled[1:] *= 2
        found = np.moveaxis(np.tensordot(_bernstein(c), doubled, (1, 0)), 0, axis)
    return float(found.min()), float(found.max())


@functools.lru_cache(maxsize=32)
def _bernstein(degree: int) -> np.ndarray:
    """Bernstein coefficients, in s = sin²(ω/2), of cos nω: (coefficient, n)."""
    matrix = np.zeros((degree + 1, degree + 1))
    for n in range(degree + 1):
        # cos nω = T_n(1 − 2s)
        in_x = np.polynomial.chebyshev.cheb2poly([0.0] * n + [1.0])
        in_s = np.zeros(1)
        for coefficient in in_x[::-1]:
            in_s = np.polynomial.polynomial.polyadd(
                np.polynomial.polynomial.polymul(in_s, [1.0, -2.0]), [coefficient]
            )
        for j in range(degree + 1):
            matrix[j, n] = sum(
                math.comb(j, i) / math.comb(degree, i) * in_s[i]
                for i in range(min(j + 1, len(in_s)))
            )
    return matrix


def _grid(kernel: np.ndarray) -> tuple[list[int], int]:
    """Points an axis, so many times the degree of the kernel's symbol, and how many times."""
    reach = [max(1, n // 2) for n in kernel.shape]
    over = next((o for o in (64, 32, 16, 8) if math.prod(o * m for m in reach) <= MOST), 4)
    return [over * m for m in reach], over


def _margin(kernel: np.ndarray) -> float:
    """By how much the supremum of a symbol may exceed its largest sample (N3)."""
    return math.cos(math.pi / _grid(kernel)[1]) ** -kernel.ndim


def _largest(kernel: np.ndarray) -> float:
    """The largest |Re λ(ω)| + … of an even or odd kernel's mixture, at samples.

    For an even part E and an odd part iO of λ the mixture is E + O with both real.
    """
    points, _ = _grid(kernel)
    wide = np.zeros(points)
    for place in np.argwhere(kernel):
        at = (-(int(i) - n // 2) % p for i, n, p in zip(place, kernel.shape, points, strict=True))
        wide[tuple(at)] += kernel[tuple(place)]
    symbol = np.fft.fftn(wide)
    return float(np.abs(symbol.real + symbol.imag).max())


def polynomial_gain(coefficients: Coefficients, region: Region) -> float:
    """sup |R| over a region, R = Σ cⱼzʲ with real cⱼ.

    Example:
        >>> from keras_pde.certificates.amplification import polynomial_gain, rectangle
        >>> rk4 = [1, 1, 1 / 2, 1 / 6, 1 / 24]
        >>> polynomial_gain(rk4, rectangle(-2.0, 0.0, 1.5))
        1.0
        >>> polynomial_gain([1, 1], rectangle(-3.0, 0.0, 0.0))
        2.0
    """
    # R̄(z) = R(z̄), so the lower half is as the upper one
    path = [complex(region.high), *region.corners, complex(region.low)]
    largest = max(_along(coefficients, start, stop) for start, stop in itertools.pairwise(path))
    return 1.0 if 1 < largest <= 1 + ROUNDING else largest


def _along(coefficients: Coefficients, start: complex, stop: complex) -> float:
    """sup |R| on a segment."""
    line = np.polynomial.Polynomial([start, stop - start])
    value = np.polynomial.Polynomial([0j])
    for c in reversed(list(coefficients)):
        value = value * line + c
    real, imag = (np.polynomial.Polynomial(part) for part in (value.coef.real, value.coef.imag))
    squared = real * real + imag * imag
    places = [0.0, 1.0]
    slope = squared.deriv().trim(1e-300)
    if slope.degree() > 0:
        # a root that is nearly real counts: another place does no harm
        real_parts = np.real(slope.roots())
        places += real_parts[(real_parts > 0) & (real_parts < 1)].tolist()
    return math.sqrt(max(abs(complex(value(t))) ** 2 for t in places))


def polynomial_kernel(coefficients: Coefficients, kernel: np.ndarray) -> np.ndarray:
    """The kernel of Σ cⱼKʲ, for the convolution K with a centred kernel.

    Example:
        >>> from keras_pde.certificates.amplification import polynomial_kernel
        >>> polynomial_kernel([1.0, 0.25], np.array([1.0, -2.0, 1.0])).tolist()
        [0.25, 0.5, 0.25]
    """
    total = np.full((1,) * kernel.ndim, float(coefficients[-1]))
    for c in reversed(list(coefficients)[:-1]):
        total = convolved(total, kernel)
        total[tuple(n // 2 for n in total.shape)] += c
    return total


def convolved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The full convolution of two arrays."""
    out = np.zeros([n + m - 1 for n, m in zip(a.shape, b.shape, strict=True)])
    for place in np.argwhere(b):
        where = tuple(slice(i, i + n) for i, n in zip(place, a.shape, strict=True))
        out[where] += b[tuple(place)] * a
    return out


def matrix_gain(
    coefficients: Coefficients, kernels: dict[tuple[int, int], np.ndarray], count: int
) -> float:
    """sup over ω of ‖R(Λ(ω))‖ for a system with the kernels k of each source and component.

    |R(Λ(ω))v|² is a trigonometric polynomial, so samples and a margin bound it, see (N3).
    """
    ndim = next(iter(kernels.values())).ndim
    reach = [max(k.shape[a] // 2 for k in kernels.values()) for a in range(ndim)]
    degree = [2 * max(1, m) * (len(coefficients) - 1) for m in reach]
    over = next((o for o in (32, 16, 8, 4) if math.prod(o * d for d in degree) <= MOST), 3)
    points = [over * d for d in degree]
    slack = math.cos(math.pi / over) ** -ndim
    found = np.zeros((*points, count, count), complex)
    for (c, source), kernel in kernels.items():
        wide = np.zeros(points)
        for place in np.argwhere(kernel):
            at = tuple(int(i) - n // 2 for i, n in zip(place, kernel.shape, strict=True))
            wide[tuple(-i % p for i, p in zip(at, points, strict=True))] += kernel[tuple(place)]
        found[..., c, source] = np.fft.fftn(wide)
    eye = np.eye(count)
    total: Any = coefficients[-1] * eye + 0 * found
    for c in reversed(list(coefficients)[:-1]):
        total = total @ found + c * eye
    squared = float(np.linalg.norm(total, 2, axis=(-2, -1)).max()) ** 2
    return math.sqrt(slack * squared)

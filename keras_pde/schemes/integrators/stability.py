"""The longest stable step of a polynomial or rational R along the rays of a spectrum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

ZERO = 1e-12  # of a part of λ beside the largest |λ|, and of a coefficient: rounding
ALIKE = 1e-12  # between the angles of rays that are one
REAL = 1e-8  # of a root's imaginary part beside its magnitude
FULL = 2048  # rays whose crossings are computed at once


def spectrum_of(values: Any) -> np.ndarray:
    """A spectrum as a flat complex array, without what is rounding beside its largest value.

    Raises:
        ValueError: no values, NaN or infinite ones.
    """
    lam = np.asarray(values, np.complex128).reshape(-1)
    if not lam.size or not np.isfinite(lam).all():
        raise ValueError(
            "A spectrum must hold finite numbers, at least one. Received: shape"
            f" {np.shape(values)}, {int((~np.isfinite(lam)).sum())} of {lam.size} not finite"
        )
    least = ZERO * np.abs(lam).max()
    real, imag = (np.where(np.abs(x) <= least, 0.0, x) for x in (lam.real, lam.imag))
    return real + 1j * imag


def longest_stable(
    numerator: np.ndarray, spectrum: np.ndarray, denominator: np.ndarray | None = None
) -> float:
    """The largest t such that |p(sλ)| ≤ |q(sλ)| for all s in [0, t] and all λ of a spectrum.

    Along a ray λ = re^{iθ} the condition is the sign of one real polynomial in r, of twice the
    degree. Its lowest coefficient decides near 0, where it vanishes, its least positive root ends
    the interval. Only the largest |λ| of each ray counts.

    Args:
        numerator: real coefficients of p from the constant one, 1, on.
        spectrum: complex λ.
        denominator: of q; None is 1.

    Returns:
        t ≥ 0; infinite where nothing ends the interval.

    Example:
        >>> from keras_pde.schemes.integrators.stability import longest_stable
        >>> longest_stable(np.array([1.0, 1.0]), np.array([-4.0, -1.0]))
        0.5
        >>> longest_stable(np.array([1.0, 1.0]), np.array([1j]))
        0.0
    """
    lam = spectrum_of(spectrum)
    lam = lam[lam != 0]
    if not lam.size:
        return math.inf
    lam = lam.real + 1j * np.abs(lam.imag)  # as the coefficients are real
    order = np.argsort(np.angle(lam))
    angle, size = np.angle(lam)[order], np.abs(lam)[order]
    starts = np.flatnonzero(np.diff(angle, prepend=-np.inf) > ALIKE)
    angle, size = angle[starts], np.maximum.reduceat(size, starts)
    excess = _excess(numerator, np.ones(1) if denominator is None else denominator, angle)
    # a few rays bound the step, and show most of the others to be harmless without their roots
    few = np.zeros(len(angle), bool)
    few[np.linspace(0, len(angle) - 1, min(len(angle), FULL)).astype(int)] = True
    few[np.argmax(size)] = True
    step = (_crossings(excess[few]) / size[few]).min()
    rest = np.flatnonzero(~few)
    if len(rest) and math.isfinite(step):
        rest = rest[~_harmless(excess[rest], step * size[rest])]
    for some in np.array_split(rest, len(rest) // FULL + 1):
        if len(some):
            step = min(step, (_crossings(excess[some]) / size[some]).min())
    return float(step)


def _excess(numerator: np.ndarray, denominator: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The coefficients of |p(re^{iθ})|² − |q(re^{iθ})|² in r, one row a ray; those of 1 and r⁰ = 0.

    What is rounding beside the terms of its sum is made 0.
    """
    degree = 2 * max(len(numerator), len(denominator)) - 2
    found, scale = np.zeros((len(angle), degree + 1)), np.zeros(degree + 1)
    for sign, p in ((1.0, numerator), (-1.0, denominator)):
        for j, a in enumerate(p):
            for k, b in enumerate(p):
                found[:, j + k] += sign * a * b * np.cos((j - k) * angle)
                scale[j + k] += abs(a * b)
    return np.where(np.abs(found) <= ZERO * scale, 0.0, found)


def _crossings(excess: np.ndarray) -> np.ndarray:
    """The least r > 0 at which each polynomial becomes positive: 0 where it is from the start.

    1/r is the largest root of the reversed polynomial, whose leading coefficient is not 0.
    """
    found = np.full(len(excess), math.inf)
    lowest = np.where((excess != 0).any(axis=1), (excess != 0).argmax(axis=1), -1)
    found[(lowest >= 0) & (excess[np.arange(len(excess)), lowest] > 0)] = 0.0
    for m in np.unique(lowest[(lowest >= 0) & (found > 0)]):
        rows = np.flatnonzero((lowest == m) & (found > 0))
        c = excess[rows][:, m:]
        n = c.shape[1] - 1
        if not n:
            continue
        companion = np.zeros((len(rows), n, n))
        companion[:, 0] = -c[:, 1:] / c[:, :1]
        companion[:, np.arange(1, n), np.arange(n - 1)] = 1.0
        roots = np.linalg.eigvals(companion)
        real = (np.abs(roots.imag) <= REAL * np.abs(roots)) & (roots.real > 0)
        largest = np.where(real, roots.real, 0.0).max(axis=1)
        with np.errstate(divide="ignore"):
            found[rows] = 1 / largest
    return found


def _harmless(excess: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether polynomials are surely ≤ 0 on [0, end]: all their Bernstein coefficients are."""
    n = excess.shape[1] - 1
    scaled = excess * end[:, None] ** np.arange(n + 1)
    table = [[math.comb(i, j) / math.comb(n, j) for i in range(n + 1)] for j in range(n + 1)]
    return (scaled @ np.array(table) <= 0).all(axis=1)

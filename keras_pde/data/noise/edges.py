"""What edges leave of the noise: bounds of its level for prints, halftones and drawings."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

__all__ = ["core", "without_gap"]

WINDOW = 2.5  # standard deviations
LEAST = 64  # coefficients
SHARE = 0.1  # of the coefficients, that the core has at least
LOOKED_AT = 1 << 17  # coefficients
BINS, EMPTY = 32, 8  # of the range; those next to each other that no pixel is in
PIXELS = 1024  # at least: a few leave gaps by chance
NEAR = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
CORRELATED = 0.2  # neighbours, of which black and white noise has none
NORMAL = NormalDist()
# the variance of a standard normal variable that is in the window
INSIDE = 1 - 2 * WINDOW * NORMAL.pdf(WINDOW) / (2 * NORMAL.cdf(WINDOW) - 1)


def core(details: np.ndarray) -> float:
    r"""The least s for which the details in [−2.5s, 2.5s] have the variance of a normal variable.

    It is not less than the σ of the noise: with details X + N, N normal and independent of X, the
    density f has (log f)″ = −1/σ² + Var(X | X + N)/σ⁴ ≥ −1/σ². So f and f(−·) over the density of N
    are log-convex, and their sum is too and is even: it grows with |d|, and every window around 0
    has at least the mean of d² that N has in it. Where some of the details are noise alone and the
    others are edges it is near σ.

    Args:
        details: of any number.

    Returns:
        s; infinite for less than 64 details.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.edges import core
        >>> rng = np.random.default_rng(0)
        >>> print_like = rng.standard_normal(9000) + 200 * rng.integers(-1, 2, 9000)
        >>> round(core(print_like), 1)
        1.0
    """
    few = details[:: -(-len(details) // LOOKED_AT) or 1]
    if len(few) < LEAST:
        return np.inf
    squares = np.sort(np.square(few, dtype=np.float64))
    sums = np.cumsum(squares)
    found = squares[max(LEAST, int(SHARE * len(few))) - 1] / WINDOW**2
    for _ in range(99):
        count = int(np.searchsorted(squares, WINDOW**2 * found, "right"))
        larger = sums[count - 1] / count / INSIDE
        if larger <= 1.001 * found:
            break
        found = larger
    return float(np.sqrt(found))


def without_gap(planes: list[np.ndarray]) -> list[np.ndarray] | None:
    """Less the means of the pixels below and above a gap of a quarter of the range, if it has one.

    Noise that is so much less than the gap is the same without the means, and a halftone's edges
    are not. None too where bright pixels are anywhere, each by itself: that is noise.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.edges import without_gap
        >>> checks = np.indices((64, 64)).sum(0) // 2 % 2 * 200.0
        >>> float(np.abs(without_gap([checks])[0]).max())
        0.0
        >>> without_gap([np.linspace(0, 1, 99)[None]]) is None
        True
    """
    low = min((plane.min() for plane in planes if plane.size), default=0.0)
    high = max((plane.max() for plane in planes if plane.size), default=0.0)
    if not low < high or sum(plane.size for plane in planes) < PIXELS:
        return None
    used = np.zeros(BINS, bool)
    for plane in planes:
        places = ((plane - low) * (BINS / (high - low))).astype(np.int32)
        used |= np.bincount(np.minimum(places, BINS - 1).reshape(-1), minlength=BINS) > 0
    full = np.flatnonzero(used)
    at = int(np.argmax(np.diff(full)))
    if full[at + 1] - full[at] <= EMPTY:
        return None
    middle = low + (high - low) * (full[at] + full[at + 1] + 1) / (2 * BINS)
    above, size = [plane > middle for plane in planes], sum(plane.size for plane in planes)
    count = sum(int(a.sum()) for a in above)
    if max(_correlation(above, count / size, *to) for to in NEAR) < CORRELATED:
        return None
    upper = sum(float(p[a].sum()) for p, a in zip(planes, above, strict=True)) / count
    lower = sum(float(p[~a].sum()) for p, a in zip(planes, above, strict=True)) / (size - count)
    return [p - np.where(a, upper, lower) for p, a in zip(planes, above, strict=True)]


def _correlation(masks: list[np.ndarray], mean: float, rows: int, columns: int) -> float:
    """The size of that of pixels so far apart."""
    pairs = [(m[rows:, columns:], m[: len(m) - rows, : m.shape[1] - columns]) for m in masks]
    count = sum(a.size for a, _ in pairs)
    both = sum(int((a & b).sum()) for a, b in pairs)
    return abs(both / max(count, 1) - mean**2) / (mean * (1 - mean))

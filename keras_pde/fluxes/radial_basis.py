r"""Sums of Gaussians Φ(x) = Σᵢ wᵢ(e(x − μᵢ) − e(μᵢ)), e(x) = exp(−x²/2γ²), and their bounds.

A function f is on a cell [a, a + h] at most h²/8·sup|f″| above the larger of f(a) and f(a + h).
With f = Φ′ and sup|Φ‴| ≤ Σᵢ|wᵢ| sup|e‴(x − μᵢ)| over the cell, samples therefore bound the slopes
for every weight (X4), and they do so differentiably. With g(x) = ∫₀¹ Φ′(tx)dt, |g″| is at most a
third of sup|Φ‴| between 0 and x. Everything here is NumPy, in units of the contrast.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

__all__ = ["RadialBasis"]

CELLS = 16  # a width γ
REACH = 8.0  # widths beyond the last center, where a Gaussian is e⁻³²
TAIL = REACH * math.exp(-(REACH**2) / 2)  # sup|γe′| beyond
STEEPEST_FOURTH = 3.0  # sup|γ⁴e⁗|, taken at 0
TERMS = 11  # of the series around 0
OUTWARD = 1 + 1e-12  # rounding of float64


@dataclass(frozen=True)
class RadialBasis:
    """Centers, equidistant on [−extent, extent], and what follows from them.

    Args:
        centers: their number.
        extent: of the outermost.
        width: γ.
        odd: whether weights are those of the positive centers, and the opposite ones their
            negatives.

    Example:
        >>> from keras_pde.fluxes.radial_basis import RadialBasis
        >>> basis = RadialBasis(5, 2.0, 1.0, odd=True)
        >>> print(basis.means, basis.value(np.array([0.0, 1.0])).shape)
        [1. 2.] (2, 2)
        >>> low, high = basis.slopes(np.ones((2, 1)))
        >>> bool(-1 < low < 0 < 1 < high < 2)
        True
    """

    centers: int
    extent: float
    width: float
    odd: bool

    @functools.cached_property
    def means(self) -> np.ndarray:
        """μ of each weight."""
        found = np.linspace(-self.extent, self.extent, self.centers)
        return found[found > 1e-9 * self.extent] if self.odd else found

    @property
    def end(self) -> float:
        """Where Φ has become constant, to 1e-13."""
        return self.extent + REACH * self.width

    @functools.cached_property
    def points(self) -> np.ndarray:
        """Ends of the cells, with 0 in their middle."""
        half = math.ceil(self.end / self.width * CELLS)
        return np.linspace(-self.end, self.end, 2 * half + 1)

    def _folded(self, function: np.ndarray, opposite: np.ndarray) -> np.ndarray:
        return function - opposite if self.odd else function

    def derivative(self, x: np.ndarray, order: int) -> np.ndarray:
        """Derivative of Σwᵢe(x − μᵢ) of an order at x, for each weight, (x, weights)."""
        at = (_gauss((x[:, None] - m) / self.width, order) for m in (self.means, -self.means))
        return self._folded(*at) / self.width**order

    def value(self, x: np.ndarray) -> np.ndarray:
        """Φ at x for each weight, (x, weights)."""
        return self.derivative(x, 0) - self.derivative(np.zeros(1), 0)

    @functools.cached_property
    def series(self) -> np.ndarray:
        """Φ⁽ᵏ⁾(0)/k! for each weight, k = 0 … 10; of k = 0 what Φ subtracts."""
        rows = [self.derivative(np.zeros(1), k)[0] / math.factorial(k) for k in range(TERMS)]
        return np.array(rows)

    @functools.cached_property
    def sampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Φ′ at the ends of cells, and h²/8·sup|Φ‴| in each cell, for each weight."""
        x, g = self.points, self.width
        h, middle = x[1] - x[0], (x[1:] + x[:-1]) / 2
        third = [
            np.abs(_gauss((middle[:, None] - m) / g, 3)) + h / (2 * g) * STEEPEST_FOURTH
            for m in (self.means, -self.means)
        ]
        bent = (third[0] + third[1] if self.odd else third[0]) / g**3
        return self.derivative(x, 1), h * h / 8 * bent

    def tail(self, weights: np.ndarray) -> np.ndarray:
        """sup|Φ′| beyond the cells, for each channel."""
        return (2 if self.odd else 1) * TAIL / self.width * np.abs(weights).sum(axis=0)

    def slopes(self, weights: np.ndarray) -> tuple[float, float]:
        """Bounds of (inf Φ′, sup Φ′) over all channels.

        Args:
            weights: (weights, channels).
        """
        at, bent = self.sampled
        found, more = at @ weights, bent @ np.abs(weights)
        high = np.maximum(found[1:], found[:-1]) + more
        low = np.minimum(found[1:], found[:-1]) - more
        tail = float(self.tail(weights).max())
        return min(float(low.min()), -tail) * OUTWARD, max(float(high.max()), tail) * OUTWARD

    def diffusivities(self, weights: np.ndarray) -> tuple[float, float]:
        """Bounds of (inf Φ/x, sup Φ/x) over all channels."""
        x, (_, bent) = self.points, self.sampled
        middle = len(x) // 2
        found = self.value(x) @ weights
        found[middle] = self.derivative(np.zeros(1), 1)[0] @ weights
        found[np.arange(len(x)) != middle] /= np.delete(x, middle)[:, None]
        more = bent @ np.abs(weights) / 3
        # of g the second derivative at x has those of Φ′ at all places between 0 and x
        more[middle:] = np.maximum.accumulate(more[middle:])
        more[:middle] = np.maximum.accumulate(more[:middle][::-1])[::-1]
        high = np.maximum(found[1:], found[:-1]) + more
        low = np.minimum(found[1:], found[:-1]) - more
        # beyond the cells Φ is constant but for a tail, so Φ/x lies between that at the end and 0
        rest = float(np.abs(weights).sum(axis=0).max()) * 2 * math.exp(-(REACH**2) / 2) / self.end
        last = found[[0, -1]]
        ends = min(0.0, float(last.min())) - 2 * rest, max(0.0, float(last.max())) + 2 * rest
        return min(float(low.min()), ends[0]) * OUTWARD, max(float(high.max()), ends[1]) * OUTWARD

    def fitted(self, target: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Weights of the sum that is nearest to a function at x, (weights,); positive if odd."""
        basis = self.value(x)
        ridge = (1e-4 * np.mean(np.sum(basis**2, axis=0))) ** 0.5 * np.eye(basis.shape[1])
        rows = np.concatenate([basis, ridge])
        values = np.concatenate([target, np.zeros(len(ridge))])
        if not self.odd:
            return np.linalg.lstsq(rows, values, rcond=None)[0]
        from scipy.optimize import nnls

        found = nnls(rows, values)[0]
        return np.maximum(found, 1e-4 * found.max())  # none so small that it could not grow


def _gauss(x: np.ndarray, order: int) -> np.ndarray:
    """The derivative of exp(−x²/2): (−1)ᵏHeₖ(x)exp(−x²/2)."""
    hermite = np.polynomial.hermite_e.hermeval(x, [0.0] * order + [1.0])
    return (-1) ** order * hermite * np.exp(-x * x / 2)

r"""Equilibria z = Φ(Az + Bu + b) that contract in a weighted maximum norm: constants and boxes.

All is for 0 ≤ Φ′ ≤ 1 and weights h > 0, in float64 on NumPy arrays.

* The matrix measure μ(A) = maxᵢ(aᵢᵢ + Σ_{j≠i}|aᵢⱼ|hⱼ/hᵢ) < 1 says that z is unique (W1).
* Solutions to u and v have |z(u) − z(v)| ≤ G|u − v| entry by entry for every G ≥ 0 with
  (I − ⌈A⌉)G ≥ |B|, where ⌈A⌉ is A with the absolute values of its entries off the diagonal (W2).
* For u in a box [u̲, ū], z lies in every box that the embedded network maps into itself (W4):
  z̲ ≤ Φ(⌊A⌋z̲ + (A − ⌊A⌋)z̄ + B⁺u̲ + B⁻ū + b) and likewise z̄ ≥ …, with ⌊A⌋ the diagonal of A and its
  positive entries.

Source: Jafarpour, Davydov, Proskurnikov, Bullo, arXiv:2106.03194 (2021); Jafarpour, Abate,
Davydov, Bullo, Coogan, arXiv:2208.03889 (2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ROUNDING = 2.0**-52  # of float64
Box = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Contraction:
    """The numbers of an equilibrium in use, in float64.

    Args:
        matrix: A, (n, n).
        inputs: B, (n, features).
        bias: b, (n,).
        weights: h > 0, (n,).

    Example:
        >>> from keras_pde.certificates.contraction import Contraction
        >>> A = np.array([[-1.0, 0.5], [0.25, 0.0]])
        >>> one = Contraction(A, np.eye(2), np.zeros(2), np.ones(2))
        >>> round(one.measure(), 6), one.influence().round(3).tolist()
        (0.25, [[0.533, 0.267], [0.133, 1.067]])
    """

    matrix: np.ndarray
    inputs: np.ndarray
    bias: np.ndarray
    weights: np.ndarray

    @property
    def comparison(self) -> np.ndarray:
        """⌈A⌉."""
        ceiling = np.abs(self.matrix)
        np.fill_diagonal(ceiling, np.diag(self.matrix))
        return ceiling

    def rows(self) -> np.ndarray:
        """aᵢᵢ + Σ_{j≠i}|aᵢⱼ|hⱼ/hᵢ of each i, rounded up."""
        n, h = len(self.weights), self.weights
        error = (n + 3) * ROUNDING * (np.abs(self.matrix) @ h)
        return (self.comparison @ h + error) / h

    def measure(self) -> float:
        """μ(A), rounded up; inf where A has numbers that are none."""
        with np.errstate(all="ignore"):
            found = float(self.rows().max())
        return found if np.isfinite(found) else np.inf

    def influence(self) -> np.ndarray | None:
        """G ≥ 0 with (I − ⌈A⌉)G ≥ |B|, rounded up; None where μ(A) is not below 1."""
        return _above(np.eye(len(self.bias)) - self.comparison, np.abs(self.inputs), self.weights)

    def errors(self, residuals: np.ndarray) -> np.ndarray | None:
        """Bounds of |ẑ − z| for states with |F(ẑ)| ≤ residuals, rows (batch, n); None as above.

        With T = |A| off the diagonal, divided by 1 − aᵢᵢ row by row, |ẑ − z| ≤ T|ẑ − z| + |F|/ρ,
        ρᵢ = min(1, 1 − aᵢᵢ).
        """
        diagonal = np.diag(self.matrix)
        rows = self.comparison - np.diag(diagonal)
        with np.errstate(all="ignore"):
            system = np.eye(len(diagonal)) - rows / (1 - diagonal)[:, None]
            size = residuals / np.minimum(1, 1 - diagonal)
        found = _above(system, size.T, self.weights) if (diagonal < 1).all() else None
        return None if found is None else found.T

    def enclosure(self, box: Box, inputs: Box, law: Callable[[Box], Box]) -> Box:
        """A box around z for all inputs in a box, from one that a solver says is about that.

        The embedded network moves the bounds of a box that is widened by δh by at most δ max(0, μ)h
        outwards, so δ = max|outside|/(h(1 − max(0, μ))) makes it map the box into itself.

        Args:
            box: lower and upper bounds of z, rows (batch, n).
            inputs: lower and upper bounds of u, rows (batch, features).
            law: Φ of two arrays: the first rounded down, the second up.
        """
        gap = 1 - max(0.0, self.measure())
        if not gap > 0:
            return np.full_like(box[0], -np.inf), np.full_like(box[1], np.inf)
        (below, above), error = self.embedded(box, inputs), self.rounding(box, inputs)
        below, above = law((below - error, above + error))
        outside = np.maximum(box[0] - below, above - box[1]).clip(0)
        widened = (outside / self.weights).max(axis=-1, keepdims=True) / gap * self.weights
        return box[0] - 2 * widened, box[1] + 2 * widened

    def rounding(self, box: Box, inputs: Box) -> np.ndarray:
        """What `embedded` may lose in float64."""
        state, source = (np.maximum(np.abs(low), np.abs(high)) for low, high in (box, inputs))
        terms = state @ np.abs(self.matrix).T + source @ np.abs(self.inputs).T + np.abs(self.bias)
        return (sum(self.inputs.shape) + 8) * ROUNDING * terms

    def embedded(self, box: Box, inputs: Box) -> Box:
        """⌊A⌋z̲ + (A − ⌊A⌋)z̄ + B⁺u̲ + B⁻ū + b and its counterpart, before Φ, for rows of boxes."""
        floor = np.maximum(self.matrix, 0)
        np.fill_diagonal(floor, np.diag(self.matrix))
        rest = self.matrix - floor
        more, less = np.maximum(self.inputs, 0), np.minimum(self.inputs, 0)

        def bound(z: np.ndarray, other: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
            return z @ floor.T + other @ rest.T + u @ more.T + v @ less.T + self.bias

        (low, high), (u, v) = box, inputs
        return bound(low, high, u, v), bound(high, low, v, u)


def _above(system: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """X ≥ 0 with system·X ≥ size, for an M-matrix with system·weights > 0; None where it is none.

    The inverse times size is enlarged by a multiple of the weights until the inequality, which is
    the proof, holds for the numbers computed.
    """
    h, errors = weights[:, None], (len(weights) + 4) * ROUNDING
    with np.errstate(all="ignore"):
        gain = system @ h - errors * (np.abs(system) @ h)
    if not (gain > 0).all():  # also where numbers are none
        return None
    found = np.maximum(np.linalg.solve(system, size), 0)
    missing = size - system @ found + errors * (size + np.abs(system) @ found)
    needed = np.maximum(missing / gain, 0).max(axis=0)
    return (found + 2 * needed * h) * (1 + errors)

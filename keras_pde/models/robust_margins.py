"""Margins of logits Cz + c that hold for all inputs in a box, with what a network rounds (W7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from keras import ops

from keras_pde.certificates.contraction import Box, Contraction
from keras_pde.fluxes.flux import Flux
from keras_pde.runtime.compiling import double_precision
from keras_pde.runtime.precision import roundings

UNITS = {"float32": 2.0**-24, "float64": 2.0**-53}  # roundoff; of 16 bits nothing is proved
LAW = 8  # roundings of a flux
LOOSE = 1.1  # by which the error's own rounding may enlarge it


def gamma(k: int, unit: float) -> float:
    """ku/(1 − ku): the part of its terms that a number may lose by k roundings; inf for too many.

    Example:
        >>> from keras_pde.models.robust_margins import gamma
        >>> gamma(1, 0.5), gamma(2, 0.5)
        (1.0, inf)
    """
    return k * unit / (1 - k * unit) if k * unit < 1 else math.inf


@dataclass(frozen=True)
class RobustMargins:
    """The numbers of u ↦ Cz + c in use, z = Φ(Az + Bu + b), in float64.

    Args:
        equilibrium: A, B, b and h.
        head: C, (classes, n).
        offset: c, (classes,).
        flux: Φ.
        tolerance: of solves.
        dtype: that the network computes in.
    """

    equilibrium: Contraction
    head: np.ndarray
    offset: np.ndarray
    flux: Flux
    tolerance: float
    dtype: str

    def slopes(self, influence: np.ndarray) -> np.ndarray:
        """Σᵢ|C_yi − C_ji| times the row sums of the influence, for each y and j, rounded up (W2).

        How fast logit y − logit j changes with the maximum norm of the input.
        """
        rows = np.abs(self.head[:, None] - self.head)
        found: np.ndarray = rows @ influence.sum(axis=1) * (1 + 1e-12)
        return found

    def margins(self, box: Box, inputs: Box, labels: np.ndarray) -> np.ndarray:
        """Lower bounds of logit label − logit j as computed, for all inputs in a box.

        Args:
            box: about the bounds of z, rows (batch, n), as a solver has found them.
            inputs: bounds of u, rows (batch, features).
            labels: of each row.

        Returns:
            (batch, classes), with inf at the label; −inf where nothing is proved.
        """
        unit = UNITS.get(self.dtype)
        if unit is None:
            return np.full((len(labels), len(self.offset)), -np.inf)
        with np.errstate(all="ignore"):
            low, high = self.equilibrium.enclosure(box, inputs, self._law)
            error = self._error(np.maximum(np.abs(low), np.abs(high)), inputs, unit)
            low, high = low - error, high + error
            rows = self.head[labels][:, None] - self.head
            middle, half = (low + high) / 2, (high - low) / 2
            exact = np.einsum("bjn,bn->bj", rows, middle) - np.einsum(
                "bjn,bn->bj", np.abs(rows), half
            )
            exact += self.offset[labels][:, None] - self.offset
            sizes = np.maximum(np.abs(low), np.abs(high)) @ np.abs(self.head).T
            lost = (self.head.shape[1] + 4) * unit * (sizes + np.abs(self.offset))
            found = exact - lost - np.take_along_axis(lost, labels[:, None], axis=1)
        found = np.where(np.isfinite(found), found, -np.inf)
        found[np.arange(len(labels)), labels] = np.inf
        return found

    def _law(self, arguments: Box) -> Box:
        """Φ, rounded down and up, as if it were computed in float32."""
        with double_precision():
            below, above = (
                np.asarray(ops.convert_to_numpy(self.flux(ops.convert_to_tensor(x))), np.float64)
                for x in arguments
            )
        slack = [LAW * UNITS["float32"] * np.abs(x) for x in arguments]
        return below - slack[0], above + slack[1]

    def _error(self, size: np.ndarray, inputs: Box, unit: float) -> np.ndarray:
        """|ẑ − z| of the state that the network computes, for |z| ≤ size, rows (batch, n).

        Solves stop at the residual tolerance·max|f|, computed with the roundings of products with
        A and, by blocks, with B. A is itself made with as many as a product with it, where
        aᵢᵢ = γ − s is of sums s = γ − aᵢᵢ ≤ 1 + |aᵢᵢ|. ẑ exceeds z by the error itself.
        """
        numbers = self.equilibrium
        features, n = numbers.inputs.shape[1], len(numbers.bias)
        largest = np.maximum(np.abs(inputs[0]), np.abs(inputs[1]))
        source = largest @ np.abs(numbers.inputs).T + np.abs(numbers.bias)
        stop = self.tolerance * source.max(axis=-1, keepdims=True)
        matrix = np.abs(numbers.matrix).T + np.eye(n)
        lost_of_source = gamma(roundings(features) + 2 * LAW, unit) * source

        def bound(size: np.ndarray) -> np.ndarray:
            rounded = lost_of_source + 2 * gamma(n + LAW, unit) * (size @ matrix)
            found = numbers.errors(LOOSE * stop + rounded)
            return np.full_like(size, np.inf) if found is None else found

        error = bound(size)
        fits = (bound(size + LOOSE * error) <= LOOSE * error).all(axis=-1, keepdims=True)
        return np.where(fits, LOOSE * error, np.inf)

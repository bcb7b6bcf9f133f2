"""Pair: a linear map and its adjoint, as two functions of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde.runtime import gate
from keras_pde.tasks.restore.degradations.degradation import Degradation, Shape

__all__ = ["Pair"]

ADJOINT = 1e-6  # largest relative difference of ⟨Au, v⟩ and ⟨u, Aᵀv⟩
TRIALS = 3
POWERS = 30  # steps of the power iteration


class Pair(Degradation):
    r"""A and Aᵀ as functions, which random images and data show to be adjoint.

    The test: abs(⟨Au, v⟩ − ⟨u, Aᵀv⟩) ≤ 1e-6 max(‖A u‖‖v‖, ‖u‖‖Aᵀv‖) for three pairs (u, v) of white
    noise. A map that is not linear fails it too. It is evidence and no proof. The norm is what
    the caller states; a power iteration refutes one that is too small.

    Args:
        A: of an image, (height, width) or (height, width, channels), to data of any shape.
        At: of such data to an image.
        shape: of the data.
        norm: an upper bound of ‖A‖, where one is known.

    Raises:
        ValueError: functions that fail the test, with the difference found; shapes that do not fit;
            a norm that is too small.

    Example:
        >>> import numpy as np
        >>> from keras_pde import degradations
        >>> rows = degradations.Pair(
        ...     lambda u: u.sum(axis=1), lambda v: np.outer(v, np.ones(4)), (3,), norm=2.0
        ... )
        >>> rows.image_shape((3,)), round(rows.norm_seen, 9)
        ((3, 4), 2.0)
    """

    def __init__(
        self,
        A: Callable[[np.ndarray], Any],
        At: Callable[[np.ndarray], Any],
        shape: Shape,
        norm: float | None = None,
    ) -> None:
        for name, function in (("A", A), ("At", At)):
            if not callable(function):
                raise ValueError(
                    f"{name} must be a function of an array. Received: {name}={gate.said(function)}"
                )
        self.A = A
        self.At = At
        self.shape = tuple(shape)
        self.norm = gate.number(norm, "norm", low=0, low_open=True, none=True)
        rng = np.random.default_rng(0)
        self.of_image = self._result(At, "At", rng.standard_normal(self.shape)).shape
        if len(self.of_image) not in (2, 3):
            raise ValueError(
                "At must return an image, (height, width) or (height, width, channels). Received:"
                f" shape {self.of_image}"
            )
        self._test(rng)
        self.norm_seen = self._power(rng)
        if self.norm is not None and self.norm_seen > self.norm * (1 + 1e-6):
            raise ValueError(
                f"norm must be an upper bound of ‖A‖, and a power iteration finds ‖A‖ >="
                f" {self.norm_seen:.6g}. Received: norm={self.norm:g}"
            )

    def _result(self, function: Callable[[np.ndarray], Any], name: str, x: np.ndarray) -> Any:
        return gate.array(function(x), f"the result of {name}").astype(np.float64)

    def _test(self, rng: np.random.Generator) -> None:
        for _ in range(TRIALS):
            u, v = rng.standard_normal(self.of_image), rng.standard_normal(self.shape)
            applied, back = self(u), self.adjoint(v)
            sizes = [np.linalg.norm(x) for x in (applied, v, u, back)]
            scale = max(sizes[0] * sizes[1], sizes[2] * sizes[3])
            off = abs(np.vdot(applied, v) - np.vdot(u, back)) / (scale or 1.0)
            if not off <= ADJOINT:
                raise ValueError(
                    "At is not the adjoint of A, or A is not linear: for random u and v, <Au, v>"
                    f" and <u, At v> differ by {off:.2g} of max(|Au||v|, |u||At v|), and"
                    f" {ADJOINT:g} is allowed"
                )

    def _power(self, rng: np.random.Generator) -> float:
        """A lower bound of ‖A‖, which is near it mostly (N5)."""
        u, seen = rng.standard_normal(self.of_image), 0.0
        for _ in range(POWERS):
            u /= np.linalg.norm(u)
            applied = self(u)
            seen = max(seen, float(np.linalg.norm(applied)))
            u = self.adjoint(applied)
            if not u.any():
                break
        return seen

    def image_shape(self, shape: Shape) -> Shape:
        """The shape that At returns."""
        return self.of_image

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """A u."""
        found = self._result(self.A, "A", u)
        if found.shape != self.shape:
            raise ValueError(
                f"A must return data of the shape {self.shape}. Received: shape {found.shape}"
            )
        return found

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        """Aᵀv."""
        found = self._result(self.At, "At", v)
        if found.shape != self.of_image:
            raise ValueError(
                f"At must return images of the shape {self.of_image}. Received: shape {found.shape}"
            )
        return found

    def norm_bound(self, shape: Shape) -> float | None:
        """The norm that the caller states."""
        return self.norm

    def norm_estimate(self, shape: Shape) -> float:
        """The norm as it is stated, or as the power iteration saw it."""
        return self.norm_seen if self.norm is None else self.norm

    def first_guess(self, y: np.ndarray) -> np.ndarray:
        """Aᵀy over the square of the norm that was seen."""
        return self.adjoint(y) / (self.norm_seen**2 or 1.0)

    def __repr__(self) -> str:
        known = "norm not known" if self.norm is None else f"norm {self.norm:g} as stated"
        return f"Pair({known})"

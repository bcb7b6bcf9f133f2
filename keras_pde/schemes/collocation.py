"""Collocation: what a function is to fulfil at points, solved for by linear least squares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["Condition", "Law", "equidistributed", "least_squares"]

Index = tuple[int, ...]
SMALLEST = 1e-12  # of singular values, beside the largest, that count


@dataclass(frozen=True)
class Condition:
    """Σ c_α ∂^α u = f at points: an equation, a boundary value, or data.

    Args:
        points: (points, d).
        terms: coefficient c_α, a number or one for each point, by the multi-index α.
        values: f, a number or one for each point.
        weight: of each residual in the sum of squares.

    Example:
        >>> from keras_pde.schemes.collocation import Condition
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> Condition(x, {(2,): -1.0}, np.sin(x[:, 0])).indices
        [(2,)]
    """

    points: Any
    terms: Mapping[Index, Any]
    values: Any = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        points = np.asarray(gate.array(self.points, "points", ranks=(2,)), np.float64)
        object.__setattr__(self, "points", points)
        if not self.terms:
            raise ValueError("terms must have a coefficient for at least one multi-index")
        gate.number(self.weight, "weight", low=0.0, low_open=True)

    @property
    def indices(self) -> list[Index]:
        """The multi-indices of the terms."""
        return list(self.terms)

    def rows(self, derivatives: Mapping[Index, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The matrix and the right-hand side, weighted, of a basis with these derivatives."""
        parts = (
            np.reshape(np.asarray(c, np.float64), (-1, 1)) * derivatives[index]
            for index, c in self.terms.items()
        )
        matrix = sum(parts, np.zeros(()))
        values = np.broadcast_to(np.asarray(self.values, np.float64), len(self.points))
        return self.weight * matrix, self.weight * values


@dataclass(frozen=True)
class Law:
    """∂ₜu = F(∂^α u, ∂^β u, …), with the derivatives of F by its arguments.

    Args:
        indices: the multi-indices of the arguments.
        function: of the arguments, each (points,); returns F and a list of ∂F/∂(argument), each of
            which may be a number.

    Example:
        >>> from keras_pde.schemes.collocation import Law
        >>> burgers = Law(
        ...     [(0,), (1,), (2,)],
        ...     lambda u, ux, uxx: (0.01 * uxx - u * ux, [-ux, -u, 0.01]),
        ... )
        >>> burgers.function(np.ones(1), np.ones(1), np.zeros(1))[0]
        array([-1.])
        >>> Law.linear({(2,): 0.5}).function(np.full(1, 3.0))[0]
        array([1.5])
    """

    indices: Sequence[Index]
    function: Callable[..., tuple[Any, Sequence[Any]]]

    @classmethod
    def linear(cls, terms: Mapping[Index, float]) -> Law:
        """∂ₜu = Σ c_α ∂^α u."""
        factors = list(terms.values())
        return cls(
            list(terms),
            lambda *parts: (sum(c * p for c, p in zip(factors, parts, strict=True)), factors),
        )


def least_squares(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The U with the least ‖AU − b‖, and the least norm in the scale of A's columns.

    Example:
        >>> from keras_pde.schemes.collocation import least_squares
        >>> least_squares(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]))
        array([2.])
    """
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1
    found = np.linalg.lstsq(matrix / scale, values, rcond=SMALLEST)[0]
    return (found.T / scale).T


def equidistributed(x: np.ndarray, monitor: np.ndarray, count: int) -> np.ndarray:
    """Points between the ends of x, 1-D, that have equal parts of ∫monitor between them.

    Args:
        x: increasing, (points,).
        monitor: > 0 at these, such as √(1 + u′²), by which the points follow the arc length of u.
        count: how many, with both ends.

    Example:
        >>> from keras_pde.schemes.collocation import equidistributed
        >>> x = np.linspace(0, 1, 101)
        >>> equidistributed(x, np.ones(101), 3)
        array([0. , 0.5, 1. ])
        >>> bool(equidistributed(x, 1 + 9 * (x > 0.5), 3)[1] > 0.7)
        True
    """
    pieces = (monitor[1:] + monitor[:-1]) / 2 * np.diff(x)
    along = np.concatenate([[0.0], np.cumsum(pieces)])
    return np.interp(np.linspace(0, along[-1], count), along, x)

"""Moments of a kernel: which derivative it is, to which order, and with which leading error."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from keras_pde.runtime import gate

Index = tuple[int, ...]  # a multi-index: orders of differentiation along each axis
Combination = Mapping[Index, float]

AXES = "xyz"
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
UNIT = 2.0**-52  # of float64


@functools.lru_cache(maxsize=1024)
def _lagrange(offsets: tuple[float, ...], derivative: int) -> tuple[float, ...]:
    """m! times the coefficients of xᵐ in Lagrange's basis polynomials, in exact fractions."""
    nodes, weights = [Fraction(x) for x in offsets], []
    for i, node in enumerate(nodes):
        polynomial = [Fraction(math.factorial(derivative))]
        for k, other in enumerate(nodes):
            if k == i:
                continue
            scale = node - other
            higher, lower = [Fraction(0), *polynomial], [*polynomial, Fraction(0)]
            polynomial = [(a - other * b) / scale for a, b in zip(higher, lower, strict=True)]
        weights.append(float(polynomial[derivative]))
    return tuple(weights)


def taylor_weights(offsets: Sequence[float], derivative: int) -> np.ndarray:
    r"""Weights wᵢ with Σ wᵢ u(xᵢ) = u⁽ᵐ⁾(0) for every polynomial u of degree < n.

    They are the m-th derivatives at 0 of Lagrange's basis polynomials of the n points, computed in
    exact fractions and rounded once. For smooth u the error is :math:`O(h^{n-m})` on points h·xᵢ,
    and one order better where the points are symmetric and n − m is odd.

    Args:
        offsets: n different points xᵢ.
        derivative: m < n.

    Raises:
        ValueError: points that coincide; fewer than m + 1.

    Source: Fornberg, Mathematics of Computation 51 (1988).

    Example:
        >>> from keras_pde.operators.moments import taylor_weights
        >>> print(taylor_weights([-1, 0, 1], 2))
        [ 1. -2.  1.]
        >>> print(taylor_weights([0, 1, 2], 1))
        [-1.5  2.  -0.5]
    """
    derivative = gate.whole(derivative, "derivative", low=0)
    points = tuple(gate.number(x, "offsets") for x in offsets)
    if len(set(points)) < len(points) or len(points) <= derivative:
        raise ValueError(
            f"A derivative of order {derivative} needs {derivative + 1} different points at least."
            f" Received: offsets={gate.said(list(offsets))}"
        )
    return np.array(_lagrange(points, derivative))


def moments(
    kernel: np.ndarray, spacing: float | Sequence[float] = 1.0, total_degree: int = 4
) -> dict[Index, float]:
    r"""The moments :math:`M_p = \sum_i k_i (ih)^p / p!` of a kernel up to a total degree |p|.

    By Taylor's theorem :math:`\sum_i k_i u(x + ih) = \sum_p M_p ∂^p u(x)`, so the moments say which
    combination of derivatives a kernel is. Its centre is the point (k − 1)//2 of each axis.

    Args:
        kernel: one axis for each spatial axis.
        spacing: of the points, h: one number, or one an axis.
        total_degree: the largest |p| = p₁ + … .

    Source: Long, Lu, Ma, Dong, PDE-Net, arXiv:1710.09668 (2018).

    Example:
        >>> from keras_pde.operators.moments import moments
        >>> {p[0]: round(m, 9) for p, m in moments(np.array([1.0, -2.0, 1.0]) / 0.01, 0.1).items()}
        {0: 0.0, 1: 0.0, 2: 1.0, 3: 0.0, 4: 0.000833333}
    """
    kernel = gate.array(kernel, "kernel", ranks=(1, 2, 3))
    steps = _spacings(spacing, kernel.ndim)
    found = _all_moments(np.asarray(kernel, np.float64), steps, total_degree)
    return {p: float(found[p]) for p in indices(kernel.ndim, total_degree)}


def indices(ndim: int, total_degree: int) -> list[Index]:
    """Multi-indices up to a total degree, by degree."""
    every = itertools.product(range(total_degree + 1), repeat=ndim)
    return sorted((p for p in every if sum(p) <= total_degree), key=lambda p: (sum(p), p[::-1]))


def _spacings(spacing: float | Sequence[float], ndim: int) -> tuple[float, ...]:
    if isinstance(spacing, list | tuple):
        return tuple(spacing)
    return (float(spacing),) * ndim  # type: ignore[arg-type]


def _all_moments(
    kernel: np.ndarray,
    spacing: Sequence[float],
    degree: int,
    of: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Σ kᵢ of(ih)ᵖ/p! for all p ≤ degree along each axis."""
    found = kernel
    for axis, h in enumerate(spacing):
        width = kernel.shape[axis]
        points = of(h * (np.arange(width) - (width - 1) // 2))
        powers = [points**p / math.factorial(p) for p in range(degree + 1)]
        found = np.moveaxis(np.tensordot(np.array(powers), found, (1, axis)), 0, axis)
    return found


@dataclass(frozen=True)
class Consistency:
    r"""What a kernel K is: :math:`Ku = Du + \sum_p e_p ∂^p u + \dots`, D a combination of ∂ᵃ.

    Args:
        derivative: the combination D, {multi-index: coefficient}.
        order: the error of K falls like hⁿ with the spacing h for smooth u; infinite where Ku = Du
            for every u, and 0 or less where K is no approximation of D.
        leading: the error terms of that order, {multi-index: coefficient} in the spacing at hand.

    Example:
        >>> from keras_pde.operators.moments import consistency_of
        >>> print(consistency_of(np.array([1.0, -2.0, 1.0]) / 0.01, 0.1))
        ∂x², order 2, leading error 0.000833 ∂x⁴
    """

    derivative: dict[Index, float]
    order: float
    leading: dict[Index, float]

    def __str__(self) -> str:
        what = combination_in_words(self.derivative)
        if math.isinf(self.order):
            return f"{what}, exact"
        if self.order <= 0:
            return f"no approximation of {what}: error {combination_in_words(self.leading)}"
        return f"{what}, order {self.order:g}, leading error {combination_in_words(self.leading)}"


def consistency_of(
    kernel: np.ndarray,
    spacing: float | Sequence[float] = 1.0,
    derivative: Combination | None = None,
    *,
    unit: float = UNIT,
) -> Consistency:
    r"""Read off a kernel's moments which derivative it is, to which order.

    With D of one degree m and q the lowest degree of a moment :math:`M_p` that is not D's, the
    error is :math:`O(h^{q-m})` for kernels that scale like h⁻ᵐ. A moment counts as D's where it is
    so to the rounding of the sum.

    Args:
        kernel: one axis for each spatial axis, centred at (k − 1)//2.
        spacing: of the points: one number, or one an axis.
        derivative: D, {multi-index: coefficient} of one degree; None takes the lowest moments that
            are not 0.
        unit: the relative rounding of the kernel's entries.

    Raises:
        ValueError: a derivative of several degrees, whose parts scale differently.

    Source: Long, Lu, Ma, Dong, PDE-Net, arXiv:1710.09668 (2018).

    Example:
        >>> from keras_pde.operators.moments import consistency_of
        >>> print(consistency_of(np.array([0.0, -1.0, 1.0])))
        ∂x, order 1, leading error 0.5 ∂x²
        >>> print(consistency_of(np.array([0.5, 0.0, 0.5]), derivative={(0,): 1.0}))
        u, order 2, leading error 0.5 ∂x²
    """
    kernel = np.asarray(gate.array(kernel, "kernel", ranks=(1, 2, 3)), np.float64)
    steps = _spacings(spacing, kernel.ndim)
    degrees = {sum(a) for a in derivative or ()}
    if len(degrees) > 1:
        raise ValueError(
            "derivative must have one degree, as parts of several scale differently with the"
            f" spacing. Received: {gate.said(dict(derivative or {}))}"
        )
    highest = max(degrees, default=0) + sum(kernel.shape) + 2
    found = _all_moments(kernel, steps, highest)
    # |ih|ᵖ, in which rounding is measured
    absolute = _all_moments(np.abs(kernel), steps, highest, np.abs)
    slack = 8 * kernel.size * unit
    target = dict(derivative or {})
    by_degree: dict[int, dict[Index, float]] = {}
    for p in indices(kernel.ndim, highest):
        error = float(found[p]) - target.get(p, 0.0)
        if abs(error) > slack * max(absolute[p], abs(target.get(p, 0.0))):
            by_degree.setdefault(sum(p), {})[p] = error
    if derivative is None:
        if not by_degree:
            raise ValueError("kernel is 0, which is no derivative")
        target = by_degree.pop(min(by_degree))
    degree = sum(next(iter(target)))
    if not by_degree:
        return Consistency(target, math.inf, {})
    first = min(by_degree)
    return Consistency(target, first - degree, by_degree[first])


@functools.lru_cache(maxsize=64)
def moment_basis(window: tuple[int, ...], degree: int) -> np.ndarray:
    """Orthonormal columns that span the monomials up to a total degree on a window.

    A kernel orthogonal to them has no moment up to that degree, so it may be added to a stencil
    without changing what derivative that is, nor its order.

    Args:
        window: widths of the kernel.
        degree: the largest total degree.

    Returns:
        (points of the window, columns).

    Example:
        >>> from keras_pde.operators.moments import moment_basis
        >>> moment_basis((5, 5), 2).shape
        (25, 6)
    """
    grids = np.meshgrid(*(_unit_points(width) for width in window), indexing="ij")
    monomials = [
        math.prod((grid**k for grid, k in zip(grids, p, strict=True)), start=np.ones(window))
        for p in indices(len(window), degree)
        if all(k < width for k, width in zip(p, window, strict=True))
    ]
    columns = np.stack([m.ravel() for m in monomials], axis=-1)
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return basis[:, sizes > 1e-10 * sizes[0]]


def _unit_points(width: int) -> np.ndarray:
    return (np.arange(width) - (width - 1) / 2) / max((width - 1) / 2, 1)


def combination_in_words(combination: Combination) -> str:
    """A combination of derivatives, such as "∂x² + 0.5 ∂x∂y".

    x, y and z are the first, second and third spatial axis.

    Example:
        >>> from keras_pde.operators.moments import combination_in_words
        >>> combination_in_words({(2, 0): 1.0, (1, 1): -0.5})
        '∂x² − 0.5 ∂x∂y'
    """
    text = ""
    for index, coefficient in combination.items():
        sign = ("−" if coefficient < 0 else "") if not text else " − " if coefficient < 0 else " + "
        size = "" if abs(abs(coefficient) - 1) < 1e-9 else f"{abs(coefficient):.3g} "
        name = "".join(
            f"∂{axis}" + (str(k).translate(SUPERSCRIPTS) if k > 1 else "")
            for axis, k in zip(AXES, index, strict=False)
            if k
        )
        text += f"{sign}{size}{name or 'u'}"
    return text

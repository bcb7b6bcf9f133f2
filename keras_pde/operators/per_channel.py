"""PerChannel: bounds of the norm and roundings of kernels that act on every channel alone."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from keras_pde.operators import conv_norms, norms, reflecting_grids, reflection
from keras_pde.operators.operator import Operator
from keras_pde.operators.rounding import RoundingErrors, rounding_errors
from keras_pde.runtime.types import Number, Tensor

OUTWARD = 1e-12
SAMPLES = 1 << 21  # of a symbol
WORK = 1e9  # of a bound on reflecting grids, in products


class PerChannel(Operator):
    r"""Bounds of an operator K whose rows apply one kernel each to every channel alone.

    K is a copy of the operator K₁ of one channel for each channel, so ‖K‖ = ‖K₁‖, and the bounds
    of a convolution from one channel to as many filters as there are rows hold for it, at every
    boundary and for every size (N2 to N6, D4).

    A subclass gives ``stacked``, and ``absolute``, which roundings are measured in.

    Attributes:
        boundary: "neumann", "dirichlet" or "periodic".
        channels: numbers of u at a point, once built.
    """

    boundary: str
    _known: tuple[float, float] | None = None  # the bounds of ‖K‖² and of ‖K‖∞ of fixed kernels

    def stacked(self) -> np.ndarray:
        """The kernels in use, (*window, 1, rows of a channel), in float64."""
        raise NotImplementedError

    def absolute(self) -> tuple[np.ndarray, int]:
        """Kernels of the absolute values of all that is added up, and of how many numbers."""
        raise NotImplementedError

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> Number:
        """Upper bound of ‖K‖², differentiable; a number for classical kernels."""
        if self.fixed:
            return self._bounds()[0]
        return conv_norms.in_graph_bound(
            self.weights_in_use() if weights is None else weights, self.boundary
        )

    def norm_bound(self) -> float:
        """Upper bound of ‖K‖ for every spatial size, in float64.

        Example:
            >>> from keras_pde import FiniteDifference
            >>> round(FiniteDifference([2], spacing=0.1).norm_bound(), 6)
            400.0
        """
        return math.sqrt(self._bounds()[0])

    def max_norm_bound(self) -> float:
        """‖K‖∞ for every spatial size: the largest sum of a kernel's absolute values.

        Example:
            >>> from keras_pde import FiniteDifference
            >>> round(FiniteDifference([1], spacing=0.1).max_norm_bound(), 6)
            10.0
        """
        return self._bounds()[1]

    def _bounds(self) -> tuple[float, float]:
        """Of ‖K‖² and ‖K‖∞; once for kernels that stay."""
        if self._known is not None:
            return self._known
        kernel = self.stacked()
        if not np.isfinite(kernel).all():
            return math.inf, math.inf
        found = _squared(kernel, self.boundary), conv_norms.max_norm([kernel])
        if not self.fixed:
            # what a training step used: a certificate must never contradict the step it certifies
            step = float(conv_norms.in_graph_bound([kernel], self.boundary, np)) * (1 + OUTWARD)
            return min(found[0], step), found[1]
        self._known = found
        return found

    def row_sums(self, weights: list[Tensor], scaling: Tensor | None = None) -> Tensor:
        """Row sums Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ, row by row, in at least float32 (B1)."""
        kernel = weights[0] if weights else ops.convert_to_tensor(self.stacked(), "float32")
        anchor = [before for before, _ in conv_norms.margins([kernel])]
        absolute = reflection.correlation_sums(kernel, anchor, self.boundary, ops)
        absolute = absolute * (1 + norms.OUTWARD)
        if scaling is None:
            return ops.repeat(ops.sum(absolute, axis=1), self.channels)
        # rows of one channel only meet, and the channel is the faster index
        q = ops.reshape(scaling, (-1, self.channels))
        return ops.reshape(ops.matmul(absolute, q) / q, (-1,))

    def rounding_errors(self, unit: float) -> RoundingErrors:
        """Bounds of the errors of K in 16 bits."""
        kernel, count = self.absolute()
        young = conv_norms.squared_bounds([kernel], self.boundary, "l1")["l1"]
        absolute = math.sqrt(young) * (1 + OUTWARD)
        folds = 0 if self.boundary == "dirichlet" else 2 * self.ndim
        margins = sum(map(sum, conv_norms.margins([kernel]))) if folds else 0
        rows = int(kernel.shape[-1])
        if self.sliced:
            # of a weight, of a difference, of a product, and of the sums
            roundings = (3 + count, 3 + count * rows + rows + folds)
        else:
            roundings = (1, 1 + folds)
        return rounding_errors(
            unit,
            self.norm_bound(),
            absolute,
            roundings,
            terms=margins + math.prod(kernel.shape[:-2]) * rows,
        )


def _squared(kernel: np.ndarray, boundary: str) -> float:
    """The least upper bound of ‖K‖² that is known, for a kernel (*window, 1, rows)."""
    anchor = [before for before, _ in conv_norms.margins([kernel])]
    sums = reflection.correlation_sums(kernel, anchor, boundary)
    bounds = [float(sums.sum(axis=1).max())]
    on_grid = min(supremum(kernel[..., 0, :]), float(norms.absolute_sum([kernel])))
    if boundary != "neumann":
        return min(*bounds, on_grid) * (1 + OUTWARD)
    # kernels of a parity have the norm of the infinite grid, and K is the sum of its parities
    parts = [part for part in parities(kernel) if part.any()]
    total = sum(
        math.sqrt(min(supremum(part[..., 0, :]), float(norms.absolute_sum([part]))))
        for part in parts
    )
    bounds += [on_grid * 2 ** len(anchor), total**2]
    if not np.any(kernel - reflection.pure_part(kernel, anchor)):
        bounds.append(on_grid)
    elif (near := reflecting_grids.certified([kernel], anchor, WORK)) is not None:
        bounds.append(near)
    return min(bounds) * (1 + OUTWARD)


def supremum(kernel: np.ndarray) -> float:
    """sup over ω of Σ|k̂(ω)|² over the rows of (*window, rows), from above by samples.

    As `fourier.supremum`, which holds all exponentials at once: here by the fast transform, on so
    many samples that it is above the supremum by 1 % for five points in 3-D, and by 10⁻⁵ in 1-D.

    Example:
        >>> from keras_pde.operators.per_channel import supremum
        >>> bool(abs(supremum(np.array([[1.0], [-2.0], [1.0]])) - 16) < 1e-3)
        True
    """
    places = np.argwhere(np.abs(kernel).sum(axis=-1))
    if not len(places):
        return 0.0
    first, last = places.min(axis=0), places.max(axis=0)
    kernel = kernel[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
    degrees = [n - 1 for n in kernel.shape[:-1]]
    each = SAMPLES ** (1 / max(1, sum(d > 0 for d in degrees)))
    points = [
        2 ** math.ceil(math.log2(max(4 * d, min(each, 512 * d)))) if d else 1 for d in degrees
    ]
    slack = math.prod(math.cos(math.pi * d / n) for d, n in zip(degrees, points, strict=True))
    total = np.zeros(points)
    for row in np.moveaxis(kernel, -1, 0):
        total += np.abs(np.fft.fftn(row, points)) ** 2
    return float(total.max()) / slack


def parities(kernel: np.ndarray) -> list[np.ndarray]:
    """The parts of a kernel that are even or odd about its centre along each axis.

    Example:
        >>> from keras_pde.operators.per_channel import parities
        >>> [part[:, 0, 0].tolist() for part in parities(np.array([1.0, 0, 0])[:, None, None])]
        [[0.5, 0.0, 0.5], [0.5, 0.0, -0.5]]
    """
    parts = [kernel]
    for axis in range(kernel.ndim - 2):
        parts = [(k + sign * np.flip(k, axis)) / 2 for k in parts for sign in (1, -1)]
    return parts

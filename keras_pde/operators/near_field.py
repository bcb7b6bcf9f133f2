"""Bands that differ from point to point: products of near-field kernels, and their transposes.

The bands of a grid (..., k) hold k = (2w + 1)^d numbers a point: κ(x, x + δ) for the offsets δ with
|δ| ≤ w along each axis, the last axis fastest. Beyond a wall values are zero, whatever the bands
say there; a periodic grid goes round.
"""

from __future__ import annotations

import itertools
from typing import Any

from keras import ops

from keras_pde.operators.boundary import cut
from keras_pde.runtime.types import Tensor

PERIODIC = "periodic"


def box(width: int, ndim: int) -> list[tuple[int, ...]]:
    """The offsets of the (2w + 1)^d points around one, the last axis fastest.

    Example:
        >>> from keras_pde.operators.near_field import box
        >>> box(1, 1), len(box(2, 2))
        ([(-1,), (0,), (1,)], 25)
    """
    return list(itertools.product(range(-width, width + 1), repeat=ndim))


def near_sum(v: Tensor, bands: Tensor, width: int, boundary: str, xp: Any = ops) -> Tensor:
    r"""Σ_δ κ(x, x + δ)v(x + δ) of (batch, \*spatial, channels).

    Args:
        v: values.
        bands: (1 or batch, \*spatial, k), the same for all channels, or k·channels numbers, those
            of an offset together.
        width: w.
        boundary: "periodic", or another, beyond which v is zero.
        xp: `keras.ops`, or NumPy.

    Example:
        >>> from keras_pde.operators.near_field import near_sum
        >>> bands = np.ones((1, 4, 3), "float32")
        >>> v = np.arange(4.0, dtype="float32")[None, :, None]
        >>> print(near_sum(v, bands, 1, "dirichlet", np)[0, :, 0])
        [1. 3. 6. 5.]
    """
    ndim, sizes = len(v.shape) - 2, xp.shape(v)[1:-1]
    wide = v
    for axis in range(1, ndim + 1):
        wide = _extended(wide, axis, width, boundary, xp)
    total = None
    for k, offset in enumerate(box(width, ndim)):
        near = wide
        for axis, (o, n) in enumerate(zip(offset, sizes, strict=True), start=1):
            near = cut(near, axis, width + o, width + o + n)
        part = _of(bands, k, width, ndim) * near
        total = part if total is None else total + part
    return total


def near_sum_adjoint(v: Tensor, bands: Tensor, width: int, boundary: str, xp: Any = ops) -> Tensor:
    """The transpose of `near_sum`: Σ_δ κ(x − δ, x)v(x − δ).

    Example:
        >>> from keras_pde.operators.near_field import near_sum_adjoint
        >>> bands = np.tile(np.float32([5, 1, 0]), (1, 3, 1))  # of the left, itself, the right
        >>> v = np.float32([1, 0, 2])[None, :, None]
        >>> print(near_sum_adjoint(v, bands, 1, "dirichlet", np)[0, :, 0])
        [ 1. 10.  2.]
    """
    ndim, total = len(v.shape) - 2, None
    for k, offset in enumerate(box(width, ndim)):
        part = _of(bands, k, width, ndim) * v
        for axis, o in enumerate(offset, start=1):
            part = _moved(part, axis, o, boundary, xp)
        total = part if total is None else total + part
    return total


def _of(bands: Tensor, k: int, width: int, ndim: int) -> Tensor:
    """The bands of one offset."""
    group = bands.shape[-1] // (2 * width + 1) ** ndim
    return bands[..., k * group : (k + 1) * group]


def _extended(v: Tensor, axis: int, width: int, boundary: str, xp: Any) -> Tensor:
    """v with w further values at both ends of an axis: those of the other end, or zeros."""
    if boundary == PERIODIC:
        parts = [cut(v, axis, -width, None), v, cut(v, axis, None, width)]
        return xp.concatenate(parts, axis) if width else v
    return xp.pad(v, [(width, width) if i == axis else (0, 0) for i in range(len(v.shape))])


def _moved(v: Tensor, axis: int, by: int, boundary: str, xp: Any) -> Tensor:
    """v(x − by) along one axis."""
    if boundary == PERIODIC:
        return xp.roll(v, by, axis)
    around = [(0, 0)] * len(v.shape)
    around[axis] = (max(by, 0), max(-by, 0))
    size = xp.shape(v)[axis]
    return cut(xp.pad(v, around), axis, max(-by, 0), max(-by, 0) + size)

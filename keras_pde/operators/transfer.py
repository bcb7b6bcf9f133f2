"""Full weighting R and linear interpolation P between a grid and that of every second point.

R = Pᵀ/2 along each axis.

Coarse points stand at the fine points 1, 3, 5, … for "dirichlet" (the walls at −1 and n are points
of every grid), and at 0, 2, 4, … for "neumann" and "periodic". Beyond its last coarse point a
reflecting axis of even size is constant. An axis of one point stays as it is. All by slices, for
NumPy arrays and tensors, static and dynamic sizes.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_pde.operators.boundary import cut


def coarse_size(size: Any, boundary: str) -> Any:
    """Points of the next coarser axis: ⌊n/2⌋ (dirichlet) or ⌈n/2⌉.

    An axis of one point stays as it is.
    """
    if isinstance(size, int):
        return size if size == 1 else size // 2 if boundary == "dirichlet" else (size + 1) // 2
    return ops.maximum(size // 2, 1) if boundary == "dirichlet" else (size + 1) // 2


def restrict_axis(v: Any, axis: int, boundary: str, xp: Any = ops) -> Any:
    """½Pᵀ v along one axis: weights [1 2 1]/4 at inner points."""
    half, quarter = _weights(v, axis, xp)
    start: Any = 1
    if boundary == "dirichlet" and v.shape[axis] is None:
        start = xp.minimum(xp.shape(v)[axis] - 1, 1)  # of one point, that point
    even, odd = _every_second(v, axis, 0), _every_second(v, axis, start)
    if boundary == "dirichlet":
        # coarse j at fine 2j + 1, between the even points j and j + 1; an even size has no point
        # after the last
        after = _shifted_back(even, axis, xp)
        return odd * half + (_like(even, odd, axis, xp) + _like(after, odd, axis, xp)) * quarter
    odd = _padded_to(odd, even, axis, xp)
    if boundary == "neumann":
        # of an even size the last odd point takes the whole last coarse value, not half of two
        last = _missing_half(v, axis, xp)
        before = xp.concatenate(
            [xp.zeros_like(cut(odd, axis, None, 1)), cut(odd, axis, None, -1)], axis
        )
        extra = xp.concatenate([xp.zeros_like(cut(even, axis, None, -1)), last], axis)
        return even * half + (odd + before + extra) * quarter
    before = xp.concatenate([cut(odd, axis, -1, None), cut(odd, axis, None, -1)], axis)
    return even * half + (odd + before) * quarter


def prolong_axis(e: Any, axis: int, size: Any, boundary: str, xp: Any = ops) -> Any:
    """P e along one axis, to ``size`` points: weights [1 2 1]/2."""
    if boundary == "dirichlet":
        zero = xp.zeros_like(cut(e, axis, None, 1))
        between = (xp.concatenate([zero, e], axis) + xp.concatenate([e, zero], axis)) / 2
        points = xp.concatenate([e, zero], axis)
        start: Any = 0 if isinstance(size, int) else xp.cast(size == 1, "int32")
        return cut(_interleaved(between, points, axis, xp), axis, start, start + size)
    first, last = cut(e, axis, None, 1), cut(e, axis, -1, None)
    after = xp.concatenate([cut(e, axis, 1, None), last if boundary == "neumann" else first], axis)
    return cut(_interleaved(e, (e + after) / 2, axis, xp), axis, None, size)


def inject_axis(u: Any, axis: int, boundary: str) -> Any:
    """Values at the coarse points of one axis."""
    return _every_second(u, axis, 1 if boundary == "dirichlet" else 0)


def _weights(v: Any, axis: int, xp: Any) -> tuple[Any, Any]:
    """½ and ¼, or 1 and 0 on an axis that turns out to have one point."""
    if v.shape[axis] is not None:
        return 0.5, 0.25
    one = xp.cast(xp.equal(xp.shape(v)[axis], 1), v.dtype)
    return (one + 1) / 2, (1 - one) / 4


def _every_second(x: Any, axis: int, start: Any) -> Any:
    return x[(slice(None),) * axis + (slice(start, None, 2),)]


def _interleaved(a: Any, b: Any, axis: int, xp: Any) -> Any:
    shape = list(xp.shape(a))
    shape[axis] = 2 * shape[axis]
    return xp.reshape(xp.stack([a, b], axis + 1), shape)


def _shifted_back(x: Any, axis: int, xp: Any) -> Any:
    return xp.concatenate([cut(x, axis, 1, None), xp.zeros_like(cut(x, axis, None, 1))], axis)


def _like(x: Any, other: Any, axis: int, xp: Any) -> Any:
    return cut(x, axis, None, xp.shape(other)[axis])


def _padded_to(odd: Any, even: Any, axis: int, xp: Any) -> Any:
    """The odd points, with a zero after the last where the size is odd."""
    return _like(
        xp.concatenate([odd, xp.zeros_like(cut(even, axis, None, 1))], axis), even, axis, xp
    )


def _missing_half(v: Any, axis: int, xp: Any) -> Any:
    """The last value of an axis of even size, zero for an odd one."""
    last = cut(v, axis, -1, None)
    size = v.shape[axis]
    if size is not None:
        return last if size % 2 == 0 else xp.zeros_like(last)
    return last * xp.cast(1 - xp.shape(v)[axis] % 2, last.dtype)

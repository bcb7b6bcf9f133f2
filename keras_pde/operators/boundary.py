"""Extension of a state beyond its boundary, and the exact adjoint of the extension.

"neumann" reflects at the outer pixel edge (… u₁ u₀ | u₀ u₁ …), "dirichlet" continues with zeros,
"periodic" wraps around. Margins wider than the axis go on reflecting, or go round again, so all
holds for every size from 1 on, known or not. By slices and concatenation where a margin is known to
fit, and by the places of its entries where not: exact on every backend, and under XLA.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.precision import at_least_float32

BOUNDARIES = ("neumann", "dirichlet", "periodic")


def check_boundary(boundary: str) -> str:
    """The boundary's name, or a ValueError that lists the possible ones."""
    return gate.word(boundary, "boundary", BOUNDARIES)


def cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """x[..., start:stop, ...] along one axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


def zeros_around(x: Any, axis: int, before: int, after: int) -> Any:
    """``x`` with zeros before and after it along one axis."""
    return ops.pad(x, [(before, after) if a == axis else (0, 0) for a in range(len(x.shape))])


def extend(u: Any, widths: Sequence[tuple[int, int]], boundary: str) -> Any:
    """Extend (batch, *spatial, channels) by (before, after) entries along each spatial axis."""
    if boundary == "dirichlet":
        return ops.pad(u, [(0, 0), *widths, (0, 0)]) if any(map(any, widths)) else u
    for axis, (before, after) in enumerate(widths, start=1):
        u = _extend_axis(u, axis, before, after, boundary)
    return u


def fold(v: Any, widths: Sequence[tuple[int, int]], boundary: str) -> Any:
    """Adjoint of `extend`: add the margins back to where their values came from."""
    for axis, (before, after) in enumerate(widths, start=1):
        v = _fold_axis(v, axis, before, after, boundary)
    return v


def _extend_axis(u: Any, axis: int, before: int, after: int, boundary: str) -> Any:
    parts = [
        _margin(u, axis, before, boundary, False) if before else None,
        u,
        _margin(u, axis, after, boundary, True) if after else None,
    ]
    parts = [p for p in parts if p is not None]
    return ops.concatenate(parts, axis) if len(parts) > 1 else u


def _margin(u: Any, axis: int, width: int, boundary: str, after: bool) -> Any:
    """The entries that stand before or after u."""
    start = _reads_start(boundary, after)
    near = cut(u, axis, None, width) if start else cut(u, axis, -width, None)
    size = u.shape[axis]
    if _fits(size, width):
        return ops.flip(near, axis) if boundary == "neumann" else near
    size = ops.shape(u)[axis] if size is None else size
    return ops.take(near, _places(size, width, boundary, after), axis)


def _reads_start(boundary: str, after: bool) -> bool:
    """Whether a margin repeats the first entries of an axis, not the last ones."""
    return after == (boundary == "periodic")


def _fits(size: int | None, width: int) -> bool:
    """Whether a margin is known to repeat no entry twice: then it is one slice."""
    return width == 1 or (size is not None and size >= width)


def _places(size: Any, width: int, boundary: str, after: bool) -> Any:
    """Which of the min(size, width) entries next to a boundary each entry of a margin repeats.

    The margin goes back and forth over an axis shorter than itself, or round and round.
    """
    distance: Any = np.arange(width) if after else np.arange(width)[::-1]
    least: Any = np.minimum
    if not isinstance(size, int):
        distance, least = ops.convert_to_tensor(distance.astype("int32")), ops.minimum
    period = size if boundary == "periodic" else 2 * size
    steps = distance % period
    if boundary == "neumann":
        steps = least(steps, period - 1 - steps)
    return steps if _reads_start(boundary, after) else least(size, width) - 1 - steps


def _fold_axis(v: Any, axis: int, before: int, after: int, boundary: str) -> Any:
    if boundary == "dirichlet":
        return cut(v, axis, before, -after if after else None)
    size = None if v.shape[axis] is None else v.shape[axis] - before - after
    if size is not None and size >= before + after:
        return _fold_split(v, axis, before, after, boundary, size)
    core = cut(v, axis, before, -after if after else None)
    if before:
        core = _add_back(core, cut(v, axis, None, before), axis, before, boundary, False)
    if after:
        core = _add_back(core, cut(v, axis, -after, None), axis, after, boundary, True)
    return core


def _add_back(core: Any, margin: Any, axis: int, width: int, boundary: str, after: bool) -> Any:
    """The adjoint of `_margin`, added to the entries between the margins."""
    start = _reads_start(boundary, after)
    near = cut(core, axis, None, width) if start else cut(core, axis, -width, None)
    size = core.shape[axis]
    if _fits(size, width):
        near = near + (ops.flip(margin, axis) if boundary == "neumann" else margin)
    else:
        size = ops.shape(core)[axis] if size is None else size
        places = _places(size, width, boundary, after)
        # an entry may take several of the margin's: one rounding for all of them in 16 bits
        wide = at_least_float32(ops.moveaxis(margin, axis, 0))
        sums = ops.moveaxis(_sums_by_place(wide, places, width), 0, axis)
        near = ops.cast(ops.cast(near, sums.dtype) + cut(sums, axis, None, size), core.dtype)
    parts = [near, cut(core, axis, width, None)] if start else [cut(core, axis, None, -width), near]
    return ops.concatenate(parts, axis)


def _sums_by_place(margin: Any, places: Any, width: int) -> Any:
    """The sums of the entries of a margin, on axis 0, that repeat one place each."""
    if not isinstance(places, np.ndarray):
        return ops.segment_sum(margin, places, width)
    # not segment_sum, which makes float32 of float64 on PyTorch
    entries = [[int(i) for i in np.flatnonzero(places == k)] for k in range(places.max() + 1)]
    return ops.concatenate(
        [sum((margin[i : i + 1] for i in met[1:]), margin[met[0] : met[0] + 1]) for met in entries]
    )


def _fold_split(v: Any, axis: int, before: int, after: int, boundary: str, size: int) -> Any:
    """The fold where both ends of the core are disjoint.

    One split, whose gradient is one concatenation.

    The gradient of each slice would be an array of full size: without XLA 2.6 times the time of
    training.
    """
    first, last = (before, after) if boundary == "neumann" else (after, before)
    sizes = [before, first, size - first - last, last, after]
    left, head, middle, tail, right = ops.split(v, np.cumsum(sizes)[:-1].tolist(), axis)
    if boundary == "neumann":
        return ops.concatenate(
            [head + ops.flip(left, axis), middle, tail + ops.flip(right, axis)], axis
        )
    return ops.concatenate([head + right, middle, tail + left], axis)

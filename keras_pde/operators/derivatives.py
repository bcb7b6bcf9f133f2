"""Derivatives to approximate: rows of multi-indices, and the kernels that approximate them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_pde.operators.moments import Combination, Index, taylor_weights
from keras_pde.runtime import gate

NAMES = ("gradient", "laplacian")
SIDES = ("central", "forward", "backward")
HIGHEST, MOST_ACCURATE, MOST_ROWS = 8, 12, 64


def checked(derivatives: Any) -> Any:
    """The argument ``derivatives`` of `FiniteDifference` as JSON holds it: a name, or lists.

    Raises:
        ValueError: no name, no multi-indices, or ones of different numbers of axes.

    Example:
        >>> from keras_pde.operators.derivatives import checked
        >>> checked([(1, 0), [((2, 0), 1), ((0, 2), 1)]])
        [[1, 0], [[[2, 0], 1.0], [[0, 2], 1.0]]]
    """
    if isinstance(derivatives, str):
        return gate.word(derivatives, "derivatives", NAMES)
    if not isinstance(derivatives, list | tuple) or not 1 <= len(derivatives) <= MOST_ROWS:
        raise _wrong(derivatives)
    rows = [_checked_row(row, derivatives) for row in derivatives]
    lengths = {len(index) for row in rows for index, _ in _terms(row)}
    if len(lengths) > 1:
        raise ValueError(
            "derivatives must have one order for each axis, the same number of axes in every row."
            f" Received: derivatives={gate.said(derivatives)}, of {sorted(lengths)} axes"
        )
    return rows


def _wrong(derivatives: Any) -> ValueError:
    return ValueError(
        f"derivatives must be {' or '.join(map(repr, NAMES))}, or a list of 1 to {MOST_ROWS} rows."
        f" A row is a multi-index of orders up to {HIGHEST} in all, such as (2, 0), or a list of"
        f" (multi-index, coefficient). Received: derivatives={gate.said(derivatives)}"
    )


def _checked_row(row: Any, all_rows: Any) -> list[Any]:
    if isinstance(row, list | tuple) and row and all(isinstance(x, list | tuple) for x in row):
        pairs = [(*pair, None, None)[:2] if len(pair) == 2 else (None, None) for pair in row]
        found = [
            [_checked_index(index, all_rows), gate.number(factor, "derivatives, a coefficient")]
            for index, factor in pairs
        ]
        indices: list[Any] = [index for index, _ in found]
        if any(index in indices[:i] for i, index in enumerate(indices)):
            raise ValueError(f"derivatives names a multi-index twice: {gate.said(row)}")
        return found
    return _checked_index(row, all_rows)


def _checked_index(index: Any, all_rows: Any) -> list[int]:
    orders = list(index) if isinstance(index, list | tuple) else [index]
    try:
        orders = [gate.whole(k, "derivatives, an order", low=0, high=HIGHEST) for k in orders]
    except ValueError:
        raise _wrong(all_rows) from None
    if not 1 <= len(orders) <= 3 or sum(orders) > HIGHEST:
        raise _wrong(all_rows)
    return orders


def _terms(row: list[Any]) -> list[tuple[list[int], float]]:
    return row if isinstance(row[0], list) else [(row, 1.0)]


def axes_of(derivatives: Any) -> int | None:
    """The number of axes that checked derivatives have; None for a name."""
    return None if isinstance(derivatives, str) else len(_terms(derivatives[0])[0][0])


def rows_of(derivatives: Any, ndim: int) -> list[dict[Index, float]]:
    """The rows of checked derivatives, each a combination {multi-index: coefficient}.

    Example:
        >>> from keras_pde.operators.derivatives import rows_of
        >>> rows_of("gradient", 2), rows_of("laplacian", 1)
        ([{(1, 0): 1.0}, {(0, 1): 1.0}], [{(2,): 1.0}])
    """
    if isinstance(derivatives, str):
        order = NAMES.index(derivatives) + 1
        every = [tuple(order * (i == axis) for i in range(ndim)) for axis in range(ndim)]
        if derivatives == "gradient":
            return [{index: 1.0} for index in every]
        return [dict.fromkeys(every, 1.0)]
    return [{tuple(index): factor for index, factor in _terms(row)} for row in derivatives]


def offsets(order: int, accuracy: int, side: str) -> range:
    """The points of the stencil of a derivative along one axis.

    Central stencils have the fewest symmetric points, the others begin or end at the centre.

    Example:
        >>> from keras_pde.operators.derivatives import offsets
        >>> list(offsets(1, 2, "central")), list(offsets(1, 2, "forward"))
        ([-1, 0, 1], [0, 1, 2])
    """
    if order == 0:
        return range(1)
    if side == "central":
        reach = (order + 1) // 2 + accuracy // 2 - 1
        return range(-reach, reach + 1)
    last = order + accuracy - 1
    return range(last + 1) if side == "forward" else range(-last, 1)


def reaches(
    rows: Sequence[Combination], accuracy: int, sides: Sequence[str], further: int = 0
) -> list[tuple[int, int]]:
    """How many points kernels of all rows reach before and after their centre, on each axis."""
    found = []
    for axis, side in enumerate(sides):
        points = [offsets(a[axis], accuracy, side) for row in rows for a in row]
        before, after = -min(p[0] for p in points), max(p[-1] for p in points)
        found.append(
            (
                before + further * {"central": 1, "forward": 0, "backward": 2}[side],
                after + further * {"central": 1, "forward": 2, "backward": 0}[side],
            )
        )
    return found


def stencil_of(
    index: Index,
    accuracy: int,
    sides: Sequence[str],
    spacing: Sequence[float],
    window: Sequence[int],
) -> np.ndarray:
    """The kernel of ∂ᵃ, a product of one stencil an axis, centred in a window of odd widths.

    Example:
        >>> from keras_pde.operators.derivatives import stencil_of
        >>> print(stencil_of((2,), 2, ("central",), (0.5,), (5,)))
        [ 0.  4. -8.  4.  0.]
    """
    factors = []
    for order, side, h, width in zip(index, sides, spacing, window, strict=True):
        points = offsets(order, accuracy, side)
        row = np.zeros(width)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # refused by the caller
            scaled = taylor_weights(points, order) / np.float64(h) ** order
        row[[width // 2 + i for i in points]] = scaled
        factors.append(row)
    return functools.reduce(np.multiply.outer, factors)


def kernel_of(
    row: Combination,
    accuracy: int,
    sides: Sequence[str],
    spacing: Sequence[float],
    window: Sequence[int],
) -> np.ndarray:
    """The kernel of a combination of derivatives."""
    kernels = [c * stencil_of(a, accuracy, sides, spacing, window) for a, c in row.items()]
    return sum(kernels, start=np.zeros(tuple(window)))


def checked_spacing(spacing: Any) -> Any:
    """One distance > 0 of the points, or a list of one for each axis."""
    return _one_or_each(
        spacing, "spacing", lambda h: gate.number(h, "spacing", low=0, low_open=True)
    )


def checked_side(side: Any) -> Any:
    """One of `SIDES`, or a list of one for each axis."""
    return _one_or_each(side, "side", lambda word: gate.word(word, "side", SIDES))


def _one_or_each(value: Any, name: str, check: Callable[[Any], Any]) -> Any:
    if not isinstance(value, list | tuple):
        return check(value)
    if not 1 <= len(value) <= 3:
        raise ValueError(f"{name} has one value for each axis. Received: {name}={gate.said(value)}")
    return [check(x) for x in value]

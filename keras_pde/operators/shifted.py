"""Sums of shifted states Σ kⱼu(x + jh) by slices, and their exact adjoint.

A tap at j ≠ 0 is taken of u(x + jh) − u(x), so constants give 0 exactly, and rounding grows with
the changes of u between points, not with u itself: kernels of derivatives are large, like h⁻ᵐ.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut, extend, fold

Offset = tuple[int, ...]


class Taps(NamedTuple):
    """A kernel as differences: pairs of opposite taps, the other taps, and what is left.

    Args:
        odd: (j, c): c(u(x + j) − u(x − j)).
        even: (offsets, c): c·Σ(u(x + j) − u(x)) over the offsets.
        rest: the sum of the kernel, the weight of u(x) itself.
    """

    odd: tuple[tuple[Offset, float], ...]
    even: tuple[tuple[tuple[Offset, ...], float], ...]
    rest: float

    @property
    def offsets(self) -> list[Offset]:
        """Where the taps are, without the centre."""
        pairs = [i for j, _ in self.odd for i in (j, _opposite(j))]
        return pairs + [j for several, _ in self.even for j in several]

    @property
    def terms(self) -> int:
        """How many numbers are added up."""
        return 2 * len(self.odd) + sum(2 * len(j) for j, _ in self.even) + (self.rest != 0)

    def absolute(self, window: Sequence[int]) -> np.ndarray:
        """The kernel of the absolute values of all that is added up."""
        found = np.zeros(tuple(window))
        centre = tuple((n - 1) // 2 for n in window)
        found[centre] += abs(self.rest)
        weights = [(i, c) for j, c in self.odd for i in (j, _opposite(j))]
        even = [(j, c) for several, c in self.even for j in several]
        for j, c in weights + even:
            found[tuple(m + i for m, i in zip(centre, j, strict=True))] += abs(c)
        found[centre] += sum(abs(c) for _, c in even)
        return found


def taps_of(kernel: np.ndarray, rest: float) -> Taps:
    """The taps of a kernel with the sum ``rest``.

    Example:
        >>> from keras_pde.operators.shifted import taps_of
        >>> taps_of(np.array([1.0, -2.0, 1.0]), 0.0)
        Taps(odd=(), even=((((-1,), (1,)), 1.0),), rest=0.0)
        >>> taps_of(np.array([-0.5, 0.0, 0.5]), 0.0)
        Taps(odd=(((1,), 0.5),), even=(), rest=0.0)
    """
    centre = [(n - 1) // 2 for n in kernel.shape]
    taps = {
        tuple(int(i) - m for i, m in zip(place, centre, strict=True)): float(kernel[tuple(place)])
        for place in np.argwhere(kernel)
    }
    taps.pop((0,) * kernel.ndim, None)
    odd: list[tuple[Offset, float]] = []
    even: dict[float, list[Offset]] = {}
    for j, c in taps.items():
        if taps.get(_opposite(j)) == -c:
            if j > _opposite(j):
                odd.append((j, c))
        else:
            even.setdefault(c, []).append(j)
    return Taps(tuple(odd), tuple((tuple(j), c) for c, j in even.items()), rest)


class Shifts:
    """Rows of K u for kernels given by their taps, with the exact adjoint.

    Each axis is extended only for the taps that are shifted along it: a cross needs no corners.

    Example:
        >>> from keras_pde.operators.shifted import Shifts, taps_of
        >>> second = Shifts([taps_of(np.array([1.0, -2.0, 1.0]), 0.0)])
        >>> u = ops.reshape(ops.arange(4, dtype="float32") ** 2, (1, 4, 1))
        >>> print(np.array(second.rows(u, "neumann")[0])[0, :, 0])
        [ 1.  2.  2. -5.]
    """

    def __init__(self, kernels: Sequence[Taps]) -> None:
        self.kernels = tuple(kernels)
        self.widths: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        for j in (j for taps in kernels for j in taps.offsets):
            widths = self.widths.setdefault(_axes(j), [(0, 0)] * len(j))
            for axis, i in enumerate(j):
                before, after = widths[axis]
                widths[axis] = max(before, -i), max(after, i)

    def rows(self, u: Any, boundary: str) -> list[Any]:
        """K u, one array of the shape of u for each kernel."""
        wide = {axes: extend(u, widths, boundary) for axes, widths in self.widths.items()}

        def at(j: Offset) -> Any:
            return self._cut(wide[_axes(j)], j)

        found = []
        for taps in self.kernels:
            terms = [_times(c, at(j) - at(_opposite(j))) for j, c in taps.odd]
            terms += [_times(c, _sum([at(j) - u for j in several])) for several, c in taps.even]
            if taps.rest or not terms:
                terms.append(_times(taps.rest, u))
            found.append(_sum(terms))
        return found

    def adjoint(self, rows: Sequence[Any], boundary: str) -> Any:
        """Kᵀ of the rows: the exact transpose of `rows`."""
        wide: dict[tuple[int, ...], list[Any]] = {}
        terms = []
        for taps, v in zip(self.kernels, rows, strict=True):
            padded = {
                axes: ops.pad(v, [(0, 0), *((a + b, a + b) for b, a in widths), (0, 0)])
                for axes, widths in self.widths.items()
                if any(_axes(j) == axes for j in taps.offsets)
            }

            def put(j: Offset, padded: Mapping[tuple[int, ...], Any] = padded) -> Any:
                return self._embedded(padded[_axes(j)], j)

            for j, c in taps.odd:
                wide.setdefault(_axes(j), []).append(_times(c, put(j) - put(_opposite(j))))
            for several, c in taps.even:
                for axes in dict.fromkeys(map(_axes, several)):
                    parts = [put(j) for j in several if _axes(j) == axes]
                    wide.setdefault(axes, []).append(_times(c, _sum(parts)))
            rest = taps.rest - sum(len(several) * c for several, c in taps.even)
            if rest:
                terms.append(_times(rest, v))
        terms += [fold(_sum(w), self.widths[axes], boundary) for axes, w in wide.items()]
        return _sum(terms) if terms else ops.zeros_like(rows[0])

    def _cut(self, wide: Any, j: Offset) -> Any:
        """u(x + j) of u that is extended."""
        for axis, (i, (before, after)) in enumerate(zip(j, self.widths[_axes(j)], strict=True)):
            if before or after:
                wide = cut(wide, axis + 1, before + i, (i - after) or None)
        return wide

    def _embedded(self, padded: Any, j: Offset) -> Any:
        """The transpose of `_cut`, of v with zeros around it."""
        for axis, (i, (before, after)) in enumerate(zip(j, self.widths[_axes(j)], strict=True)):
            if before or after:
                padded = cut(padded, axis + 1, after - i, -(before + i) or None)
        return padded


def _axes(j: Offset) -> tuple[int, ...]:
    """The axes along which an offset shifts."""
    return tuple(axis for axis, i in enumerate(j) if i)


def _opposite(j: Offset) -> Offset:
    return tuple(-i for i in j)


def _sum(terms: Sequence[Any]) -> Any:
    return functools.reduce(ops.add, terms)


def _times(c: float, x: Any) -> Any:
    """c·x, with c in the precision of x."""
    return x if c == 1 else ops.multiply(x, ops.convert_to_tensor(c, dtype=x.dtype))

"""Lines: exact corrections along every other line of a grid, then along those between.

Where layers are thinner than a coarse cell, or a direction couples much more strongly than the
others, the error that steps at single points leave is smooth along lines only. Tridiagonal systems
of whole lines damp it. They are solved by parallel cyclic reduction, which joins each point with
those 1, 2, 4 … further on, in log₂ n steps for all points at once.

Source: Hockney, Jesshope, Parallel Computers (1981), cyclic reduction; Brandt (1977), lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut, zeros_around
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.correction import Correction, reciprocal, rounding


@dataclass(frozen=True)
class Lines(Correction):
    """x ↦ x + e with A e = b − Ax on the even lines along an axis; then so on the odd ones.

    The block of A between points of these lines is tridiagonal, as no stencil reaches over the line
    between them: each half is the A-orthogonal projection of the error.

    Args:
        axis: of a grid of two axes, along which the lines are.
        before: for even and odd lines what cyclic reduction multiplies the values before by, in
            each of its steps, (2, steps, batch, *lines, 1).
        after: the same for the values after each point.
        inverse: the reciprocal of the diagonal that is left, (2, batch, *lines, 1).

    Example:
        >>> from keras_pde.schemes.multigrid.lines import Lines
        >>> a = np.array([[0.0, -1, -1], [2, 2, 2], [-1, -1, 0]], "float32")[:, None, :, None, None]
        >>> e = Lines.of(list(map(ops.convert_to_tensor, a)), 0).solve(ops.ones((1, 3, 1, 1)), 0)
        >>> ops.convert_to_numpy(e)[0, :, 0, 0].round(6).tolist()
        [1.5, 2.0, 1.5]
    """

    axis: int
    before: Tensor
    after: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, coefficients: Sequence[Tensor], axis: int) -> Lines:
        """The lines of a stencil, of the coefficients before, at and after each point."""
        least = rounding(coefficients[1].dtype)

        def joined(state: list[Tensor], places: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            low, own, high = state
            back, forth = ([ops.take(x, p, axis=axis + 1) for x in state] for p in places)
            # beyond the ends places repeat themselves, and low and high are 0
            alpha, gamma = -low * reciprocal(back[1]), -high * reciprocal(forth[1])
            own = own + alpha * back[2] + gamma * forth[0]
            # on TensorFlow what is kept of a step has as many tensors as a state
            return [alpha * back[0], own, gamma * forth[2]], [alpha, own, gamma]

        start = list(coefficients)
        steps = _places(start[1].shape[axis + 1])
        last, (before, _, after) = ops.scan(joined, start, steps)
        inverse = reciprocal(last[1], least * start[1])
        return cls(axis, *(_by_colour(x, axis) for x in (before, after, inverse)))

    def __call__(
        self, b: Tensor, x: Tensor | None, operator: Callable[[Tensor], Tensor], reverse: bool
    ) -> Tensor:
        """The state after both halves, the odd lines first in reverse."""
        colours = np.eye(2)[::-1] if reverse else np.eye(2)
        factors = [self.before, self.after, self.inverse]
        return repeat(
            lambda u, s: u + self._solved(b - operator(u), s),
            ops.zeros_like(b) if x is None else x,
            [
                ops.convert_to_tensor(colours, dtype=b.dtype),
                *(ops.flip(f, 0) if reverse else f for f in factors),
            ],
        )

    def solve(self, r: Tensor, colour: int) -> Tensor:
        """The solution of A e = r on the lines of one colour, 0 on the others."""
        chosen = ops.convert_to_tensor(np.eye(2)[colour], dtype=r.dtype)
        return self._solved(
            r, [chosen, *(x[colour] for x in (self.before, self.after, self.inverse))]
        )

    def _solved(self, r: Tensor, colour: list[Tensor]) -> Tensor:
        chosen, before, after, inverse = colour
        across, along = 2 - self.axis, self.axis + 1
        hot = ops.reshape(chosen, [2 if a == across + 1 else 1 for a in range(5)])
        e = repeat(
            lambda u, s: (
                u + s[0] * ops.take(u, s[2], axis=along) + s[1] * ops.take(u, s[3], axis=along)
            ),
            ops.sum(_pairs(r, across) * hot, across + 1),
            [before, after, *_places(r.shape[along])],
        )
        both = ops.expand_dims(e * inverse, across + 1) * hot
        shape = list(ops.shape(r))
        shape[across] += r.shape[across] % 2
        return cut(ops.reshape(both, shape), across, 0, r.shape[across])


def _pairs(x: Tensor, axis: int) -> Tensor:
    """An axis in pairs, with zeros at its end where it is odd."""
    x = zeros_around(x, axis, 0, x.shape[axis] % 2)
    shape = ops.shape(x)
    return ops.reshape(x, (*shape[:axis], x.shape[axis] // 2, 2, *shape[axis + 1 :]))


def _by_colour(x: Tensor, axis: int) -> Tensor:
    """The even and the odd lines along an axis of (..., *spatial, 1), in front."""
    across = len(x.shape) - 2 - axis
    return ops.moveaxis(_pairs(x, across), across + 1, 0)


def _places(n: int) -> list[Tensor]:
    """The points 1, 2, 4 … before and behind each one, within the line."""
    place = np.arange(n)
    reach = 2 ** np.arange(max(1, math.ceil(math.log2(n))))[:, None]
    ends = np.maximum(place - reach, 0), np.minimum(place + reach, n - 1)
    return [ops.convert_to_tensor(x, dtype="int32") for x in ends]

"""One loop for many equal steps.

Differentiable on every backend, and compiled once instead of unrolled where that is faster.

Under XLA a long unrolled chain of stencil steps is slow: fusion recomputes early steps inside later
ones. A loop stores each state, compiles several times faster and runs many times faster, forward
and backward: ``python benchmarks/loops.py``. With convolutions it is the other way round: inside a
loop XLA for the CPU runs them on one thread, 2 to 15 times slower, and written out nothing is
recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops


def repeat(
    body: Callable[[Any, list[Any]], Any],
    state: Any,
    sequences: Sequence[Any],
    *,
    written_out: bool = False,
) -> Any:
    """The state after ``state = body(state, [s[0] for s in sequences])``, then s[1], and so on.

    Args:
        body: maps (state, one entry of each sequence) to the next state, of equal shapes.
        state: a tensor, or a list of tensors.
        sequences: tensors of equal length.
        written_out: no loop, because body has convolutions.
    """
    if written_out:
        for k in range(int(sequences[0].shape[0])):
            state = body(state, [s[k] for s in sequences])
        return state
    # reverse mode through JAX's while loop fails, through its scan it works
    if keras.backend.backend() == "jax":
        return ops.scan(lambda carry, x: (body(carry, x), None), state, list(sequences))[0]
    length = int(sequences[0].shape[0])
    pair = ops.while_loop(
        lambda k, _: k < length,
        lambda k, carry: (k + 1, body(carry, [s[k] for s in sequences])),
        (0, state),
        maximum_iterations=length,  # what XLA needs to differentiate the loop
    )
    return pair[1]


def in_segments(
    run: Callable[[Any, int], Any], state: Any, count: int, *, written_out: bool = False
) -> Any:
    """run(state, count), in about √count segments whose gradients compute their states again.

    A gradient then keeps 2√count states instead of count, and what each step computes on its way of
    one segment instead of all: on JAX 256 Runge-Kutta steps of Burgers' equation at 128² take 20 MB
    instead of 258 (``python benchmarks/rollout_memory.py``). What ``run`` makes of weights has to
    be made inside it: TensorFlow takes no gradients to tensors from outside.

    Args:
        run: maps a state and a number of steps to the state after them.
        state: a tensor.
        count: number of steps.
        written_out: no loop of segments, because they have convolutions.

    Example:
        >>> from keras_pde.runtime.loops import in_segments
        >>> float(in_segments(lambda u, n: u + n, ops.zeros(()), 11))
        11.0
    """
    segments = math.isqrt(count)
    length = count // segments
    again = keras.remat(lambda u: run(u, length))
    state = repeat(lambda u, _: again(u), state, [ops.zeros((segments,))], written_out=written_out)
    rest = count - segments * length
    return run(state, rest) if rest else state

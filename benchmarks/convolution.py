"""How many times as fast Kᵀ by rows is as the transposed convolution.

It is timed alone, in a block, and in a block with its gradient.

    python benchmarks/convolution.py [--rounds 10] [--size 256] [--quick]

States of few channels, 32 filters, zero boundary, float32. A block is u − τKᵀ(g(Ku)·Ku) with g =
exp(−s²/2); its gradient is that of a sum of squares with respect to u and the kernel. The other
side of each ratio is the same with `keras.ops.conv` and `keras.ops.conv_transpose`.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from _timing import compiled, provenance, race
from keras import ops
from rich.console import Console
from rich.table import Table

from keras_pde.operators.convolution import convolve, convolve_adjoint

FILTERS = 32
Run = Callable[[Any, Any], Any]


def plain(u: Any, kernel: Any) -> Any:
    """K by Keras."""
    return ops.conv(u, kernel, padding="same", data_format="channels_last")


def transposed(v: Any, kernel: Any) -> Any:
    """Kᵀ by Keras."""
    return ops.conv_transpose(v, kernel, padding="same", data_format="channels_last")


def block_of(forward: Run, adjoint: Run) -> Run:
    """(u, kernel) ↦ u − Kᵀ(g(Ku)·Ku)."""

    def block(u: Any, kernel: Any) -> Any:
        s = forward(u, kernel)
        return u - adjoint(tf.exp(-s * s / 2) * s, kernel)

    return block


def gradient_of(block: Run) -> Run:
    """(u, kernel) ↦ the gradients of the block's sum of squares."""

    def gradient(u: Any, kernel: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([u, kernel])
            loss = tf.reduce_sum(block(u, kernel) ** 2)
        return tape.gradient(loss, [u, kernel])

    return gradient


def main(
    arguments: Sequence[str] | None = None,
) -> dict[tuple[int, int, bool], tuple[float, float, float]]:
    """Print the table; returns the three ratios by (width, channels, XLA)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--quick", action="store_true", help="a small image, few rounds")
    args = parser.parse_args(arguments)
    size, rounds = (16, 2) if args.quick else (args.size, args.rounds)
    rng, found = np.random.default_rng(0), {}
    table = Table(title=f"{size}×{size}, {FILTERS} filters; {provenance()}")
    for column in ("kernel", "channels", "run by", "Kᵀ", "block", "block with gradient"):
        table.add_column(column, justify="right")
    for width in (5, 7, 11):
        for channels in (1, 3):
            kernel = tf.constant(
                rng.normal(size=(width, width, channels, FILTERS)) / width**2, tf.float32
            )
            u = tf.constant(rng.random((1, size, size, channels)), tf.float32)
            v = convolve(u, kernel)
            for xla in (False, True):
                contestants = {}
                for name, forward, adjoint in (
                    ("rows", convolve, convolve_adjoint),
                    ("keras", plain, transposed),
                ):
                    block = block_of(forward, adjoint)
                    for what, function, given in (
                        ("Kᵀ", adjoint, v),
                        ("block", block, u),
                        ("gradient", gradient_of(block), u),
                    ):
                        run = functools.partial(compiled(function, xla), given, kernel)
                        contestants[f"{name} {what}"] = run
                timings = race(contestants, rounds)
                ratios = tuple(
                    timings.ratio(f"keras {what}", f"rows {what}")
                    for what in ("Kᵀ", "block", "gradient")
                )
                found[width, channels, xla] = ratios
                table.add_row(
                    f"{width}×{width}",
                    str(channels),
                    "XLA" if xla else "TensorFlow",
                    *(f"{r:.1f}" for r in ratios),
                )
    Console(width=120).print(table)
    return found


if __name__ == "__main__":
    main()

"""Time of a DiffusionBlock over bare convolutions, and over a plain block of equal FLOPs.

    python benchmarks/overhead.py [--size 128] [--batch 4] [--rounds 40] [--quick]

"bare" is what a block consists of: `keras.ops.conv` with zero padding and
`keras.ops.conv_transpose` with the same kernel, nothing else: no flux, no boundary condition, no
residual. "plain" is the residual block x + Conv2D(C)(relu(Conv2D(F)(x))) of Keras. "forward" is one
call, "with backward" the gradient of the mean square of the output with respect to input and
kernels. The ratios are medians over rounds in each of which all contestants run in turn; the times
are the least.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _overhead_layers import CASES, Bare, Case, Copy, Plain
from _timing import Timings, compiled, provenance, race
from keras import ops
from rich.console import Console
from rich.table import Table

from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, schemes

LIMIT = 1.25  # block over bare convolutions, with XLA
console = Console(width=150)


def runner(layer: keras.layers.Layer, u: Any, xla: bool, backward: bool) -> Callable[[], Any]:
    """One compiled call of a layer on u, or of its gradient by input and weights."""

    def forward(u: Any) -> Any:
        return layer(u)

    def gradient(u: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(u)
            loss = tf.reduce_mean(tf.square(layer(u)))
        return tape.gradient(loss, [u, *(v.value for v in layer.trainable_weights)])

    run = compiled(gradient if backward else forward, xla)
    return lambda: run(u)


def image(batch: int, size: int, channels: int) -> tf.Tensor:
    """Random values in [0, 1]."""
    return tf.constant(np.random.default_rng(0).random((batch, size, size, channels)), tf.float32)


def add_row(table: Table, head: list[str], timings: Timings, xla: bool) -> float:
    """Milliseconds and ratios of one race; returns block over bare."""
    ratio = timings.ratio("block", "bare")
    over = f"{ratio:.2f}" if not xla else f"[{'green' if ratio <= LIMIT else 'red'}]{ratio:.2f}[/]"
    times = [f"{timings.best(name) * 1e3:.1f}" for name in ("bare", "block", "plain")]
    table.add_row(
        *head,
        *times,
        over,
        f"{timings.ratio('block', 'plain'):.2f}",
        f"{timings.ratio('plain', 'bare'):.2f}",
    )
    return ratio


def blocks(cases: tuple[Case, ...], batch: int, size: int, rounds: int) -> float:
    """The table of blocks; returns the largest ratio to the bare convolutions with XLA."""
    table = Table(
        title=f"One block, batch {batch}, {size}×{size}, float32, fixed step size, normalize=False"
    )
    for name in (
        "state",
        "boundary",
        "flux",
        "",
        "pass",
        "bare ms",
        "block ms",
        "plain ms",
        "block/bare",
        "block/plain",
        "plain/bare",
    ):
        table.add_column(
            name, no_wrap=True, justify="right" if "/" in name or name.endswith("ms") else "left"
        )
    worst = 0.0
    for case in cases:
        u, block, plain = image(batch, size, case.channels), case.block(), Plain(case)
        plain(u)
        layers = {
            "bare": Bare(ops.convert_to_numpy(block.operator.kernels[0])),
            "block": block,
            "plain": plain,
        }
        for xla in (True, False):
            for backward in (False, True):
                timings = race(
                    {name: runner(layer, u, xla, backward) for name, layer in layers.items()},
                    rounds,
                )
                state = (
                    f"{case.name} {case.channels}→{case.filters},"
                    f" {case.kernel_size}×{case.kernel_size}"
                )
                head = [
                    state,
                    case.boundary,
                    case.flux,
                    "XLA" if xla else "no XLA",
                    "with backward" if backward else "forward",
                ]
                ratio = add_row(table, head, timings, xla)
                worst = max(worst, ratio if xla else 0.0)
        table.add_section()
    console.print(table)
    console.print(f"Largest block/bare with XLA: {worst:.2f}; wanted at most {LIMIT}.\n")
    return worst


def normalisation(
    batch: int,
    sizes: tuple[int, ...],
    rounds: int,
    boundaries: tuple[str, ...] = ("neumann", "periodic"),
) -> None:
    """What normalize=True adds.

    The bound of ‖K‖, once a call whatever the size of the image or the number of steps.
    """
    table = Table(title=f"Cost of normalize=True, grey 1→32, 5×5, batch {batch}, XLA")
    for name in (
        "boundary",
        "size",
        "pass",
        "fixed kernels ms",
        "normalised ms",
        "difference ms",
        "ratio",
    ):
        table.add_column(
            name, justify="right" if name.endswith("ms") or name in ("ratio", "size") else "left"
        )
    for boundary in boundaries:
        case = Case("grey", 1, 32, 5, boundary, "charbonnier")
        for size in sizes:
            u = image(batch, size, 1)
            for backward in (False, True):
                layers = {"fixed": case.block(), "normalised": case.block(normalize=True)}
                timings = race(
                    {name: runner(layer, u, True, backward) for name, layer in layers.items()},
                    rounds,
                )
                extra = float(np.median(timings.seconds["normalised"] - timings.seconds["fixed"]))
                times = [
                    f"{1e3 * seconds:.2f}"
                    for seconds in (timings.best("fixed"), timings.best("normalised"), extra)
                ]
                table.add_row(
                    boundary,
                    str(size),
                    "with backward" if backward else "forward",
                    *times,
                    f"{timings.ratio('normalised', 'fixed'):.2f}",
                )
        table.add_section()
    console.print(table)
    console.print(
        "The bound depends on the kernels only: a model computes it once a call for all its"
        " steps.\n"
    )


def classical(steps: int, size: int, rounds: int) -> None:
    """Perona-Malik with the gradient operator as slices, and as convolutions with the same kernels.

    A copy reads and writes the image.
    """
    table = Table(
        title=f"{steps} coupled Perona-Malik steps with forward differences, 1×{size}×{size}×1"
    )
    for name in (
        "",
        "sliced ms",
        "convolutions ms",
        "convolutions/sliced",
        "sliced step/copy",
        "convolution step/copy",
        "results differ by",
    ):
        table.add_column(name, justify="right" if name else "left")
    u = image(1, size, 1)
    operators = {
        "sliced": ConvOperator(initializer="forward"),
        "convolutions": ConvOperator(2, 2, initializer="forward"),
    }
    models = {}
    for name, operator in operators.items():
        # "auto" for the learned copy: its step limit 2/(L‖K‖²) comes from a computed bound, equal
        # to 5 digits
        step_size = 0.25 if name == "sliced" else "auto"
        block = DiffusionBlock(operator, "perona_malik", step_size, coupled=True)
        models[name] = DiffusionResNet(schemes.explicit(steps), block=block, tied=True)
        models[name].build((None, None, None, 1))
    for xla in (True, False):
        runs = {name: runner(model, u, xla, False) for name, model in models.items()}
        runs["copy"] = runner(Copy(), u, xla, False)
        difference = float(np.abs(runs["sliced"]() - runs["convolutions"]()).max())
        timings = race(runs, rounds)
        sliced, convolutions, copy = (
            timings.best(name) for name in ("sliced", "convolutions", "copy")
        )
        cells = [
            f"{sliced * 1e3:.0f}",
            f"{convolutions * 1e3:.0f}",
            f"{timings.ratio('convolutions', 'sliced'):.1f}",
        ]
        copies = [f"{seconds / steps / copy:.1f}" for seconds in (sliced, convolutions)]
        table.add_row("XLA" if xla else "no XLA", *cells, *copies, f"{difference:.1e}")
    console.print(table)


def main(arguments: list[str] | None = None) -> float:
    """Print the tables; returns the largest block/bare with XLA."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=128, help="height and width of the images")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=40, help="how often each contestant is timed")
    parser.add_argument("--steps", type=int, default=100, help="steps of the classical stencil")
    parser.add_argument("--classical-size", type=int, default=1024)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    options = parser.parse_args(arguments)
    console.print(provenance())
    if options.quick:
        worst = blocks(CASES[:1], 1, 16, 2)
        normalisation(1, (16,), 2, ("periodic",))
        classical(2, 32, 2)
        return worst
    worst = blocks(CASES, options.batch, options.size, options.rounds)
    normalisation(
        options.batch,
        (options.size // 2, options.size, 2 * options.size),
        max(3, options.rounds // 2),
    )
    classical(options.steps, options.classical_size, max(3, options.rounds // 10))
    return worst


if __name__ == "__main__":
    main()

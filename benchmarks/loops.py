"""Why tied cycles run as loops, and why the loops of classical stencils carry the diffusivity.

    python benchmarks/loops.py [--size 512] [--steps 12] [--rounds 5] [--quick]

Forward differences, coupled, XLA. "unrolled" is the chain of single steps, "loop" the same steps by
`keras_pde.runtime.loops.repeat`, "carried" the loop whose state also holds g. Compilation is the
first call. The results agree to rounding.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from _timing import compiled, provenance, race
from rich.console import Console
from rich.table import Table

from keras_pde import DiffusionBlock, FluxActivation
from keras_pde.runtime.loops import repeat

console = Console(width=120)


def evolutions(flux: str, frozen: bool, steps: int) -> dict[str, Callable[[Any], Any]]:
    """The same evolution in its three forms."""
    block = DiffusionBlock("forward", FluxActivation(flux, 0.05, coupled=True), 0.2)
    block.build((None, None, None, 1))
    ready = block.prepare()
    scales = np.full(steps, 0.9, "float32")

    def unrolled(u: Any) -> Any:
        g = block.freeze(u, ready) if frozen else None
        for scale in scales:
            u = block.step(u, ready, scale=float(scale), frozen=g)
        return u

    def loop(u: Any) -> Any:
        g = block.freeze(u, ready) if frozen else None
        return repeat(
            lambda s, x: [block.step(s[0], ready, scale=x[0], frozen=g)], [u], [tf.constant(scales)]
        )[0]

    def carried(u: Any) -> Any:
        def body(s: list[Any], x: list[Any]) -> list[Any]:
            v = block.step(s[0], ready, scale=x[0], frozen=s[1:])
            return [v, *block.freeze(v, ready)]

        return repeat(body, [u, *block.freeze(u, ready)], [tf.constant(scales)])[0]

    return (
        {"unrolled": unrolled, "loop": loop}
        if frozen
        else {"unrolled": unrolled, "loop": loop, "carried": carried}
    )


def gradient(evolve: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Gradient of the mean square of the result with respect to the input."""

    def run(u: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(u)
            loss = tf.reduce_mean(evolve(u) ** 2)
        return tape.gradient(loss, u)

    return run


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("size", 512), ("steps", 12), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    args = parser.parse_args(arguments)
    if args.quick:
        args.size, args.steps, args.rounds = 16, 3, 1
    u = tf.constant(np.random.default_rng(0).random((1, args.size, args.size, 1)), tf.float32)
    console.print(provenance())
    table = Table(
        title=(
            f"{args.steps} diffusion steps on {args.size}², XLA: compilation in s, then ms a step"
        ),
        title_justify="left",
    )
    for column in ("flux", "pass", "unrolled", "loop", "carried", "results differ by"):
        table.add_column(column, justify="left" if column in ("flux", "pass") else "right")
    for flux, frozen in (
        ("linear", True),
        ("charbonnier", True),
        ("charbonnier", False),
        ("weickert", False),
        ("perona_malik", False),
    ):
        for label, wrap in (("forward", lambda f: f), ("with backward", gradient)):
            runs, compilation, results = {}, {}, []
            for name, evolve in evolutions(flux, frozen, args.steps).items():
                function = compiled(wrap(evolve), True)
                start = time.perf_counter()
                results.append(function(u).numpy())
                compilation[name] = time.perf_counter() - start
                runs[name] = functools.partial(function, u)
            timings = race(runs, args.rounds)
            cells = [
                (
                    f"{compilation[n]:.1f}, {timings.best(n) / args.steps * 1e3:.2f}"
                    if n in runs
                    else ""
                )
                for n in ("unrolled", "loop", "carried")
            ]
            table.add_row(
                f"{flux}{', frozen' * frozen}",
                label,
                *cells,
                f"{max(np.abs(r - results[0]).max() for r in results):.1e}",
            )
    console.print(table)


if __name__ == "__main__":
    main()

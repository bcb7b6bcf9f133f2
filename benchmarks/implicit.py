"""Implicit steps: iterations and time of every solver on a real image, and the memory of training.

    python benchmarks/implicit.py [--size 256] [--rounds 5] [--quick]

Charbonnier diffusion of the noisy cameraman (contrast 0.05, noise 25) to a relative residual of
1e-5, compiled by XLA, all solvers in turn, in float64: float32 reaches about 2e-8·τ‖K‖², 1.6e-5 at
τ = 100, and iterations beyond that count rounding. Memory: what a training step (forward and
gradient) needs with at most 10 and at most 200 iterations, and with as many fixed-point steps
written out, from the compiler's own account (JAX, in a process of its own, if it is installed).
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import compiled, provenance, race
from rich.console import Console
from rich.table import Table

from keras_pde import FluxActivation, ImplicitDiffusion, solvers

console = Console(width=120)
SOLVERS = {
    "fixed point, damped": solvers.FixedPoint(),
    "accelerated, Nesterov": solvers.Accelerated("nesterov"),
    "accelerated, Chebyshev": solvers.Accelerated("chebyshev"),
    "Anderson": solvers.Anderson(),
    "lagged diffusivity": solvers.LaggedDiffusivity(),
}

MEMORY = """
import sys, jax, numpy as np
from keras_pde import ConvOperator, ImplicitDiffusion
size, found = int(sys.argv[1]), []
for n, unrolled in ((10, False), (200, False), (10, True), (200, True)):
    operator = ConvOperator(8, 3, normalize=True)
    options = {"max_iterations": n, "on_failure": "ignore"}
    layer = ImplicitDiffusion(operator, "charbonnier", 2.0, "fixed_point", **options)
    layer.build((None, None, None, 1))

    def output(f):
        if not unrolled:
            return layer(f)
        problem, u = layer.problem(f, layer.prepare()), f
        for _ in range(n):
            u = u - 2 / (2 + problem.q) * problem.residual(u)
        return u

    def loss(w, f):
        from keras.src.backend.common.stateless_scope import StatelessScope
        with StatelessScope(state_mapping=list(zip(layer.trainable_variables, w))):
            return (output(f) ** 2).sum()

    args = [v.value for v in layer.trainable_variables], np.zeros((4, size, size, 1), "float32")
    analysis = jax.jit(jax.grad(loss)).lower(*args).compile().memory_analysis()
    found.append(analysis.temp_size_in_bytes / 2**20)
print("MIB", *found)
"""


def solution_by(layer: ImplicitDiffusion) -> Callable[[Any], tuple[Any, ...]]:
    """f ↦ solution, iterations, residual and whether it converged."""
    return lambda f: layer.solve(f)[:4]


def times(size: int, steps: list[float], rounds: int) -> dict[float, dict[str, int]]:
    """Iterations and relative times of the solvers."""
    from skimage import data

    f = data.camera()[:size, 128 : 128 + size] / 255 + 25 / 255 * np.random.default_rng(
        0
    ).standard_normal((size, size))
    f = f[None, ..., None]
    table = Table(
        title=f"one implicit step, {size}², residual 1e-5: iterations, and time over the fastest"
    )
    table.add_column("solver")
    for tau in steps:
        table.add_column(f"τ = {tau:g}", justify="right")
    iterations: dict[float, dict[str, int]] = {}
    cells: dict[str, list[str]] = {name: [] for name in SOLVERS}
    for tau in steps:
        iterations[tau], runs = {}, {}
        for name, solver in SOLVERS.items():
            flux = FluxActivation("charbonnier", 0.05, coupled=True)
            layer = ImplicitDiffusion(
                "forward",
                flux,
                tau,
                solver,
                tolerance=1e-5,
                max_iterations=5000,
                on_failure="ignore",
                dtype="float64",
            )
            layer.build(f.shape)
            found = compiled(solution_by(layer), True)
            iterations[tau][name] = int(found(f)[1][0]) if bool(found(f)[3][0]) else -1
            runs[name] = functools.partial(found, f)
        timing = race(runs, rounds)
        best = min(timing.best(name) for name in SOLVERS)
        for name in SOLVERS:
            count = iterations[tau][name]
            cells[name].append(
                f"{'not converged' if count < 0 else count} ({timing.best(name) / best:.1f})"
            )
    for name, row in cells.items():
        table.add_row(name, *row)
    console.print(table)
    return iterations


def memory(size: int) -> list[float] | None:
    """MiB of a training step: implicit with 10 and 200 iterations, written out with 10 and 200."""
    if importlib.util.find_spec("jax") is None:
        console.print("memory: needs JAX (the extra [jax])")
        return None
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(size)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = [float(x) for x in done.stdout.split("MIB")[1].split()]
    console.print(
        f"memory of a training step, 4 × {size}², 8 filters, with 10 and with 200 iterations, in"
        " MiB:"
    )
    console.print(
        f"implicit {found[0]:.1f} and {found[1]:.1f} ({100 * (found[1] / found[0] - 1):+.1f} %),"
        f" written out {found[2]:.1f} and {found[3]:.1f}"
    )
    return found


def main(arguments: list[str] | None = None) -> Any:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    options = parser.parse_args(arguments)
    console.print(provenance())
    if options.quick:
        return times(16, [2.0], 1), None
    return times(options.size, [1.0, 10.0, 100.0], options.rounds), memory(64)


if __name__ == "__main__":
    main()

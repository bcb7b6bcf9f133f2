"""Multigrid against other solvers of the Poisson equation.

    python benchmarks/multigrid.py [--sizes 255 511 1023 2047] [--rounds 3] [--limit 120] [--quick]

Further tables show its factor a cycle at every size, full multigrid's accuracy, and the work of the
full approximation scheme.

Peers: −Δu = b on n × n points, zero boundary, b normally distributed from a seed, to a relative
residual of 1e-8 in float64, which one function checks for all. Set-up is apart: for keras_pde it is
compilation, which is paid once for a size; for pyamg the hierarchy; for SciPy's LU the
factorisation. All contestants run in turn, several rounds; those that take long (LU, plain CG)
once. Least seconds of the rounds; the ratio is the median over the rounds. BLAS has one thread:
with more, NumPy's dot products slow pyamg and CG.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
from _full_approximation import full_approximation
from _peers import (
    TOLERANCE,
    Outcome,
    Solver,
    algebraic,
    conjugate_gradients,
    factorised,
    measure,
    right_hand_side,
    sines,
)
from _timing import provenance
from rich.console import Console
from rich.table import Table

from keras_pde import MultigridUNet
from keras_pde.runtime import run_compiled

console = Console(width=130)
OURS = "keras_pde"


def ours(n: int, **options: Any) -> Solver:
    """The multigrid U-net as a solver.

    Set-up is its first solution, less the time of another one.
    """
    model = MultigridUNet("poisson", **options)

    def run(b: np.ndarray) -> tuple[np.ndarray, int]:
        found = model.solve(b[None, ..., None], tolerance=TOLERANCE)
        return found.x[0, ..., 0], found.cycles

    b, start = right_hand_side(n), time.perf_counter()
    run(b)
    first, start = time.perf_counter() - start, time.perf_counter()
    run(b)
    name = ", ".join(str(value) for value in (model.cycle_type, model.smoother.name))
    return Solver(f"{OURS} {name}", max(0.0, first - (time.perf_counter() - start)), run)


def race(n: int, rounds: int, limit: float) -> tuple[list[Outcome], list[str]]:
    """What all solvers did at one size, and why some did not.

    Each round starts with another one.
    """
    b = right_hand_side(n)
    solvers = [ours(n), ours(n, smoother="chebyshev"), *algebraic(n), sines(n)]
    rows: dict[str, list[Outcome]] = {solver.name: [] for solver in solvers}
    for i in range(rounds):
        for solver in solvers[i % len(solvers) :] + solvers[: i % len(solvers)]:
            rows[solver.name].append(measure(solver, b))
    outcomes = [
        Outcome(
            r[0].name, r[0].setup, tuple(o.seconds[0] for o in r), r[-1].iterations, r[-1].residual
        )
        for r in rows.values()
    ]
    slow = [factorised(n, limit), conjugate_gradients(n, limit)]
    return outcomes + [o for o in slow if isinstance(o, Outcome)], [
        o for o in slow if isinstance(o, str)
    ]


def peers(sizes: list[int], rounds: int, limit: float) -> dict[int, list[Outcome]]:
    """A table for each size; returns the outcomes."""
    results = {}
    for n in sizes:
        results[n], missing = race(n, rounds, limit)
        title = (
            f"Poisson on {n} × {n} = {n * n:,} points to {TOLERANCE:g}; ratio: over"
            f" {results[n][0].name}"
        )
        console.print(title)
        table = Table()
        for column in (
            "solver",
            "set-up (s)",
            "solve (s)",
            "µs a point",
            "ratio",
            "iterations",
            "checked residual",
        ):
            table.add_column(column, justify="left" if column == "solver" else "right")
        reference = np.array(results[n][0].seconds)
        for o in results[n]:
            paired = len(o.seconds) == len(reference)
            ratio = (
                float(np.median(np.array(o.seconds) / reference))
                if paired
                else min(o.seconds) / reference.min()
            )
            seconds = min(o.seconds)
            cells = (
                f"{o.setup:.2f}",
                f"{seconds:.3f}",
                f"{seconds / n**2 * 1e6:.3f}",
                f"{ratio:.2f}",
                str(o.iterations or "direct"),
                f"{o.residual:.1e}",
            )
            table.add_row(o.name, *cells)
        console.print(table)
        for text in missing:
            console.print(text)
    return results


def factors(sizes: list[int], smoothers: list[str]) -> dict[str, list[float]]:
    """Asymptotic factor of a V(2,1) cycle.

    Mean of the residual's reduction in cycles 11 to 15 for b = 0 and a random start.
    """
    console.print("Asymptotic convergence factor of a V(2,1) cycle")
    table = Table()
    table.add_column("smoother")
    for n in sizes:
        table.add_column(f"{n}²", justify="right")
    found: dict[str, list[float]] = {}
    for smoother in smoothers:
        found[smoother] = []
        for n in sizes:
            start = np.random.default_rng(1).standard_normal((1, n, n, 1))
            solver = MultigridUNet("poisson", "V(2,1)", smoother=smoother)
            residuals = solver.solve(
                np.zeros_like(start), tolerance=1e-250, guess=start, max_cycles=15
            ).residuals.max(axis=1)
            found[smoother].append(float((residuals[-1] / residuals[-6]) ** (1 / 5)))
        table.add_row(smoother, *(f"{f:.4f}" for f in found[smoother]))
    console.print(table)
    return found


def full_multigrid(sizes: list[int], cycles: list[str]) -> dict[str, list[float]]:
    """Error of one pass over the discretisation error, by cycle.

    Both errors are against the exact solution of −Δu = f; the latter is that of the exact discrete
    solution.
    """
    console.print(
        "One pass of full multigrid: error against u = sin(πx) sin(2πy), over the discretisation"
        " error (float64)"
    )
    table = Table()
    table.add_column("cycle")
    for n in sizes:
        table.add_column(f"{n}²", justify="right")
    found: dict[str, list[float]] = {}
    for cycle in cycles:
        found[cycle] = []
        for n in sizes:
            h, (x, y) = 1 / (n + 1), np.mgrid[1 : n + 1, 1 : n + 1] / (n + 1)
            exact = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
            b = 5 * np.pi**2 * h**2 * exact
            # of A, and b is its eigenvector
            eigenvalue = 4 * (np.sin(np.pi * h / 2) ** 2 + np.sin(np.pi * h) ** 2)
            discretisation = np.abs(b / eigenvalue - exact).max()
            once = run_compiled(
                MultigridUNet("poisson", cycle, dtype="float64"), b[None, ..., None]
            )[0, ..., 0]
            found[cycle].append(float(np.abs(once - exact).max() / discretisation))
        table.add_row(cycle, *(f"{f:.2f}" for f in found[cycle]))
    console.print(table)
    return found


def main(arguments: list[str] | None = None) -> dict[int, list[Outcome]]:
    """Print the tables; returns what the solvers did at each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[255, 511, 1023, 2047], help="points along an axis"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant is timed")
    parser.add_argument(
        "--limit",
        type=float,
        default=120.0,
        help="seconds for each of LU and CG without preconditioner",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    options = parser.parse_args(arguments)
    console.print(provenance())
    if options.quick:
        results = peers([31], 1, 60.0)
        factors([15], ["jacobi"])
        full_multigrid([15], ["FMG(2,1)"])
        full_approximation(16, [1.0])
        return results
    results = peers(options.sizes, options.rounds, options.limit)
    factors([63, 127, 255, 511, 1023], ["red_black", "chebyshev"])
    full_multigrid([31, 63, 127, 255, 511], ["FMG(2,1)", "FMG(2,2)"])
    full_approximation(256, [1.0, 10.0, 100.0, 1000.0])
    return results


if __name__ == "__main__":
    main()

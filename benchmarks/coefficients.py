"""Diffusion with jumping coefficients beside pyamg, on the same systems in one run.

    python benchmarks/coefficients.py [--sizes 511 1023] [--rounds 3] [--quick]

−∇·(a∇u) = b on n × n cells of size 1, u = 0 a cell beyond the last, b normally distributed, to a
relative residual of 1e-8 in float64, which one function checks for all. The fields a:

    constant    a = 1
    layers      stripes of 7 cells, 1 and 10⁴ in turn
    blocks      an independent 10^U(0, 4) for each block of 16 × 16 cells
    inclusions  1, and 10⁴ where a smooth random field is positive
    rough       an independent 10^U(0, 4) for each cell
    two-phase   1 or 10⁴ with equal odds for each cell: near the percolation threshold

A new a needs a new hierarchy, so what is compared is set-up and solution together. keras_pde
compiles once for a size (its own column), pyamg's C++ is compiled already. All contestants run in
turn, each round starting with another one; least seconds, and the median ratio over the rounds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
import scipy.sparse as sp
from _timing import provenance
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from keras_pde import MultigridUNet, problems

console = Console(width=130)
TOLERANCE, MOST = 1e-8, 300
OURS = "keras_pde, CG"
PICTURE = Path(__file__).with_suffix(".png")
Run = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, int]]


def fields(n: int) -> dict[str, np.ndarray]:
    """The coefficients, from a seed."""
    rng = np.random.default_rng(0)
    side = -(-n // 16)
    blocks = np.kron(10 ** (4 * rng.random((side, side))), np.ones((16, 16)))[:n, :n]
    smooth = gaussian_filter(rng.standard_normal((n, n)), 8)
    stripes = np.broadcast_to((np.arange(n) // 7 % 2 == 0)[:, None], (n, n))
    return {
        "constant": np.ones((n, n)),
        "layers": np.where(stripes, 1e4, 1.0),
        "blocks": blocks,
        "inclusions": np.where(smooth > 0, 1e4, 1.0),
        "rough": 10 ** (4 * rng.random((n, n))),
        "two-phase": np.where(rng.random((n, n)) < 0.5, 1e4, 1.0),
    }


def matrix(a: np.ndarray) -> Any:
    """The finite-volume matrix, compressed by rows."""
    n, m = a.shape
    down, right = (2 * x * y / (x + y) for x, y in ((a[:-1], a[1:]), (a[:, :-1], a[:, 1:])))
    total = np.zeros_like(a)
    for axis, edges in enumerate((down, right)):
        near, far = [slice(None)] * 2, [slice(None)] * 2
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        total[tuple(near)] += edges
        total[tuple(far)] += edges
        for end in (0, -1):
            place: list[Any] = [slice(None)] * 2
            place[axis] = end
            total[tuple(place)] += a[tuple(place)]
    beside = np.pad(right, ((0, 0), (0, 1))).ravel()[:-1]
    below = down.ravel()
    bands = [-below, -beside, total.ravel(), -beside, -below]
    return sp.csr_matrix(sp.diags_array(bands, offsets=[-m, -1, 0, 1, m], shape=(n * m, n * m)))


def ours(n: int) -> Run:
    """The multigrid U-net; one model for every coefficient."""
    model = MultigridUNet(problems.Diffusion(coefficient="cells", boundary="dirichlet"))

    def run(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int]:
        found = model.solve(
            [b[None, ..., None], a[None, ..., None]], tolerance=TOLERANCE, max_cycles=MOST
        )
        return found.x[0, ..., 0], found.cycles

    return run


def algebraic(name: str) -> Run:
    """A method of pyamg with its defaults, preconditioning conjugate gradients."""
    import pyamg

    makers = {
        "Ruge-Stüben": pyamg.ruge_stuben_solver,
        "aggregation": pyamg.smoothed_aggregation_solver,
        "aggregation, θ = 0.08": lambda s: pyamg.smoothed_aggregation_solver(
            s, strength=("symmetric", {"theta": 0.08})
        ),
    }

    def run(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int]:
        residuals: list[float] = []
        levels = makers[name](matrix(a))
        x = levels.solve(b.ravel(), tol=TOLERANCE, maxiter=MOST, accel="cg", residuals=residuals)
        return x.reshape(b.shape), len(residuals) - 1

    return run


def race(n: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Seconds, iterations and residual of every contestant for every field."""
    runs = {OURS: ours(n)}
    for name in ("Ruge-Stüben", "aggregation", "aggregation, θ = 0.08"):
        runs[f"pyamg {name}, CG"] = algebraic(name)
    b = np.random.default_rng(1).standard_normal((n, n))
    start = time.perf_counter()
    runs[OURS](np.ones((n, n)), b)
    console.print(f"{n} × {n}: first call {time.perf_counter() - start:.1f} s (compilation)")
    found: dict[str, dict[str, dict[str, float]]] = {}
    for field, a in fields(n).items():
        system = matrix(a)
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        last: dict[str, tuple[np.ndarray, int]] = {}
        names = list(runs)
        for i in range(rounds):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                start = time.perf_counter()
                last[name] = runs[name](a, b)
                seconds[name].append(time.perf_counter() - start)
        reference = np.array(seconds[OURS])
        found[field] = {
            name: {
                "seconds": min(seconds[name]),
                "ratio": float(np.median(np.array(seconds[name]) / reference)),
                "iterations": last[name][1],
                "residual": float(
                    np.linalg.norm(b.ravel() - system @ last[name][0].ravel()) / np.linalg.norm(b)
                ),
            }
            for name in runs
        }
    return found


def show(n: int, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """A table for one size."""
    table = Table(title=f"{n} × {n}: set-up and solution to {TOLERANCE:g}")
    table.add_column("field")
    table.add_column("solver")
    for column in ("seconds", "ratio", "iterations", "checked residual"):
        table.add_column(column, justify="right")
    for field, rows in found.items():
        for name, row in rows.items():
            missed = " (not reached)" if row["residual"] > 2 * TOLERANCE else ""
            table.add_row(
                field,
                name,
                f"{row['seconds']:.2f}",
                f"{row['ratio']:.2f}",
                f"{row['iterations']:.0f}",
                f"{row['residual']:.1e}{missed}",
            )
        table.add_section()
    console.print(table)


def draw(n: int, found: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Seconds of every contestant for every field, beside three of the fields."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = ("blocks", "inclusions", "rough")
    figure, axes = plt.subplots(1, 4, figsize=(11, 3), width_ratios=(1, 1, 1, 2.6))
    for axis, name in zip(axes, shown, strict=False):
        axis.imshow(np.log10(fields(n)[name][:128, :128]), cmap="viridis", vmin=0, vmax=4)
        axis.set(title=name, xticks=[], yticks=[])
    solvers = list(next(iter(found.values())))
    for k, solver in enumerate(solvers):
        places = np.arange(len(found)) + 0.2 * (k - (len(solvers) - 1) / 2)
        rows = [rows[solver] for rows in found.values()]
        bars = axes[3].bar(places, [r["seconds"] for r in rows], 0.2, label=solver)
        for bar, row in zip(bars, rows, strict=True):
            failed = row["residual"] > 2 * TOLERANCE
            text = "✗" if failed else f"{row['iterations']:.0f}"
            axes[3].annotate(
                text, (bar.get_x() + 0.1, bar.get_height()), ha="center", va="bottom", fontsize=5
            )
    axes[3].set(yscale="log", title=f"seconds at {n}², iterations on top")
    axes[3].set_xticks(np.arange(len(found)), list(found), fontsize=7, rotation=20)
    axes[3].legend(fontsize=6, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[int, dict[str, dict[str, dict[str, float]]]]:
    """Print the tables and draw the picture; returns the numbers of each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[511, 1023], help="cells an axis")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where it is written")
    parser.add_argument("--quick", action="store_true", help="a tiny size: does it run at all?")
    options = parser.parse_args(arguments)
    console.print(provenance())
    results = {}
    for n in [24] if options.quick else options.sizes:
        results[n] = race(n, 1 if options.quick else options.rounds)
        show(n, results[n])
    first = next(iter(results))
    draw(first, results[first], options.picture)
    return results


if __name__ == "__main__":
    main()

"""A network that learned on 16 × 16 points, on grids that it never saw.

    python benchmarks/finer_grids.py [--quick] [--preset NAME] [--picture FILE]

Random media of two phases are solved on the finest grid by the exact solver of the task operate,
and sampled on coarser ones. Errors are ‖u − v‖₂/‖v‖₂ in percent: of the network, of its own
equation solved, and of the solver on the same points.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

import keras_pde
from keras_pde.tasks.operate import exact, scores

SMOOTHNESS, CORRELATION = 2.2, 6.0  # as in the training pairs, edges between phases are 13 %


def phases(n: int, count: int) -> np.ndarray:
    """Where a random field that reflects at the walls is positive, (count, n, n, 1)."""
    from scipy.fft import idctn

    k = np.arange(n)
    size = (np.pi**2 * (k[:, None] ** 2 + k**2) + CORRELATION**2) ** (-SMOOTHNESS / 2)
    size[0, 0] = 0
    field = np.random.default_rng(5).standard_normal((count, n, n)) * size
    return (idctn(field, norm="ortho", axes=(1, 2)) >= 0).astype("float32")[..., None]


def own_solution(network: Any, a: np.ndarray) -> np.ndarray:
    """The solution of the network's equation."""
    flows, f = network.conductances(a)
    return np.pad(exact.solve_edges(flows, f), [(0, 0), (1, 0), (1, 0), (0, 0)])


def measured(network: Any, sizes: Sequence[int], count: int) -> dict[int, dict[str, Any]]:
    """Errors by the points an axis, and how far each cycle is from the network's own solution."""
    fine = phases(sizes[-1], count)
    truth, found = exact.darcy(fine), {}
    for n in sizes:
        a, u = (v[:, :: sizes[-1] // n, :: sizes[-1] // n] for v in (fine, truth))
        own = own_solution(network, a)
        states = [ops.convert_to_numpy(v) for v in network.states(network.tensors(a))]
        found[n] = {
            "network": scores.relative(states[-1], u),
            "its equation": scores.relative(own, u),
            "solver": scores.relative(exact.darcy(a), u),
            "cycles": [scores.relative(v, own) for v in states],
        }
    return found


def draw(found: dict[int, dict[str, Any]], path: Path) -> None:
    """The distance to the own solution by the cycles, a line a grid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    ax = figure.subplots()
    for n, row in found.items():
        left = np.maximum(row["cycles"], 1e-4)  # percents are rounded to four digits
        ax.semilogy(range(1, len(left) + 1), left, ".-", label=f"{n} × {n}")
    ax.set_xlabel("cycles")
    ax.set_ylabel("from its equation's solution, %")
    ax.legend(title="points", fontsize=8)
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> dict[int, dict[str, Any]]:
    """Print the table, and draw the cycles where asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--preset", default="darcy_2d")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    network = keras_pde.from_preset(args.preset)
    sizes, count = ((16, 32), 2) if args.quick else ((16, 32, 64, 128, 256), 6)
    found = measured(network, sizes, count)
    print(f"{network.name}, {network.cycles} cycles, {count} media; errors in percent")
    print("points an axis   network   its equation   solver")
    for n, row in found.items():
        first = f"{n:14d} {row['network']:9.2f} {row['its equation']:14.2f}"
        print(f"{first} {row['solver']:8.2f}")
    if args.picture:
        draw(found, args.picture)
    return found


if __name__ == "__main__":
    main()

"""Kernels as near fields on levels: error against the near field's width, cost against the nodes.

    python benchmarks/kernels.py [--quick] [--picture FILE]

On a grid the inverse of the five-point Laplacian by `MultilevelKernel`, between scattered nodes the
logarithm by `GraphKernel`. The error is ‖K − κ‖₂/‖κ‖₂ of the dense matrices; the cost is counted in
products a call, beside those of the dense matrix.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops

from keras_pde import MultilevelKernel
from keras_pde.operators import GraphKernel

WIDTHS, RADII = (1, 2, 3, 4), (1.0, 1.5, 2.5, 4.0)


def logarithm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The kernel of the Laplacian in 2-D, rounded off at the distance 0.01."""
    return -np.log(np.linalg.norm(x - y, axis=-1) + 0.01)


def grid_errors(n: int) -> list[float]:
    """Errors for the inverse Laplacian on n × n points, by the width of the near field."""
    second = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    exact = np.linalg.inv(np.kron(second, np.eye(n)) + np.kron(np.eye(n), second))
    units = np.eye(n * n, dtype="float32").reshape(-1, n, n, 1)
    found = []
    for width in WIDTHS:
        kernel = MultilevelKernel.approximating(exact, (n, n), near_field=width)
        mine = ops.convert_to_numpy(kernel(units)).reshape(n * n, n * n).T
        found.append(float(np.linalg.norm(mine - exact, 2) / np.linalg.norm(exact, 2)))
    return found


def graph_errors(count: int) -> list[float]:
    """Errors for the logarithm between scattered nodes, by the radius of the near field."""
    nodes = np.random.default_rng(0).random((count, 2))
    exact = logarithm(nodes[:, None], nodes[None])
    found = []
    for radius in RADII:
        kernel = GraphKernel(logarithm, nodes, radius)
        mine = ops.convert_to_numpy(kernel(np.eye(count, dtype="float32")))
        found.append(float(np.linalg.norm(mine - exact, 2) / np.linalg.norm(exact, 2)))
    return found


def costs(counts: Sequence[int]) -> list[int]:
    """Products of a call between so many scattered nodes."""
    rng = np.random.default_rng(0)
    return [GraphKernel(logarithm, rng.random((n, 2))).entries for n in counts]


def draw(found: dict[str, list[float]], counts: Sequence[int], path: Path) -> None:
    """Errors on the left, costs on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(WIDTHS, found["grid"], "o-", label="grid: inverse Laplacian")
    left.semilogy(RADII, found["graph"], "s-", label="scattered nodes: logarithm")
    left.set_xlabel("near field, in spacings")
    left.set_ylabel("relative error of the matrix")
    left.legend(fontsize=8)
    right.loglog(counts, found["cost"], "s-", label="GraphKernel")
    right.loglog(counts, [n**2 for n in counts], "--", color="0.5", label="dense matrix")
    right.set_xlabel("nodes")
    right.set_ylabel("products a call")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Print the tables, and draw them where asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    counts = (500, 2000) if args.quick else (500, 1000, 2000, 4000, 8000, 16000, 32000)
    found = {
        "grid": grid_errors(7 if args.quick else 31),
        "graph": graph_errors(300 if args.quick else 1500),
        "cost": [float(c) for c in costs(counts)],
    }
    for name, widths in (("grid", WIDTHS), ("graph", RADII)):
        row = ", ".join(f"{w:g}: {e:.4f}" for w, e in zip(widths, found[name], strict=True))
        print(f"{name:6s} error by near field  {row}")
    for n, cost in zip(counts, found["cost"], strict=True):
        print(f"{n:6d} nodes: {cost / n:.1f} products a node, dense {n}")
    if args.picture:
        draw(found, counts, args.picture)
    return found


if __name__ == "__main__":
    main()

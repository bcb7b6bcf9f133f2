"""Memory of a gradient through many steps: with all states kept, and by segments.

    python benchmarks/rollout_memory.py [--steps 64 256 1024] [--size 128]

Burgers' equation in the plane by RK4; a call keeps all states for its gradient unless it is told
that it is trained, see `keras_pde.runtime.loops.in_segments`. The numbers are those that XLA plans
for a compiled gradient on JAX, which does not run: they are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from keras_pde import MethodOfLines

console = Console(width=100)
KINDS = {"all states": False, "segments": True}


def megabytes(steps: int, size: int, training: bool) -> float:
    """Temporary memory of the gradient of ‖u after the steps‖² to u."""
    import jax

    net = MethodOfLines.from_equation("burgers", "rk4", 0.01, steps, ndim=2, viscosity=0.1)
    u = np.zeros((1, size, size, 2), "float32")
    net.build(u.shape)

    def energy(u: Any) -> Any:
        return keras.ops.sum(net.call(u, training=training) ** 2)

    plan = jax.jit(jax.grad(energy)).lower(u).compile().memory_analysis()
    return plan.temp_size_in_bytes / 2**20


def measured(steps: Sequence[int], size: int) -> dict[str, list[float]]:
    """Megabytes by kind for each number of steps, by a process that runs JAX."""
    if keras.backend.backend() == "jax":
        return {kind: [megabytes(n, size, way) for n in steps] for kind, way in KINDS.items()}
    command = [sys.executable, __file__, "--json", "--size", str(size), "--steps"]
    done = subprocess.run(
        [*command, *map(str, steps)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Print the table, and return its numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--json", action="store_true", help="print the numbers alone")
    args = parser.parse_args(argv)
    found = measured(args.steps, args.size)
    if args.json:
        print(json.dumps(found))
        return found
    table = Table(title=f"MB of a gradient at {args.size}²")
    table.add_column("steps", justify="right")
    for kind in found:
        table.add_column(kind, justify="right")
    for n, *row in zip(args.steps, *found.values(), strict=True):
        table.add_row(f"{n}", *(f"{value:.1f}" for value in row))
    console.print(table)
    return found


if __name__ == "__main__":
    main()

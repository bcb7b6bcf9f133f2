"""The zoo's networks on whatever device JAX finds.

Images a second, time over bare convolutions, and the golden difference there.

    PYTHONPATH=. python benchmarks/device.py [PRESET ...] [--sizes 512 1024] [--batches 1 8]
    [--budget 50] [--out FILE.csv] [--quick]

Needs a checkout, Keras and JAX: no TensorFlow, no installation. "bare" is a chain of as many
`keras.ops.conv` and `conv_transpose` as the network has, of its kernels' shapes, zero padded, with
no flux, residual or bound (see `_device_bare.py`); both are compiled by XLA and timed in turn, the
ratio is the median over the rounds. "mixed_bfloat16" computes in bfloat16. A training step is the
mean square error, its gradient and a step of gradient descent, for patches. "float32 highest"
forbids the device to round inside convolutions (TF32), which "float32" leaves to JAX.

Cells come in order of interest, and none is begun once the budget of seconds is spent: its row then
says so. Nothing is left out in silence.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

BEGUN = time.perf_counter()
os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax
import keras
import numpy as np
from _device_cells import Cell, Zoo, programs

import keras_pde
from keras_pde import presets

NETWORKS = (
    "certified_resnet_2d",
    "certified_resnet_color",
    "dufort_frankel_resnet_2d",
    "fed_resnet_2d",
    "fsi_resnet_2d",
    "unconstrained_2d",
    "weakly_convex_equilibrium_2d",
    "charbonnier_2d",
    "multigrid_poisson_2d",
)
TOGETHER = 4  # cells compiled side by side, then timed one by one
PRECISIONS = ("float32", "mixed_bfloat16", "float32 highest")
COLUMNS = (
    "preset",
    "class",
    "pass",
    "precision",
    "size",
    "batch",
    "milliseconds",
    "images_per_second",
    "over_bare",
    "golden",
    "note",
)


def seconds(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds a call of each program, an array over the rounds, taken in turn.

    Each is run once beforehand.
    """
    repeats, taken = {}, {name: [] for name in runs}
    for name, run in runs.items():
        run()
        start = time.perf_counter()
        run()
        repeats[name] = max(1, round(0.02 / (time.perf_counter() - start)))
    for name in [*runs] * rounds:
        start = time.perf_counter()
        for _ in range(repeats[name]):
            runs[name]()
        taken[name].append((time.perf_counter() - start) / repeats[name])
    return {name: np.array(values) for name, values in taken.items()}


def measured(
    zoo: Zoo, cell: Cell, runs: dict[str, Callable[[], Any]], rounds: int
) -> dict[str, str]:
    """The figures of a cell."""
    if cell.kind == "golden":  # as `presets.verify` has it
        wanted = zoo.golden(cell)[1]
        difference = np.abs(np.asarray(runs["network"](), "float32") - wanted).max()
        return {"golden": f"{difference / max(1.0, np.abs(wanted).max()):.1e}"}
    taken = seconds(runs, rounds)
    best = float(taken["network"].min())
    row = {"milliseconds": f"{1e3 * best:.3f}", "images_per_second": f"{cell.batch / best:.1f}"}
    if "bare" in taken:
        return {**row, "over_bare": f"{np.median(taken['network'] / taken['bare']):.2f}"}
    return {
        **row,
        "note": "no bare counterpart: its convolutions are those of an inner or an adjoint solve",
    }


def cells(
    names: Sequence[str], sizes: Sequence[int], batches: Sequence[int], patches: tuple[int, int]
) -> Iterator[list[Cell]]:
    """All measurements, in small groups, the most telling first."""
    trained = [name for name in names if presets.index()[name]["params"]]
    shapes = sorted(
        itertools.product(sizes, batches), key=lambda shape: -(shape[0] ** 2) * shape[1]
    )
    ordered = [
        Cell(name, kind, PRECISIONS[0], *shape)
        for name in names
        for kind, shape in (("golden", ()), ("forward", shapes[0]))
    ]
    ordered += [Cell(name, "golden", precision) for name in names for precision in PRECISIONS[1:]]
    ordered += [Cell(name, "forward", PRECISIONS[1], *shapes[0]) for name in names]
    ordered += [
        Cell(name, "training", precision, *patches)
        for precision in PRECISIONS[:2]
        for name in trained
    ]
    ordered += [
        Cell(name, "forward", precision, *shape)
        for shape in reversed(shapes[1:])
        for precision in PRECISIONS[:2]
        for name in names
    ]
    ordered += [Cell(name, "forward", PRECISIONS[2], *shapes[0]) for name in names]
    for start in range(0, len(ordered), TOGETHER):
        yield ordered[start : start + TOGETHER]


def main(arguments: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Print the table as it grows, and write it; returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*", help=f"default: {', '.join(NETWORKS)}")
    parser.add_argument("--sizes", "--size", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument(
        "--patches",
        type=int,
        nargs=2,
        default=[128, 32],
        metavar=("SIZE", "BATCH"),
        help="of a training step",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--budget",
        type=float,
        default=50,
        help="seconds from the start after which no cell is begun",
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="two networks, small images, few rounds: whether it runs",
    )
    args = parser.parse_args(arguments)
    names, rounds = args.preset or list(NETWORKS), args.rounds
    if args.quick:
        names, rounds, args.sizes, args.batches, args.patches = (
            args.preset or [NETWORKS[3], NETWORKS[8]],
            2,
            [32],
            [1],
            [16, 2],
        )
    device = jax.devices()[0]
    print(
        f"{device.device_kind} ({device.platform}, {len(jax.devices())} of them), JAX"
        f" {jax.__version__}, Keras {keras.__version__}, ",
        end="",
    )
    print(
        f"keras_pde {keras_pde.__version__}, Python {platform.python_version()},"
        f" {platform.machine()}"
    )
    zoo, rows = Zoo(), []
    with ThreadPoolExecutor(max(1, min(16, (os.cpu_count() or 2) - 1))) as pool:
        for group in cells(names, args.sizes, args.batches, tuple(args.patches)):
            for cell in group:
                zoo(cell)
            compiling = [
                pool.submit(programs, zoo, cell) for cell in group if not spent(args.budget)
            ]
            # compilation measures kernels on the device, so nothing is timed beside it
            wait(compiling, timeout=max(0.0, args.budget - time.perf_counter() + BEGUN))
            for cell, made in itertools.zip_longest(group, compiling):
                row = {
                    k: str(v)
                    for k, v in zip(
                        ("preset", "pass", "precision", "size", "batch"), cell, strict=True
                    )
                    if v
                }
                row["class"] = presets.index()[cell.preset]["class"]
                if made is None or spent(args.budget) or not made.done():
                    row["note"] = f"not run: the budget of {args.budget:g} s was spent"
                    _ = made and made.cancel()
                else:
                    try:
                        row |= measured(zoo, cell, made.result(), rounds)
                    except Exception as error:  # the reason is the finding: memory, as a rule
                        row["note"] = (
                            f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
                        )
                rows.append(row)
                print("  ".join(f"{k}={row[k]}" for k in COLUMNS if k in row), flush=True)
    print(f"{time.perf_counter() - BEGUN:.0f} s in all")
    if args.out:
        with args.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ("device", *COLUMNS), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows({"device": device.device_kind, **row} for row in rows)
    return rows


def spent(budget: float) -> bool:
    """Whether so many seconds have passed since the start."""
    return time.perf_counter() - BEGUN > budget


if __name__ == "__main__":
    main()

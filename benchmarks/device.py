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
import contextlib
import csv
import functools
import itertools
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

BEGUN = time.perf_counter()
os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax
import keras
import numpy as np
from _device_bare import bare_convolutions

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


class Cell(NamedTuple):
    """One measurement: a network, what is run, in which precision, on which shape."""

    preset: str
    kind: str  # "forward", "training" or "golden"
    precision: str
    size: int = 0
    batch: int = 0


@contextlib.contextmanager
def precise(precision: str) -> Iterator[None]:
    """JAX's precision of convolutions while a function is traced."""
    with (
        jax.default_matmul_precision("highest")
        if precision.endswith("highest")
        else contextlib.nullcontext()
    ):
        yield


class Zoo:
    """The networks, each loaded once in each precision."""

    def __init__(self) -> None:
        self.loaded: dict[tuple[str, str], Any] = {}

    def __call__(self, cell: Cell) -> Any:
        """The network of a cell."""
        dtype = cell.precision.split()[0]
        if (cell.preset, dtype) not in self.loaded:
            self.loaded[cell.preset, dtype] = keras_pde.from_preset(cell.preset, dtype=dtype)
        return self.loaded[cell.preset, dtype]

    def inputs(self, cell: Cell) -> list[Any]:
        """A random image and what goes with it, on the device."""
        model, rng = self(cell), np.random.default_rng(0)
        # grids of 2^k - 1 points are what zero boundaries coarsen
        size = cell.size - 1 if isinstance(model, keras_pde.MultigridUNet) else cell.size
        arrays = [
            rng.random((cell.batch, *[size] * model.ndim, model.input_channels), dtype="float32")
        ]
        if getattr(model, "noise_conditioned", False):
            arrays.append(np.full((cell.batch,), 25 / 255, "float32"))
        if getattr(getattr(model, "problem", None), "masked", False):
            arrays.append((rng.random((*arrays[0].shape[:-1], 1)) < 0.3).astype("float32"))
        return [jax.device_put(a) for a in arrays]

    def golden(self, cell: Cell) -> tuple[list[np.ndarray], np.ndarray]:
        """The preset's golden input and output."""
        with np.load(presets.folder_of(cell.preset) / presets.GOLDEN) as file:
            return [file[k] for k in ("input", "noise", "mask") if k in file.files], file["output"]


def packed(arrays: Sequence[Any]) -> Any:
    """One array alone, several as a list, as the models take them."""
    return list(arrays) if len(arrays) > 1 else arrays[0]


def programs(zoo: Zoo, cell: Cell) -> dict[str, Callable[[], Any]]:
    """The network and its bare convolutions, compiled for the cell's shape.

    Functions of nothing that wait for the device.
    """
    model, arrays = zoo(cell), zoo.golden(cell)[0] if cell.kind == "golden" else zoo.inputs(cell)
    fixed = [v.value for v in model.non_trainable_variables]

    def network(weights: list[Any], arrays: list[Any]) -> Any:
        return model.stateless_call(weights, fixed, packed(arrays))[0]

    runs = {"network": (network, [v.value for v in model.trainable_variables])}
    if cell.kind == "forward" or (
        cell.kind == "training" and not isinstance(model, keras_pde.ImplicitRecurrent)
    ):
        with contextlib.suppress(NotImplementedError):
            runs["bare"] = bare_convolutions(model, arrays)
    made: dict[str, Callable[[], Any]] = {}
    for name, (function, weights) in runs.items():
        if cell.kind == "training":
            function = training(function, arrays[0])
        with precise(cell.precision):
            program = jax.jit(function).lower(weights, arrays).compile()
        made[name] = functools.partial(waited, program, weights, arrays)
    return made


def waited(program: Callable[..., Any], *arguments: Any) -> Any:
    """The program's result, once the device has it."""
    return jax.block_until_ready(program(*arguments))


def training(function: Callable[..., Any], clean: Any) -> Callable[..., Any]:
    """A step of gradient descent on the mean square error."""

    def step(weights: list[Any], arrays: list[Any]) -> Any:
        def loss(weights: list[Any]) -> Any:
            return ((function(weights, arrays).astype("float32") - clean) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(weights)
        return value, jax.tree.map(lambda w, g: w - 1e-3 * g, weights, gradient)

    return step


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

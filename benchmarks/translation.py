"""The paper's question.

What symmetric networks save, and what the schemes of numerics gain as networks, on photographs.

    python benchmarks/translation.py [--blocks 1 2 5 10 20] [--seeds 0 1 2] [--steps 400] [--data
    DIR] [--out DIR] [--quick] [--plot-only]

Denoisers for Gaussian noise of 25 grey levels, of N blocks with F filters of 3×3 between
one-channel states:

    standard         u + W₂φ(W₁u + b)                       plain Keras layers, two free kernels and
    a bias symmetric        u − τKᵀΦ(Ku)                           half the weights, norm stable Du
    Fort-Frankel  w(u − τKᵀΦ(Ku)) + (1 − w)uᵏ⁻¹, w = 4/3 FSI              the same with w =
    (4k+2)/(2k+3), restarted every 5 blocks (7 for 7, N for N < 5)

each with ReLU, Charbonnier and Perona-Malik (a learned contrast a block), weights untied, zero
boundary. "Equal filters": F for all. "Equal parameters": 2F for the symmetric ones, which then take
twice the arithmetic. Start, batches and steps are the same for all; of two learning rates each run
keeps the better by the validation images, as no one rate suits all. Three controls: the standard
network without bias, the symmetric one with, and the symmetric one without the bound of ‖K‖. Rows
that the CSV has already are not computed again: stop and start at will.

Source: Alt, Schrader, Augustin, Peter, Weickert, arXiv:2107.14742 (2021).
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _timing import provenance
from _translation_plots import draw
from _translation_training import ACTIVATIONS, CONTROLS, MAIN, SIGMA, Contestant, Training, centres

from keras_pde.data import Patches, load_images, split

BLOCKS = ((1, 5, 10), (20,), (2,), (3, 7, 15))  # in the order of computation
CONTROL_BLOCKS = (5, 10)
FILTERS, VALIDATION, SIZE = 8, 20, 128
BESIDE = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "bsd"
COLUMNS = (
    *(
        "architecture",
        "activation",
        "blocks",
        "filters",
        "comparison",
        "parameters",
        "seed",
        "steps",
    ),
    *("learning_rate", "train_loss", "val_psnr", "test_psnr", "seconds", "certified"),
)
HEADER = f"""\
# Denoising of BSD photographs, noise {SIGMA:g} of 255, not clipped. \
Trained on 380 images of train400, 20 held out.
# val_psnr: mean over the centres, {SIZE}x{SIZE}, of the 20.
# test_psnr: mean over the centres, {SIZE}x{SIZE}, of the 68 images of BSD68 (not the full images).
# learning_rate: of the two tried, the one with the higher val_psnr. \
train_loss: MSE in grey levels^2, last tenth of the steps.
# seconds: of training with one rate, compilation included where it was the first of its kind; \
a shared machine.
# certified: whether norm non-increase of the trained network is proved.
"""


@dataclass(frozen=True)
class Case:
    """One run of the grid."""

    architecture: str
    activation: str
    blocks: int
    filters: int
    comparison: str
    seed: int
    steps: int

    @property
    def key(self) -> tuple[str, ...]:
        """The row's identity in the CSV."""
        return tuple(str(value) for value in dataclasses.astuple(self))


def grid(
    blocks: list[int],
    seeds: list[int],
    steps: int,
    filters: int,
    names: list[str],
    activations: list[str],
) -> Iterator[Case]:
    """All runs, the most telling first.

    Depth groups of the architectures, seed by seed, with the controls between.
    """
    groups = [
        (MAIN, BLOCKS[0]),
        (CONTROLS, CONTROL_BLOCKS[:1]),
        (MAIN, BLOCKS[1]),
        (CONTROLS, CONTROL_BLOCKS[1:]),
        *((MAIN, group) for group in BLOCKS[2:]),
    ]
    others = tuple(n for n in blocks if n not in itertools.chain(*BLOCKS))
    for part, group in [*groups, (MAIN, others)]:
        chosen = [name for name in part if name in names]
        for seed, n, activation, name in itertools.product(
            seeds, [n for n in group if n in blocks], activations, chosen
        ):
            if name.startswith("standard"):
                yield Case(name, activation, n, filters, "reference", seed, steps)
                continue
            yield Case(name, activation, n, filters, "equal filters", seed, steps)
            yield Case(name, activation, n, 2 * filters, "equal parameters", seed, steps)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of the CSV; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def append(path: Path, row: dict[str, Any]) -> None:
    """Write one row at once, so that a kill loses nothing."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            file.write(HEADER)
            writer.writeheader()
        writer.writerow(row)


def report(rows: list[dict[str, str]], steps: int) -> None:
    """Test PSNR, mean ± standard deviation over the seeds."""
    from rich.console import Console
    from rich.table import Table

    blocks = sorted({int(r["blocks"]) for r in rows})
    table = Table(
        title=f"Test PSNR in dB after {steps} steps, mean ± standard deviation over the seeds"
    )
    for name in (
        "activation",
        "architecture",
        "filters",
        *(f"{n} block{'s' * (n > 1)}" for n in blocks),
    ):
        table.add_column(name, justify="right")
    for activation, name in itertools.product(ACTIVATIONS, (*MAIN, *CONTROLS)):
        mine = [r for r in rows if r["activation"] == activation and r["architecture"] == name]
        for filters in sorted({int(r["filters"]) for r in mine}):
            cells = []
            for n in blocks:
                values = [
                    float(r["test_psnr"])
                    for r in mine
                    if int(r["blocks"]) == n and int(r["filters"]) == filters
                ]
                spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
                cells.append(f"{np.mean(values):.2f}{spread}" if values else "–")
            table.add_row(ACTIVATIONS[activation], name, str(filters), *cells)
        if mine:
            table.add_section()
    Console(width=150).print(table)


def main(arguments: list[str] | None = None) -> list[dict[str, str]]:
    """Run what is missing of the grid, print the table, draw; returns the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, nargs="+", default=sorted(itertools.chain(*BLOCKS)))
    parser.add_argument(
        "--architectures",
        nargs="+",
        choices=(*MAIN, *CONTROLS),
        default=[*MAIN, *CONTROLS],
        metavar="NAME",
    )
    parser.add_argument(
        "--activations", nargs="+", choices=tuple(ACTIVATIONS), default=list(ACTIVATIONS)
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=Training.steps)
    parser.add_argument(
        "--data", type=Path, default=BESIDE, help="folder of train400_gray and bsd68_gray"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parent,
        help="folder of translation.csv and the pictures",
    )
    parser.add_argument(
        "--quick", action="store_true", help="random images and a few steps: does it run at all?"
    )
    parser.add_argument(
        "--plot-only", action="store_true", help="table and pictures of the rows that are there"
    )
    options = parser.parse_args(arguments)
    path, filters, training = (
        options.out / "translation.csv",
        FILTERS,
        Training(steps=options.steps),
    )
    if options.quick:
        options.blocks, options.seeds, options.activations, filters = [2], [0], ["charbonnier"], 2
        training = Training(steps=3, batch_size=1, patch_size=8)
    if not options.plot_only:
        print(provenance(), flush=True)
        cases = list(
            grid(
                options.blocks,
                options.seeds,
                training.steps,
                filters,
                options.architectures,
                options.activations,
            )
        )
        run(path, cases, training, None if options.quick else options.data)
    rows = [row for row in read(path) if int(row["steps"]) == training.steps]
    report(rows, training.steps)
    if training.steps == Training.steps or options.quick:
        for picture in draw(rows, options.out):
            print(f"Picture: {picture}")
    return rows


def run(path: Path, cases: list[Case], training: Training, data: Path | None) -> None:
    """Compute the cases that the CSV lacks; random images where there is no data."""
    present = {tuple(row[f.name] for f in dataclasses.fields(Case)) for row in read(path)}
    missing = [case for case in cases if case.key not in present]
    if data is None:
        images = [np.random.default_rng(0).random((16, 16, 1), np.float32)]
        validation = test = np.stack(images)
    else:
        images, held = split(load_images(data / "train400_gray", channels=1), VALIDATION)
        validation, test = (
            centres(held, SIZE),
            centres(load_images(data / "bsd68_gray", channels=1), SIZE),
        )

    @functools.cache  # compiled once for all seeds
    def contestant(architecture: str, activation: str, blocks: int, filters: int) -> Contestant:
        return Contestant(architecture, activation, blocks, filters, training)

    for number, case in enumerate(missing, 1):
        start = time.perf_counter()
        net = contestant(case.architecture, case.activation, case.blocks, case.filters)
        patches = Patches(images, training.patch_size, training.batch_size, SIGMA, case.seed)
        outcome = net.fit(case.seed, patches, validation, test)
        rounded = {
            k: round(v, 3) if isinstance(v, float) else v
            for k, v in dataclasses.asdict(outcome).items()
        }
        append(path, {**dataclasses.asdict(case), "parameters": net.parameters, **rounded})
        took = time.perf_counter() - start
        print(
            f"{number}/{len(missing)} {', '.join(case.key)}: {outcome.test_psnr:.3f} dB,"
            f" {outcome.certified}, {took:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

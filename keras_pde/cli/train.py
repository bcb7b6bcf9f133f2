"""The commands keras-pde train and keras-pde evaluate.

Make a preset from its recipe, and measure one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from keras_pde.cli.plumbing import new_table, show_table

DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the BSD sets.  [../shared/data/bsd of a checkout]",
)


@click.command()
@click.argument("recipe")
@DATA
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the preset to write.  [the zoo's]",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of checkpoint, log and TensorBoard files.  [runs/NAME]",
)
@click.option(
    "--distribute",
    metavar="I/N@HOST:PORT",
    help=(
        "Train with other machines, on JAX: this is process I of N (0 to N - 1), and process 0 runs"
        " at HOST and listens on PORT; or auto."
    ),
)
def train(
    recipe: str, data: Path | None, out: Path | None, work: Path | None, distribute: str | None
) -> None:
    """Train a preset by its RECIPE (a file, its folder, or the name of a preset of the zoo), or go
    on where a run stopped.

    Ends by writing the preset: weights, golden outputs, measured table, card. KERAS_BACKEND=jax
    trains on JAX, and then on several machines: start it on each with --distribute, and again on
    all when one has failed. Process 0 writes the files.
    """
    from keras_pde import presets
    from keras_pde.tasks.training.distributed import join
    from keras_pde.tasks.training.recipes import Recipe
    from keras_pde.tasks.training.train import train as run

    path = Path(recipe)
    known = recipe in presets.index()
    if not path.exists() and not known:
        raise ValueError(
            f"There is no recipe {recipe!r}: neither a file or folder, nor a preset of the zoo"
        )
    loaded = Recipe.load(path if path.exists() else presets.folder_of(recipe))
    group = join(distribute)
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(f"{loaded.name}: compiling", total=loaded.stages[0].steps)

        def show(stage: Recipe, step: int, logs: dict[str, float]) -> None:
            which = f"stage {len(stage.stages)} of {len(loaded.stages)}, " if loaded.before else ""
            psnr = f"{-logs['loss']:.2f} dB"
            bar.update(
                task,
                completed=step,
                total=stage.steps,
                description=f"{loaded.name}: {which}PSNR {psnr}",
            )
            if "step" in logs:
                scores = ", ".join(
                    f"{k.removeprefix('val_psnr_')}: {v:.2f}"
                    for k, v in logs.items()
                    if k.startswith("val_psnr_")
                )
                line = (
                    f"{which}step {step}: training {psnr}, validation {scores} dB,"
                    f" {logs['seconds']:.0f} s"
                )
                bar.console.print(line, highlight=False, soft_wrap=True)

        folder = run(loaded, data, out, work, show, group)
    click.echo(
        f"wrote {folder}"
        if group.is_chief
        else f"process {group.index} of {group.count} is done; process 0 writes the preset"
    )


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PRESET...")
@DATA
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N images: quick, and another number than the card's.",
)
def evaluate(names: tuple[str, ...], data: Path | None, limit: int | None) -> None:
    """PSNR of PRESETs on BSD68 (in colour CBSD68), as on their cards.

    Noise 15, 25, 50 in float, not clipped; output clipped.
    """
    from keras_pde import presets
    from keras_pde.tasks.denoise.evaluate import evaluate as measure

    index = presets.index()
    table: Any = None
    for name in names:
        scores = measure(name, data, limit)
        if table is None:
            table = new_table(
                (
                    "preset",
                    *[f">σ = {level}" for level in scores],
                    ">largest difference from the index",
                )
            )
        stated = {} if limit else index.get(name, {}).get("psnr", {})
        apart = max((abs(scores[k] - v) for k, v in stated.items() if k in scores), default=None)
        table.add_row(
            name,
            *[f"{v:.2f}" for v in scores.values()],
            "-" if apart is None else f"{apart:.3f} dB",
        )
    show_table(table)

"""The command keras-pde train: make a preset from its recipe."""

from __future__ import annotations

from pathlib import Path

import click

from keras_pde.cli.files import DATA
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.printing import progress_bar


@click.command(short_help="Train a preset by its recipe, or go on with it.")
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
    """Train a preset by its RECIPE, or go on where a run stopped.

    RECIPE is a file, its folder, or the name of a preset of the zoo. The run ends by writing the
    preset: weights, golden outputs, measured table, card.

    KERAS_BACKEND=jax trains on JAX, and then on several machines: start it on each with
    --distribute, and again on all when one has failed. Process 0 writes the files.
    """
    from keras_pde import presets

    path = Path(recipe)
    known = recipe in presets.index()
    if not path.exists() and not known:
        raise ValueError(
            f"There is no recipe {recipe!r}: neither a file or folder, nor a preset of the zoo"
        )
    load_networks()
    from keras_pde.tasks.training.distributed import join
    from keras_pde.tasks.training.recipes import Recipe
    from keras_pde.tasks.training.train import train as run

    loaded = Recipe.load(path if path.exists() else presets.folder_of(recipe))
    group = join(distribute)
    from rich.progress import MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as bar:
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

"""The command keras-pde train: make a preset from its recipe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.files import DATA
from keras_pde.cli.plumbing import Stop, load_networks
from keras_pde.cli.progress import progress_bar


@click.command(short_help="Train a preset by its recipe, or go on with it.")
@click.argument("recipe", type=PresetName())
@DATA
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the preset to write.  [./NAME]",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of checkpoint, log and TensorBoard files.  [./runs/NAME]",
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
    preset into a folder of the current one: weights, golden outputs, measured numbers, card. In a
    checkout, --out zoo/TASK/NAME puts it into the zoo and its index.

    \b
      a preset of the zoo, anew:
        keras-pde train certified_resnet_2d --out runs/again
      a recipe of yours, on your pictures:
        keras-pde train mine.json --data pictures

    Ctrl-C, or SIGTERM, stops a run, and the same command goes on from its last checkpoint, or the
    one before where that is damaged.

    KERAS_BACKEND=jax trains on JAX, and then on several machines: start it on each with
    --distribute, and again on all when one has failed. Process 0 writes the files.
    """  # noqa: D301 - click wants the real \b
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
    from keras_pde.tasks.training.train import destinations
    from keras_pde.tasks.training.train import train as run

    # a bare name of the zoo is the zoo's, whatever stands in this folder
    loaded = Recipe.load(presets.folder_of(recipe) if known else path)
    target, place = destinations(loaded, out, work)
    with _kept(place), progress_bar(*_columns()) as bar:
        group = join(distribute)
        if group.is_chief:
            said = f"{loaded.name}: the preset goes to {target}, checkpoints to {place}"
            click.echo(said, err=True)
        task = bar.add_task(f"{loaded.name}: compiling", total=loaded.stages[0].steps)

        def show(stage: Recipe, step: int, logs: dict[str, float]) -> None:
            which = f"stage {len(stage.stages)} of {len(loaded.stages)}, " if loaded.before else ""
            loss = f"loss {logs['loss']:.4g}"
            said = f"{loaded.name}: {which}{loss}"
            bar.update(task, completed=step, total=stage.steps, description=said)
            if "step" in logs:
                line = f"{which}step {step}: {loss}, validation {_scores(stage.task, logs)}"
                bar.console.print(
                    f"{line}, {logs['seconds']:.0f} s", highlight=False, soft_wrap=True
                )

        def say(text: str) -> None:
            bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

        folder = run(loaded, data, target, place, show, group, say)
    click.echo(
        f"wrote {folder}"
        if group.is_chief
        else f"process {group.index} of {group.count} is done; process 0 writes the preset"
    )


@contextlib.contextmanager
def _kept(place: Path) -> Iterator[None]:
    """Say of a training that is stopped what is kept of it, and how to go on."""
    from keras_pde.tasks.training.checkpoint import CHECKPOINT

    try:
        yield
    except KeyboardInterrupt as signal:
        if any(place.rglob(CHECKPOINT)):
            kept = f"the last checkpoint is in {place}, and the same command goes on from it"
        else:
            kept = f"there is no checkpoint in {place} yet, and the same command begins anew"
        raise Stop(f"{str(signal) or 'stopped'}: {kept}", signal) from None


def _columns() -> tuple[Any, ...]:
    from rich.progress import MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

    return MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()


def _scores(name: str, logs: dict[str, float]) -> str:
    """The task's numbers of a validation, with their unit."""
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.training.validation import prefix

    task = tasks.get(name)
    found = [
        f"{task.label(key.removeprefix(prefix(task)))}: {task.metric.number(value)}"
        for key, value in logs.items()
        if key.startswith(prefix(task))
    ]
    return f"{', '.join(found)} {task.metric.unit}".rstrip()

"""Training of the zoo's networks from their recipes, stage by stage.

    keras-pde train PRESET or recipe.json      also: python -m keras_pde.tasks.training.train RECIPE

Runs on TensorFlow and, with KERAS_BACKEND=jax, from a bare checkout without TensorFlow. A recipe
names its task, which says what a network is given, what is minimised and what is validated.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_pde import presets
from keras_pde.tasks.training.distributed import FORM, Alone, join
from keras_pde.tasks.training.growing import grow
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training

LOG = "log.csv"
PACKAGE = Path(__file__).resolve().parents[2]  # keras_pde
Show = Callable[[Recipe, int, dict[str, float]], None]


def train(
    recipe: Recipe,
    data: str | Path | None = None,
    folder: str | Path | None = None,
    work: str | Path | None = None,
    show: Show = lambda stage, step, logs: None,
    group: Alone | None = None,
) -> Path:
    """Train a recipe, or go on where it stopped, and write its preset.

    Args:
        recipe: what to do.
        data: folder of the data sets; None is the task's usual one.
        folder: of the preset, with metrics, golden tensors and card; ./<name> unless given.
        work: of checkpoint and log; ./runs/<name> unless given.
        show: called with the recipe of the stage that is trained, the step and what was logged.
        group: of `keras_pde.tasks.training.distributed.join`, to train with other processes; only
            its chief writes.

    Returns:
        The folder of the preset.

    Raises:
        ImportError: no matplotlib, which draws the card's pictures.
        ValueError: a folder inside the installed package.
    """
    from keras_pde.models.plotting import check_installed
    from keras_pde.tasks.training.publish import publish

    group = group or Alone()
    target, place = destinations(recipe, folder, work)
    if group.is_chief:
        check_installed()  # for the card: better missed now than behind the last step
    with group:
        stages = _trained(recipe, data, place, show, group)
    seconds, steps = round(sum(run.seconds for run in stages)), sum(run.step for run in stages)
    if group.is_chief:
        publish(
            stages[-1].model,
            recipe,
            data,
            target,
            {"seconds": seconds, "steps": steps, "backend": keras.backend.backend()},
        )
    return target


def destinations(
    recipe: Recipe, folder: str | Path | None = None, work: str | Path | None = None
) -> tuple[Path, Path]:
    """The folders of a recipe's preset, and of its checkpoint and log.

    Raises:
        ValueError: a folder inside the installed package, or the wrong one of the zoo's.

    Example:
        >>> from keras_pde.tasks.training.recipes import Recipe
        >>> from keras_pde.tasks.training.train import destinations
        >>> [path.as_posix() for path in destinations(Recipe("small", {}))]
        ['small', 'runs/small']
    """
    target = Path(recipe.name) if folder is None else Path(folder)
    place = Path("runs") / recipe.name if work is None else Path(work)
    for path, option in ((target, "--out"), (place, "--work")):
        if path.resolve().is_relative_to(PACKAGE):
            raise ValueError(
                f"{path.resolve()} lies inside the installed package, which training does not"
                f" change. Name another folder: {option} DIR."
            )
    zoo, own = presets.zoo_root(), presets.zoo_root() / recipe.task / recipe.name
    if target.resolve().is_relative_to(zoo) and target.resolve() != own:
        raise ValueError(f"The zoo's folder of this preset is {own}. Received: {target}")
    return target, place


def _trained(
    recipe: Recipe, data: str | Path | None, place: Path, show: Show, group: Alone
) -> list[Training]:
    """The stages of a recipe, trained one after the other, each in a folder of its own."""
    run = Training(recipe, data, place, group)
    resumed = run.restore()
    earlier = (
        _trained(recipe.stage_before, data, place / "before", show, group)
        if recipe.stage_before
        else []
    )
    if earlier and not resumed:
        grow(run.model, earlier[-1].model)
    elif recipe.start and not resumed:
        grow(run.model, presets.from_preset(recipe.start))
    if group.is_chief:
        place.mkdir(parents=True, exist_ok=True)
    callbacks = (
        [keras.callbacks.CSVLogger(str(place / LOG), append=resumed), *_tensorboard(place)]
        if group.is_chief
        else []
    )
    run.run(callbacks, functools.partial(show, recipe))
    return [*earlier, run]


def _tensorboard(place: Path) -> list[Any]:
    """TensorBoard's callback where TensorBoard is installed and can be written to."""
    if keras.backend.backend() != "tensorflow" or importlib.util.find_spec("tensorboard") is None:
        return []
    return [keras.callbacks.TensorBoard(str(place / "tensorboard"), write_graph=False)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="file, or folder of recipe.json")
    parser.add_argument("--data", help="folder of the BSD sets")
    parser.add_argument("--out", help="folder of the preset [./<name>]")
    parser.add_argument("--work", help="folder of checkpoint and log [runs/<name>]")
    parser.add_argument("--distribute", metavar="I/N@HOST:PORT", help=FORM)
    args = parser.parse_args(arguments)

    def show(stage: Recipe, step: int, logs: dict[str, float]) -> None:
        if "step" in logs:
            print(
                json.dumps(
                    {"stage": len(stage.stages)} | {k: round(v, 3) for k, v in logs.items()}
                ),
                flush=True,
            )

    print(
        train(
            Recipe.load(args.recipe), args.data, args.out, args.work, show, join(args.distribute)
        ),
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()

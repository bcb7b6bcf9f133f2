"""Training of the zoo's networks from their recipes, stage by stage.

    keras-pde train PRESET or recipe.json      also: python -m keras_pde.tasks.training.train RECIPE

Runs on TensorFlow and, with KERAS_BACKEND=jax, from a bare checkout without TensorFlow. A recipe
names its task, which says what a network is given, what is minimised and what is validated.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_pde import presets
from keras_pde.presets.files import CONFIG
from keras_pde.runtime.writing import check_target
from keras_pde.tasks.training.distributed import FORM, Alone, join
from keras_pde.tasks.training.growing import grow
from keras_pde.tasks.training.lock import locked
from keras_pde.tasks.training.log import LOG, Log
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training

PACKAGE = Path(__file__).resolve().parents[2]  # keras_pde
Show = Callable[[Recipe, int, dict[str, float]], None]


def train(
    recipe: Recipe,
    data: str | Path | None = None,
    folder: str | Path | None = None,
    work: str | Path | None = None,
    show: Show = lambda stage, step, logs: None,
    group: Alone | None = None,
    say: Callable[[str], None] = warnings.warn,
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
        say: is told where a damaged checkpoint makes the run go on from an earlier one.

    Returns:
        The folder of the preset.

    Raises:
        ImportError: no matplotlib, which draws the card's pictures.
        ValueError: a recipe that could not be trained to its end, a folder inside the installed
            package, damaged checkpoints.
        OSError: folders that cannot be written, or that another training uses.
    """
    from keras_pde.models.plotting.canvas import check_installed
    from keras_pde.tasks.training.publish import publish, rehearse

    group = group or Alone()
    target, place = destinations(recipe, folder, work)
    with contextlib.ExitStack() as stack:
        if group.is_chief:
            check_installed()  # for the card: better missed now than behind the last step
            check_place(recipe, target, place)
        with group:
            stages = prepare(recipe, data, place, group, say)
            rehearse(recipe, stages[-1].model, data)  # by all, as they compute together
            if group.is_chief:
                stack.enter_context(locked(place))
            _train(stages, show)
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


def prepare(
    recipe: Recipe,
    data: str | Path | None,
    place: Path,
    group: Alone,
    say: Callable[[str], None] = warnings.warn,
) -> list[Training]:
    """The stages of a recipe, in the order of training, each in a folder of its own, all checked.

    Data are read and networks are built, and nothing is written.

    Raises:
        ValueError: a recipe that could not be trained to its end.
    """
    if not recipe.description:
        what = "there is none, and a few words are needed for the list of presets"
        raise recipe.refusal("description", what)
    last = len(recipe.stages) - 1
    stages: list[Training] = []
    for k, stage in enumerate(recipe.stages):
        run = Training(stage, data, place.joinpath(*["before"] * (last - k)), group, say)
        run.check()
        fresh = run.model.get_weights()
        _begin(run, stages)
        run.model.set_weights(fresh)
        stages.append(run)
    return stages


def _begin(run: Training, earlier: list[Training]) -> None:
    """Give a stage that has not begun the weights of the stage before, or of a preset."""
    recipe = run.recipe
    try:
        if earlier:
            grow(run.model, earlier[-1].model)
        elif recipe.start:
            grow(run.model, presets.from_preset(recipe.start))
    except (ValueError, OSError) as error:
        raise recipe.refusal("before" if earlier else "start", error) from error


def destinations(
    recipe: Recipe, folder: str | Path | None = None, work: str | Path | None = None
) -> tuple[Path, Path]:
    """The folders of a recipe's preset, and of its checkpoint and log.

    Raises:
        ValueError: a folder inside the installed package, or the wrong one of the zoo's.

    Example:
        >>> from keras_pde.tasks.training.recipes import Recipe
        >>> from keras_pde.tasks.training.train import destinations
        >>> [path.as_posix() for path in destinations(Recipe("small", {"class": "FEDResNet"}))]
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
    if place.resolve().is_relative_to(target.resolve()):
        raise ValueError(
            f"{place} lies in {target}, which is replaced by the preset in the end: name another"
            " folder, --work DIR."
        )
    zoo, own = presets.zoo_root(), presets.zoo_root() / recipe.task / recipe.name
    if target.resolve().is_relative_to(zoo) and target.resolve() != own:
        raise ValueError(f"The zoo's folder of this preset is {own}. Received: {target}")
    return target, place


def check_place(recipe: Recipe, target: Path, place: Path) -> None:
    """Raise now what would keep the preset from being written in the end.

    Raises:
        ValueError: a preset of another folder has the name, and would be found before it.
        OSError: a folder with other files, which the preset would replace; one that cannot be
            written.
    """
    for path in (target, place):
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        check_target(folder / ".keras-pde")
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{path} is a file, and a folder is needed")
    if target.exists() and any(target.iterdir()) and not (target / CONFIG).is_file():
        raise FileExistsError(
            f"{target} holds files and no preset, which would replace them. Name another folder:"
            " --out DIR."
        )
    root = target.resolve().parent.parent
    if root in presets.roots() and recipe.name in presets.index():
        found = presets.folder_of(recipe.name).parents[1]
        if presets.roots().index(found) < presets.roots().index(root):
            text = f"{recipe.name} is a preset of {found} already, and would be found there"
            raise recipe.refusal("name", text)


def _train(stages: list[Training], show: Show) -> None:
    """Train the stages one after the other, or go on where a run stopped."""
    resumed = [run.restore() for run in stages]
    for k, run in enumerate(stages):
        if not resumed[k]:
            _begin(run, stages[:k])
        callbacks: list[Any] = []
        if run.group.is_chief:
            place = run.checkpoint.path.parent
            place.mkdir(parents=True, exist_ok=True)
            check_target(run.checkpoint.path)
            callbacks = [Log(place / LOG, run.step), *_tensorboard(place)]
        run.run(callbacks, functools.partial(show, run.recipe))


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

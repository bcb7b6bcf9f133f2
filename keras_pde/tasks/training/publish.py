"""A trained network as a preset: its files, its measured numbers, its card, its index entry.

    python -m keras_pde.tasks.training.publish [--data DIR] [PRESET ...]
    python -m keras_pde.tasks.training.publish --table docs/results.md

The first measures presets of the zoo again, by default all that are trained, and rewrites their
cards and index entries. The second writes the tables of all tasks into a page.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.index_entry import TRAINING, describe, write_index
from keras_pde.tasks.training.recipes import Recipe


def publish(
    model: Any,
    recipe: Recipe,
    data: str | Path | None,
    target: Path,
    training: dict[str, Any],
) -> None:
    """Write a trained model as a preset that its task measures and describes.

    A preset in the zoo, or in a folder of KERAS_PDE_PRESETS, gets its index entry too.

    Args:
        model: trained.
        recipe: that it was trained by.
        data: folder of the data sets; None is the task's usual one.
        target: folder of the preset.
        training: steps, seconds, backend; the device, where it was trained on another.
    """
    final = recipe.build(final=True)
    final.set_weights(model.get_weights())
    with presets.staged(target) as stage:
        final.write_preset_files(stage, tasks.get(recipe.task).example(final))
        (stage / "recipe.json").write_text(recipe.text(), encoding="utf-8")
        (stage / TRAINING).write_text(
            json.dumps({"device": _device(), **training}, indent=1) + "\n", encoding="utf-8"
        )
        made = describe(stage, data)
    root = target.resolve().parent.parent
    if root in presets.roots():
        write_index({recipe.name: made}, root)


def rehearse(recipe: Recipe, model: Any, data: str | Path | None) -> None:
    """Do with the untrained network what `publish` does in the end, but for measuring it whole.

    Raises:
        ValueError: changes in ``final`` that the trained weights do not fit, a network that no
            preset can hold, data that it cannot be measured on.
    """
    task, final = tasks.get(recipe.task), recipe.build(final=True)
    wanted, given = ([tuple(w.shape) for w in net.weights] for net in (final, model))
    if wanted != given:
        text = f"its weights have shapes {wanted[:5]}..., and those that are trained {given[:5]}..."
        raise recipe.refusal("final", text)
    with tempfile.TemporaryDirectory() as folder:
        try:
            final.write_preset_files(Path(folder), task.example(final))
            presets.from_preset(folder)
        except Exception as error:  # as for the model
            raise recipe.refusal("final" if recipe.final else "model", error) from error
    task.check_test(recipe, final, data)


def _device() -> str:
    import os

    from keras_pde.runtime.compiling import has_gpu

    if has_gpu():
        return "a GPU"
    try:
        cores = len(os.sched_getaffinity(0))  # those that this process may use
    except AttributeError:  # macOS and Windows cannot tell
        cores = os.cpu_count() or 1
    return f"{cores} CPU core{'s' * (cores > 1)}"


def trained(task: str = "*") -> list[str]:
    """Names of the zoo's trained presets, of one task or of all."""
    return sorted(path.parent.name for path in presets.zoo_root().glob(f"{task}/*/{TRAINING}"))


def with_tables(page: str) -> str:
    r"""A page with the tables of tasks where it has places for them.

    A place is what stands between the lines ``<!-- table of NAME -->`` and ``<!-- end -->``.

    Raises:
        ValueError: a place for a task that there is not.

    Example:
        >>> from keras_pde.tasks.training.publish import with_tables
        >>> page = "<!-- table of evolve -->\n<!-- end -->"
        >>> print(with_tables(page).splitlines()[1][:29])
        | preset | what it computes |
    """

    def table(found: re.Match[str]) -> str:
        return f"<!-- table of {found[1]} -->\n{tasks.get(found[1]).overview()}\n<!-- end -->"

    return re.sub(r"<!-- table of (\w+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--data")
    parser.add_argument(
        "--table",
        metavar="PAGE",
        type=Path,
        help="only write the tables into a page that has places for them",
    )
    args = parser.parse_args(arguments)
    if args.table:
        args.table.write_text(with_tables(args.table.read_text("utf-8")), encoding="utf-8")
        return
    for name in args.preset or trained():
        made = describe(presets.folder_of(name), args.data)
        write_index({name: made})
        print(name, tasks.get(made["task"]).row(made), flush=True)


if __name__ == "__main__":
    main()

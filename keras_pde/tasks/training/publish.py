"""The trained denoisers: from weights to preset, index entry and card.

python -m keras_pde.tasks.training.publish [--data DIR] [PRESET ...]     # index entries and cards
again, from the shipped weights python -m keras_pde.tasks.training.publish --table
# the README's tables
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.tasks import cards
from keras_pde.tasks.denoise.data import find_data
from keras_pde.tasks.denoise.evaluate import NAMES, SEED, TOLERANCE, measure
from keras_pde.tasks.index_entry import entry, write_index
from keras_pde.tasks.training.recipes import Recipe

TRAINING = "training.json"


def publish(model: Any, recipe: Recipe, data: Path, target: Path, training: dict[str, Any]) -> None:
    """Write a trained model as a preset with its measured table and card.

    In the zoo's folder also its index entry.

    Args:
        model: trained.
        recipe: that it was trained by.
        data: folder of the BSD sets, for the test.
        target: folder of the preset.
        training: steps, seconds, backend; the device, where it was trained on another.
    """
    final = recipe.build(final=True)
    final.set_weights(model.get_weights())
    with presets.staged(target) as stage:
        final.write_preset_files(stage)
        (stage / "recipe.json").write_text(recipe.text(), encoding="utf-8")
        (stage / TRAINING).write_text(
            json.dumps({"device": _device(), **training}, indent=1) + "\n", encoding="utf-8"
        )
        made = describe(stage, data)
    if target.resolve().parent.parent == presets.zoo_root():
        write_index({recipe.name: made})


def describe(folder: Path, data: Path) -> dict[str, Any]:
    """Measure a preset's shipped weights and write its metrics, pictures and card.

    Returns its entry of the index.
    """
    recipe, model = Recipe.load(folder), presets.from_preset(folder)
    training = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    scores = measure(model, folder, recipe.test, data, levels=recipe.levels)
    level = "25" if "25" in scores else next(iter(scores))
    made = entry(
        model,
        folder,
        task="denoise",
        description=recipe.description,
        ndim=2,
        channels=recipe.channels,
        psnr=scores,
        metric={
            "name": f"PSNR on {NAMES.get(recipe.test, recipe.test)}, noise {level}, seed {SEED}",
            "value": scores[level],
            "unit": "dB",
            "tolerance": TOLERANCE,
        },
        data=cards.DATA,
        licence=cards.LICENCE,
    )
    cards.pictures(model, folder)
    # of the preset as it is loaded: a multigrid network in use describes the grids of its last
    # image
    (folder / "README.md").write_text(
        cards.card(recipe, presets.from_preset(folder), made, training), encoding="utf-8"
    )
    return made


def _device() -> str:
    import os

    import keras

    kinds = keras.distribution.list_devices()
    # those that this process may use
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return (
        "a GPU" if any("gpu" in kind for kind in kinds) else f"{cores} CPU core{'s' * (cores > 1)}"
    )


def trained() -> list[str]:
    """Names of the zoo's trained denoisers."""
    return sorted(path.parent.name for path in presets.zoo_root().glob(f"*/*/{TRAINING}"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--data")
    parser.add_argument(
        "--table",
        action="store_true",
        help="only print the README's tables, from the index and the weights",
    )
    args = parser.parse_args(arguments)
    if args.table:
        print(*[f"{title}\n\n{cards.overview(test)}" for test, title in NAMES.items()], sep="\n\n")
        return
    for name in args.preset or trained():
        made = describe(presets.folder_of(name), find_data(args.data))
        write_index({name: made})
        print(name, made["psnr"], flush=True)


if __name__ == "__main__":
    main()

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
from keras_pde.tasks.denoise.data import find_data
from keras_pde.tasks.denoise.evaluate import NAMES
from keras_pde.tasks.denoise.results import overview
from keras_pde.tasks.index_entry import TRAINING, describe, write_index
from keras_pde.tasks.training.recipes import Recipe


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
        print(*[f"{title}\n\n{overview(test)}" for test, title in NAMES.items()], sep="\n\n")
        return
    for name in args.preset or trained():
        made = describe(presets.folder_of(name), find_data(args.data))
        write_index({name: made})
        print(name, made["psnr"], flush=True)


if __name__ == "__main__":
    main()

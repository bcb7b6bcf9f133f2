"""The command keras-pde evaluate: measure presets as their cards state them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.files import DATA
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.progress import counted
from keras_pde.cli.tables import JSON, show_json, show_rows

MOST_COLUMNS = 3  # of numbers side by side; with more they are below each other


@click.command(short_help="Measure presets again, as their cards state them.")
@click.argument("names", nargs=-1, required=True, metavar="PRESET...", type=PresetName())
@DATA
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N samples: quick, and another number than the card's.",
)
@JSON
def evaluate(names: tuple[str, ...], data: Path | None, limit: int | None, as_json: bool) -> None:
    """Measure PRESETs (names, or directories) by the protocol of their task, as on their cards.

    For denoising that is PSNR on BSD68, in colour CBSD68, at noise 15, 25 and 50: noise in float,
    not clipped; output clipped. Of signals and volumes it is the same on the data in the zoo's
    folder data: an electrocardiogram and a template of magnetic resonance images. What advances a
    state in time is compared with an independent solution of its equation.

    \b
      the number of a card:
        keras-pde evaluate gated_resnet_2d
      a quick look at two:
        keras-pde evaluate gated_resnet_2d truncated_tv_2d --limit 5
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets
    from keras_pde.tasks import registry as tasks

    found = {name: presets.locate(name, None) for name in names}
    load_networks()
    index = presets.index()
    rows: dict[str, list[tuple[str, dict[str, float], dict[str, float]]]] = {}
    for name in counted(list(found), "measuring"):
        directory, hashes = found[name]
        entry = index.get(name)
        of = entry["task"] if entry else str(facts(directory).get("task", "denoise"))
        network = presets.load(directory, hashes, None)
        scores = tasks.get(of).evaluate(network, data, limit, {**facts(directory), **(entry or {})})
        stated = tasks.get(of).stated(entry) if entry and not limit else {}
        rows.setdefault(of, []).append((name, scores, stated))
    if as_json:
        every = [(of, *row) for of, measured in rows.items() for row in measured]
        show_json(
            [
                {"preset": name, "task": of, "measured": scores, "index": stated}
                for of, name, scores, stated in every
            ]
        )
        return
    for of, measured in rows.items():
        _show(tasks.get(of), measured)


def facts(directory: Path) -> dict[str, Any]:
    """What the recipe beside a preset says of it that an index entry may lack."""
    from keras_pde.presets import limits
    from keras_pde.presets.reading import parse_json, read_bytes

    recipe = directory / "recipe.json"
    if not recipe.is_file():
        return {}
    found = parse_json(read_bytes(recipe, limits.METADATA_BYTES), recipe)
    return {key: found[key] for key in ("task", "scenario", "options") if key in found}


def _show(task: Any, rows: list[tuple[str, dict[str, float], dict[str, float]]]) -> None:
    """Print a table of measured numbers, and how far they are from those that are stated."""
    metric = task.metric
    keys = list(dict.fromkeys(key for _, scores, _ in rows for key in scores))
    if len(keys) > MOST_COLUMNS:
        _show_rows(task, rows)
        return
    apart_by = "factor" if metric.factor else "difference"
    heads = [task.label(key) for key in keys]
    last = f"largest {apart_by} from the index"
    table = []
    for name, scores, stated in rows:
        apart = [metric.apart(scores[key], value) for key, value in stated.items() if key in scores]
        numbers = [metric.number(scores[key]) if key in scores else "" for key in keys]
        difference = f"{max(apart):.{metric.digits + 1}f} {metric.unit}".rstrip() if apart else "-"
        table.append({"preset": name, **dict(zip(heads, numbers, strict=True)), last: difference})
    show_rows(table, right=(*heads, last), dropped=(last,))


def _show_rows(task: Any, rows: list[tuple[str, dict[str, float], dict[str, float]]]) -> None:
    """The same with a row for each number."""
    metric = task.metric
    table = []
    for name, scores, stated in rows:
        for key, value in scores.items():
            of_index = metric.number(stated[key]) if key in stated else "-"
            table.append(
                {
                    "preset": name,
                    "number": task.label(key),
                    "measured": metric.number(value),
                    "of the index": of_index,
                }
            )
    show_rows(table, right=("measured", "of the index"), folded="number")

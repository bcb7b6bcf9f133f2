"""The command keras-pde list: the presets of the zoo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from keras_pde.cli.tables import JSON, folded_line, show_json, show_rows

# the columns that a narrow terminal does without, in this order
LEFT_OUT_FIRST = ("class", "task", "params", "input", "what it is", "metric", "certified")


@click.command("list", short_help="List the presets.")
@click.argument("pattern", default="*")
@click.option("--task", help="Only presets for this task, such as denoise.")
@click.option("--names", is_flag=True, help="Names only, a line each.")
@JSON
def list_presets(pattern: str, task: str | None, names: bool, as_json: bool) -> None:
    """List the presets whose names match a shell PATTERN ("*_2d").

    Presets of your own are listed too, if the environment variable KERAS_PDE_PRESETS names their
    folder; in it they are TASK/NAME, beside a presets.json.

    \b
      what there is for images:
        keras-pde list "*_2d" --task denoise
      for a loop in a shell:
        for p in $(keras-pde list --names); do keras-pde certify $p; done
      for another program:
        keras-pde list --json

    A narrow terminal shows fewer columns; in a pipe the table is whole.
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets
    from keras_pde.tasks import listing

    if names and as_json:
        raise click.UsageError("--names prints lines, --json prints JSON: use one or the other.")
    index = presets.index()
    found = listing.list_presets(pattern, task=task)
    if not found:
        tasks = sorted({entry["task"] for entry in index.values()})
        of_task = f" of task {task!r}" if task else ""
        raise ValueError(
            f"No preset{of_task} matches {pattern!r}. There are: {', '.join(sorted(index))};"
            f" tasks: {', '.join(tasks)}."
        )
    entries = {name: index[name] for name in found}
    if names:
        click.echo("\n".join(entries))
        return
    if as_json:
        show_json(entries)
        return
    show_rows(
        [_row(name, entry) for name, entry in entries.items()],
        right=("params", "metric"),
        dropped=LEFT_OUT_FIRST,
        folded="what it is",
    )
    for line in [*_metrics(entries.values()), *_licences(entries)]:
        click.echo(folded_line(line))


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.listing import certified

    return {
        "preset": name,
        "class": entry["class"],
        "task": entry["task"],
        "input": f"{entry['ndim']}-D × {entry['channels']}",
        "params": f"{entry['params']:,}",
        "certified": certified(entry),
        "metric": tasks.get(entry["task"]).row(entry),
        "what it is": entry["description"],
    }


def _metrics(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the column "metric" holds, a line a task."""
    from keras_pde.tasks import registry as tasks

    keys: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        listed = tuple(tasks.get(entry["task"]).listed(entry))
        keys[entry["task"]] = max(keys.get(entry["task"], ()), listed, key=len)
    lines = []
    for name, of_task in sorted(keys.items()):
        task = tasks.get(name)
        at = " / ".join(task.label(key) for key in of_task) if len(of_task) > 1 else ""
        lines.append(f"metric of {name}: {task.metric.name}{f' at {at}' if at else ''}")
    return lines


def _licences(entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Under which licences the presets are: those that most are not under name their presets."""
    of: dict[str, list[str]] = {}
    for name, entry in entries.items():
        of.setdefault(entry.get("licence", "not stated"), []).append(name)
    *fewer, most = sorted(of, key=lambda licence: len(of[licence]))
    lines = [f"licence of {', '.join(of[licence])}: {licence}" for licence in fewer]
    return [*lines, f"licence{' of the others' * bool(fewer)}: {most}"]

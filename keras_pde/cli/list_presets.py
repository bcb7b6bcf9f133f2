"""The command keras-pde list: the presets of the zoo."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from keras_pde.cli.printing import new_table, show_table, width

# the columns that a narrow terminal does without, in this order
LEFT_OUT_FIRST = ("class", "task", "params", "input", "what it is")
# a description is folded, but not to less than this
LEAST_TEXT = 30
# blanks between two columns
GAP = 3


@click.command("list", short_help="List the presets.")
@click.argument("pattern", default="*")
@click.option("--task", help="Only presets for this task, such as denoise.")
def list_presets(pattern: str, task: str | None) -> None:
    """List the presets whose names match a shell PATTERN ("*_2d").

    Presets of your own are listed too, if the environment variable KERAS_PDE_PRESETS names their
    folder; in it they are TASK/NAME, beside a presets.json.

    A narrow terminal shows fewer columns; in a pipe the table is whole.
    """
    from keras_pde import presets
    from keras_pde.tasks import listing

    index = presets.index()
    names = listing.list_presets(pattern, task=task)
    if not names:
        tasks = sorted({entry["task"] for entry in index.values()})
        of_task = f" of task {task!r}" if task else ""
        raise ValueError(
            f"No preset{of_task} matches {pattern!r}. There are: {', '.join(sorted(index))};"
            f" tasks: {', '.join(tasks)}."
        )
    entries = {name: index[name] for name in names}
    rows = [_row(name, entry) for name, entry in entries.items()]
    left_out = _left_out(rows, width())
    columns = tuple(c for c in rows[0] if c not in left_out)
    table = new_table(tuple(f">{c}" if c in ("params", "metric") else c for c in columns))
    for row in rows:
        table.add_row(*[row[c] for c in columns])
    show_table(table)
    for line in _metrics(entries.values()):
        click.echo(line)
    for line in _licences(entries):
        click.echo(textwrap.fill(line, width(), subsequent_indent="  ", break_on_hyphens=False))
    if left_out:
        click.echo(f"\nnot shown, for want of width: {', '.join(left_out)}")


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


def _left_out(rows: Sequence[Mapping[str, str]], limit: int) -> list[str]:
    """The columns without which the table is no wider than the terminal."""
    widths = {c: max(len(c), *(len(row[c]) for row in rows)) + GAP for c in rows[0]}
    widths["what it is"] = min(widths["what it is"], LEAST_TEXT + GAP)
    left_out: list[str] = []
    for column in LEFT_OUT_FIRST:
        if sum(widths.values()) <= limit:
            break
        left_out.append(column)
        del widths[column]
    return left_out


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

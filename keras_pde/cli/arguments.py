"""Arguments that name presets, which a shell completes."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem


class PresetName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """The name of a preset, or a directory.

    Args:
        task: that its presets are for; None is any.
        also: a further word, such as "auto".
    """

    name = "preset"

    def __init__(self, task: str | None = None, also: tuple[str, ...] = ()) -> None:
        self.task, self.also = task, also

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names of the index that begin so, and what the shell finds of directories."""
        from keras_pde.presets.index import index

        entries = index()
        found = [
            CompletionItem(name, help=entries[name]["description"])
            for name in sorted(entries)
            if name.startswith(incomplete) and self.task in (None, entries[name]["task"])
        ]
        words = [CompletionItem(word) for word in self.also if word.startswith(incomplete)]
        return [*words, *found] or [CompletionItem(incomplete, type="dir")]


def preset_option(default: str, text: str, task: str | None = None) -> Any:
    """The option --preset of a command.

    Args:
        default: the preset without it.
        text: help.
        task: that its presets are for.
    """
    also = ("auto",) if default == "auto" else ()
    return click.option(
        "--preset",
        type=PresetName(task, also),
        default=default,
        metavar="NAME",
        help=f"{text}  [{default}]",
    )

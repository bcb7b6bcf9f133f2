"""Tables of the command that fit the terminal: names are never cut, whole columns are left out."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from keras_pde.tasks.quality import Quality

UNLIMITED = 1000  # columns: a pipe or a file has no width to fold to
LEAST_TEXT = 30  # a text is folded, but not to less than this
GAP = 3  # blanks between two columns

JSON = click.option(
    "--json", "as_json", is_flag=True, help="As JSON, for programs; what does not exist is null."
)


def width() -> int:
    """Columns of the terminal."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else UNLIMITED


def show_rows(
    rows: Sequence[Mapping[str, str]],
    *,
    right: Collection[str] = (),
    dropped: Sequence[str] = (),
    folded: str | None = None,
) -> None:
    """Print rows as a table no wider than the terminal; in a pipe the table is whole.

    Where the terminal is too narrow, columns are left out in a stated order, and at last each row
    is printed as lines of a head and a value. The first column is never left out, folded or cut,
    and heads that are left out are named below the table.

    Args:
        rows: a value for each head, the same heads in each.
        right: heads of columns of numbers.
        dropped: heads of columns that may be left out, the first of them first.
        folded: head of the one column whose text may be folded.
    """
    if not rows:
        return
    limit, left_out = width(), list[str]()
    widths = {head: max(len(head), *(len(row[head]) for row in rows)) + GAP for head in rows[0]}
    if folded is not None:
        widths[folded] = min(widths[folded], LEAST_TEXT + GAP)
    for head in dropped:
        if sum(widths.values()) <= limit:
            break
        left_out.append(head)
        del widths[head]
    if sum(widths.values()) > limit + GAP:
        _show_records(rows, limit)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in widths:
        justify: Any = "right" if head in right else "left"
        table.add_column(head, justify=justify, no_wrap=head != folded)
    for row in rows:
        table.add_row(*[row[head] for head in widths])
    Console(width=limit, highlight=False, markup=False).print(table)
    if left_out:
        click.echo(folded_line(f"not shown, for want of width: {', '.join(left_out)}\n", limit))


def _show_records(rows: Sequence[Mapping[str, str]], limit: int) -> None:
    """Each row as lines: its name, and a line for each further head, folded."""
    for row in rows:
        name, *others = row.items()
        click.echo(f"\n{name[1]}")
        for head, value in others:
            if value:
                click.echo(folded_line(f"  {head}: {value}", limit, "    "))


def folded_line(line: str, limit: int | None = None, indent: str = "  ") -> str:
    """A line no wider than the terminal, with further lines indented; long words stay whole."""
    return textwrap.fill(
        line,
        max(width() if limit is None else limit, 20),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def show_json(facts: Any) -> None:
    """Print facts as JSON; numbers that are not finite are null, as JSON has no others."""
    click.echo(json.dumps(_finite(facts), indent=1, ensure_ascii=False, allow_nan=False))


def show_quality(measured: Mapping[str, Quality]) -> None:
    """Print PSNR and SSIM, a line an image."""
    rows = [
        {
            "": name,
            "PSNR (dB)": f"{q.psnr:.2f}",
            "SSIM": "-" if q.ssim is None else f"{q.ssim:.4f}",
        }
        for name, q in measured.items()
    ]
    show_rows(rows, right=("PSNR (dB)", "SSIM"))


def _finite(facts: Any) -> Any:
    if isinstance(facts, Mapping):
        return {str(key): _finite(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_finite(value) for value in facts]
    if isinstance(facts, float) and not math.isfinite(facts):
        return None
    return facts

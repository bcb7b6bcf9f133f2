"""Tables and progress bars of the command, as wide as the terminal."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

    from keras_pde.tasks.quality import Quality

UNLIMITED = 1000  # columns: a pipe or a file has no width to fold to


def new_table(columns: tuple[str, ...]) -> Table:
    """An empty table, of which only the last column is folded.

    Args:
        columns: their heads; one that starts with > is aligned to the right.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(
            column.removeprefix(">"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=i < len(columns) - 1,
        )
    return table


def show_table(table: Table) -> None:
    """Print a table; in a pipe every line is whole."""
    from rich.console import Console

    Console(width=width(), highlight=False).print(table)


def width() -> int:
    """Columns of the terminal."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else UNLIMITED


def show_quality(measured: Mapping[str, Quality]) -> None:
    """Print PSNR and SSIM, a line an image."""
    table = new_table(("", ">PSNR (dB)", ">SSIM"))
    for row, q in measured.items():
        table.add_row(row, f"{q.psnr:.2f}", "-" if q.ssim is None else f"{q.ssim:.4f}")
    show_table(table)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A progress bar with further columns, on stderr where that is a terminal; it vanishes."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    class Bar(Progress):
        def stop(self) -> None:
            """End the bar; a hidden one of rich 13 would end with an empty line."""
            if not self.disable:
                super().stop()

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


@contextlib.contextmanager
def residual_bar(tolerance: float, what: str = "cycle") -> Iterator[Callable[[int, float], None]]:
    """A bar of the residual's way to the tolerance, in decades.

    Yields the solver's callback, a function of the cycle and its residual.

    Args:
        tolerance: that the residual is to reach.
        what: a step of the solver is called.
    """
    from rich.progress import TimeElapsedColumn

    with progress_bar(TimeElapsedColumn()) as bar:
        decades = max(-math.log10(tolerance), 1e-9)
        task = bar.add_task("compiling", total=decades)

        def show(count: int, residual: float) -> None:
            done = min(max(-math.log10(max(residual, 1e-300)), 0.0), decades)
            bar.update(task, completed=done, description=f"{what} {count}, residual {residual:.1e}")

        yield show


@contextlib.contextmanager
def staged_bar(stages: Sequence[str]) -> Iterator[Callable[..., None]]:
    """A progress bar over stages.

    Yields what advances it by a stage, or by a part of one.

    Args:
        stages: their names.
    """
    from rich.progress import TimeElapsedColumn

    with progress_bar(TimeElapsedColumn()) as bar:
        task = bar.add_task(stages[0], total=len(stages))
        stage = 0

        def advance(part: float = 1.0) -> None:
            nonlocal stage
            stage += part >= 1
            bar.update(
                task, completed=stage + part % 1, description=stages[min(stage, len(stages) - 1)]
            )

        yield advance

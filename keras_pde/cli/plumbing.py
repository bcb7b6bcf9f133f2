"""Plumbing of the command keras-pde.

Mistakes as one line, checked options, names of files, tables.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from keras_pde.tasks.quality import Quality

# files in scikit-image's wheel, never downloaded
SAMPLES = {
    "camera": "camera.png",
    "astronaut": "astronaut.png",
    "coins": "coins.png",
    "moon": "moon.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
}


class Mistake(click.ClickException):
    """A mistake of the user's: one line, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """The line, on stderr."""
        click.echo(f"keras-pde: error: {self.message}", err=True)


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Turn every error that the user can mend into a `Mistake`."""
    try:
        yield
    except (Mistake, BrokenPipeError):
        raise
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "keras-pde"
        raise Mistake(f"{' '.join(error.format_message().split())} See {where} --help.") from None
    except (ValueError, OSError, ImportError) as error:  # the last: an extra that is not installed
        named = isinstance(error, OSError) and error.strerror and error.filename
        text = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError) and named
            else str(error)
        )
        raise Mistake(" ".join(text.split())) from error


class Commands(click.Group):
    """The commands, in the order of the file; their mistakes end in one line."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the options before the command."""
        with one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with one_line():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, not sorted."""
        return list(self.commands)


def positive(text: str) -> float:
    """A finite number > 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise click.BadParameter(f"{text!r} is not a finite number > 0.")
    return number


def share(text: str) -> float:
    """A number in (0, 1]."""
    number = positive(text)
    if number > 1:
        raise click.BadParameter(f"{text!r} is not a share in (0, 1].")
    return number


SAMPLE = click.option(
    "--sample",
    is_flag=False,
    flag_value="camera",
    metavar="[NAME]",
    help=f"A photograph of scikit-image instead of IN: {', '.join(SAMPLES)}.  [camera]",
)


def in_and_out(paths: tuple[Path, ...], sample: str | None) -> tuple[str | Path, Path]:
    """IN, a file or the name of a sample, and OUT."""
    if sample is not None and sample not in SAMPLES and Path(sample).suffix:
        paths, sample = (Path(sample), *paths), "camera"  # --sample OUT: the name was left out
    wanted = 1 if sample else 2
    if len(paths) != wanted:
        raise click.UsageError(
            f"{'With --sample give OUT only' if sample else 'Give IN and OUT, or --sample and OUT'}:"
            f" received {len(paths)} file names."
        )
    return sample or paths[0], paths[-1]


def new_table(columns: tuple[str, ...]) -> Table:
    """An empty table; columns that start with > are aligned to the right."""
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
    """Print a table, in a pipe with every line whole."""
    from rich.console import Console

    # a pipe or a file has no width to fold to
    Console(width=None if sys.stdout.isatty() else 1000, highlight=False).print(table)


def show_quality(measured: Mapping[str, Quality]) -> None:
    """Print PSNR and SSIM, a line an image."""
    table = new_table(("", ">PSNR (dB)", ">SSIM"))
    for row, q in measured.items():
        table.add_row(row, f"{q.psnr:.2f}", "-" if q.ssim is None else f"{q.ssim:.4f}")
    show_table(table)

"""Progress bars of the command, on stderr, with the time that is left."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Thing = TypeVar("Thing")


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


def counted(things: Sequence[Thing], what: str) -> Iterator[Thing]:
    """The things one after the other, with a bar that says how many are done and the time left."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=len(things))
        for thing in things:
            bar.update(task, description=f"{what} {thing}")
            yield thing
            bar.advance(task)


@contextlib.contextmanager
def residual_bar(
    tolerance: float, what: str = "cycle", first: str = "compiling"
) -> Iterator[Callable[[int, float], None]]:
    """A bar of the residual's way to the tolerance, in decades.

    Yields the solver's callback, a function of the cycle and its residual.

    Args:
        tolerance: that the residual is to reach.
        what: a step of the solver is called.
        first: what is said before the first step.
    """
    from rich.progress import TimeElapsedColumn, TimeRemainingColumn

    with progress_bar(TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        decades = max(-math.log10(tolerance), 1e-9)
        task = bar.add_task(first, total=decades)

        def show(count: int, residual: float) -> None:
            done = min(max(-math.log10(max(residual, 1e-300)), 0.0), decades)
            bar.update(task, completed=done, description=f"{what} {count}, residual {residual:.1e}")

        yield show


@contextlib.contextmanager
def staged_bar(stages: Sequence[str], prefix: str = "") -> Iterator[Callable[..., None]]:
    """A progress bar over stages.

    Yields what advances it by a stage, or by a part of one.

    Args:
        stages: their names.
        prefix: what stands before each.
    """
    from rich.progress import TimeElapsedColumn, TimeRemainingColumn

    with progress_bar(TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(prefix + stages[0], total=len(stages))
        stage = 0

        def advance(part: float = 1.0) -> None:
            nonlocal stage
            stage += part >= 1
            said = prefix + stages[min(stage, len(stages) - 1)]
            bar.update(task, completed=stage + part % 1, description=said)

        yield advance

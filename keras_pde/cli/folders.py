"""Many images in one call of the command: folders, patterns and lists of files, into a folder."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from keras_pde.cli import pipes
from keras_pde.cli.denoise_report import Report
from keras_pde.cli.denoise_request import Request
from keras_pde.cli.tables import show_rows

FOR_ONE = ("clean", "compare", "calibrate")  # options that are about one image


def are_many(paths: Sequence[Path]) -> bool:
    """Whether IN... OUT means several images: a folder, a pattern, more files, or OUT is a folder.

    Args:
        paths: all names that were given.
    """
    if len(paths) < 2:
        return False
    *inputs, out = paths
    folder = out.is_dir() or any(path.is_dir() or _is_pattern(path) for path in inputs)
    return folder or len(inputs) > 1


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.exists()


def sources(inputs: Sequence[Path]) -> list[Path]:
    """The image files that folders, patterns and names stand for, each once.

    Raises:
        ValueError, OSError: a folder without images, a pattern that matches none.
    """
    from keras_pde.data.folders import image_paths

    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found += image_paths(path)
        elif _is_pattern(path):
            matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
            if not matches:
                raise ValueError(f"No file matches {path}.")
            found += matches
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def denoise_each(
    paths: Sequence[Path],
    run: Callable[[Request, str], Report | None],
    options: Mapping[str, Any],
) -> int:
    """Denoise all images that the names stand for into a folder; return the exit code.

    Images that cannot be filtered are listed with the reason, and the others are done.

    Args:
        paths: inputs, and the folder, which is made if there is none.
        run: denoises one, and returns what to say of it.
        options: of the command.

    Raises:
        ValueError, OSError: no image; two of one name; results that would replace their images.
        click.UsageError: options that are about one image.
    """
    from keras_pde.data.images.image import EXTENSIONS

    *inputs, out = paths
    given = [f"--{name}" for name in FOR_ONE if options[name]]
    if given:
        raise click.UsageError(f"{given[0]} is about one image: give one IN, and a file as OUT.")
    if pipes.extension(out) is not None or any(str(path) == "-" for path in inputs):
        raise click.UsageError("A pipe has one image: give one IN, and - for it or for OUT.")
    found = sources(inputs)
    by_name: dict[str, Path] = {}
    for path in found:
        if path.parent.resolve() == out.resolve():
            raise ValueError(f"{out} holds {path.name} itself, which would be replaced.")
        other = by_name.setdefault(path.name, path)
        if other != path:
            raise ValueError(f"{other} and {path} have one name: denoise them into two folders.")
    if not out.is_dir() and (out.exists() or out.suffix.lower() in EXTENSIONS):
        raise ValueError(
            f"IN is a folder, or several files, so OUT is a folder, and {out} names a file."
        )
    out.mkdir(exist_ok=True)
    failed, networks, rows = {}, dict[str, None](), []
    start = time.monotonic()
    for number, path in enumerate(found):
        prefix = f"{number + 1} of {len(found)}{time_left(start, number, len(found))}"
        try:
            report = run(Request(path, out / path.name, **options), f"{prefix}: ")
        except (ValueError, OSError) as error:
            failed[path] = " ".join(str(error).split())
            click.echo(f"{path}: no result: {failed[path]}")
            continue
        if report is None:
            continue
        click.echo(report.about)
        networks |= dict.fromkeys(report.network)
        numbers = {f"{name} (dB)": f"{q.psnr:.2f}" for name, q in report.measured.items()}
        rows.append({"image": path.name, **numbers})
    for line in networks:
        click.echo(line)
    if rows and len(rows[0]) > 1:
        show_rows(rows, right=list(rows[0])[1:])
    done = len(found) - len(failed)
    click.echo(f"wrote {done} of {len(found)} images into {out}{os.sep}")
    return 1 if failed else 0


def time_left(start: float, done: int, count: int) -> str:
    """As in ", 1:20 left", if the others take as long; "" before the first is done.

    Args:
        start: `time.monotonic` before the first.
        done: how many are.
        count: of all.
    """
    if not done:
        return ""
    seconds = int((time.monotonic() - start) / done * (count - done))
    return f", {seconds // 60}:{seconds % 60:02d} left"

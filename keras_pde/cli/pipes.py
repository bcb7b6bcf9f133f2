"""Standard input as IN and standard output as OUT: "-", where messages go to standard error."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click


class _Named(io.TextIOBase):
    """A text stream in which files of a temporary folder appear by their bare names."""

    def __init__(self, stream: TextIO, folder: str) -> None:
        self.stream, self.folder = stream, folder

    def write(self, text: str) -> int:
        """Write the text with bare names."""
        return self.stream.write(text.replace(self.folder, ""))

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()


def extension(out: Path) -> str | None:
    """The extension of what a name of standard output asks for, None for a file's name.

    "-" is a PNG, "tif:-" and "jpg:-" are the others.

    Raises:
        click.UsageError: another kind.
    """
    from keras_pde.data.images.image import EXTENSIONS

    kind, stream, rest = str(out).partition(":-")
    if str(out) == "-":
        return ".png"
    if not stream or rest:
        return None
    if f".{kind}" not in EXTENSIONS:
        kinds = ", ".join(f"{known[1:]}:-" for known in EXTENSIONS)
        raise click.UsageError(f"OUT {out} is no kind of image: - is a PNG, and there are {kinds}.")
    return f".{kind}"


@contextlib.contextmanager
def streams(source: str | Path, out: Path) -> Iterator[tuple[str | Path, Path]]:
    """Files that stand in for standard input and output where IN or OUT is "-".

    What is printed meanwhile goes to standard error if OUT is standard output.

    Yields:
        IN and OUT to read and write.

    Raises:
        click.UsageError: standard output is a terminal, or OUT names no kind of image.
    """
    kind = extension(out)
    if kind is None and str(source) != "-":
        yield source, out
        return
    if kind is not None and sys.stdout.isatty():
        raise click.UsageError("OUT is standard output, and that is a terminal: add > FILE.")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, prefix = Path(name), f"{name}{os.sep}"
        sink = sys.stdout.buffer
        if str(source) == "-":
            source = folder / "stdin"
            with open(source, "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        if kind is not None:
            out = folder / f"stdout{kind}"
        said = sys.stdout if kind is None else sys.stderr
        stack.enter_context(contextlib.redirect_stdout(_Named(said, prefix)))
        try:
            yield source, out
        except OSError as error:
            text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise OSError(text.replace(prefix, "")) from error
        except ValueError as error:
            raise ValueError(str(error).replace(prefix, "")) from error
        if kind is not None:
            sink.write(out.read_bytes())
            sink.flush()

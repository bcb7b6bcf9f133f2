"""The log of a run: a row of numbers for each validation, as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import keras

from keras_pde.runtime.writing import write_bytes

LOG = "log.csv"


class Log(keras.callbacks.Callback):
    """Writes the log at the end of each epoch, whole.

    Keras's CSVLogger appends: a full disk leaves half a row, and a run that goes on from an earlier
    checkpoint has rows twice.

    Args:
        path: of the file.
        step: that the run goes on from: earlier rows stay, later ones are of steps that are made
            again.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, Any]] = _rows(path, step) if step else []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a row.

        Raises:
            OSError: the disk is full; the log stays as it was.
        """
        self.rows.append({"epoch": epoch, **dict(sorted((logs or {}).items()))})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[-1]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        write_bytes(self.path, text.getvalue().encode())


def _rows(path: Path, step: int) -> list[dict[str, Any]]:
    """The rows of a log up to a step; damaged ones are left out."""
    if not path.is_file():
        return []
    text = path.read_bytes().replace(b"\0", b"").decode("utf-8", "replace")
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        try:
            complete = None not in row.values() and None not in row
            if complete and float(row["step"]) <= step:
                rows.append(dict(row))
        except (KeyError, ValueError):
            continue
    return rows

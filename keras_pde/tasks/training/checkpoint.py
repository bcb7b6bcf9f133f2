"""All of a run in one file that is replaced as a whole: weights, optimizer, averages, counters.

The checkpoint before is kept beside it, and taken where the last one is damaged.

Keras's BackupAndRestore is not used. It overwrites its weights in place and then writes the epoch
into a second file: killed during the first write it cannot resume (OSError), and killed between the
two it trains an epoch twice without a word, with double_checkpoint=True as well.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_pde.runtime.writing import whole
from keras_pde.tasks.training.archive import pack, unpack
from keras_pde.tasks.training.distributed import Alone

CHECKPOINT, EARLIER = "checkpoint.npz", "checkpoint.earlier.npz"
Values = dict[str, np.ndarray]


class Patience(keras.callbacks.EarlyStopping):
    """Keras's EarlyStopping, which goes on counting where a resumed run stopped.

    Attributes:
        best: value so far; None before the first.
        wait: epochs without a better one.
    """

    best: float | None
    wait: int

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep the best value and the number of epochs without a better one."""
        best, wait = self.best, self.wait
        super().on_train_begin(logs)
        self.best, self.wait = best, wait

    @property
    def exhausted(self) -> bool:
        """Whether training has ended by it."""
        return bool(self.wait >= self.patience)


class Checkpoint(keras.callbacks.Callback):
    """Writes the checkpoint at the end of each epoch, and reads it.

    Args:
        folder: of the files.
        identities: of the recipe, by any of which a checkpoint may be signed: one of another recipe
            is refused. The first signs.
        patience: whose counters are kept with the rest.
        every: steps an epoch.
        last: steps of the whole run.
        group: of processes that train together; its chief writes, all get what it reads.
        say: is told where a damaged checkpoint makes the run go on from an earlier one.

    Attributes:
        step: steps done.
        seconds: spent on them.
    """

    def __init__(
        self,
        folder: Path,
        identities: tuple[str, ...],
        patience: Patience,
        every: int,
        last: int,
        group: Alone,
        say: Callable[[str], None] = warnings.warn,
    ) -> None:
        super().__init__()
        self.path = folder / CHECKPOINT
        self.earlier = folder / EARLIER
        self.identities = identities
        self.patience = patience
        self.every = every
        self.last = last
        self.group = group
        self.say = say
        self.step = 0
        self.seconds = 0.0
        self.began = 0.0
        self.sound = False  # whether the file of the last checkpoint is known to be good

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self.began = time.perf_counter() - self.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the file, and step and seconds into the log."""
        self.step = min((epoch + 1) * self.every, self.last)
        self.seconds = time.perf_counter() - self.began
        if logs is not None:
            logs.update(step=self.step, seconds=self.seconds)
        self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; the last one becomes the earlier one.

        Raises:
            OSError: the disk is full, or the folder cannot be written; the files stay as they were.
        """
        if not self.group.is_chief:
            return
        numbers: dict[str, Any] = {
            "identity": self.identities[0],
            "step": self.step,
            "best": np.nan if self.patience.best is None else self.patience.best,
            "stale": self.patience.wait,
            "seconds": self.seconds,
        }
        weights = {name: np.asarray(variable) for name, variable in self._variables().items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole(self.path) as stage:
            stage.write_bytes(pack(numbers | weights))
            if (
                self.sound and self.path.exists()
            ):  # a damaged file never takes the place of the good one before
                with whole(self.earlier) as second:
                    _alias(self.path, second)
        self.sound = True

    def restore(self) -> bool:
        """Go on from the folder's last good checkpoint, if there is one.

        Raises:
            ValueError: a checkpoint of another recipe; damaged ones only. Nothing is changed.
        """
        faults: dict[Path, str] = {}
        for path in (self.path, self.earlier):
            data = self.group.read(path)
            if data is None:
                continue
            try:
                values = unpack(data)
                known = str(values["identity"]) in self.identities
                if known:
                    self._check(values)
            except (KeyError, ValueError) as error:
                faults[path] = str(error).strip("'")
                continue
            if not known:
                raise ValueError(
                    f"{path} is of another recipe. Remove it to start anew, or train in another"
                    " folder."
                )
            self._assign(values)
            self.sound = path == self.path
            if faults:
                self.say(
                    f"{self.path} cannot be read: {faults[self.path]}. Training goes on from"
                    f" {path}, step {self.step}."
                )
            return True
        if faults:
            what = ", and ".join(f"{path} cannot be read: {why}" for path, why in faults.items())
            raise ValueError(
                f"{what}. Nothing was changed. Put a good copy in its place to go on, or remove"
                f" {' and '.join(path.name for path in faults)} to start anew."
            )
        return False

    def _variables(self) -> dict[str, Any]:
        """Variables of the model and of its optimizer, by their names in the file."""
        kinds = {"weight": self.model.weights, "optimizer": self.model.optimizer.variables}
        return {f"{kind}_{i}": v for kind, own in kinds.items() for i, v in enumerate(own)}

    def _check(self, values: Values) -> None:
        """Raise ValueError where a value is missing, or is none that a run can have."""
        wanted = {name: tuple(v.shape) for name, v in self._variables().items()}
        numbers = dict.fromkeys(("step", "best", "stale", "seconds"), ())
        for name, shape in (wanted | numbers).items():
            if name not in values:
                raise ValueError(f"it lacks {name}")
            if values[name].shape != shape or values[name].dtype.kind not in "fiub":
                raise ValueError(
                    f"{name} has shape {values[name].shape} and type {values[name].dtype}, and"
                    f" {shape} is needed"
                )
        if not 0 <= values["step"] <= self.last or values["stale"] < 0:
            raise ValueError(f"it is of step {values['step']}, and the run has {self.last}")

    def _assign(self, values: Values) -> None:
        self.step, self.seconds = int(values["step"]), float(values["seconds"])
        self.patience.wait, best = int(values["stale"]), float(values["best"])
        self.patience.best = best if np.isfinite(best) else None
        for name, variable in self._variables().items():
            variable.assign(values[name])


def _alias(path: Path, second: Path) -> None:
    """Let a second name stand for a file, or a copy where the file system has no such names."""
    second.unlink()
    try:
        os.link(path, second)
    except OSError:
        shutil.copyfile(path, second)

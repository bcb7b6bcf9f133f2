"""All of a run in one file that is replaced as a whole: weights, optimizer, averages, counters.

Keras's BackupAndRestore is not used. It overwrites its weights in place and then writes the epoch
into a second file: killed during the first write it cannot resume (OSError), and killed between the
two it trains an epoch twice without a word, with double_checkpoint=True as well.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks.training.distributed import Alone

CHECKPOINT = "checkpoint.npz"


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
        folder: of the file.
        identity: of the recipe: a checkpoint of another one is refused.
        patience: whose counters are kept with the rest.
        every: steps an epoch.
        last: steps of the whole run.
        group: of processes that train together; its chief writes, all get what it reads.

    Attributes:
        step: steps done.
        seconds: spent on them.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        patience: Patience,
        every: int,
        last: int,
        group: Alone,
    ) -> None:
        super().__init__()
        self.path = folder / CHECKPOINT
        self.identity = identity
        self.patience = patience
        self.every = every
        self.last = last
        self.group = group
        self.step = 0
        self.seconds = 0.0
        self.began = 0.0

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
        """Write the checkpoint: whole, or not at all."""
        if not self.group.is_chief:
            return
        best = np.nan if self.patience.best is None else self.patience.best
        numbers: dict[str, Any] = {
            "identity": self.identity,
            "step": self.step,
            "best": best,
            "stale": self.patience.wait,
            "seconds": self.seconds,
        }
        arrays: dict[str, Any] = {
            f"{kind}_{i}": np.asarray(v)
            for kind, variables in self._variables().items()
            for i, v in enumerate(variables)
        }
        buffer = io.BytesIO()
        np.savez(buffer, **numbers, **arrays)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, buffer.getvalue())

    def restore(self) -> bool:
        """Read the folder's checkpoint, if there is one.

        Raises:
            ValueError: a checkpoint of another recipe.
        """
        data = self.group.read(self.path)
        if data is None:
            return False
        with np.load(io.BytesIO(data)) as stored:
            if str(stored["identity"]) != self.identity:
                raise ValueError(
                    f"{self.path} is of another recipe. Remove it to start anew, or train in"
                    " another folder."
                )
            self.step, self.seconds = int(stored["step"]), float(stored["seconds"])
            self.patience.wait, best = int(stored["stale"]), float(stored["best"])
            self.patience.best = best if np.isfinite(best) else None
            for kind, variables in self._variables().items():
                for i, variable in enumerate(variables):
                    variable.assign(stored[f"{kind}_{i}"])
        return True

    def _variables(self) -> dict[str, list[Any]]:
        return {"weight": self.model.weights, "optimizer": self.model.optimizer.variables}

"""What a run tells while it goes on, and that it ends where its loss is no number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_pde.tasks.training.stepping import TOGETHER

Show = Callable[[int, dict[str, float]], None]


class Progress(keras.callbacks.Callback):
    """Calls a function every 20 steps and after each validation; ends a run that diverges.

    Keras's TerminateOnNaN ends an epoch in good order, so that a checkpoint of NaN would be
    written, or raises an error that does not say what to do.

    Args:
        show: called with the step and what was logged.
        every: steps an epoch.
        last: steps of the whole run.
        advice: what the error about a loss that is no number says in the end.
        check: called after each step; what it raises ends the run.
    """

    async_safe = True  # it asks for a loss once there is one: nothing waits for it

    def __init__(
        self,
        show: Show,
        every: int,
        last: int,
        advice: str,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.show = show
        self.every = every
        self.last = last
        self.advice = advice
        self.check = check
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keep the epoch's number."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the mean loss of the epoch so far.

        Raises:
            ValueError: it is no number.
        """
        self.check()
        within = min(batch + 1, self.every)
        step = min(self.epoch * self.every + within, self.last)
        if within % TOGETHER and within < self.every and step < self.last:
            return
        loss = float((logs or {})["loss"])
        if not np.isfinite(loss):
            raise ValueError(f"The loss is {loss} at step {step}: {self.advice}")
        self.show(step, {"loss": loss})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show what was logged."""
        self.check()
        self.show(min((epoch + 1) * self.every, self.last), dict(logs or {}))

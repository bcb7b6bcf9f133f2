"""Validation of the averaged weights by the task's own measure, at the end of each epoch.

Keras's SwapEMAWeights is not used: on TensorFlow it swaps by adding and subtracting, after which
418 of 870 weights of a small network had other bits, so that measuring would change the training.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_pde.tasks.task import Task, TrainingData
from keras_pde.tasks.training.distributed import Alone
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.stepping import forward

VALIDATION = "validation"  # the mean of a task's numbers, in the log


@contextlib.contextmanager
def averaged(model: Any) -> Iterator[None]:
    """The optimizer's averages in place of the weights inside the block, and then the weights.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_pde.tasks.training.validation import averaged
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), "mse")
        >>> for _ in range(2):
        ...     loss = model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        >>> before = model.get_weights()[0]
        >>> with averaged(model):
        ...     inside = model.get_weights()[0]
        >>> bool(inside != before), bool(model.get_weights()[0] == before)
        (True, True)
    """
    variables = model.trainable_variables
    weights = [np.asarray(variable) for variable in variables]
    model.optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


class Validation(keras.callbacks.Callback):
    """Puts the task's numbers on the held-out samples, and their mean, into the log.

    Args:
        task: which measures.
        data: with the held-out samples.
        recipe: that is trained.
        group: of processes that train together; all take the chief's numbers.
    """

    def __init__(self, task: Task, data: TrainingData, recipe: Recipe, group: Alone) -> None:
        super().__init__()
        self.task = task
        self.data = data
        self.recipe = recipe
        self.group = group
        self.run: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure."""
        scores = self.measure()
        if logs is not None:
            logs.update({prefix(self.task) + key: value for key, value in scores.items()})
            logs[VALIDATION] = float(np.mean(list(scores.values())))

    def measure(self) -> dict[str, float]:
        """The task's numbers for the averaged weights; all processes must call it."""
        if self.run is None:
            self.run = forward(self.model)
        with averaged(self.model):
            scores = self.task.validate(self.model, self.run, self.data, self.recipe)
        return dict(self.group.agreed(scores))


def prefix(task: Task) -> str:
    """What the task's numbers begin with in the log.

    Example:
        >>> from keras_pde.tasks import registry
        >>> from keras_pde.tasks.training.validation import prefix
        >>> prefix(registry.get("denoise"))
        'val_psnr_'
    """
    return f"val_{task.metric.name.lower().replace(' ', '_')}_"

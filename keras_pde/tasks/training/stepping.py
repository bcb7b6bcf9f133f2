"""What `fit` calls for its steps: on JAX many in one program, elsewhere one, as `train_on_batch`.

JAX: with ``steps_per_execution=20`` Keras still launches every step from Python. A step of a tiny
network cost 0.93 ms of processor time by plain `fit`, 0.57 ms so, and 0.27 ms as a `scan` of
Keras's own ``train_step``; of a larger one, whose arithmetic takes 40 ms, the same in all three.
TensorFlow: `fit` traces the step inside another program and rounds differently, which had moved
weights by 1e-2 after 80 steps; called by itself the step has the bits of all trainings before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_pde.runtime.compiling import fused

TOGETHER = 20  # steps of a program on JAX, and from one look at the loss to the next


class Steps(keras.callbacks.Callback):
    """Leads `fit` to the last step of a run: how many steps are next, and which are the last.

    An epoch is what lies between two validations. The last may be shorter than the others, which
    `fit` cannot be told by a number of steps an epoch.

    Args:
        model: built and compiled, with `together` as its ``steps_per_execution``.
        every: steps an epoch.
        last: steps of the whole run.
    """

    def __init__(self, model: Any, every: int, last: int) -> None:
        super().__init__()
        self.every = every
        self.last = last
        self.epoch = 0
        self.count = 1
        make_train_function(model, self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keep the epoch's number."""
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Count the steps to come; behind the run's last, the epoch ends."""
        left = self.last - (self.epoch * self.every + batch)
        self.count = min(together(), self.every - batch, left)
        if self.count == left:
            self.model.stop_training = True


def together() -> int:
    """Steps of one program.

    Example:
        >>> from keras_pde.tasks.training.stepping import together
        >>> together() in (1, 20)
        True
    """
    return TOGETHER if keras.backend.backend() == "jax" else 1


def make_train_function(model: Any, steps: Steps) -> None:
    """Set the ``train_function`` that the model's `fit` will call."""
    if keras.backend.backend() == "jax":
        model.train_function = _scanned(model, steps)
    elif keras.backend.backend() == "tensorflow":
        model.train_function = _by_itself(model)


def _by_itself(model: Any) -> Callable[[Iterator[Any]], Any]:
    """On TensorFlow, one step of the next batch; a list of one is no tf.data iterator to Keras."""
    model.make_train_function()
    step = model.train_function
    if model.jit_compile:
        return lambda batches: step(iter([next(batches)]))

    def run(batches: Iterator[Any]) -> Any:
        with fused():
            return step(iter([next(batches)]))

    return run


def _scanned(model: Any, steps: Steps) -> Callable[[Any, Iterator[Any]], tuple[Any, Any]]:
    """On JAX, a program of several steps, which runs while the next batches are drawn."""
    import jax

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        logs, state = model.train_step(state, batch)
        return state, logs

    @jax.jit
    def program(state: Any, batches: list[Any]) -> tuple[Any, Any]:
        stacked = jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches)
        state, logs = jax.lax.scan(step, state, stacked)
        return jax.tree.map(lambda values: values[-1], logs), state

    latest: list[Any] = []

    def run(state: Any, batches: Iterator[Any]) -> tuple[Any, Any]:
        following = list(itertools.islice(batches, steps.count))
        jax.block_until_ready(latest)  # else batches of many programs would wait in memory
        logs, state = program(state, following)
        latest[:] = [logs]
        return logs, state

    return run


def forward(model: Any) -> Callable[[Any], np.ndarray]:
    """A model as a function of its inputs that takes the weights of the moment: a program a size.

    Example:
        >>> import numpy as np
        >>> import keras_pde
        >>> from keras_pde.tasks.training.stepping import forward
        >>> forward(keras_pde.from_preset("linear_2d"))(np.zeros((1, 8, 8, 1), "float32")).shape
        (1, 8, 8, 1)
    """
    from keras_pde.runtime.compiling import compiled

    program = compiled(model)
    return lambda inputs: keras.ops.convert_to_numpy(program(inputs))

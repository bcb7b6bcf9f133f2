"""One stage of a recipe, trained by Keras's `fit` and its callbacks in a folder of its own.

Every batch is a function of (seed, step), and a checkpoint holds the weights, the optimizer's state
and the moving averages, so a run that was killed ends with the weights of one that was not.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_pde.data import batches
from keras_pde.runtime.interrupts import deferred
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.training.checkpoint import Checkpoint, Patience
from keras_pde.tasks.training.distributed import Alone
from keras_pde.tasks.training.progress import Progress, Show
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.stepping import Steps, together
from keras_pde.tasks.training.validation import VALIDATION, Validation

WORKERS = 2  # threads that draw batches


class Training:
    """A run of a recipe in a folder.

    Args:
        recipe: of the stage.
        data: folder of the data sets; None is the task's usual one.
        folder: of the checkpoint.
        group: of processes that train together.
        say: is told where a damaged checkpoint makes the run go on from an earlier one.

    Attributes:
        model: with the weights at hand; after `run` with their averages.
        task: of the recipe.
        data: that it is trained on.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: str | Path | None,
        folder: Path,
        group: Alone | None = None,
        say: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.recipe = recipe
        self.group = group or Alone()
        self.task = tasks.get(recipe.task)
        self.model = recipe.build()
        self.data = self.task.data(recipe, data)
        self.group.check_alike(recipe.text(), self.data.content())
        self._compile()
        self.patience = Patience(
            VALIDATION,
            min_delta=self.task.metric.least_gain,
            patience=recipe.patience or recipe.steps + 1,
            mode="max" if self.task.metric.higher_is_better else "min",
        )
        self.checkpoint = Checkpoint(
            folder,
            recipe.identities(),
            self.patience,
            recipe.validate_every,
            recipe.steps,
            self.group,
            say,
        )
        self.checkpoint.set_model(self.model)

    def _compile(self) -> None:
        recipe = self.recipe
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, recipe.steps - recipe.warmup),
            warmup_target=recipe.learning_rate,
            warmup_steps=recipe.warmup,
        )
        # the averages of the weights are kept by the optimizer; they never overwrite the weights in
        # training
        optimizer = keras.optimizers.Adam(
            rate, global_clipnorm=recipe.clip or None, use_ema=True, ema_momentum=recipe.ema
        )
        self.model.compile(
            optimizer,
            loss=self.task.loss_of(recipe, self.model),
            jit_compile=recipe.jit,
            steps_per_execution=together(),
        )
        optimizer.build(self.model.trainable_variables)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.checkpoint.step

    @property
    def seconds(self) -> float:
        """Time spent on them."""
        return self.checkpoint.seconds

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        return self.step >= self.recipe.steps or self.patience.exhausted

    def check(self) -> None:
        """Compare the network's output for a batch with what is to be learned.

        Raises:
            ValueError: another shape, or a network that cannot be computed for such a batch.
        """
        inputs, target = self.task.arrange(self.model, self.data.batch(0))
        try:
            output = tuple(_Forward(self.model)(inputs).shape)
        except Exception as error:  # whatever a backend raises
            raise self.recipe.refusal("model", error) from error
        if output != (wanted := self.task.output_shape(self.recipe, np.shape(target))):
            text = f"its output for a batch has shape {output}, and {wanted} is needed"
            raise self.recipe.refusal("model", text)

    def save(self) -> None:
        """Write the checkpoint: whole, or not at all."""
        self.checkpoint.save()

    def restore(self) -> bool:
        """Go on from the folder's checkpoint, if there is one.

        Raises:
            ValueError: a checkpoint of another recipe.
        """
        return self.checkpoint.restore()

    def run(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        show: Show = lambda step, logs: None,
    ) -> None:
        """Train to the last step, or until patience ends; the averages are then the weights.

        Args:
            callbacks: of Keras; an epoch is what lies between two validations.
            show: called with the step and what was logged.

        Raises:
            ValueError: the loss is no number.
        """
        recipe, every = self.recipe, self.recipe.validate_every
        if self.done:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
            return
        advice = f"lower learning_rate, now {recipe.learning_rate}"
        feed = self._batches()
        try:
            with deferred() as check:
                self.model.fit(
                    feed,
                    steps_per_epoch=every,
                    initial_epoch=self.step // every,
                    epochs=-(-recipe.steps // every),
                    verbose=0,
                    shuffle=False,
                    callbacks=[
                        Steps(self.model, every, recipe.steps),
                        Validation(self.task, self.data, recipe, self.group),
                        self.patience,
                        self.checkpoint,
                        *callbacks,
                        Progress(show, every, recipe.steps, advice, check),
                    ],
                )
        finally:
            # ends its threads; where TensorFlow is just drawing from it, they end with the process
            with contextlib.suppress(ValueError):
                feed.close()

    def _batches(self) -> Generator[Any, None, None]:
        """The batches to come, as `fit` takes them.

        A generator with threads of its own. Keras's PyDataset starts its threads anew in each
        epoch, and with steps_per_epoch it then yields other batches than without threads.
        """
        rows = self.group.rows(self.data)
        for batch in batches(rows, self.step, self.recipe.steps, workers=WORKERS):
            inputs, target = self.task.arrange(self.model, batch)
            # Keras takes a list of inputs for tensors that a generator may not yield
            yield (tuple(inputs) if isinstance(inputs, list) else inputs), target


class _Forward(keras.Operation):
    """A model's shapes, traced and not computed."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def call(self, inputs: Any) -> Any:
        return self.model(inputs)

    def __call__(self, inputs: Any) -> Any:
        return super().__call__(
            keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, str(x.dtype)), inputs)
        )

"""The same weights on another schedule, or to another stopping time."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_pde import schemes
from keras_pde.schemes import Schedule

MAX_STEPS = 500


def retime(model: Any, time: float) -> Any:
    """The model with another stopping time, or itself if it has that time already.

    Raises:
        ValueError: a time that needs more than 500 steps, blocks with weights of their own.

    Example:
        >>> import keras_pde
        >>> from keras_pde.data import noise
        >>> from keras_pde.models import retiming
        >>> model = keras_pde.from_preset("linear_2d")
        >>> retiming.retime(model, model.time) is model
        True
    """
    if not hasattr(model, "with_time"):
        raise ValueError(f"{type(model).__name__} has no stopping time to change")
    if math.isclose(time, model.time, rel_tol=1e-6):
        return model
    steps = model.steps_for(time)  # before the model is made: its schedule alone can take minutes
    if steps > MAX_STEPS:
        raise ValueError(
            f"Stopping time {time:g} needs about {steps:.0f} steps and the limit is {MAX_STEPS}."
            f" The filter's own time is {model.time:.4g}."
        )
    return model.with_time(time)


class Retiming:
    """Mixin of the models: `time`, `with_schedule`, `with_time`."""

    @property
    def time(self: Any) -> float:
        """Diffusion time of the schedule, in units of grid size² where the step size is a number,
        else in steps.
        """
        step = self.blocks[0].step_size
        return self.schedule.time * (1.0 if isinstance(step, str) else step)

    @property
    def step_count(self: Any) -> int:
        """Number of steps."""
        return len(self.schedule)

    def steps_for(self: Any, time: float) -> float:
        """About how many steps `with_time` takes to a stopping time."""
        ratio = time / self.time
        return len(self.schedule) * (ratio**0.5 if self.schedule.kind in ("fed", "fsi") else ratio)

    def with_schedule(self: Any, schedule: Schedule, time: float | None = None) -> Any:
        """The same weights on another schedule, scaled to the same diffusion time, or to ``time``.

        Raises:
            ValueError: the schedule's stable steps do not reach the time (with the number that
                would), or untied blocks do not match its length.

        Example:
            >>> import keras_pde
            >>> model = keras_pde.from_preset("perona_malik_2d")
            >>> slow = model.with_schedule(keras_pde.schemes.explicit(60))
            >>> round(slow.time / model.time, 6), len(slow.schedule)
            (1.0, 60)
        """
        first = self.blocks[0]
        step = 1.0 if isinstance(first.step_size, str) else first.step_size
        target = (self.time if time is None else time) / step
        limit = first.step_limit
        room = (
            1 / first.fraction
            if isinstance(first.step_size, str)
            else math.inf
            if limit is None
            else limit / step
        )
        factor = target / schedule.time
        if schedule.max_step * factor > room * (1 + 1e-9):
            least = len(schemes.retimed(schedule.scaled(room / schedule.max_step), target))
            raise ValueError(
                f"{len(schedule)} {schedule.kind} steps reach time"
                f" {schedule.time / schedule.max_step * room * step:.4g} at most, and"
                f" {target * step:.4g} is needed. Take at least {least} steps, or a shorter time."
            )
        block = keras.saving.deserialize_keras_object(self._template)
        name = f"{self.name}_{schedule.kind}"
        from keras_pde.models.diffusion_resnet import DiffusionResNet  # the base of this mixin

        model = DiffusionResNet(
            schedule.scaled(factor),
            block=block,
            tied=self.tied,
            lifting=self.lifting,
            name=name,
            dtype=self.dtype_policy,
        )
        if len(model.blocks) != len(self.blocks):
            raise ValueError(
                f"{len(self.blocks)} blocks with kernels of their own do not fit a schedule for"
                f" {len(model.blocks)}: use tied=True"
            )
        if self.built:
            model.build(self._input_shape())
            model.set_weights(self.get_weights())
        return model

    def with_time(self: Any, time: float) -> Any:
        """The same weights and scheme to another stopping time, with as many stable steps as it
        needs.

        Example:
            >>> import keras_pde
            >>> model = keras_pde.from_preset("linear_2d").with_time(12.5)
            >>> round(model.time, 6)
            12.5
        """
        first = self.blocks[0]
        step = 1.0 if isinstance(first.step_size, str) else first.step_size
        limit = first.step_limit
        room = 1.0 if isinstance(first.step_size, str) or limit is None else limit / step
        return self.with_schedule(
            schemes.retimed(self.schedule.scaled(room / self.schedule.max_step), time / step), time
        )

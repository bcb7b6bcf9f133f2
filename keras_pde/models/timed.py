"""Timed: a filter whose stopping time is an input; an exported file then has a dial."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.fluxes import noise_level
from keras_pde.models import retiming
from keras_pde.models.diffusion_resnet import DiffusionResNet
from keras_pde.models.influence import Influence
from keras_pde.models.network import Network
from keras_pde.operators.operator import Operator
from keras_pde.runtime.types import Inputs, Shape, Tensor

__all__ = ["Timed"]

FRACTION = 0.95  # of the stable step: below it every step with a monotone flux is averaged


class Timed(Network):
    r"""(u, T) ↦ uⁿ, n explicit steps u − τKᵀΦ(Ku) of size τ = T/n.

    There are as few steps as keep τ ≤ τ₁ = 0.95 · 2/(2β + L‖K‖²).

    Every stopping time has a guarantee, since every step has one: 0 ≤ τ ≤ τ₁ is stable, and by
    convexity a step's norm gain and Lipschitz constant are at most 1 + (c − 1)τ/τ₁ with c that of
    the largest step. An averaged step of θ₁ at τ₁ is θ₁τ/τ₁-averaged. There are at most 500 steps:
    longer times are cut to 500τ₁, and negative ones are 0, where the map is the identity. Each
    sample of a batch has steps of its own. The scheme is explicit whatever the model's: a filter
    with a schedule of another kind is discretised anew.

    Args:
        model: a built model of steps with one block, such as a classical filter of the zoo.

    Call args: the model's inputs, then the times (batch,), in the unit of the model's ``time``.
    Returns the shape of the image.

    Raises:
        ValueError: blocks with weights of their own, no schedule, or a step without a known limit.

    Source: as `DiffusionBlock`; composition of averaged maps: Combettes, Yamada (2015).

    Example:
        >>> import numpy as np, keras_pde
        >>> from keras_pde.models.timed import Timed
        >>> timed = Timed(keras_pde.from_preset("charbonnier_explicit_2d"))
        >>> u = np.random.default_rng(0).random((2, 16, 16, 1)).astype("float32")
        >>> out = timed([u, np.array([0.0, 5.0], "float32")])
        >>> bool(np.array_equal(out[0], u[0])), timed.steps(5.0), timed.certificate(5.0).norm_stable
        (True, 22, True)
    """

    denoises = True

    def __init__(self, model: Network) -> None:
        if not isinstance(model, DiffusionResNet) or len(model.blocks) != 1:
            raise ValueError(
                f"{model.name} has no stopping time to change: that needs steps with one block for"
                " all, as the classical filters of the zoo have. keras-pde list shows them."
            )
        super().__init__(name=model.name, dtype=model.dtype_policy)
        block = model.blocks[0]
        relative = isinstance(block.step_size, str)  # then a time is a number of steps
        limit = 1 / block.fraction if relative else block.step_limit
        if limit is None:
            raise ValueError(
                f"{model.name} has a step without a known limit: normalise its operator, or take"
                " step_size='auto'"
            )
        self.model = model
        self.largest_step = FRACTION * limit
        self.unit = retiming.unit_of(block)
        self.unit_name = "steps" if relative else "grid size²"
        self.longest = retiming.MAX_STEPS * self.largest_step
        self.noise_conditioned = model.noise_conditioned
        self.ndim = model.ndim
        self.input_channels = model.input_channels
        self.boundary = model.boundary
        self.smallest_size = model.smallest_size
        self.patch_size = model.patch_size
        self.step_count = retiming.MAX_STEPS
        self.built = True

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The model's, and "time"."""
        return (*self.model.named_inputs, "time")

    @property
    def input_units(self) -> dict[str, str]:
        """The model's, and the time's."""
        limits = f"stopping time in {self.unit_name}, a number a sample, 0 to {self.longest:g}"
        return {**self.model.input_units, "time": limits}

    @property
    def width(self) -> int:
        """The model's."""
        return self.model.width

    @property
    def operators(self) -> list[Operator]:
        """The model's."""
        return self.model.operators

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Do nothing: the model is built."""
        self.built = True

    def call(self, inputs: Inputs) -> Tensor:
        """The state at each sample's time."""
        *given, times = inputs
        f, level, lower = self.model.lift(given if len(given) > 1 else given[0])
        block = self.model.blocks[0]
        ready = block.prepare()
        given = block.flux_parameters(ready, level, f)
        times = ops.clip(ops.cast(times, f.dtype), 0.0, self.longest)
        known = times >= 0  # in a graph: no time that is NaN has a finite result
        times = ops.where(known, times, ops.zeros_like(times))
        f = noise_level.known_or_nan(ops.reshape(known, (-1, *(1,) * (len(f.shape) - 1))), f)
        ratio = times / self.largest_step
        # a multiple of the largest step is that many steps, whatever its last digit
        counts = ops.ceil(ratio * (1 - 1e-6))
        sizes = ops.minimum(times / ops.maximum(counts, 1.0), self.largest_step) / self.unit
        last = ops.max(counts)

        def step(k: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
            scale = ops.reshape(
                ops.where(k < counts, sizes, ops.zeros_like(sizes)),
                (-1, *(1,) * (len(u.shape) - 1)),
            )
            return k + 1, block.step(u, ready, source=f, noise=level, scale=scale, parameters=given)

        start = ops.zeros_like(last)
        return lower(
            ops.while_loop(
                lambda k, _: k < last, step, (start, f), maximum_iterations=retiming.MAX_STEPS
            )[1]
        )

    def steps(self, time: float) -> int:
        """Number of steps to a stopping time."""
        return math.ceil(min(max(time, 0.0), self.longest) / self.largest_step * (1 - 1e-6))

    def at(self, time: float) -> DiffusionResNet:
        """The model that this one is at a stopping time.

        Raises:
            ValueError: a time that is not > 0, where this map is the identity.
        """
        if not time > 0:
            raise ValueError(
                "At stopping time 0 no step is taken and the map is the identity; a model needs a"
                f" time > 0. Received: time={time}"
            )
        return self.model.with_schedule(schemes.explicit(self.steps(time)), min(time, self.longest))

    def certificate(self, time: float | None = None) -> Certificate:
        """What is proved at a stopping time, or at every one.

        Constants then are those of 500 of the largest steps, which bound all others.
        """
        known = self.at(self.longest if time is None else time).certificate()
        fixed = "a stopping time and a noise level that do not change with u"
        subject = (
            f"{self.name!r} at"
            f" {'every stopping time' if time is None else f'the stopping time {time:g}'}"
        )
        return dataclasses.replace(known, subject=subject, assumptions=(fixed, *known.assumptions))

    def facts(self) -> dict[str, Any]:
        """What a reader needs to know the certificate at any time.

        The largest step, and the constants of that one step.

        Not those behind a lifting: steps follow each other on the lifted state, so their constants
        are not a step's of the image.
        """
        one = self.at(self.largest_step).certificate()
        constants = {
            "norm_gain": one.norm_gain,
            "lipschitz": one.lipschitz,
            "averaged": one.averaged,
        }
        finite = {
            key: None if value is None or math.isinf(value) else value
            for key, value in constants.items()
        }
        return {
            "unit": self.unit_name,
            "largest step": self.largest_step,
            "most steps": retiming.MAX_STEPS,
            **({} if self.model.lifting is not None else {"of the largest step": finite}),
        }

    def influence(self) -> Influence:
        """How far a pixel acts at the longest time: 500 times as far as in one step."""
        return self.at(self.longest).influence()

    def example(self) -> dict[str, np.ndarray]:
        """The model's example, at two and a half of the largest steps."""
        return {**self.model.example(), "time": np.array([2.5 * self.largest_step], "float32")}

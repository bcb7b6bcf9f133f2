"""TimeStepper: the base of networks that advance a state in time, step by step."""

from __future__ import annotations

import functools
import weakref
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.models.network import EXAMPLE_SIZE, Network
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.loops import in_segments, repeat
from keras_pde.runtime.types import Inputs, Tensor

WAVES = 3  # of the example's state along an axis
KEPT = 16  # steps of which a gradient may keep all states

# the compiled loop of each network that was rolled out; a network that is gone takes it along
_LOOPS: weakref.WeakKeyDictionary[TimeStepper, Any] = weakref.WeakKeyDictionary()


class TimeStepper(Network):
    r"""uᵏ⁺¹ = S(uᵏ): a network that advances a state by a number of steps of the time Δt.

    A subclass writes `step`, and where something is computed once for all steps, `prepare`; both
    are made of `keras.ops`. It certifies one step by `step_certificate`: the certificate of a call
    follows by composition.

    Args:
        dt: the time Δt of a step.
        steps: number of steps of a call. `rollout` takes any number.
        activity_regularizer, trainable, dtype, autocast, name: as of any Keras model.

    Shapes: the state (batch, \*spatial, channels) → the same.

    Raises:
        ValueError: a time or a number of steps that is not positive.

    Source: the method of lines; as networks, Alt et al., arXiv:2103.15419 (2021).

    Example:
        >>> from keras_pde.models.time_stepper import TimeStepper
        >>> class Decay(TimeStepper):
        ...     def step(self, u, prepared):
        ...         return (1 - self.dt) * u
        >>> net = Decay(dt=0.5, steps=2)
        >>> float(net(np.ones((1, 4, 1)))[0, 0, 0]), net.time
        (0.25, 1.0)
        >>> net.rollout(np.ones((1, 4, 1)), 4, every=1)[:, 0, 0, 0].tolist()
        [1.0, 0.5, 0.25, 0.125, 0.0625]
    """

    def __init__(self, dt: float, steps: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dt = gate.number(dt, "dt", low=0, low_open=True)
        self.step_count = gate.count(steps, "steps")

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The state alone."""
        return ("state",)

    @property
    def time(self) -> float:  # type: ignore[override]
        """The time by which a call advances."""
        return self.dt * self.step_count

    @property
    def written_out(self) -> bool:
        """Whether the steps of a call are no loop, because they have convolutions.

        XLA for the CPU runs these on one thread inside a loop.
        """
        return False

    # Computation

    def prepare(self, u: Tensor) -> Any:
        """What all steps from a state share, as its sizes and the weights say; None without any."""
        return None

    @abstractmethod
    def step(self, u: Tensor, prepared: Any) -> Tensor:
        """The state after one step."""

    def call(self, inputs: Inputs, training: bool | None = False) -> Tensor:
        """The state after the steps of a call.

        Args:
            inputs: the state.
            training: whether a gradient is asked for, so that of many steps few states are kept.
        """

        def run(u: Tensor, count: int) -> Tensor:
            prepared = self.prepare(u)
            numbers = ops.zeros((count,), dtype=u.dtype)
            return repeat(
                lambda v, _: self.step(v, prepared), u, [numbers], written_out=self.written_out
            )

        if training and self.step_count >= KEPT:
            return in_segments(run, inputs, self.step_count, written_out=self.written_out)
        return run(inputs, self.step_count)

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The state before the first step, and after each."""
        prepared, found = self.prepare(inputs), [inputs]
        for _ in range(self.step_count):
            found.append(self.step(found[-1], prepared))
        return found

    def rollout(
        self,
        state: Any,
        steps: int,
        *,
        every: int | None = None,
        callback: Callable[[int, np.ndarray], Any] | None = None,
    ) -> np.ndarray:
        r"""The state after many steps, by one compiled loop whose memory does not grow with them.

        Args:
            state: (batch, \*spatial, channels).
            steps: number of steps of Δt, whatever that of a call.
            every: keep the state after every so many steps, and the first one. Without it, the last
                state alone is returned.
            callback: called with the number of steps and the state, after every ``every`` steps, or
                after each. What it is told is not kept: only the last state is returned. Where it
                returns true, the rollout stops there.

        Returns:
            The last state, in the network's precision; with ``every`` and no callback the states
            (1 + steps/every, batch, \*spatial, channels).

        Raises:
            ValueError: a state that the network does not take; steps that ``every`` does not
                divide.
        """
        steps = gate.count(steps, "steps")
        apart = gate.count(every or 1, "every") if every or callback else steps
        if steps % apart:
            near = " or ".join(str(n * apart) for n in (steps // apart, steps // apart + 1) if n)
            raise ValueError(
                f"every must divide steps. Received: every={apart}, steps={steps}. Use"
                f" steps={near}."
            )
        u = self.tensors(state)
        kept = [ops.convert_to_numpy(u)] if every and callback is None else None
        run = self._loop()
        for done in range(apart, steps + 1, apart):
            u = run(u, np.int32(apart))
            if kept is not None:
                kept.append(ops.convert_to_numpy(u))
            if callback is not None and callback(done, ops.convert_to_numpy(u)):
                break
        return ops.convert_to_numpy(u) if kept is None else np.stack(kept)

    def _loop(self) -> Any:
        if self not in _LOOPS:
            _LOOPS[self] = compiled(Advance(self))
        return _LOOPS[self]

    # What is known of it

    def step_certificate(self) -> Certificate:
        """What is proved about one step; by default nothing."""
        return super().certificate()

    def certificate(self) -> Certificate:
        """What is proved about a call: that of one step, composed as often as there are steps."""
        one = self.step_certificate()
        return replace(composed(one, self.step_count), subject=self.subject)

    @property
    def description(self) -> str:
        """Its steps in a few words."""
        steps = f"{self.step_count} step{'s' * (self.step_count > 1)}"
        return f"{steps} of the time {self.dt:.4g}"

    def observe(self, states: np.ndarray) -> np.ndarray:
        """What pictures and tables show of states; by default all of it."""
        return states

    def example(self) -> dict[str, np.ndarray]:
        """A smooth periodic state with values in [0, 1], from which golden outputs are computed."""
        rng = np.random.default_rng(20260)
        size = EXAMPLE_SIZE[: self.ndim]
        total = np.zeros((*size, self.input_channels))
        places = np.stack(np.meshgrid(*(np.arange(n) / n for n in size), indexing="ij"), -1)
        for _ in range(4):
            waves = rng.integers(-WAVES, WAVES + 1, (self.ndim, self.input_channels))
            phase = rng.uniform(0, 2 * np.pi, self.input_channels)
            total += np.cos(2 * np.pi * places @ waves + phase)
        return {"input": (0.5 + total / 8)[None].astype("float32")}

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "dt": self.dt, "steps": self.step_count}


class Advance:
    """(u, k) ↦ the state after k steps: what `TimeStepper.rollout` compiles, once for every k.

    It holds the network weakly, so that a cached loop does not keep it.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.time_stepper import Advance
        >>> Advance.__call__.__doc__
        'The state after so many steps.'
    """

    def __init__(self, network: TimeStepper) -> None:
        self._network = weakref.ref(network)
        self.prefers_xla = network.prefers_xla

    @property
    def network(self) -> Any:
        """The network, which calls this."""
        return self._network()

    @property
    def variables(self) -> list[Any]:
        """What each call reads anew."""
        return self.network.variables

    def __call__(self, u: Tensor, steps: Tensor) -> Tensor:
        """The state after so many steps."""
        network = self.network
        prepared = network.prepare(u)
        _, last = ops.while_loop(
            lambda k, _: k < steps, lambda k, u: (k + 1, network.step(u, prepared)), (0 * steps, u)
        )
        return last


def composed(one: Certificate, count: int) -> Certificate:
    """The certificate of a map applied so many times, by squaring.

    Example:
        >>> from keras_pde import Certificate
        >>> from keras_pde.models.time_stepper import composed
        >>> composed(Certificate("half", lipschitz=0.5), 3).lipschitz
        0.125
    """
    if count == 1:
        return one
    half = composed(one, count // 2)
    parts = [half, half] + [one] * (count % 2)
    return functools.reduce(lambda a, b: replace(a.then(b), subject=one.subject), parts)

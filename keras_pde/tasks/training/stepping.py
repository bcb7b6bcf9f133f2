"""Training steps: many in one program where the backend can (JAX), one call a step elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime.compiling import fused

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
Steps = Callable[[Sequence[Batch]], Callable[[], np.ndarray]]


def steps_of(
    model: Any,
    optimizer: Any,
    loss: Callable[[Any, Any], Any],
    place: Callable[[Any, int], Any] = lambda batches, axis: batches,
) -> Steps:
    """A function that trains on batches one after the other and returns a function that waits for
    their losses.

    On JAX all steps of a call are one program, a scan over the batches, which runs while the next
    batches are drawn: a step then costs its arithmetic and not the launch of its parts from Python.
    Weights and the optimizer's state are in the variables again when the returned function has been
    called.

    Args:
        model: built and compiled with the optimizer and the loss.
        optimizer: built.
        loss: a value for each sample; its mean is minimised.
        place: on JAX, of stacked batches and the axis of their samples to arrays of all the
            processes that train together.
    """
    return (
        _scanned(model, optimizer, loss, place)
        if keras.backend.backend() == "jax"
        else _one_by_one(model)
    )


def inputs_of(model: Any, noisy: Any, sigma: Any) -> Any:
    """What a model is called with: a noise-conditioned one is told σ."""
    return [noisy, sigma] if model.noise_conditioned else noisy


def _one_by_one(model: Any) -> Steps:
    def run(batches: Sequence[Batch]) -> Callable[[], np.ndarray]:
        with contextlib.nullcontext() if model.jit_compile else fused():
            losses = [
                float(model.train_on_batch(inputs_of(model, noisy, sigma), clean))
                for noisy, sigma, clean in batches
            ]
        return lambda: np.array(losses)

    return run


def _scanned(
    model: Any, optimizer: Any, loss: Callable[[Any, Any], Any], place: Callable[[Any, int], Any]
) -> Steps:
    import jax

    variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        trainable, fixed, slots = state
        noisy, sigma, clean = batch

        def objective(trainable: Any) -> Any:
            out, after = model.stateless_call(trainable, fixed, inputs_of(model, noisy, sigma))
            return ops.mean(loss(clean, out)), after

        (value, fixed), gradients = jax.value_and_grad(objective, has_aux=True)(trainable)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, fixed, slots), value

    program = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches))

    def run(batches: Sequence[Batch]) -> Callable[[], np.ndarray]:
        state = tuple([v.value for v in group] for group in variables)
        state, losses = program(
            state, place(tuple(np.stack(parts) for parts in zip(*batches, strict=True)), 1)
        )
        for group, values in zip(variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return lambda: np.asarray(losses)

    return run


def jitted(model: Any) -> Callable[[Any], np.ndarray]:
    """On JAX, a model as a function of its inputs that takes the weights of the moment.

    One program a size.
    """
    import jax

    @jax.jit
    def program(trainable: Any, fixed: Any, inputs: Any) -> Any:
        return model.stateless_call(trainable, fixed, inputs)[0]

    def run(inputs: Any) -> np.ndarray:
        weights = [
            [v.value for v in group]
            for group in (model.trainable_variables, model.non_trainable_variables)
        ]
        return np.asarray(program(*weights, inputs))

    return run

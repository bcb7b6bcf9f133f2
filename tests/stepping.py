"""What the tests of integrators share: runs, tensors in the widest precision there is, matrices."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_pde.schemes import integrators

# JAX has float64 by an option alone
DTYPES = ["float32"] + ["float64"] * (
    ops.convert_to_numpy(ops.zeros((1,), dtype="float64")).dtype == np.float64
)


def tensor(x, dtype=DTYPES[-1]):
    """An array as a tensor."""
    return ops.convert_to_tensor(np.asarray(x), dtype=dtype)


def array(x):
    """A tensor as an array."""
    return np.asarray(ops.convert_to_numpy(x), np.float64)


def run(name, u, dt, steps, rhs):
    """The state after some steps of an integrator."""
    integrator = integrators.get(name)
    prepared = integrator.prepare(rhs, dt, u)
    for _ in range(steps):
        u = integrator.step(u, dt, rhs, prepared)
    return array(u)


def circulant(n, kernel):
    """The dense matrix of a periodic stencil in 1-D."""
    return sum(k * np.roll(np.eye(n), j - len(kernel) // 2, axis=1) for j, k in enumerate(kernel))


def gradient(function, x):
    """The derivative of a scalar function, on any backend."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return float(jax.grad(function)(tensor(x)))
    variable = tensor(x)
    if backend == "torch":
        variable.requires_grad_()
        function(variable).backward()
        return float(variable.grad)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable)
    return float(tape.gradient(value, variable))

"""Gradient ascent on a network's input: what the attacks on the certificates share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

BATCH, STEPS = 6, 40


def size(model: Any) -> int:
    """The width of an input: 8, or what the network's operators need."""
    return max(8, *(b.operator.smallest_size for b in model.blocks))


def norm(x: Any) -> Any:
    """The 2-norm of each sample."""
    return tf.sqrt(tf.reduce_sum(tf.square(x), axis=list(range(1, len(x.shape)))) + 1e-300)


def ascend(
    objective: Callable[[Any], Any], start: np.ndarray, steps: int = STEPS, rate: float = 0.05
) -> np.ndarray:
    """The best values that Adam finds, start by start.

    The step is relative to the size of the start.
    """
    x = tf.Variable(start)
    scale = tf.reshape(norm(x) / math.sqrt(np.prod(start.shape[1:])), [-1] + [1] * (start.ndim - 1))

    @tf.function(autograph=False)
    def step(m, v, t):
        with tf.GradientTape() as tape:
            value = objective(x)
            total = tf.reduce_sum(value)
        g = tape.gradient(total, x) * scale
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * tf.square(g)
        x.assign_add(rate * scale * (m / (1 - 0.8**t)) / (tf.sqrt(v / (1 - 0.95**t)) + 1e-12))
        return value, m, v

    m = v = tf.zeros_like(x)
    best = np.full(start.shape[0], -np.inf)
    for t in range(1, steps + 1):
        value, m, v = step(m, v, tf.constant(float(t), tf.float64))
        best = np.maximum(best, value.numpy())
    return best


def starts(rng: np.random.Generator, n: int, batch: int = BATCH) -> np.ndarray:
    """Noise of sizes 1e-3 to 30: in the linear, the nonlinear and the saturated range of the flux.

    The last one is oscillating.
    """
    x = rng.normal(size=(batch, n, n, 1)) * np.geomspace(1e-3, 30, batch).reshape(-1, 1, 1, 1)
    x[-1] = (-1.0) ** np.indices((n, n)).sum(0)[..., None] + 0.05 * x[0]
    return x


def tiny_difference(u: Any, d: Any) -> Any:
    """d, scaled so that a difference quotient along it is exact to about 1e-10."""
    return d * tf.reshape(1e-5 * norm(u) / norm(d), (-1, 1, 1, 1))

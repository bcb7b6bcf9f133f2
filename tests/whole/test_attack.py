"""No violation of a certificate in 1,000 tries of gradient ascent on a denoiser's input.

Every certified denoiser of the zoo is attacked.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pde import from_preset, presets

TRIES, STEPS = 1000, 6
SIZES = {1: (56,), 2: (7, 8), 3: (3, 4, 5)}
# relative residuals: the way up may be rough, the constants are those of the exact solution
CLIMBING, MEASURED = 1e-5, 1e-12
TOGETHER = 40  # tries in a call of a solver, which goes on until the last of them converges
CERTIFIED = [
    n
    for n, e in presets.index().items()
    if e["task"] == "denoise" and e["certified"] != "no" and e["params"]
]


def solved_to(model, tolerance: float) -> None:
    """What is traced from now on solves so exactly, if it solves."""
    if model.program().iterates:
        for block in model.blocks:
            block.tolerance, block.max_iterations = tolerance, 5000


def ascend(model, certificate, rng: np.random.Generator) -> dict[str, float]:
    """The largest quotients that gradient ascent from random inputs finds.

    They are those of the gain, the Lipschitz constant and averagedness.
    """
    size = SIZES[model.ndim]
    shape, one = (TRIES, *size, model.input_channels), (TRIES, *[1] * len(size), 1)
    axes = tuple(range(1, len(shape)))
    # sorted: a solver takes about as long for tries of about one scale
    scale = np.exp(np.sort(rng.uniform(math.log(1e-3), math.log(3.0), size=one), axis=0))
    u = scale * rng.normal(size=shape)
    v = u + scale * np.exp(rng.uniform(-6, 0, size=one)) * rng.normal(size=shape)
    noise = rng.uniform(5, 55, size=(TRIES,)) / 255 if model.noise_conditioned else None
    theta, iterates = certificate.averaged, model.program().iterates

    def quotients(u, v, noise):
        def run(x):
            return model([x, noise]) if noise is not None else model(x)

        def squared(x):
            return tf.reduce_sum(x * x, axes)

        out, other = run(u), run(v)
        found = {
            "norm": tf.sqrt(squared(out) / squared(u)),
            "lipschitz": tf.sqrt(squared(out - other) / squared(u - v)),
        }
        if theta is not None:
            moved, apart = out - other, u - v
            found["averaged"] = (
                squared(moved) + (1 - theta) / theta * squared(apart - moved)
            ) / squared(apart)
        return found

    @tf.function(autograph=False)  # XLA runs convolutions in float64 seven times slower
    def measured(u, v, noise):
        solved_to(model, MEASURED)
        return quotients(u, v, noise)

    @tf.function(autograph=False)
    def with_gradients(u, v, noise):
        solved_to(model, CLIMBING)
        with tf.GradientTape() as tape:
            tape.watch([u, v])
            found = quotients(u, v, noise)
            total = tf.add_n([tf.reduce_sum(x) for x in found.values()])
        return found, tape.gradient(total, [u, v])

    worst = dict.fromkeys(("norm", "lipschitz", "averaged"), 0.0)
    steps = STEPS // 2 if iterates else STEPS  # of solves fewer
    for start in range(0, TRIES, TOGETHER if iterates else TRIES):
        part = slice(start, start + (TOGETHER if iterates else TRIES))
        points, far = [tf.constant(u[part]), tf.constant(v[part])], scale[part]
        level = None if noise is None else tf.constant(noise[part])
        for step in range(steps):
            if step < steps - 1:
                found, gradients = with_gradients(*points, level)
            else:
                found, gradients = measured(*points, level), []
            if step == steps - 1 or not iterates:
                for name, values in found.items():
                    worst[name] = max(worst[name], float(tf.reduce_max(values)))
            for k, g in enumerate(gradients):
                length = tf.sqrt(tf.reduce_sum(g * g, axes, keepdims=True)) + 1e-300
                points[k] += 0.1 * far * math.sqrt(np.prod(size)) * g / length
    return worst


@pytest.mark.parametrize("name", CERTIFIED)
def test_gradient_ascent_finds_no_violation(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = from_preset(name, dtype="float64")
    certificate, rng = model.certificate(), np.random.default_rng(0)
    worst = ascend(model, certificate, rng)
    assert worst["norm"] <= certificate.norm_gain * (1 + 1e-7)
    assert worst["lipschitz"] <= certificate.lipschitz * (1 + 1e-7)
    assert worst["averaged"] <= 1 + 1e-7
    assert worst["norm"] > 0.3  # the attack is one

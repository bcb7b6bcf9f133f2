"""No violation of a certificate in 1,000 tries of gradient ascent on a denoiser's input.

Every certified 2-D denoiser of the zoo is attacked.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pde import from_preset, presets

TRIES, STEPS, SIZE = 1000, 6, (7, 8)
CERTIFIED = [
    n
    for n, e in presets.index().items()
    if e["task"] == "denoise" and e["ndim"] == 2 and e["certified"] != "no" and e["params"]
]


def ascend(
    model, certificate, rng: np.random.Generator, noise: np.ndarray | None
) -> dict[str, float]:
    """The largest quotients that gradient ascent from random inputs finds.

    They are those of the gain, the Lipschitz constant and averagedness.
    """
    shape = (TRIES, *SIZE, model.input_channels)
    scale = np.exp(rng.uniform(math.log(1e-3), math.log(3.0), size=(TRIES, 1, 1, 1)))
    u = tf.Variable(scale * rng.normal(size=shape))
    v = tf.Variable(
        u + scale * np.exp(rng.uniform(-6, 0, size=(TRIES, 1, 1, 1))) * rng.normal(size=shape)
    )
    theta = certificate.averaged

    @tf.function(autograph=False)  # XLA runs convolutions in float64 seven times slower
    def quotients(u, v):
        def run(x):
            return model([x, noise]) if noise is not None else model(x)

        def squared(x):
            return tf.reduce_sum(x * x, (1, 2, 3))

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

    @tf.function(autograph=False)
    def with_gradients(u, v):
        with tf.GradientTape() as tape:
            tape.watch([u, v])
            found = quotients(u, v)
            total = tf.add_n([tf.reduce_sum(x) for x in found.values()])
        return found, tape.gradient(total, [u, v])

    worst = dict.fromkeys(("norm", "lipschitz", "averaged"), 0.0)
    steps = STEPS // 2 if model.program().iterates else STEPS  # of solves to 1e-12 fewer
    for step in range(steps):
        found, gradients = with_gradients(u, v) if step < steps - 1 else (quotients(u, v), [])
        for name, values in found.items():
            worst[name] = max(worst[name], float(tf.reduce_max(values)))
        for x, g in zip((u, v), gradients, strict=bool(gradients)):
            length = tf.sqrt(tf.reduce_sum(g * g, (1, 2, 3), keepdims=True)) + 1e-300
            x.assign_add(0.1 * scale * math.sqrt(np.prod(SIZE)) * g / length)
    return worst


@pytest.mark.parametrize("name", CERTIFIED)
def test_gradient_ascent_finds_no_violation(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = from_preset(name, dtype="float64")
    certificate, rng = model.certificate(), np.random.default_rng(0)
    noise = rng.uniform(5, 55, size=(TRIES,)) / 255 if model.noise_conditioned else None
    if model.program().iterates:
        for block in model.blocks:  # the constants are those of the exact solution
            block.tolerance, block.max_iterations = 1e-12, 5000
    worst = ascend(model, certificate, rng, noise)
    assert worst["norm"] <= certificate.norm_gain * (1 + 1e-7)
    assert worst["lipschitz"] <= certificate.lipschitz * (1 + 1e-7)
    assert worst["averaged"] <= 1 + 1e-7
    assert worst["norm"] > 0.3  # the attack is one

"""Gradient ascent that tries to break a certificate.

On the input, on pairs of inputs, on the energy, and on the weights.
"""

from __future__ import annotations

import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from attack import BATCH, ascend, norm, size, starts, tiny_difference
from attacked_models import MODELS, D, block, build, learned
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FluxActivation,
    FSIResNet,
    schemes,
)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_ascent_does_not_break_the_certificate(name, monkeypatch):
    """Four attacks in one batch.

    On ‖N(u)‖/‖u‖, on ‖N(u) − N(v)‖/‖u − v‖, on averagedness, on the energy.
    """
    model = build(name)
    certificate = model.certificate()
    for layer in model.blocks:  # the weights stay: normalise them once, not at every step
        monkeypatch.setattr(
            layer, "prepare", functools.partial(lambda ready: ready, layer.prepare())
        )
    n, theta = size(model), certificate.averaged or 1.0
    rng = np.random.default_rng(1)
    start = np.concatenate([np.concatenate([starts(rng, n), starts(rng, n)], -1)] * 4)
    row = np.repeat(np.arange(4), BATCH)

    def attacks(x):
        u, d = x[..., :1], tiny_difference(x[..., :1], x[..., 1:])
        Nu, Nv = tf.split(model(tf.concat([u, u + d], 0)), 2)
        values = [
            tf.math.log(norm(Nu) / norm(u)),
            tf.math.log(norm(Nv - Nu) / norm(d)),
            tf.math.log(norm((Nv - Nu - (1 - theta) * d) / theta) / norm(d)),
            (
                (model.energy(Nu, source=u) - model.energy(u, source=u)) / norm(u) ** 2
                if certificate.energy_descent
                else tf.zeros_like(norm(u))
            ),
        ]
        return tf.reduce_sum(tf.stack(values, 1) * tf.one_hot(row, 4, dtype="float64"), 1)

    gain, expansion, reflected, rise = ascend(attacks, start).reshape(4, BATCH).max(1)
    assert math.exp(gain) <= certificate.norm_gain * (1 + 1e-9)
    assert math.exp(expansion) <= certificate.lipschitz * (1 + 1e-6)
    assert certificate.averaged is None or math.exp(reflected) <= 1 + 1e-6
    assert not certificate.energy_descent or rise <= 1e-12


def test_the_ascent_finds_the_growth_that_there_is():
    """The attack is no straw man: it finds the known constants of models without a guarantee."""
    rng = np.random.default_rng(0)
    model = DiffusionResNet(
        1, block=DiffusionBlock(ConvOperator(boundary="periodic", **D), "perona_malik", 0.25, **D)
    )
    model.build((None, None, None, 1))

    def expansion(pair):
        u, d = pair[..., :1], tiny_difference(pair[..., :1], pair[..., 1:])
        return tf.math.log(norm(model(u + d) - model(u)) / norm(d))

    found = math.exp(
        ascend(expansion, np.concatenate([starts(rng, 6), starts(rng, 6)], -1), 150).max()
    )
    assert 1.15 < found <= 1.25 + 1e-6  # Perona-Malik's 1.25

    beyond = model.with_schedule(schemes.explicit(1))
    beyond.schedule = schemes.explicit(1).scaled(1.5)

    def gain(u):
        return tf.math.log(norm(beyond(u))) - tf.math.log(norm(u))

    # 2c − 1 at c = 1.5
    assert math.exp(ascend(gain, starts(rng, 6), 100).max()) == pytest.approx(2, abs=0.03)
    assert beyond.certificate().norm_gain == pytest.approx(2)


@pytest.mark.parametrize(
    "name",
    [
        "explicit untied perona-malik 2x2",
        "explicit learned data term",
        "explicit per channel",
        "fed untied perona-malik",
        "fsi frozen",
    ],
)
def test_gradient_ascent_on_the_weights_and_the_input_does_not_break_norm_stability(name):
    """Normalisation and steps hold for the weights that an attacker would learn, too."""
    model = build(name)
    n = size(model)
    u = tf.Variable(starts(np.random.default_rng(2), n))
    optimizer = keras.optimizers.Adam(0.1)

    @tf.function(autograph=False)
    def attack():
        with tf.GradientTape() as tape:
            gain = tf.math.log(norm(model(u))) - tf.math.log(norm(u))
            total = tf.reduce_sum(gain)
        variables = [v.value for v in model.trainable_variables]
        return gain, tape.gradient(total, [*variables, u])

    best = -math.inf
    for _ in range(20):
        gain, gradients = attack()
        best = max(best, float(tf.reduce_max(gain)))
        assert all(np.isfinite(ops.convert_to_numpy(g)).all() for g in gradients if g is not None)
        pairs = [
            (g, v)
            for g, v in zip(gradients[:-1], model.trainable_variables, strict=True)
            if g is not None
        ]
        optimizer.apply([-g for g, _ in pairs], [v for _, v in pairs])
        u.assign_add(0.04 * tf.sign(gradients[-1]) * tf.reshape(norm(u), (-1, 1, 1, 1)) / n)
    assert math.exp(best) <= 1 + 1e-9
    assert model.certificate().norm_stable


def test_a_noise_level_does_not_break_the_certificate():
    flux = FluxActivation("perona_malik", 0.3, learn_contrast=True, noise_conditioned=True, **D)
    model = DiffusionResNet(3, block=block(flux, operator=learned(2, 3, "periodic")), tied=True)
    model.build([(None, None, None, 1), (None,)])
    model.blocks[0].flux.noise_slope.assign(-4.0)
    certificate = model.certificate()
    assert "a noise level that does not change with u" in certificate.assumptions
    rng = np.random.default_rng(0)
    sigma = tf.constant(np.geomspace(1e-3, 50, BATCH))

    def gain(u):
        return tf.math.log(norm(model([u, sigma]))) - tf.math.log(norm(u))

    assert math.exp(ascend(gain, starts(rng, 8)).max()) <= certificate.norm_gain * (1 + 1e-9)


def test_tied_fsi_never_grew_from_40_random_starts_over_20_cycles():
    """No theorem: an observation for Charbonnier, Perona-Malik and Huber with tied kernels."""
    for flux in ("charbonnier", "perona_malik", "truncated_tv"):
        model = FSIResNet(
            20, 5, block=block(flux, operator=learned(3, 3, "periodic", zero_mean=True))
        )
        model.build((None, None, 1))
        rng = np.random.default_rng(0)
        model.blocks[0].operator.kernels[0].assign(rng.normal(size=(3, 1, 3)))
        u = rng.normal(size=(40, 16, 1)) * np.geomspace(0.01, 10, 40).reshape(-1, 1, 1)
        states = np.array([ops.convert_to_numpy(x) for x in model.features(u)])
        norms = np.linalg.norm(states.reshape(len(states), 40, -1), axis=-1)
        assert (norms[::5] <= norms[0] * (1 + 1e-12)).all()
        assert not model.certificate().norm_stable  # and so it is not claimed

"""What is not proved says why not: no half of a proof stands behind "not proved"."""

from __future__ import annotations

import itertools
import math

import keras
import numpy as np
import pytest
from attacked_models import MODELS, build

import keras_pde
from keras_pde import Certificate, Schedule, schemes
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.facts import BlockFacts, Rounding

SCHEDULES = [
    schemes.explicit(3),
    schemes.fed(3),
    schemes.fsi(3),
    schemes.fsi(3, frozen=True),
    schemes.dufort_frankel(3, extrapolation=0.7),
    schemes.dufort_frankel(3),
    Schedule((0.5, 1.0, 0.5), (1.0, 1.3, 0.6)),
]
DENIALS = ("not", "no ", "needs", "exceeds", "lost", "own", "amplifies", "drives", "changes")


def check(certificate: Certificate) -> None:
    for guarantee in certificate.guarantees:
        assert guarantee.reason
        if guarantee.proved:
            assert " is not ≤ 1" not in guarantee.why
            continue
        assert any(word in guarantee.why for word in DENIALS), guarantee.why
        assert guarantee.why in str(certificate)
        assert " (S4)" not in guarantee.why or "needs" in guarantee.why


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_every_unproved_guarantee_of_an_evolution_says_why_not(schedule) -> None:
    laws = [((1.0, 1.0), (1.0, 1.0)), ((0.0, 1.0), (0.0, 1.0)), ((-0.2, 1.0), (-1.1, 1.0))]
    for strength, data, (
        g,
        slope,
    ), asymmetry, biased, potential, tied, rounded in itertools.product(
        (0.5, 2.0, 3.0), (0.0, 0.3), laws, (0.0, 0.5, math.inf), *([(False, True)] * 4)
    ):
        rounding = Rounding("bfloat16", 2.0**-8, 0.01, 0.01) if rounded else None
        block = BlockFacts(
            strength, data, g, slope, g == slope == (1.0, 1.0), biased,
            asymmetry=asymmetry, potential=potential, rounding=rounding,
        )  # fmt: skip
        blocks = [block] * 3 if tied else [block, block.scaled(1.0), block]
        check(evolution_certificate("test", schedule, blocks, tied=tied))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dense(3, activation="silu"),
        keras.layers.Conv2D(3, 3, activation="softmax"),
        keras.layers.Activation("gelu"),
        keras.layers.Rescaling(-3.0, 1.0),
        keras.layers.BatchNormalization(),
        keras.layers.LayerNormalization(),
        keras.layers.AveragePooling2D(3, 1, "same"),
        keras.layers.UpSampling2D(2),
        keras_pde.ConvOperator(3, 3),
        keras_pde.FluxActivation("weickert"),
        keras_pde.GatedFlux("linear"),
        keras_pde.ImplicitDiffusion(3, "perona_malik", 40.0),
        keras_pde.ImplicitDiffusion(3, "fab", 2.0),
    ],
    ids=lambda layer: f"{type(layer).__name__}",
)
def test_every_unproved_guarantee_of_a_layer_says_why_not(layer) -> None:
    layer.build((None, 8, 8, 2))
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(2 + rng.random(weight.shape))
    check(keras_pde.certify(layer))


@pytest.mark.full
@pytest.mark.parametrize("name", MODELS)
def test_every_unproved_guarantee_of_a_network_says_why_not(name) -> None:
    check(build(name).certificate())

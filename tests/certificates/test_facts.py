"""What a block says of its rounding, and numbers that Keras's operations take, exactly."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_pde import certify
from keras_pde.certificates.facts import BlockFacts, Rounding


@pytest.mark.parametrize("forward", [0.0, 0.1])
@pytest.mark.parametrize("adjoint", [0.0, 0.2])
@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_the_errors_of_a_step_are_the_product_of_those_of_its_parts(forward, adjoint, unit) -> None:
    own, source = Rounding("bfloat16", unit, forward, adjoint).errors(
        BlockFacts(strength=2.0, data=0.25, diffusivity=(-3.0, 1.0))
    )
    grown = (1 + forward) * (1 + adjoint) * (1 + unit) ** 5 - 1
    assert source == pytest.approx(0.25 * ((1 + unit) ** 7 - 1))
    assert own == pytest.approx(2 * 3 * grown + unit + source)


@pytest.mark.parametrize(
    ("change", "constant"),
    [
        (lambda x: x + 2.0, 1),
        (lambda x: x - 2.0, 1),
        (lambda x: 2.0 - x, 1),
        (lambda x: x * np.array([-3.0, 0.5, 1.0], "float32"), 3),
        (lambda x: x / 4.0, 0.25),
        (lambda x: keras.layers.Subtract()([x, 2 * x]), 3),
        (lambda x: keras.layers.Add()([x, x, x]), 3),
        (lambda x: keras.layers.Average()([x, 3 * x]), 2),
        (lambda x: keras.layers.Maximum()([x, 2 * x]), np.sqrt(5)),
        (lambda x: keras.layers.Concatenate()([x, 2 * x]), np.sqrt(5)),
    ],
)
def test_operations_have_their_own_lipschitz_constant(change, constant: float) -> None:
    x = keras.Input((3,))
    found = certify(keras.Model(x, change(x))).lipschitz
    assert found == pytest.approx(constant, rel=1e-6)

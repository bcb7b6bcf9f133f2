"""softplus, by which contrasts, step sizes and data weights are positive.

To rounding wherever it runs.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_pde.runtime.positive import FAR_BELOW, inverse_softplus, softplus


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 4e-16), ("float32", 4e-7)])
def test_softplus_and_its_derivative_are_exact_to_rounding(dtype, tolerance):
    x = np.concatenate(
        [np.linspace(-40, 40, 4001), np.nextafter([FAR_BELOW] * 2, [-6.0, 0.0])]
    ).astype(dtype)
    wide, variable = x.astype(np.longdouble), tf.Variable(x)
    with tf.GradientTape() as tape:
        y = softplus(variable)
    np.testing.assert_allclose(y, np.log1p(np.exp(wide)), rtol=tolerance)
    np.testing.assert_allclose(
        tape.gradient(y, variable), 1 / (1 + np.exp(-wide)), rtol=4 * tolerance
    )


def test_softplus_has_a_finite_derivative_everywhere():
    x = tf.Variable([-1e4, -100.0, 100.0, 1e4])
    with tf.GradientTape() as tape:
        y = softplus(x)
    np.testing.assert_allclose(tape.gradient(y, x), [0, 0, 1, 1], atol=1e-30)


def test_inverse_softplus_is_its_inverse():
    y = np.geomspace(1e-6, 50, 100)
    np.testing.assert_allclose(softplus(tf.constant(inverse_softplus(y))), y, rtol=1e-9)


def test_softplus_is_exact_in_litert_too():
    """Its own, log(1 + eˣ), is wrong by 7e-4 of the value at x = −9."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    x = np.linspace(-12, 4, 33, dtype=np.float32)
    function = tf.function(softplus, input_signature=[tf.TensorSpec(x.shape, tf.float32)])
    run = interpreter.Interpreter(
        model_content=tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()]
        ).convert()
    )
    run.allocate_tensors()
    run.set_tensor(run.get_input_details()[0]["index"], x)
    run.invoke()
    np.testing.assert_allclose(
        run.get_tensor(run.get_output_details()[0]["index"]),
        np.log1p(np.exp(x.astype(np.float64))),
        rtol=2e-5,
    )

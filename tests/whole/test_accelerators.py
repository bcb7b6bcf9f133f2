"""Every model and preset lowers whole to XLA for fixed shapes, without a call back to the host.

That the compiled program computes the same is tested in test_conformance.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from table import VARIANTS, Case, arguments, takes_noise

import keras_pde
from keras_pde import presets

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="lowered by TensorFlow; JAX lowers by itself"
)
# operations of TensorFlow's graph that run on the host
HOST = {
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "Print",
    "PrintV2",
    "Assert",
    "HostCompute",
    "XlaHostCompute",
    "StringFormat",
}
MODELS = [
    (case, variant)
    for case, variant in VARIANTS
    if case.cls.__module__.startswith("keras_pde.models")
]


def lowered(function: Callable[..., Any], *inputs: Any) -> str:
    """The program of XLA, in words.

    Refused if anything of it would run on the host, in float64 or on sizes not known.
    """
    import tensorflow as tf

    traced = tf.function(function, jit_compile=True, autograph=False)
    graph = traced.get_concrete_function(*inputs).graph
    definitions = [
        graph.as_graph_def().node,
        *[f.node_def for f in graph.as_graph_def().library.function],
    ]
    assert {node.op for nodes in definitions for node in nodes} & HOST == set()
    text = traced.experimental_get_compiler_ir(*inputs)(stage="hlo")
    assert "HloModule" in text
    for word in ("infeed", "outfeed", " send(", " recv(", "callback", "f64["):
        assert word not in text, [line for line in text.splitlines() if word in line][:3]
    assert re.search(r"\w\[<=", text) is None  # a size with a bound only
    return text


def image(*shape: int) -> Any:
    import tensorflow as tf

    return tf.constant(np.random.default_rng(0).random(shape), "float32")


@pytest.mark.parametrize(("case", "variant"), MODELS, ids=lambda x: str(x).replace(" ", "_"))
def test_a_model_and_its_gradient_lower_whole(case: Case, variant: str) -> None:
    import tensorflow as tf

    assert not takes_noise(case, variant)
    model, x = case.cls(**arguments(case, variant)), image(*case.shape)
    model.build(x.shape)
    lowered(model, x)

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x)))
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    if model.trainable_variables:
        lowered(gradient, x)


@pytest.mark.parametrize("name", sorted(presets.index()))
def test_a_preset_lowers_whole(name: str) -> None:
    model = keras_pde.from_preset(name)
    size: Any = {1: (31,), 2: (15, 15), 3: (7, 7, 7)}[model.ndim]
    _, *fixed, _ = next(iter(model.input_shapes.values()))
    if None not in fixed:  # a classifier is for images of one size
        size = tuple(fixed)
    inputs = image(2, *size, model.input_channels)
    if "noise" in model.named_inputs:
        inputs = [inputs, image(2)]
    elif "mask" in model.named_inputs:
        inputs = [inputs, image(2, *size, 1)]
    lowered(model, inputs)


def test_what_runs_on_the_host_is_found() -> None:
    import tensorflow as tf

    def printing(x: Any) -> Any:
        tf.print(x)
        return x

    def wide(x: Any) -> Any:
        return tf.cast(x, "float64") * 2

    for bad in (printing, wide):
        with pytest.raises((AssertionError, ValueError, tf.errors.OpError)):
            lowered(bad, image(2, 3))

"""What every layer and model of the table does.

It passes Keras's own suite, is saved, has gradients, runs by XLA, in every precision and at every
size.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from keras.src import testing  # not public: imported in this file only
from table import CASES, VARIANTS, Case, arguments, output, takes_noise

import keras_pde

BACKEND = keras.backend.backend()
SUITE = testing.TestCase()
each_variant, each_without_noise = (
    pytest.mark.parametrize(("case", "variant"), variants, ids=lambda x: str(x).replace(" ", "_"))
    for variants in (VARIANTS, [one for one in VARIANTS if not takes_noise(*one)])
)
each_full = pytest.mark.parametrize(("case", "variant"), [(c, "full") for c in CASES], ids=str)
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def data(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def made(case: Case, variant: str, **kwargs: Any) -> tuple[Any, np.ndarray, dict[str, Any]]:
    """A built layer, an input and the further call arguments."""
    layer = case.cls(**arguments(case, variant), **kwargs)
    call = (
        {"noise": np.full((case.shape[0],), 0.3, "float32")} if takes_noise(case, variant) else {}
    )
    x = data(case.shape, "float64" if kwargs.get("dtype") == "float64" else "float32")
    layer.build(case.shape)
    return layer, x, call


def perturbed(layer: Any) -> None:
    """Leave the special initial values: zeros and symmetric kernels hide missing gradients."""
    rng = np.random.default_rng(1)
    layer.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in layer.get_weights()])


@each_case
def test_full_variant_sets_every_argument_away_from_its_default(case: Case) -> None:
    # a pair of inputs: see test_multigrid.py
    apart = ("self", "kwargs", *["noise_conditioned"] * issubclass(case.cls, keras.Model))
    parameters = {
        n: p for n, p in inspect.signature(case.cls.__init__).parameters.items() if n not in apart
    }
    given: dict[str, Any] = {}
    for variant in ("full", *case.elsewhere):
        given.update(
            {k: v for k, v in arguments(case, variant).items() if v != parameters[k].default}
        )
    assert set(given) == set(parameters)
    config = made(case, "default")[0].get_config()
    assert set(parameters) - set(config) <= {"block"}  # block and filters exclude each other


class Anew(Mapping):
    """Arguments of a constructor: parts made anew for each layer that the suite makes of them.

    A part that two layers hold is one, and says so in its configuration.
    """

    def __init__(self, case: Case, variant: str) -> None:
        self.make = lambda: arguments(case, variant)

    def __getitem__(self, name: str) -> Any:
        return self.make()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.make())

    def __len__(self) -> int:
        return len(self.make())


@each_full
def test_keras_layer_suite(case: Case, variant: str) -> None:
    run_suite(case, variant, run_training_check=False)


@each_without_noise  # the suite's training has no place for the noise level of a call
def test_keras_layer_suite_with_training(case: Case, variant: str) -> None:
    run_suite(case, variant, run_training_check=True)


def run_suite(case: Case, variant: str, **checks: bool) -> None:
    call = (
        {"noise": np.full((case.shape[0],), 0.3, "float32")} if takes_noise(case, variant) else None
    )
    SUITE.run_layer_test(
        case.cls,
        init_kwargs=Anew(case, variant),
        input_shape=case.shape,
        call_kwargs=call,
        supports_masking=False,
        **checks,
    )


def gradients(layer: Any, x: np.ndarray, call: dict[str, Any]) -> list[np.ndarray]:
    weights = data(layer.compute_output_shape(x.shape), seed=5)
    if BACKEND == "jax":
        import jax

        def loss(trainable: Any) -> Any:
            out, _ = layer.stateless_call(
                trainable, [v.value for v in layer.non_trainable_variables], x, **call
            )
            return ops.sum(out * weights)

        return [
            np.array(g)
            for g in jax.jit(jax.grad(loss))([v.value for v in layer.trainable_variables])
        ]
    if BACKEND == "torch":
        import torch

        if not layer.trainable_variables:
            return []
        loss = ops.sum(layer(x, **call) * ops.convert_to_tensor(weights))
        found = torch.autograd.grad(
            loss, [v.value for v in layer.trainable_variables], allow_unused=True
        )
        return [None if g is None else ops.convert_to_numpy(g) for g in found]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = ops.sum(layer(x, **call) * weights)
    return [
        None if g is None else np.array(g)
        for g in tape.gradient(loss, [v.value for v in layer.trainable_variables])
    ]


@each_variant
def test_every_weight_gets_a_gradient(case: Case, variant: str) -> None:
    layer, x, call = made(case, variant)
    perturbed(layer)
    for variable, gradient in zip(
        layer.trainable_variables, gradients(layer, x, call), strict=True
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.abs(gradient).max() > 0, variable.path


@pytest.mark.skipif(BACKEND == "torch", reason="the PyTorch backend runs op by op")
@pytest.mark.parametrize(
    ("case", "variant"),
    [v for v in VARIANTS if v[1] != "default" or "layers" in v[0].cls.__module__],
    ids=str,
)
def test_compiled_with_dynamic_sizes_equals_eager(case: Case, variant: str) -> None:
    layer, x, call = made(case, variant)
    eager = np.array(layer(x, **call))
    if BACKEND == "jax":
        compiled = output(layer, x, call)
    else:
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None, None, case.shape[-1]), tf.float32)]
        graph = tf.function(lambda u: layer(u, **call), input_signature=signature)
        np.testing.assert_allclose(np.array(graph(x)), eager, atol=2e-5)
        compiled = tf.function(
            lambda u: layer(u, **call), input_signature=signature, jit_compile=True
        )(x)
    np.testing.assert_allclose(np.array(compiled), eager, atol=2e-5)


@each_variant
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_precisions_agree(case: Case, variant: str, policy: str) -> None:
    if BACKEND != "tensorflow" and policy == "float64":
        pytest.skip(
            "Keras promotes to float32 on JAX (unless x64 is enabled) and PyTorch; the float64"
            " claims are tested on TensorFlow"
        )
    layer, x, call = made(case, variant)
    other = type(layer).from_config({**layer.get_config(), "dtype": policy})
    other.build(case.shape)
    other.set_weights(layer.get_weights())
    out = output(other, x, call)
    assert (
        keras.backend.standardize_dtype(out.dtype)
        == {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16", "float64": "float64"}[policy]
    )
    error = np.abs(
        ops.convert_to_numpy(ops.cast(out, "float32"))
        - ops.convert_to_numpy(output(layer, x, call))
    ).max()
    assert error < {"mixed_float16": 0.03, "mixed_bfloat16": 0.3, "float64": 2e-5}[policy]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.cls.__module__.startswith("keras_pde.models")], ids=str
)
def test_a_stateless_call_computes_in_the_model_s_precision(case: Case) -> None:
    model, x, call = made(case, "full", dtype="mixed_bfloat16")
    perturbed(model)
    run = partial(model.stateless_call, **call)  # what JAX's fit and predict run
    if BACKEND == "jax":
        import jax

        run = jax.jit(run)
    weights = [
        [v.value for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]
    found, expected = run(*weights, x)[0], output(model, x, call)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    found, expected = (ops.convert_to_numpy(ops.cast(y, "float32")) for y in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)


LOADER = """
import json, sys
import numpy as np
import keras
from keras_pde.runtime import run_compiled
for path, noise in json.load(open(sys.argv[1])):
    model = keras.models.load_model(path + ".keras")
    stored = np.load(path + ".npz")
    inputs = [stored["x"], stored["noise"]] if noise else stored["x"]
    run = run_compiled if keras.backend.backend() == "jax" else lambda m, x: m(x)
    error = float(np.abs(keras.ops.convert_to_numpy(run(model, inputs)) - stored["y"]).max())
    assert error < 1e-5, (path, error)
    print("ok", path)
"""


def test_saved_models_load_in_a_fresh_process(tmp_path: Any) -> None:
    paths = []
    for case, variant in VARIANTS:
        if not (
            case.cls.__module__.startswith("keras_pde.models")
            or variant in ("full", "per channel", "number of filters")
        ):
            continue
        layer, x, call = made(case, variant)
        perturbed(layer)
        image = keras.Input(case.shape[1:])
        noise = keras.Input(()) if call else None
        outputs = layer(image, noise=noise) if call else layer(image)
        model = keras.Model([image, noise] if call else image, outputs)
        path = str(tmp_path / f"{case}_{variant}".replace(" ", "_"))
        model.save(path + ".keras")
        inputs = [x, call["noise"]] if call else x
        np.savez(path + ".npz", x=x, y=ops.convert_to_numpy(output(model, inputs, {})), **call)
        paths.append((path, bool(call)))
    (tmp_path / "list.json").write_text(json.dumps(paths))
    environment = {**os.environ, "KERAS_BACKEND": BACKEND}
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(tmp_path / "list.json")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("ok") == len(paths)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="float64 needs TensorFlow here")
@pytest.mark.parametrize(
    "variant", ["default", "full", "per channel", "number of filters", "step by number"]
)
def test_a_block_has_a_symmetric_jacobian(variant: str) -> None:
    import tensorflow as tf

    case = next(c for c in CASES if c.cls is keras_pde.DiffusionBlock)
    block = keras_pde.DiffusionBlock(**arguments(case, variant), dtype="float64")
    u = tf.constant(data((1, 5, 4, 2), "float64"))
    block(u)
    perturbed(block)
    with tf.GradientTape() as tape:
        tape.watch(u)
        out = block(u)
    jacobian = np.array(tape.jacobian(out, u)).reshape(40, 40)
    assert np.abs(jacobian - np.eye(40)).max() > 1e-3
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-13)


@each_variant
def test_any_spatial_rank(case: Case, variant: str) -> None:
    call = {"noise": np.full((1,), 0.3, "float32")} if takes_noise(case, variant) else {}
    for shape in ((1, 7, 2), (1, 4, 3, 3, 2)):
        if shape == (1, 7, 2) or variant in ("default", "dct", "per channel"):
            layer = case.cls(**arguments(case, variant))
            layer.build(shape)
            assert (
                tuple(output(layer, data(shape), call).shape)[:-1]
                == tuple(layer.compute_output_shape(shape))[:-1]
            )

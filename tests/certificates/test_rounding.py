"""Certificates in 16 bits.

Bounds of the weights as rounded and of the arithmetic, attacked where exact arithmetic would
promise too much.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FSIResNet,
    ImplicitDiffusion,
    Lifting,
    SplineFlux,
)
from keras_pde.operators import norms
from keras_pde.presets.values import with_dtype
from keras_pde.runtime import compiled
from keras_pde.runtime.precision import UNITS, unit_roundoff

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="float64, which the errors are measured against, needs TensorFlow",
)
PRECISIONS = ["mixed_bfloat16", "mixed_float16", "bfloat16"]


def learned(
    filters: Any = 3, width: int = 3, boundary: str = "dirichlet", **options: Any
) -> ConvOperator:
    return ConvOperator(filters, width, boundary=boundary, **{"normalize": True, **options})


MODELS = {
    "at the limit": lambda: DiffusionResNet(
        4, block=DiffusionBlock(learned(), "linear", 2.0), tied=True
    ),
    "explicit": lambda: DiffusionResNet(
        3, block=DiffusionBlock(learned(4, 5, zero_mean=True), "perona_malik", "learned")
    ),
    "reflecting": lambda: DiffusionResNet(
        2, block=DiffusionBlock(learned(2, 2, "neumann", normalize=False), "charbonnier")
    ),
    "per channel": lambda: DiffusionResNet(
        3,
        block=DiffusionBlock(
            learned(3, 3, "periodic", normalize=False), "charbonnier", "per_channel"
        ),
    ),
    "stacked": lambda: DiffusionResNet(
        2, block=DiffusionBlock(learned((2, 4)), "truncated_tv"), tied=True
    ),
    "data term": lambda: DiffusionResNet(
        3, block=DiffusionBlock(learned(), "charbonnier", data_weight="learned")
    ),
    "spline": lambda: DiffusionResNet(
        3, block=DiffusionBlock(learned(), SplineFlux(6, 3.0, (-0.5, 1.0), contrast=0.5))
    ),
    "fab": lambda: DiffusionResNet(2, block=DiffusionBlock(learned(), "fab"), tied=True),
    "lifted": lambda: DiffusionResNet(
        2, block=DiffusionBlock(learned()), lifting=Lifting(3, learned=True)
    ),
    "stencil": lambda: DiffusionResNet(
        5, block=DiffusionBlock("forward", "perona_malik", 0.25), tied=True
    ),
    "laplacian": lambda: DiffusionResNet(
        3, block=DiffusionBlock("laplacian", "linear", 0.03), tied=True
    ),
    "fed": lambda: FEDResNet(2, 4, block=DiffusionBlock(learned(), "perona_malik")),
    "fed stencil": lambda: FEDResNet(3, 5, block=DiffusionBlock("forward", "charbonnier")),
    "fsi frozen": lambda: FSIResNet(
        2, 4, block=DiffusionBlock(learned(), "perona_malik"), frozen=True
    ),
    "fsi": lambda: FSIResNet(1, 4, block=DiffusionBlock("forward", "charbonnier")),
    "dufort-frankel": lambda: DuFortFrankelResNet(
        4, 4 / 3, block=DiffusionBlock(learned(), "charbonnier")
    ),
    "implicit": lambda: keras_pde.ImplicitRecurrent(
        2, block=ImplicitDiffusion(learned(), "charbonnier", 4.0)
    ),
}


def made(name: str, dtype: str) -> Any:
    """The model with random weights, the same in every precision but for their rounding."""
    model = MODELS[name]()
    config = with_dtype(keras.saving.serialize_keras_object(model), dtype)
    model = keras.saving.deserialize_keras_object(config)
    model.build((None, None, None, 1))
    rng = np.random.default_rng(7)
    model.set_weights(
        [(rng.normal(size=w.shape) + 0.3).astype(w.dtype) for w in model.get_weights()]
    )
    assert model.compute_dtype == dtype.removeprefix("mixed_")
    return model


def sizes(x: Any) -> np.ndarray:
    return np.sqrt(
        (np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")), dtype="float64") ** 2).sum(
            axis=(1, 2, 3)
        )
    )


def attacked(model: Any, rng: np.random.Generator, size: int = 12, steps: int = 25) -> float:
    """The largest ‖N(u)‖/‖u‖ that power iteration through the network's own arithmetic finds, over
    scales within two powers of two.
    """
    import tensorflow as tf

    # without XLA, which is part of what is attacked but not of the attack
    @tf.function(autograph=False)
    def gradient(u: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(u)
            gain = tf.reduce_sum(
                tf.square(tf.cast(model(u), "float32")), axis=(1, 2, 3)
            ) / tf.reduce_sum(tf.square(u), axis=(1, 2, 3))
        return tape.gradient(gain, u), gain

    run, best = compiled(model), 0.0
    stripes = (-1.0) ** np.indices((size, size)).sum(0)[None, ..., None]  # the highest frequency
    u = np.concatenate([rng.standard_normal((5, size, size, 1)), stripes]).astype("float32")
    for k in range(steps):
        grown, _ = gradient(tf.constant(u))
        grown = np.nan_to_num(grown.numpy())
        u = (
            u
            + (0.5 if k % 2 else 5.0)
            * grown
            * (sizes(u) / np.maximum(sizes(grown), 1e-30))[:, None, None, None]
        ).astype("float32")
        u /= np.abs(u).max(axis=(1, 2, 3), keepdims=True)
        if k % 5 == 4:
            for scale in 2.0 ** np.linspace(0, 2, 9):
                best = max(
                    best,
                    float((sizes(run((scale * u).astype("float32"))) / sizes(scale * u)).max()),
                )
    return best


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_no_attack_exceeds_the_norm_gain_in_16_bits(
    name: str, dtype: str, rng: np.random.Generator
) -> None:
    model = made(name, dtype)
    found, certificate = attacked(model, rng), model.certificate()
    assert found <= certificate.norm_gain
    exact = made(name, "float32").certificate()
    assert certificate.norm_gain > exact.norm_gain
    assert certificate.lipschitz >= exact.lipschitz


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_what_exact_arithmetic_promises_is_broken_in_16_bits_and_what_is_certified_is_not(
    dtype: str, rng: np.random.Generator
) -> None:
    # K = a, at the limit: u⁺ = u − fl(τ)fl(a)²u, which is −u in exact arithmetic
    model = DiffusionResNet(
        8, block=DiffusionBlock(learned(1, 1, normalize=False), "linear", dtype=dtype), tied=True
    )
    model.build((None, None, None, 1))
    exact = DiffusionResNet(
        8, block=DiffusionBlock(learned(1, 1, normalize=False), "linear"), tied=True
    )
    exact.build((None, None, None, 1))
    worst, u = 0.0, rng.standard_normal((8, 6, 6, 1)).astype("float32")
    for a in np.linspace(1, 2, 60):
        model.set_weights([np.full((1, 1, 1, 1), a)])
        exact.set_weights(model.get_weights())
        gain = (sizes(model(u)) / sizes(u)).max()
        assert gain <= model.certificate().norm_gain
        worst = max(worst, gain)
    assert exact.certificate().norm_gain == 1
    assert worst > 1 + 4 * UNITS[model.compute_dtype]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(
    "name",
    [
        "at the limit",
        "explicit",
        "reflecting",
        "per channel",
        "stacked",
        "data term",
        "spline",
        "fab",
        "stencil",
        "laplacian",
    ],
)
def test_one_step_errs_by_no_more_than_is_said(
    name: str, dtype: str, rng: np.random.Generator
) -> None:
    block, exact = made(name, dtype).blocks[0], made(name, "float64").blocks[0]
    block_weights = [
        np.asarray(ops.convert_to_numpy(ops.cast(w, "float32")), "float64") for w in block.weights
    ]
    exact.set_weights(block_weights)
    facts = block.facts()
    own, source = facts.rounding.errors(facts)
    # M: the step in float64 with kernels, step size and data weight as the block rounds them
    prepared, short = exact.prepare(), block.compute_dtype
    prepared.kernels = [rounded(k, short) for k in block.prepare().kernels]
    prepared.step, prepared.data_weight = (
        rounded(x, short) for x in (block.prepare().step, block.prepare().data_weight)
    )
    # not M, but what it is close to: the diffusivity is rounded too, which the strength holds
    diffusivity = facts.strength * ((1 + facts.rounding.unit) ** 2 - 1)
    run = compiled(block)
    for scale in (0.1, 1.0, 30.0):
        u = ops.cast(
            ops.convert_to_tensor((scale * rng.standard_normal((4, 11, 10, 1))).astype("float32")),
            short,
        )
        wide = ops.cast(u, "float64")
        mapped = exact.step(wide, prepared, source=wide)
        error = np.sqrt(
            (ops.convert_to_numpy(ops.cast(run(u), "float64") - mapped) ** 2).sum(axis=(1, 2, 3))
        )
        assert (error <= (own + source + diffusivity) * sizes(u)).all()
        assert error.max() > 0


def rounded(x: Any, dtype: str) -> Any:
    """In float64, with the values it has in 16 bits."""
    return ops.cast(ops.cast(ops.convert_to_tensor(x, dtype="float32"), dtype), "float64")


def dense(kernels: list[np.ndarray], boundary: str, size: int = 7) -> np.ndarray:
    """K as a matrix."""
    operator = ConvOperator(
        tuple(int(k.shape[-1]) for k in kernels),
        kernels[0].shape[0],
        boundary=boundary,
        dtype="float64",
    )
    operator.build((None, size, size, 1))
    operator.set_weights(kernels)
    basis = np.eye(size * size).reshape(-1, size, size, 1)
    return ops.convert_to_numpy(operator(basis)).reshape(size * size, -1).T


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
@pytest.mark.parametrize("filters", [4, (2, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_the_norm_of_rounded_kernels_is_bounded_and_may_exceed_the_unrounded_bound(
    boundary: str, filters: Any, seed: int
) -> None:
    keras.utils.set_random_seed(seed)
    operator = learned(filters, 3, boundary, initializer="he_normal")
    operator.build((None, 7, 7, 1))
    kernels = [np.asarray(rounded(k, "bfloat16"), "float64") for k in operator.weights_in_use()]
    exact = [ops.convert_to_numpy(k).astype("float64") for k in operator.weights_in_use()]
    absolute = operator.norm_bound("l1")
    assert np.linalg.norm(dense([np.abs(k) for k in exact], boundary), 2) <= absolute * (1 + 1e-9)
    off = np.linalg.norm(dense(kernels, boundary) - dense(exact, boundary), 2)
    unit = UNITS["bfloat16"]
    assert 0 < off <= ((1 + unit) ** len(kernels) - 1) * absolute
    assert (
        np.linalg.norm(dense(kernels, boundary), 2)
        <= operator.norm_bound() + ((1 + unit) ** len(kernels) - 1) * absolute
    )


@pytest.mark.parametrize("stencil", ["forward", "central", "second", "laplacian"])
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
def test_absolute_values_of_a_difference_stencil_have_its_norm_for_a_bound(
    stencil: str, boundary: str
) -> None:
    operator = ConvOperator(initializer=stencil, boundary=boundary, dtype="float64")
    operator.build((None, 7, 6, 1))
    matrix = ops.convert_to_numpy(operator(np.eye(42).reshape(-1, 7, 6, 1))).reshape(42, -1)
    assert np.linalg.norm(np.abs(matrix), 2) <= operator.norm_bound() * (1 + 1e-12)
    assert (
        abs(float(norms.absolute_sum(operator.kernel_arrays())) - operator.norm_bound() ** 2) < 1e-9
    )


def test_certificates_in_32_and_64_bits_are_those_of_exact_arithmetic() -> None:
    for dtype in ("float32", "float64"):
        certificate = keras_pde.from_preset("certified_resnet_2d", dtype=dtype).certificate()
        assert unit_roundoff(dtype) == 0
        assert certificate.norm_gain == 1.0
        assert "exact arithmetic" in certificate.assumptions


def test_the_certificate_of_a_preset_in_16_bits_says_so() -> None:
    certificate = keras_pde.from_preset("certified_resnet_2d", dtype="mixed_bfloat16").certificate()
    assert 1 < certificate.norm_gain < 1.5
    assert not certificate.norm_stable
    assert "roundings of bfloat16" in str(certificate)
    assert "exact arithmetic" not in certificate.assumptions

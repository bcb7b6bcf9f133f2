"""Diffusion steps whose operator is a matrix: symmetric fully connected layers, certified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

from keras_pde import (
    CoupledSplineFlux,
    DenseOperator,
    DiffusionBlock,
    FluxActivation,
    GatedFlux,
    ImplicitDiffusion,
    SplineFlux,
)

SHAPE = (6, 5)
BLOCKS: dict[str, Any] = {
    "auto": lambda **o: DiffusionBlock(DenseOperator(8), "perona_malik", **o),
    "spline": lambda **o: DiffusionBlock(
        DenseOperator(4, normalize=True), SplineFlux(6, slopes=(-0.2, 1.0)), "learned", **o
    ),
    "per channel": lambda **o: DiffusionBlock(
        DenseOperator(7), "charbonnier", "per_channel", fraction=0.9, **o
    ),
    "coupled": lambda **o: DiffusionBlock(DenseOperator(3), "weickert", coupled=True, **o),
    "implicit": lambda **o: ImplicitDiffusion(
        DenseOperator(6),
        FluxActivation("charbonnier", 0.5, learn_contrast=True),
        4.0,
        tolerance=1e-9 if o else 1e-6,
        **o,
    ),
    "implicit spline": lambda **o: ImplicitDiffusion(
        DenseOperator(6, normalize=True),
        SplineFlux(5),
        "learned",
        tolerance=1e-9 if o else 1e-6,
        **o,
    ),
}
each = pytest.mark.parametrize("name", BLOCKS)


def built(name: str, **options: Any) -> Any:
    layer = BLOCKS[name](**options)
    layer.build((None, SHAPE[-1]))
    rng = np.random.default_rng(2)
    layer.set_weights([w + 0.3 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


@each
def test_a_block_with_a_matrix_keeps_what_it_certifies(name: str, rng: np.random.Generator) -> None:
    layer = built(name, dtype="float64")
    certificate = layer.certificate()
    assert certificate.norm_stable
    assert certificate.energy_descent
    for scale in (0.1, 1.0, 10.0):
        u, v = (scale * rng.standard_normal(SHAPE) for _ in range(2))
        x, y = value(layer(u)), value(layer(v))
        assert x.shape == SHAPE
        slack = 1 + 1e-9
        assert (np.linalg.norm(x, axis=1) <= np.linalg.norm(u, axis=1) * slack).all()
        apart, before = np.linalg.norm(x - y, axis=1), np.linalg.norm(u - v, axis=1)
        assert (apart <= certificate.lipschitz * before * slack).all()
        assert (value(layer.energy(x)) <= value(layer.energy(u)) * slack + 1e-12).all()


@each
def test_a_block_with_a_matrix_has_a_symmetric_derivative(name: str) -> None:
    layer = built(name, dtype="float64")
    if "per channel" in name:  # symmetric as well, with the steps between K and Kᵀ
        assert layer.operator.rows == 7
    u, h = np.random.default_rng(1).standard_normal((1, SHAPE[-1])), 1e-6
    steps = np.concatenate([u + h * np.eye(SHAPE[-1]), u - h * np.eye(SHAPE[-1])])
    out = value(layer(steps))
    jacobian = (out[: SHAPE[-1]] - out[SHAPE[-1] :]) / (2 * h)
    np.testing.assert_allclose(jacobian, jacobian.T, atol=2e-3 if "implicit" in name else 1e-7)


@each
def test_a_block_with_a_matrix_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    inputs = keras.Input((SHAPE[-1],))
    model = keras.Model(inputs, BLOCKS[name]()(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    u = np.random.default_rng(4).standard_normal(SHAPE).astype("float32")
    np.testing.assert_array_equal(value(again(u)), value(model(u)))


def test_an_explicit_step_with_a_matrix_equals_its_formula_in_numpy() -> None:
    layer = DiffusionBlock(DenseOperator(8), "perona_malik", 0.3, dtype="float64")
    layer.build((None, SHAPE[-1]))
    K, u = value(layer.operator.kernel).T, np.random.default_rng(0).standard_normal(SHAPE)
    s = u @ K.T
    np.testing.assert_allclose(
        value(layer(u)), u - 0.3 * (s / (1 + s * s)) @ K, rtol=1e-12, atol=1e-12
    )


def test_a_step_beyond_the_limit_of_a_normalised_matrix_is_refused_with_the_limit() -> None:
    layer = DiffusionBlock(DenseOperator(4, normalize=True), "charbonnier", 2.1)
    with pytest.raises(ValueError, match=r"step_size <= 2/\(2β \+ L‖K‖²\) = 2"):
        layer.build((None, 3))


@pytest.mark.parametrize("flux", [GatedFlux, CoupledSplineFlux])
def test_fluxes_that_look_at_neighbours_refuse_a_state_without_any(flux: Any) -> None:
    with pytest.raises(ValueError, match="neighbours"):
        DiffusionBlock(DenseOperator(4), flux()).build((None, 3))


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_float16"])
def test_a_block_with_a_matrix_is_certified_in_16_bits(dtype: str) -> None:
    layer = DiffusionBlock(
        DenseOperator(8, normalize=True), "charbonnier", fraction=0.8, dtype=dtype
    )
    layer.build((None, SHAPE[-1]))
    certificate = layer.certificate()
    assert 1 < certificate.norm_gain < 1.2
    u = ops.cast(np.random.default_rng(0).standard_normal(SHAPE), layer.compute_dtype)
    before, after = (np.linalg.norm(value(ops.cast(x, "float64")), axis=1) for x in (u, layer(u)))
    assert (after <= certificate.norm_gain * before).all()

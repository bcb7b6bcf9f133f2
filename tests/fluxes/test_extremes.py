"""Bounds of every flux against fine suprema, and states, contrasts and weights at the extremes."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

import keras_pde
from keras_pde import (
    ConvOperator,
    CoupledSplineFlux,
    DiffusionBlock,
    FluxActivation,
    GatedFlux,
    RBFFlux,
    SplineFlux,
    activations,
)
from keras_pde.fluxes import FAB, Flux
from keras_pde.fluxes.flux import LARGEST, SMALLEST
from keras_pde.layers.transfer import Prolongation

NAMES = (
    "linear",
    "charbonnier",
    "truncated_tv",
    "perona_malik",
    "perona_malik_exponential",
    "weickert",
    "truncated_bfb",
    "fab",
    "relu",
    "smooth_relu",
)
FLUXES = [activations.get(name) for name in NAMES] + [FAB(kappa=k) for k in (1.05, 9.0, 100.0)]
# dense around the contrast, where all extremes stand, and out to both ends
HALF = np.unique(np.concatenate([np.geomspace(1e-9, 1e9, 20001), np.linspace(0.5, 4, 40001)]))
GRID = np.concatenate([-HALF[::-1], [0.0], HALF])


@pytest.mark.parametrize("flux", FLUXES, ids=repr)
@pytest.mark.parametrize("contrast", [1e-6])
def test_declared_bounds_are_the_suprema(flux: Flux, contrast: float) -> None:
    flux = type(flux)(**{**flux.get_config(), "contrast": contrast})
    s = GRID * contrast
    phi = value(flux(ops.convert_to_tensor(s)))
    g = value(flux.diffusivity_at(ops.convert_to_tensor(s)))
    mean_slopes = np.diff(phi) / np.diff(s)
    # of fab the bounds are rounded outward by that much
    loose = 1e-4 + 1e-5 * getattr(flux, "kappa", 0.0) ** 2
    for found, (low, high) in ((g, flux.diffusivity_bounds), (mean_slopes, flux.slope_bounds)):
        assert low - 1e-9 <= found.min() <= low + loose
        assert high - 1e-4 <= found.max() <= high + 1e-9
    height = np.abs(phi).max() / contrast
    if math.isinf(flux.height):
        assert height >= 1e8
    else:
        assert height <= flux.height * (1 + 1e-12)
        assert height >= flux.height - loose
    # the slopes are those of the flux, and the potential is its integral
    slopes = value(flux.slope(ops.convert_to_tensor((s[1:] + s[:-1]) / 2)))
    off = np.abs(slopes - mean_slopes) > 1e-3 * (1 + np.abs(slopes))
    assert off.mean() < 1e-3  # but at corners
    psi = value(flux.potential(ops.convert_to_tensor(s)))
    inner = np.abs(GRID) < 100
    work = np.cumsum(np.diff(s[inner]) * (phi[inner][1:] + phi[inner][:-1]) / 2)
    loose = 1e-5 * np.abs(psi[inner]).max()
    np.testing.assert_allclose(psi[inner][1:] - psi[inner][0], work, atol=loose)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("coupled", [False, True])
def test_every_contrast_that_is_accepted_computes_in_float32(name: str, coupled: bool) -> None:
    for contrast in (SMALLEST, 1e-20, 1e-15, 1e-7, 1e7, LARGEST):
        if "relu" not in name or not coupled:
            right(name, contrast, coupled)


def right(name: str, contrast: float, coupled: bool) -> None:
    layer, exact = (FluxActivation(name, contrast, coupled=coupled, dtype=d) for d in DTYPES)
    units = np.array([0, 1e-3, 0.5, 1, 2, 1e3, 1e6], "float32")
    states = np.concatenate([units, -units, units * np.float32(contrast)])
    s = states.reshape(1, -1, 1)
    assert np.isfinite(value(layer(s))).all()
    expected = value(exact(s.astype("float64")))
    # to the rounding of the state, which is what a step subtracts the flux from
    np.testing.assert_allclose(
        value(layer(s)).ravel(), expected.ravel(), rtol=1e-4, atol=1e-6 * np.abs(s).max() * 1e-6
    )
    assert all(np.isfinite(value(x)).all() for x in layer.linearize([s]))
    assert not any(np.isnan(value(x)).any() for x in layer.potentials([s]))  # ψ may overflow


DTYPES = ("float32", "float64")
HUGE = np.array([1e15, 1e25, 1e30, 3e38], "float32")


@pytest.mark.parametrize("low", [-0.5, 0.0, 0.3])
@pytest.mark.parametrize("contrast", [0.01, 1.0])
def test_a_spline_is_right_for_huge_states(low: float, contrast: float) -> None:
    layers = [SplineFlux(8, 3.0, (low, 1.0), contrast=contrast, dtype=d) for d in DTYPES]
    s = np.concatenate([HUGE, -HUGE, [0, 1e-30]]).astype("float32").reshape(1, -1, 1)
    for layer in layers:
        layer.build(s.shape)
    layers[1].set_weights(layers[0].get_weights())
    one, two = layers
    np.testing.assert_allclose(value(one(s)), value(two(s.astype("float64"))), rtol=1e-5)
    for part in (*one.linearize([s]), *one.diffusivities([s])):
        assert np.isfinite(value(part)).all()
    psi, exact = (value(x.potentials([y])[0]) for x, y in zip(layers, (s, s * 1.0), strict=True))
    np.testing.assert_allclose(psi, exact.astype("float32"), rtol=1e-5)
    assert not np.isnan(psi).any()


@pytest.mark.parametrize(
    "layer",
    [
        *(FluxActivation(name, 0.1) for name in NAMES),
        *(FluxActivation(name, 0.1, coupled=True) for name in NAMES if "relu" not in name),
        GatedFlux("charbonnier", 0.1),
        CoupledSplineFlux(knots=4, slopes=(-0.3, 1.0), contrast=0.1),
        RBFFlux(5, contrast=0.1),
        RBFFlux(5, contrast=0.1, nonnegative=False),
    ],
    ids=lambda layer: f"{type(layer).__name__} {layer.law} {layer.coupled}",
)
def test_no_state_that_is_a_number_gives_nan(layer: keras_pde.FluxActivation) -> None:
    s = np.concatenate([HUGE[:-1], -HUGE[:-1], [0, 1e-30]]).astype("float32").reshape(1, -1, 1)
    s = np.repeat(s, 2, -1)
    layer.build(s.shape)
    assert np.isfinite(value(layer(s))).all()
    if layer.has_potential:
        v = [np.ones_like(s)]
        parts = [*layer.linearize([s]), *layer.tangent(layer.linearize([s]), v)]
        assert all(np.isfinite(value(x)).all() for x in parts)
        assert not any(np.isnan(value(x)).any() for x in layer.potentials([s]))


@pytest.mark.parametrize("contrast", [0, 1e-31, 1e13, True, math.nan, "0.1", None])
def test_a_contrast_beyond_float32_is_refused(contrast: object) -> None:
    with pytest.raises(ValueError, match="from 1e-30 to 1e\\+12"):
        activations.Charbonnier(contrast)
    if contrast is not None:
        with pytest.raises(ValueError, match="from 1e-30 to 1e\\+12"):
            SplineFlux(contrast=contrast)
    with pytest.raises(ValueError, match="stays above 1e-07"):
        FluxActivation("charbonnier", 1e-9, learn_contrast=True)


def test_a_gate_over_a_window_of_zeros_is_no_gate() -> None:
    flux = GatedFlux("linear", 0.1)
    block = DiffusionBlock(ConvOperator(3, 3, normalize=True), flux)
    block.build((None, None, None, 1))
    flux.mixing.assign(np.eye(3))
    assert block.certificate().lipschitz == math.inf  # |Φ| has no bound
    flux.window.assign(0 * flux.window)
    assert flux.asymmetry_bound == 0
    assert block.certificate().lipschitz == 1


BROKEN = {
    "explicit": lambda: keras_pde.DiffusionResNet(2, 4, 3),
    "spline": lambda: DiffusionBlock(4, SplineFlux(4)),
    "Gaussians": lambda: DiffusionBlock(4, RBFFlux(5)),
    "learned contrast": lambda: DiffusionBlock(
        "forward", FluxActivation("charbonnier", learn_contrast=True)
    ),
    "learned step": lambda: DiffusionBlock("forward", "charbonnier", "learned"),
    "gated": lambda: DiffusionBlock(4, GatedFlux(contrast=0.1)),
    "step for each channel": lambda: DiffusionBlock(4, "charbonnier", "per_channel"),
    "lifted": lambda: keras_pde.DiffusionResNet(
        2, 4, 3, lifting=keras_pde.Lifting(4, learned=True)
    ),
    "implicit": lambda: keras_pde.ImplicitDiffusion(4, "charbonnier", 2.0),
    "recurrent": lambda: keras_pde.ImplicitRecurrent(2, 4, 3),
    "prolongation": lambda: Prolongation(learned=True),
    "lifting": lambda: keras_pde.Lifting(4, learned=True),
    "flux": lambda: SplineFlux(4),
    "operator": lambda: ConvOperator(4, 3),
    "dense": lambda: keras.layers.Dense(3),
    "convolution": lambda: keras.layers.Conv2D(3, 3),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_of_weights_that_are_no_numbers_nothing_is_proved(kind: str, number: float) -> None:
    layer = BROKEN[kind]()
    layer.build((None, None, None, 1))
    layer.weights[-1].assign(layer.weights[-1] * 0 + number)
    found = keras_pde.certify(layer)
    assert not any(guarantee.known for guarantee in found.guarantees)
    assert "NaN or infinite" in found.reasons["norm"]


@pytest.mark.parametrize("size", [0.0, 1e38, -1e38])
@pytest.mark.parametrize("kind", BROKEN)
def test_weights_of_0_and_of_1e38_give_constants_or_reasons(kind: str, size: float) -> None:
    layer = BROKEN[kind]()
    layer.build((None, None, None, 1))
    for weight in layer.weights:
        weight.assign(0 * weight + size)
    found = keras_pde.certify(layer)  # a certificate refuses NaN
    assert all(guarantee.reason for guarantee in found.guarantees)
    assert "nan" not in " ".join(found.reasons.values()).lower().replace("nan or inf", "")
    if kind == "prolongation":  # a call needs a grid
        return
    norm = found["norm"]
    if norm.known and norm.constant < 1e30:  # a larger one grants that nothing overflows
        assert np.isfinite(value(layer(np.full((1, 5, 5, 1), 0.1, "float32")))).all()

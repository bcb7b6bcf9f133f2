"""GatedFlux against its formula in NumPy; its stability and its Lipschitz constant, attacked.

What it has not, refused.
"""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from arrays import by_differences, randomized, value
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    GatedFlux,
    ImplicitDiffusion,
)
from keras_pde.fluxes.gated_flux import NOISE_RANGE
from keras_pde.models.influence import Influence
from keras_pde.runtime import compiled

FLUXES = ("charbonnier", "perona_malik", "perona_malik_exponential", "truncated_tv")
D = {"dtype": "float64"}


pytestmark = pytest.mark.usefixtures("double")


def flux(rng, shape, scale=1.0, **options) -> GatedFlux:
    layer = GatedFlux(
        **{"flux": "perona_malik_exponential", "contrast": 0.5, "neighbourhood": 3, **options}, **D
    )
    layer.build(shape)
    return randomized(layer, rng, scale)


def block(rng, scale=1.0, filters=8, **options) -> DiffusionBlock:
    operator = ConvOperator(filters, 5, boundary="dirichlet", zero_mean=True, normalize=True, **D)
    law = GatedFlux(
        **{
            "contrast": 0.5,
            "neighbourhood": 3,
            "learn_contrast": True,
            "per_channel": True,
            **options,
        },
        **D,
    )
    made = DiffusionBlock(operator, law, "learned", **D)
    made.build((None, None, None, 1))
    return randomized(made, rng, scale)


def reference(layer: GatedFlux, s: np.ndarray) -> np.ndarray:
    """The formula, by loops over the window."""
    window, mixing, bias = (value(w) for w in (layer.window, layer.mixing, layer.gate_bias))
    contrast = value(layer.contrast_now())
    h = s**2 / (contrast**2 + s**2)
    widths = window.shape[:-2]
    wide = np.pad(h, [(0, 0), *[(n // 2, n // 2) for n in widths], (0, 0)])
    seen = np.zeros_like(h)
    for offset in itertools.product(*map(range, widths)):
        where = tuple(slice(o, o + n) for o, n in zip(offset, s.shape[1:-1], strict=True))
        seen += window[offset][:, 0] * wide[(slice(None), *where)]
    g = np.exp(-(s**2) / (2 * contrast**2))
    return g * s / (1 + np.exp(-(seen @ mixing + bias)))


@pytest.mark.parametrize("size", [(7,), (5, 6), (1, 1), (3, 4, 5)])
@pytest.mark.parametrize("neighbourhood", [1, 3, 5])
def test_it_is_its_formula(rng, size, neighbourhood):
    s = rng.normal(size=(2, *size, 3))
    layer = flux(rng, s.shape, neighbourhood=neighbourhood, learn_contrast=True, per_channel=True)
    np.testing.assert_allclose(value(layer(s)), reference(layer, s), atol=1e-13)
    np.testing.assert_allclose(
        value(layer.diffusivities([s])[0]) * s, reference(layer, s), atol=1e-13
    )


@pytest.mark.parametrize("name", FLUXES)
@pytest.mark.parametrize("scale", [0.3, 3.0, 100.0])
def test_s1_no_weights_and_no_input_break_norm_stability(rng, name, scale):
    """‖u⁺‖ ≤ ‖u‖ whatever the gate is made of: large windows and mixing matrices of both signs."""
    for _ in range(4):
        step = block(rng, scale, flux=name)
        assert step.certificate().norm_stable
        u = rng.normal(size=(8, 9, 10, 1)) * 10.0 ** rng.uniform(-3, 3, size=(8, 1, 1, 1))
        after, before = (np.sqrt((x**2).sum(axis=(1, 2, 3))) for x in (value(step(u)), u))
        assert (after <= before * (1 + 1e-12)).all()
        g = value(step.freeze(u, step.prepare())[0])
        assert g.min() >= 0
        assert g.max() <= 1


@pytest.mark.parametrize("name", FLUXES)
def test_the_derivative_is_within_the_coupling_of_a_diagonal_one(rng, name):
    """And the coupling is no empty word: some inputs come within a factor of ten."""
    closest = 0.0
    for trial in range(6):
        size = [(4, 4), (9,), (3, 2, 2)][trial % 3]
        layer = flux(
            rng,
            (None, *size, 3),
            scale=(0.3, 1.0, 3.0)[trial % 3],
            flux=name,
            learn_contrast=True,
            per_channel=True,
        )
        s = rng.normal(size=(*size, 3)) * 0.6
        # truncated TV has a corner there
        s[np.abs(np.abs(s) / value(layer.contrast_now()) - 1) < 1e-3] *= 1.01
        whole = by_differences(lambda x, layer=layer: value(layer(x)), s)
        gate = value(layer.diffusivities([s[None]])[0])[0] / value(
            layer.flux.diffusivity(s**2, layer.contrast_now())
        )
        diagonal = (gate * value(layer.flux.slope(s, layer.contrast_now()))).ravel()
        low, high = layer.slope_bounds
        assert diagonal.min() >= low - 1e-12
        assert diagonal.max() <= high + 1e-12
        rest = np.linalg.norm(whole - np.diag(diagonal), 2)
        assert rest <= layer.asymmetry_bound * (1 + 1e-6)
        closest = max(closest, rest / layer.asymmetry_bound)
    assert closest > 0.1


def test_the_lipschitz_constant_of_a_block_holds_at_its_jacobian(rng):
    closest = 0.0
    for trial in range(8):
        step = block(rng, scale=(0.2, 0.5, 1.0, 2.0)[trial % 4], filters=8)
        u = rng.normal(size=(5, 5, 1)) * (0.3, 1.0)[trial % 2]
        norm = np.linalg.norm(by_differences(lambda x, step=step: value(step(x)), u), 2)
        bound = step.certificate().lipschitz
        assert norm <= bound * (1 + 1e-6)
        closest = max(closest, norm / bound)
    assert closest > 0.2


def test_a_climber_does_not_break_the_constants_of_a_network(rng):
    """Ascent on ‖N(u) − N(v)‖/‖u − v‖ and on ‖N(u)‖/‖u‖ by evolution, 40 generations."""
    model = DiffusionResNet(3, block=block(rng, 0.5), **D)
    model.build((None, None, None, 1))
    randomized(model, rng, 0.3)
    certificate = model.certificate()
    assert certificate.norm_stable
    assert certificate.lipschitz < np.inf
    u = rng.normal(size=(32, 6, 6, 1))
    d = rng.normal(size=u.shape)
    for _ in range(40):
        d = 1e-4 * d / np.sqrt((d**2).sum(axis=(1, 2, 3), keepdims=True))
        rates = np.sqrt(((value(model(u + d)) - value(model(u))) ** 2).sum(axis=(1, 2, 3))) / 1e-4
        gains = np.sqrt((value(model(u)) ** 2).sum(axis=(1, 2, 3)) / (u**2).sum(axis=(1, 2, 3)))
        assert rates.max() <= certificate.lipschitz * (1 + 1e-6)
        assert gains.max() <= 1 + 1e-12
        best = np.argsort(rates + gains)[-8:].repeat(4)
        u, d = (
            u[best] + 0.1 * rng.normal(size=u.shape),
            d[best] / 1e-4 + 0.3 * rng.normal(size=u.shape),
        )


def test_contrasts_stay_within_what_the_lipschitz_constant_takes_them_for(rng):
    layer = flux(
        rng, (None, 5, 5, 4), noise_conditioned=True, learn_contrast=True, per_channel=True
    )
    least, most = layer._contrasts()
    for sigma in np.linspace(*NOISE_RANGE, 40):
        ratio = value(layer.contrast_now(np.array([sigma])))[0, 0, 0] * (25 / 255) / sigma
        assert (ratio >= least * (1 - 1e-9)).all()
        assert (ratio <= most * (1 + 1e-9)).all()
    assert "5 to 55" in block(rng, noise_conditioned=True).certificate().assumptions[-2]


def test_nothing_is_promised_that_a_gate_does_not_give(rng):
    step = block(rng, flux="charbonnier")
    certificate = step.certificate()
    assert certificate.averaged is None
    assert not certificate.energy_descent
    assert certificate.lipschitz > 1
    assert "no gradient" in certificate.reasons["energy"]
    assert "gates add" in certificate.reasons["lipschitz"]
    # |Φ| has no bound
    assert block(rng, flux="linear").certificate().lipschitz == np.inf
    assert block(rng, flux="weickert").certificate().lipschitz < np.inf
    # a gate that looks at nothing is a factor: the constants of its flux
    still = DiffusionBlock(
        ConvOperator(8, 5, boundary="dirichlet", normalize=True),
        GatedFlux("charbonnier"),
        "learned",
    )
    still.build((None, None, None, 1))
    assert still.certificate().lipschitz == 1
    assert still.certificate().averaged is None
    # steps of their own for each channel weigh the derivative's entries unequally
    uneven = DiffusionBlock(
        ConvOperator(8, 5, boundary="dirichlet"), GatedFlux("charbonnier"), "per_channel"
    )
    uneven.build((None, None, None, 1))
    randomized(uneven, rng)
    assert uneven.certificate().lipschitz == np.inf
    assert uneven.certificate().norm_stable
    with pytest.raises(ValueError, match="no potential"):
        step.energy(np.zeros((1, 5, 5, 1)))
    with pytest.raises(ValueError, match="has none"):
        ImplicitDiffusion(8, GatedFlux())


@pytest.mark.parametrize(
    "options",
    [
        {"neighbourhood": 4},
        {"neighbourhood": 0},
        {"neighbourhood": 2.0},
        {"flux": "fab"},
        {"flux": "relu"},
        {"coupled": True},
        {"contrast": -1.0},
    ],
)
def test_what_is_no_gate_is_refused(options):
    with pytest.raises(ValueError, match=r"neighbourhood|needs a flux|contrast"):
        GatedFlux(**options)


def test_a_gate_needs_neighbours_and_one_convolution():
    with pytest.raises(ValueError, match="spatial"):
        GatedFlux().build((None, 4))
    with pytest.raises(ValueError, match="convolution with weights"):
        DiffusionBlock("forward", GatedFlux(), 0.1)(np.zeros((1, 5, 5, 1)))


@pytest.mark.parametrize(
    "make",
    [lambda b: DuFortFrankelResNet(3, 0.9, block=b), lambda b: FEDResNet(1, 3, block=b, tied=True)],
)
def test_other_schemes_keep_their_norm_stability(rng, make):
    model = make(block(rng, 0.0))
    model.build((None, None, None, 1))
    randomized(model, rng, 0.5)
    assert model.certificate().norm_stable
    u = rng.normal(size=(8, 12, 9, 1)).astype("float32")
    out = value(model(u))
    assert (
        np.linalg.norm(out.reshape(8, -1), axis=1)
        <= np.linalg.norm(u.reshape(8, -1), axis=1) * (1 + 1e-5)
    ).all()


def test_tiles_know_how_far_a_gate_sees_and_a_compiled_network_is_the_network(rng):
    model = DiffusionResNet(2, block=block(rng, 0.0))
    model.build((None, None, None, 1))
    randomized(model, rng, 0.3)
    assert model.influence() == Influence(2 * (4 + 1), exact=True)
    u = rng.normal(size=(1, 41, 43, 1))
    moved = u.copy()
    moved[0, 20, 20] += 1
    touched = np.argwhere(np.abs(value(model(moved)) - value(model(u)))[0, :, :, 0] > 0)
    assert np.abs(touched - 20).max() == 10
    np.testing.assert_allclose(value(compiled(model)(u)), value(model(u)), atol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_in_16_bits_the_norm_bound_holds_the_roundings(rng, dtype):
    operator = ConvOperator(8, 5, boundary="dirichlet", zero_mean=True, normalize=True)
    model = DiffusionResNet(
        3, block=DiffusionBlock(operator, GatedFlux(contrast=0.2), "learned"), dtype=dtype
    )
    model.build((None, None, None, 1))
    randomized(model, rng, 0.5)
    u = keras.random.normal((4, 16, 16, 1), seed=1)
    out, gain = value(ops.cast(model(u), "float32")), model.certificate().norm_gain
    assert 1 < gain < 2
    assert (
        np.linalg.norm(out.reshape(4, -1), axis=1)
        <= gain * np.linalg.norm(value(u).reshape(4, -1), axis=1)
    ).all()

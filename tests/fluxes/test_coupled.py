"""CoupledSplineFlux against its formula in NumPy.

The bounds of its derivative and what they prove of steps, attacked; what it refuses.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.integrate
from arrays import randomized, value

from keras_pde import (
    ConvOperator,
    CoupledSplineFlux,
    DiffusionBlock,
    DiffusionResNet,
    FEDResNet,
    ImplicitDiffusion,
    ImplicitRecurrent,
)
from keras_pde.models.influence import Influence
from keras_pde.runtime import compiled

D = {"dtype": "float64"}
SLOPES = [(0.0, 1.0), (-0.4, 1.0), (0.2, 1.5)]

pytestmark = pytest.mark.usefixtures("double")


def flux(rng=None, shape=None, scale=1.0, **options) -> CoupledSplineFlux:
    start = {
        "knots": 4,
        "extent": 2.5,
        "slopes": (-0.4, 1.0),
        "start": "perona_malik",
        "contrast": 0.5,
        "learn_contrast": True,
        "grading": 1.3,
    }
    layer = CoupledSplineFlux(**{**start, **options}, **D)
    if rng is None:
        return layer
    layer.build(shape)
    return randomized(layer, rng, scale)


def operator(filters=6) -> ConvOperator:
    return ConvOperator(filters, 3, boundary="dirichlet", zero_mean=True, normalize=True, **D)


def softmax(x, axis) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def extended(layer, s: np.ndarray) -> np.ndarray:
    """All √(Vⱼᵢ Dⱼ(y))·sⱼ(x + y) by loops: (x, i, all j and y), for one sample.

    Beyond the boundary zeros.
    """
    window, mixing = value(layer.raw_window)[..., 0], softmax(value(layer.raw_mixing), -1)
    widths, channels = window.shape[:-1], window.shape[-1]
    window = softmax(window.reshape(-1, channels), 0).reshape(window.shape)
    wide = np.pad(s, [*[(n // 2, n // 2) for n in widths], (0, 0)])
    parts = []
    for offset in itertools.product(*map(range, widths)):
        shifted = wide[tuple(slice(o, o + n) for o, n in zip(offset, s.shape[:-1], strict=True))]
        parts.append(np.sqrt(window[offset][:, None] * mixing) * shifted[..., None])
    return np.moveaxis(np.concatenate(parts, axis=-2), -2, -1)


def psi(layer, r: np.ndarray) -> np.ndarray:
    """Σψᵢ(rᵢ), rᵢ of shape (..., i), integrated on a fine grid segment by segment."""
    contrast, slopes, edges = (
        value(layer.contrast_now()).ravel(),
        layer.slopes_now(np),
        np.array(layer._edges),
    )
    heights = np.vstack(
        [np.zeros(r.shape[-1]), np.cumsum(slopes * np.diff(edges)[:, None], axis=0)]
    )
    total = 0.0
    for i, scale in enumerate(contrast):
        for x in r[..., i].ravel() / scale:
            stops = np.unique(np.concatenate([edges[edges < x], [x]]))
            total += scale**2 * scipy.integrate.trapezoid(
                np.interp(stops, edges, heights[:, i]), stops
            )
    return total


@pytest.mark.parametrize("size", [(7,), (4, 3), (1, 1), (2, 3, 2)])
@pytest.mark.parametrize(("neighbourhood", "groups"), [(1, None), (3, 2), (5, 3)])
def test_its_energy_is_its_formula_and_it_is_the_gradient(rng, size, neighbourhood, groups):
    s = rng.normal(size=(*size, 3))
    layer = flux(rng, (None, *size, 3), neighbourhood=neighbourhood, groups=groups)
    energy = psi(layer, np.linalg.norm(extended(layer, s), axis=-1))
    np.testing.assert_allclose(value(layer.potentials([s[None]])[0]).sum(), energy, rtol=1e-12)
    step = 1e-5
    moved = s[None] + step * np.eye(s.size).reshape(-1, *s.shape)
    back = s[None] - step * np.eye(s.size).reshape(-1, *s.shape)
    energies = [
        value(layer.potentials([m])[0]).sum(axis=tuple(range(1, s.ndim + 1))) for m in (moved, back)
    ]
    np.testing.assert_allclose(
        (energies[0] - energies[1]) / (2 * step), value(layer(s[None])).ravel(), atol=1e-8
    )
    np.testing.assert_allclose(
        value(layer.diffusivities([s[None]])[0]) * s, value(layer(s[None])), atol=1e-15
    )


def jacobian(layer, s: np.ndarray) -> np.ndarray:
    """Φ′(s) of one sample, column by column, from `tangent`."""
    units = np.eye(s.size).reshape(-1, *s.shape)
    return value(
        layer.tangent(layer.linearize([np.repeat(s[None], s.size, 0)]), [units])[0]
    ).reshape(s.size, s.size)


@pytest.mark.parametrize("slopes", SLOPES)
def test_the_derivative_is_exact_symmetric_and_within_the_bounds(rng, slopes):
    seen = []
    for trial in range(12):
        size = [(5,), (3, 3), (2, 2, 2)][trial % 3]
        layer = flux(
            rng,
            (None, *size, 3),
            (0.3, 1.0, 3.0)[trial // 4],
            slopes=slopes,
            groups=(1, 2, 3)[trial % 3],
        )
        s = rng.normal(size=(*size, 3)) * 10.0 ** rng.uniform(-1.5, 0.5)
        derivative = jacobian(layer, s)
        np.testing.assert_allclose(derivative, derivative.T, atol=1e-14)
        step = 1e-7
        for v in rng.normal(size=(3, *s.shape)):
            difference = (
                value(layer((s + step * v)[None])) - value(layer((s - step * v)[None]))
            ).ravel() / (2 * step)
            np.testing.assert_allclose(derivative @ v.ravel(), difference, atol=1e-5)
        values, (low, high) = np.linalg.eigvalsh(derivative), layer.slope_bounds
        assert min(0, slopes[0]) <= low <= values[0] + 1e-12
        assert values[-1] <= high + 1e-12 <= slopes[1] + 1e-9
        g = value(layer.diffusivities([s[None]])[0])
        assert layer.diffusivity_bounds[0] <= g.min()
        assert g.max() <= layer.diffusivity_bounds[1] + 1e-12
        seen.append((values[0] / min(-1e-9, low), values[-1] / high))
    assert max(high for _, high in seen) > 0.8  # the bounds are no empty words
    if slopes[0] < 0:
        assert max(low for low, _ in seen) > 0.3


def test_with_one_group_of_one_channel_and_no_neighbours_it_is_a_spline(rng):
    layer = flux(rng, (None, 5, 1), neighbourhood=1)
    s = np.linspace(-3, 3, 101)[None, :, None]
    alone = super(CoupledSplineFlux, layer).fluxes([s], parameters=layer.flux_parameters()[:2])[0]
    np.testing.assert_allclose(value(layer(s)), value(alone), atol=1e-14)


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (-0.02, 1.0)])
def test_implicit_steps_keep_their_theorems_under_attack(rng, slopes):
    """‖u‖ ≤ ‖f‖, the Lipschitz constant, and for a convex energy firm nonexpansiveness.

    The pairs climb towards a violation.
    """
    step = ImplicitDiffusion(
        operator(),
        flux(slopes=slopes, groups=3),
        30.0,
        tolerance=1e-10,
        max_iterations=3000,
        solver="accelerated",
        **D,
    )
    step.build((None, None, None, 1))
    randomized(step.flux, rng)
    certificate = step.certificate()
    assert certificate.norm_stable
    assert certificate.firmly_nonexpansive == (slopes[0] == 0)
    assert certificate.energy_descent
    assert certificate.lipschitz <= 1 / (1 + 30 * min(0, slopes[0])) + 1e-6
    f, d = rng.normal(size=(2, 16, 6, 5, 1))
    solve, worst = compiled(step), 0.0  # one program for all climbs
    for _ in range(12):
        d = 0.1 * d / np.linalg.norm(d.reshape(16, -1), axis=1)[:, None, None, None]
        u, v = np.split(value(solve(np.concatenate([f, f + d]))), 2)
        gain = np.linalg.norm((v - u).reshape(16, -1), axis=1) / 0.1
        assert (
            np.linalg.norm(u.reshape(16, -1), axis=1)
            <= np.linalg.norm(f.reshape(16, -1), axis=1) * (1 + 1e-8)
        ).all()
        assert gain.max() <= certificate.lipschitz * (1 + 1e-6)
        if certificate.firmly_nonexpansive:
            assert (
                ((v - u) * d).sum(axis=(1, 2, 3)) >= ((v - u) ** 2).sum(axis=(1, 2, 3)) - 1e-8
            ).all()
        worst = max(worst, gain.max())
        best = np.argsort(gain)[-4:].repeat(4)
        f, d = (
            f[best] * rng.choice([0.5, 1.0, 2.0], size=(16, 1, 1, 1)),
            (v - u)[best] + 0.02 * rng.normal(size=d.shape),
        )
    assert worst > 0.5
    energies = [value(step.energy(x)) for x in (solve(np.concatenate([f, f]))[:16], f)]
    assert (energies[0] <= energies[1] + 1e-9).all()


def test_gradients_of_an_implicit_step_are_those_of_differences(rng):
    """To every weight of the flux and the operator, through the implicit function theorem."""
    import keras

    step = ImplicitDiffusion(
        operator(4),
        flux(slopes=(-0.05, 1.0), groups=2),
        5.0,
        tolerance=1e-13,
        max_iterations=4000,
        **D,
    )
    step.build((None, None, None, 1))
    randomized(step.flux, rng, 0.3)
    f, w = rng.normal(size=(2, 1, 5, 4, 1))

    if keras.backend.backend() != "tensorflow":
        pytest.skip("the tape of TensorFlow")
    import tensorflow as tf

    @tf.function(autograph=False)  # op by op the solves take longer than their compilation
    def loss():
        return tf.reduce_sum(w * step(f))

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(w * step(f))
        return tape.gradient(total, [v.value for v in step.trainable_weights])

    for weight, gradient in zip(step.trainable_weights, gradients(), strict=True):
        direction, start = rng.normal(size=weight.shape), value(weight)
        weight.assign(start + 1e-6 * direction)
        plus = float(loss())
        weight.assign(start - 1e-6 * direction)
        minus = float(loss())
        weight.assign(start)
        np.testing.assert_allclose(
            (plus - minus) / 2e-6,
            np.sum(direction * value(gradient)),
            rtol=2e-4,
            atol=1e-7,
            err_msg=weight.path,
        )


def test_explicit_networks_of_it_have_lipschitz_constants_and_averagedness(rng):
    """Where gates that are no gradients have none.

    A convex joint energy makes explicit steps averaged.
    """
    model = DiffusionResNet(
        3, block=DiffusionBlock(operator(), flux(slopes=(0.0, 1.0), groups=3), "learned", **D), **D
    )
    model.build((None, None, None, 1))
    randomized(model, rng, 0.5)
    certificate = model.certificate()
    assert certificate.norm_stable
    assert certificate.lipschitz <= 1 + 1e-9
    assert certificate.averaged is not None
    u, d = rng.normal(size=(2, 32, 7, 6, 1))
    gain = np.linalg.norm(
        (value(model(u + d)) - value(model(u))).reshape(32, -1), axis=1
    ) / np.linalg.norm(d.reshape(32, -1), axis=1)
    assert gain.max() <= certificate.lipschitz * (1 + 1e-9)
    frozen = FEDResNet(
        1, 3, block=DiffusionBlock(operator(), flux(groups=3), "auto", **D), tied=True, **D
    )
    frozen.build((None, None, None, 1))
    randomized(frozen, rng, 0.5)
    assert frozen.certificate().norm_stable
    out = value(frozen(u))
    assert (
        np.linalg.norm(out.reshape(32, -1), axis=1)
        <= np.linalg.norm(u.reshape(32, -1), axis=1) * (1 + 1e-9)
    ).all()


def test_tiles_know_how_far_it_sees_and_a_compiled_network_is_the_network(rng):
    model = DiffusionResNet(
        2, block=DiffusionBlock(operator(), flux(neighbourhood=5, groups=3), "learned", **D), **D
    )
    model.build((None, None, None, 1))
    randomized(model, rng, 0.3)
    assert model.influence() == Influence(2 * (2 + 4), exact=True)
    u = rng.normal(size=(1, 41, 43, 1))
    moved = u.copy()
    moved[0, 20, 20] += 1
    touched = np.argwhere(np.abs(value(model(moved)) - value(model(u)))[0, :, :, 0] > 0)
    assert np.abs(touched - 20).max() == 12
    np.testing.assert_allclose(value(compiled(model)(u)), value(model(u)), atol=1e-6)


def test_an_implicit_step_acts_farther_for_what_its_flux_sees():
    def radius(neighbourhood: int) -> int:
        block = ImplicitDiffusion(
            operator(), flux(slopes=(0.0, 1.0), neighbourhood=neighbourhood), 100.0, **D
        )
        model = ImplicitRecurrent(1, block=block, **D)
        model.build((None, None, None, 1))
        return model.influence().pixels

    # KᵀK joins pixels 2 apart, and the flux 4 more
    assert radius(5) == pytest.approx(3 * radius(1), abs=2)


def test_what_it_is_is_said(rng):
    model = ImplicitRecurrent(1, block=ImplicitDiffusion(operator(), flux(groups=3), 2.0, **D), **D)
    model.build((None, None, None, 1))
    assert "joint over 3 pixels, 3 groups" in str(model)


@pytest.mark.parametrize(
    "options",
    [
        {"neighbourhood": 4},
        {"neighbourhood": 0},
        {"neighbourhood": 2.0},
        {"groups": 0},
        {"groups": 2.5},
    ],
)
def test_what_is_no_window_and_no_number_of_groups_is_refused(options):
    with pytest.raises(ValueError, match=r"odd whole number|whole number >= 1"):
        CoupledSplineFlux(**options)


def test_it_needs_neighbours_channels_enough_and_one_convolution():
    with pytest.raises(ValueError, match="spatial"):
        CoupledSplineFlux().build((None, 4))
    with pytest.raises(ValueError, match="at most as many joint magnitudes"):
        CoupledSplineFlux(groups=5).build((None, 8, 8, 4))
    with pytest.raises(ValueError, match="convolution with weights"):
        DiffusionBlock("forward", CoupledSplineFlux(), 0.1)(np.zeros((1, 5, 5, 1)))
    with pytest.raises(ValueError, match="exclude each other"):
        DiffusionBlock(ConvOperator(4, 3, normalize=True), CoupledSplineFlux(), "per_channel")

"""What every flux layer does: one table of layers, and the properties of all of them.

That they are saved, learn with every weight and run in 16 bits is tested with all other layers, in
test_conformance.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from arrays import by_differences, value

from keras_pde import CoupledSplineFlux, FluxActivation, GatedFlux, RBFFlux, SplineFlux
from keras_pde.fluxes.flux_layer import FluxLayer

LEARNED = {"learn_contrast": True, "contrast": 0.5}
KINDS: dict[str, Callable[..., FluxLayer]] = {
    "charbonnier": lambda **o: FluxActivation("charbonnier", **{"contrast": 0.5, **o}),
    "perona-malik, learned": lambda **o: FluxActivation("perona_malik", **{**LEARNED, **o}),
    "perona-malik, per channel": lambda **o: FluxActivation(
        "perona_malik", **{**LEARNED, "per_channel": True, **o}
    ),
    "weickert, coupled": lambda **o: FluxActivation("weickert", **{**LEARNED, **o}, coupled=True),
    "forward-and-backward": lambda **o: FluxActivation("fab", **{"contrast": 0.5, **o}),
    "spline": lambda **o: SplineFlux(5, 2.0, (-0.4, 0.9), **{**LEARNED, **o}),
    "monotone spline, graded": lambda **o: SplineFlux(
        4, 2.5, (0.2, 1.5), grading=1.3, **{**LEARNED, **o}
    ),
    "coupled spline": lambda **o: CoupledSplineFlux(4, 2.5, (-0.4, 1.0), **{**LEARNED, **o}),
    "coupled spline, wide, in groups": lambda **o: CoupledSplineFlux(
        4, 2.5, (0.0, 1.0), grading=1.3, neighbourhood=5, groups=2, **{**LEARNED, **o}
    ),
    "Gaussians": lambda **o: RBFFlux(9, 2.0, **{**LEARNED, **o}),
    "free Gaussians, wide": lambda **o: RBFFlux(
        8, 2.0, 0.7, 2.5, "fab", nonnegative=False, **{**LEARNED, **o}
    ),
    "gated": lambda **o: GatedFlux(**{"contrast": 0.5, **o}),
    "gated, wide, per channel": lambda **o: GatedFlux(
        "charbonnier", neighbourhood=3, **{**LEARNED, "per_channel": True, **o}
    ),
}
SHAPE = (3, 4, 3)  # pixels and channels
each = pytest.mark.parametrize("kind", KINDS)
with_potential = pytest.mark.parametrize("kind", [k for k, v in KINDS.items() if v().has_potential])
pytestmark = pytest.mark.usefixtures("double")


def built(kind: str, rng: np.random.Generator, scale: float = 1.0, **options: Any) -> FluxLayer:
    """A layer in float64 whose weights have left their initial values."""
    layer = KINDS[kind](**options, dtype="float64")
    layer.build((None, *SHAPE))
    for weight in layer.weights:
        weight.assign(value(weight) + scale * rng.normal(size=weight.shape))
    return layer


def state(rng: np.random.Generator) -> np.ndarray:
    """One state, in the linear, the nonlinear or the saturated range of a flux."""
    return rng.normal(size=SHAPE) * 10.0 ** rng.uniform(-1.5, 0.3)


@each
def test_a_flux_is_its_diffusivity_times_the_state(kind: str, rng: np.random.Generator) -> None:
    layer, s = built(kind, rng), rng.normal(size=(2, *SHAPE))
    found = value(layer(s))
    np.testing.assert_allclose(value(layer.fluxes([s])[0]), found, atol=1e-15)
    np.testing.assert_allclose(value(layer.diffusivities([s])[0]) * s, found, atol=1e-13)
    kept = layer.flux_parameters()
    np.testing.assert_allclose(value(layer.fluxes([s], parameters=kept)[0]), found, atol=1e-15)
    assert found.shape == layer.compute_output_shape(s.shape)


@each
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_bounds_hold(kind: str, scale: float, rng: np.random.Generator) -> None:
    """Φ′ is within `asymmetry_bound` of a symmetric matrix with eigenvalues in `slope_bounds`."""
    for _ in range(3):
        layer = built(kind, rng, scale)
        s = state(rng)
        whole, apart = by_differences(lambda x, f=layer: value(f(x)), s), layer.asymmetry_bound
        low, high = layer.slope_bounds
        values = np.linalg.eigvalsh((whole + whole.T) / 2)
        assert low - apart - 1e-6 <= values[0]
        assert values[-1] <= high + apart + 1e-6
        assert np.linalg.norm((whole - whole.T) / 2, 2) <= apart + 1e-6
        g = value(layer.diffusivities([s[None]])[0])
        assert layer.diffusivity_bounds[0] - 1e-12 <= g.min()
        assert g.max() <= layer.diffusivity_bounds[1] + 1e-12
        assert layer.stiffness >= max(high, layer.diffusivity_bounds[1]) - 1e-9
        assert layer.slope_range[0] <= low + 1e-12
        assert high <= layer.slope_range[1] + 1e-12


@with_potential
def test_the_tangent_is_the_derivative_and_symmetric(kind: str, rng: np.random.Generator) -> None:
    for scale in (0.3, 1.0, 3.0):
        layer = built(kind, rng, scale)
        s = state(rng)
        units = np.eye(s.size).reshape(-1, *s.shape)
        at = layer.linearize([np.repeat(s[None], s.size, 0)])
        tangent = value(layer.tangent(at, [units])[0]).reshape(s.size, -1).T
        np.testing.assert_allclose(tangent, tangent.T, atol=1e-13)
        whole = by_differences(lambda x, f=layer: value(f(x)), s)
        np.testing.assert_allclose(tangent, whole, atol=1e-5)


@with_potential
def test_the_flux_is_the_gradient_of_the_potential(kind: str, rng: np.random.Generator) -> None:
    layer = built(kind, rng)
    s = state(rng)

    def energy(x: np.ndarray) -> np.ndarray:
        return value(layer.potentials([x])[0]).reshape(len(x), -1).sum(1)

    found = by_differences(energy, s).ravel()
    np.testing.assert_allclose(found, value(layer(s[None])).ravel(), atol=1e-8)


@each
def test_it_scales_with_the_noise(kind: str, rng: np.random.Generator) -> None:
    s, layer = rng.normal(size=(2, *SHAPE)), built(kind, rng, noise_conditioned=True)
    layer.noise_slope.assign(0 * layer.noise_slope)
    one, three = (value(layer(c * s, noise=np.full(2, 0.1 * c))) for c in (1, 3))
    np.testing.assert_allclose(three, 3 * one, atol=1e-12)
    level = np.full((2, *SHAPE[:-1], 1), 0.1)
    np.testing.assert_allclose(value(layer(s, noise=level)), one, atol=1e-15)


@each
@pytest.mark.parametrize("contrast", [1e-6, 1e-3, 1.0])
def test_tiny_zero_and_huge_states_stay_finite(kind: str, contrast: float) -> None:
    layer = KINDS[kind](contrast=contrast, dtype="float32")
    layer.build((None, 4, 4, 2))
    # a gate keeps s itself, a joint magnitude is a sum of squares, others square s/λ
    huge = {GatedFlux: (1e30, -3e38), CoupledSplineFlux: (1e15, -1e18)}.get(
        type(layer), (1e15 * contrast, -1e18 * contrast)
    )
    s = np.array([0, 1e-30, *huge], "float32").reshape(1, 2, 2, 1).repeat(2, -1)
    assert np.isfinite(value(layer(s))).all()
    if layer.has_potential:
        for part in layer.linearize([s]):
            assert np.isfinite(value(part)).all()


@each
def test_a_copy_from_its_config_is_the_layer(kind: str, rng: np.random.Generator) -> None:
    layer, s = built(kind, rng), rng.normal(size=(2, *SHAPE))
    copy = type(layer).from_config(layer.get_config())
    copy.build(s.shape)
    copy.set_weights(layer.get_weights())
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(value(copy(s)), value(layer(s)))
    assert (copy.slope_bounds, copy.law) == (layer.slope_bounds, layer.law)

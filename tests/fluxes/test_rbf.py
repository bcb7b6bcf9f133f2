"""Sums of Gaussians: their bounds hold for every weight and are tight, and TNRD's map is ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arrays import run, value

from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, RBFFlux
from keras_pde.fluxes.radial_basis import RadialBasis

D: dict[str, Any] = {"dtype": "float64"}
CASES = {
    "odd": {"centers": 9, "extent": 2.0},
    "odd, wide": {"centers": 12, "extent": 3.0, "width": 1.5},
    "free": {"centers": 9, "extent": 2.0, "nonnegative": False},
    "free, narrow": {"centers": 7, "extent": 4.0, "width": 0.7, "nonnegative": False},
}


def drawn(rng: np.random.Generator, options: dict[str, Any], scale: float) -> RBFFlux:
    """A layer of random weights on 3 channels."""
    layer = RBFFlux(**{**options, **D})
    layer.build((None, 3))
    layer.raw_weights.assign(scale * rng.normal(size=layer.raw_weights.shape))
    return layer


def extremes(layer: RBFFlux) -> tuple[float, float, float, float]:
    """Least and largest Φ′ and g at 40,001 states, from the formula alone."""
    basis, weights = layer.basis, layer.weights_now(np)
    x = np.linspace(-basis.end, basis.end, 40_001)
    mu = np.linspace(-layer.extent, layer.extent, layer.centers)
    if layer.nonnegative:
        weights = np.concatenate([-weights[::-1], np.zeros((layer.centers % 2, 3)), weights])
    z = (x[:, None] - mu) / basis.width
    slope = (-z * np.exp(-z * z / 2) / basis.width) @ weights
    phi = (np.exp(-z * z / 2) - np.exp(-((mu / basis.width) ** 2) / 2)) @ weights
    apart = np.abs(x) > 1e-4  # nearer to 0 the quotient cancels, and is the slope there
    g = np.concatenate([phi[apart] / x[apart, None], slope[~apart]])
    return slope.min(), slope.max(), g.min(), g.max()


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("kind", CASES)
def test_x4_bounds_hold_for_random_weights_and_are_tight(
    kind: str, rng: np.random.Generator
) -> None:
    for scale in (0.1, 1.0, 5.0):
        layer = drawn(rng, CASES[kind], scale)
        low, high, least, most = extremes(layer)
        slopes, sizes = layer.slope_bounds, layer.diffusivity_bounds
        assert slopes[0] <= low
        assert high <= slopes[1]
        assert sizes[0] <= least
        assert most <= sizes[1]
        loose = 0.02 * max(high, -low)
        assert low - slopes[0] < loose
        assert slopes[1] - high < loose
        assert least - sizes[0] < loose
        assert sizes[1] - most < loose


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_x4_no_weight_makes_a_slope_larger_than_it_may_be(
    kind: str, dtype: str, rng: np.random.Generator
) -> None:
    """As the layer computes in its own precision; a scaled flux reaches its bound to 2 %."""
    for scale in (1.0, 30.0, 1e4):
        layer = RBFFlux(**{**CASES[kind], "largest_slope": 0.7, "dtype": dtype})
        layer.build((None, 3))
        layer.raw_weights.assign(scale * rng.normal(size=layer.raw_weights.shape))
        weights = value(layer.weights_now()).astype("float64")
        basis = layer.basis
        x = np.linspace(-basis.end, basis.end, 20_001)
        steepest = np.abs(basis.derivative(x, 1) @ weights).max(axis=0)
        assert steepest.max() <= 0.7
        assert scale == 1.0 or steepest.min() > 0.68


@pytest.mark.usefixtures("double")
def test_x4_of_odd_sums_the_diffusivity_is_never_negative_and_s1_holds(
    rng: np.random.Generator,
) -> None:
    for scale in (1.0, 10.0):
        flux = RBFFlux(9, 1.0, contrast=0.3, learn_contrast=True, **D)
        operator = ConvOperator(4, 3, boundary="periodic", **D)
        block = DiffusionBlock(operator, flux, **D)
        block.build((None, 8, 8, 2))
        for weight in block.trainable_weights:
            weight.assign(value(weight) + scale * rng.normal(size=weight.shape))
        assert flux.diffusivity_bounds[0] >= 0
        assert block.certificate().norm_stable
        u = rng.normal(size=(20, 8, 8, 2)) * 10.0 ** rng.uniform(-2, 2, (20, 1, 1, 1))
        norms = [np.sqrt(np.sum(x**2, axis=(1, 2, 3))) for x in (run(block, u), u)]
        assert np.all(norms[0] <= norms[1] * (1 + 1e-12))
    free = RBFFlux(9, 1.0, nonnegative=False, **D)
    free.build((None, 2))
    free.raw_weights.assign(-value(free.raw_weights))
    assert free.diffusivity_bounds[0] < 0


@pytest.mark.usefixtures("double")
def test_the_start_is_the_flux_that_it_is_fitted_to() -> None:
    s = np.linspace(-3.5, 3.5, 141)[:, None]
    for start, error in (("perona_malik", 0.01), ("weickert", 0.05), ("fab", 0.01)):
        for odd in (True, False):
            layer = RBFFlux(33, 4.0, None, 3.0, start, nonnegative=odd, **D)
            found = run(layer, s)
            if not (odd and start == "fab"):  # of which g < 0
                assert np.abs(found - value(layer.start(s))).max() < error, (start, odd)


def tnrd(
    u: np.ndarray, stages: list[dict[str, np.ndarray]], mu: np.ndarray, gamma: float, pad: str
) -> np.ndarray:
    """Chen and Pock's equation (5): u − (Σᵢ K̄ᵢ ∗ φᵢ(Kᵢ ∗ u) + λ(u − f)), kernels turned by 180°."""
    f = u

    def filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        r = len(kernel) // 2
        wide = np.pad(image, r, mode=pad)
        return sum(
            kernel[i, j] * wide[i : i + len(image), j : j + image.shape[1]]
            for i in range(len(kernel))
            for j in range(len(kernel))
        )

    for stage in stages:
        total = stage["lambda"] * (u - f)
        for kernel, w in zip(stage["kernels"], stage["weights"], strict=True):
            z = filtered(u, kernel)
            phi = np.exp(-((z[..., None] - mu) ** 2) / (2 * gamma**2)) @ w
            total = total + filtered(phi, kernel[::-1, ::-1])
        u = u - total
    return u


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("boundary", "pad"), [("periodic", "wrap"), ("neumann", "symmetric")])
def test_x5_tnrd_s_map_is_ours(boundary: str, pad: str, rng: np.random.Generator) -> None:
    """Everywhere on tori; with reflected images but for the pixels that see the border."""
    operator = ConvOperator(6, 5, boundary=boundary, zero_mean=True, **D)
    flux = RBFFlux(63, 3.1, 0.1, 1e3, nonnegative=False, **D)
    block = DiffusionBlock(operator, flux, 1.0, data_weight="learned", **D)
    net = DiffusionResNet(3 if boundary == "periodic" else 1, block=block)
    net.build((None, None, None, 1))
    stages = []
    for one in net.blocks:
        one.operator.kernels[0].assign(0.2 * rng.normal(size=one.operator.kernels[0].shape))
        one.flux.raw_weights.assign(0.05 * rng.normal(size=one.flux.raw_weights.shape))
        prepared = one.prepare()
        kernel = value(prepared.kernels[0])
        stages.append(
            {
                "lambda": value(prepared.data_weight),
                "kernels": np.moveaxis(kernel[:, :, 0], -1, 0),
                "weights": value(one.flux.raw_weights).T,  # below largest_slope: as they are
            }
        )
    u = rng.random((20, 17))
    expected = tnrd(u, stages, np.linspace(-3.1, 3.1, 63), 0.1, pad)
    found = run(net, u[None, ..., None])[0, ..., 0]
    inside = slice(4, -4) if boundary == "neumann" else slice(None)
    assert np.abs(expected - u).max() > 0.1
    np.testing.assert_allclose(found[inside, inside], expected[inside, inside], atol=1e-12)


def test_what_gaussians_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"half the distance 0\.5 of two"):
        RBFFlux(17, 4.0, 0.1)
    with pytest.raises(ValueError, match="needs a convolution with weights"):
        DiffusionBlock("forward", RBFFlux(9))(np.ones((1, 8, 8, 1), "float32"))
    assert RadialBasis(9, 2.0, 0.5, odd=True).means.tolist() == [0.5, 1.0, 1.5, 2.0]

"""Kernels and networks for data whose points are not equally far apart."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde.operators.respacing import relative, respaced

POLYNOMIALS = {3: (1.0, -2.0, 0.7), 5: (0.3, 1.0, -0.2, 0.5, 0.1), 7: (1, -1, 2, 0.3, 0, 0.1, 0.2)}


@pytest.mark.parametrize("width", sorted(POLYNOMIALS))
@pytest.mark.parametrize("factor", [0.5, 2.0, 3.7, 100.0])
def test_on_a_polynomial_the_result_is_that_of_the_fine_grid(width: int, factor: float) -> None:
    kernel = np.random.default_rng(0).standard_normal((width, 2, 3))
    fine = np.arange(width) - width // 2

    def applied(taps: np.ndarray, points: np.ndarray) -> np.ndarray:
        u = sum(c * (points / factor) ** k for k, c in enumerate(POLYNOMIALS[width]))
        return np.einsum("i,icd->cd", u, taps)

    found = applied(respaced(kernel, [factor]), factor * fine)
    np.testing.assert_allclose(found, applied(kernel, fine), rtol=1e-8, atol=1e-9)


def test_axes_are_taken_one_by_one_and_equal_spacings_change_nothing() -> None:
    kernel = np.random.default_rng(0).standard_normal((3, 5, 3, 1, 2))
    both = respaced(kernel, (2.0, 1.0, 3.0))
    np.testing.assert_allclose(respaced(respaced(kernel, (1, 1, 3.0)), (2.0, 1, 1)), both)
    assert respaced(kernel, (1, 1.0, 1)) is kernel
    assert relative((2, 1, 4.0), 3) == (2.0, 1.0, 4.0)
    far = respaced(kernel, (1e9, 1, 1))
    np.testing.assert_allclose(far[1], kernel.sum(0), atol=1e-7)  # the mean along the axis
    np.testing.assert_allclose(far[[0, 2]], 0, atol=1e-7)


def network(**block: object) -> keras_pde.DiffusionResNet:
    """Two blocks of their own with gates of the input, kernels that are normalised."""
    flux = keras_pde.GatedFlux(
        "charbonnier", 0.2, gates="input", coupling=0.2, neighbourhood=3, learn_contrast=True
    )
    operator = keras_pde.ConvOperator(4, 3, boundary="dirichlet", zero_mean=True, normalize=True)
    net = keras_pde.DiffusionResNet(
        2, block=keras_pde.DiffusionBlock(operator, flux, "learned"), tied=False
    )
    net.build((None, None, None, None, 1))
    rng = np.random.default_rng(0)
    net.set_weights([w + rng.normal(0, 0.5, w.shape) for w in map(np.array, net.get_weights())])
    return net


def test_a_network_of_another_spacing_keeps_its_guarantees_under_attack() -> None:
    net = network()
    thick, rng = net.with_spacing((5.0, 1.0, 2.0)), np.random.default_rng(1)
    certificate = thick.certificate()
    assert certificate.norm_stable
    assert np.isfinite(certificate.lipschitz)
    for size in np.geomspace(0.01, 30, 30):
        u = size * rng.standard_normal((4, 5, 4, 6, 1)).astype("float32")
        v = u + 0.1 * size * rng.standard_normal(u.shape).astype("float32")
        a, b = (ops.convert_to_numpy(thick(x)) for x in (u, v))
        norms = np.sqrt(np.square([a, u, a - b, u - v]).sum((2, 3, 4, 5)))
        assert (norms[0] <= norms[1] * (1 + 1e-6)).all()
        assert (norms[2] <= certificate.lipschitz * norms[3] * (1 + 1e-5)).all()
    assert not np.allclose(ops.convert_to_numpy(net(u)), a, atol=1e-3)


def test_equal_spacings_give_the_same_function_and_one_block_for_all_steps_changes_once() -> None:
    net, u = network(), np.random.default_rng(0).random((1, 4, 5, 6, 1))
    same = ops.convert_to_numpy(net.with_spacing((2, 2, 2))(u))
    np.testing.assert_allclose(same, ops.convert_to_numpy(net(u)), atol=1e-5)
    tied = keras_pde.FEDResNet(cycles=2, cycle_length=3, filters=3)
    tied.build((None, None, None, 1))
    (kernel,) = tied.blocks[0].operator.kernel_arrays()
    (other,) = tied.with_spacing((1, 2)).blocks[0].operator.kernel_arrays()
    np.testing.assert_allclose(other, respaced(kernel, (1, 2)), atol=1e-6)


def test_what_a_gate_mixes_stays_as_it_is_in_use() -> None:
    net = network()
    for block in net.blocks:
        block.flux.mixing.assign(10 * block.flux.mixing)  # beyond the coupling
    thick = net.with_spacing((3.0, 1.0, 1.0))
    for before, after in zip(net.blocks, thick.blocks, strict=True):
        own, mixed, spaced = (
            ops.convert_to_numpy(x)
            for x in (before.flux.mixing, before.flux.weights_in_use()[1], after.flux.mixing)
        )
        assert np.abs(mixed).max() < np.abs(own).max() / 2
        np.testing.assert_allclose(spaced, mixed, rtol=1e-5)


def test_far_slices_are_denoised_by_themselves() -> None:
    far = network().with_spacing((1e6, 1, 1))
    u = np.random.default_rng(0).random((1, 6, 7, 8, 1)).astype("float32")
    changed = u.copy()
    changed[:, 3] += 0.5
    apart = ops.convert_to_numpy(far(changed)) - ops.convert_to_numpy(far(u))
    assert np.abs(np.delete(apart, 3, axis=1)).max() < 1e-5 < 0.1 < np.abs(apart).max()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((1, 2), "3 numbers > 0"),
        (2.0, "3 numbers > 0"),
        ((1, 0, 2), "> 0"),
        (("a", 1, 2), "number"),
        ((1, 2, np.nan), "finite"),
    ],
)
def test_what_is_no_spacing_is_refused(given: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        network().with_spacing(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preset", "spacing", "text"),
    [
        ("perona_malik_2d", (1, 2), "equal spacings"),
        ("multigrid_unet_2d", (1, 2), "another spacing"),
        ("gated_resnet_1d", (1, 2), "1 numbers"),
    ],
)
def test_networks_that_cannot_say_so(preset: str, spacing: tuple[float, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        keras_pde.from_preset(preset).with_spacing(spacing)


def test_denoise_takes_the_spacing_of_an_image() -> None:
    image = np.random.default_rng(0).random((24, 30)).astype("float32")
    plain, same, other = (
        keras_pde.denoise(image, 25, "certified_resnet_2d", spacing=s)
        for s in (None, (3, 3), (2, 1))
    )
    np.testing.assert_allclose(plain, same, atol=1e-5)
    assert np.abs(plain - other).max() > 1e-2

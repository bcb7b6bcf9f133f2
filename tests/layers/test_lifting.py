"""The lifting is an isometry, and keeps the guarantees that it says it keeps."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FluxActivation,
    ImplicitDiffusion,
    ImplicitRecurrent,
    Lifting,
)
from keras_pde.certificates.evolution import evolution_certificate

SIZES = [(1, 6, 8, 2), (2, 7, 9, 1), (1, 1, 5, 3), (1, 11, 2), (1, 3, 4, 5, 1)]


@pytest.mark.parametrize("patch", [1, 2, 3])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_the_transpose_is_the_adjoint_and_the_inverse(shape, patch, rng):
    ndim = len(shape) - 2
    lifting = Lifting(shape[-1] * patch**ndim + 3, patch, dtype="float64")
    u = rng.normal(size=shape)
    state = np.array(lifting(u))
    assert state.shape == lifting.compute_output_shape(shape)
    v = rng.normal(size=state.shape)
    np.testing.assert_array_equal(
        np.array(lifting.lower(ops.convert_to_tensor(state), shape[1:-1])), u
    )
    assert np.sum(state**2) == pytest.approx(np.sum(u**2), rel=1e-14)
    assert np.sum(state * v) == pytest.approx(
        np.sum(u * np.array(lifting.lower(ops.convert_to_tensor(v), shape[1:-1]))), rel=1e-12
    )


def test_a_patch_is_a_patch():
    u = np.arange(16.0).reshape(1, 4, 4, 1)
    state = np.array(Lifting(patch_size=2)(u))
    np.testing.assert_array_equal(state[0, 0, 1], [2, 3, 6, 7])


@pytest.mark.parametrize("backend", ["eager", "xla"])
def test_sizes_unknown_when_traced(backend, rng):
    lifting, u = Lifting(9, 2), rng.normal(size=(2, 7, 10, 2)).astype("float32")
    lifting.build((None, None, None, 2))

    def there_and_back(u):
        return lifting.lower(2.0 * lifting(u), ops.shape(u)[1:-1])

    signature = None if backend == "xla" else [tf.TensorSpec((None, None, None, 2))]
    run = tf.function(there_and_back, input_signature=signature, jit_compile=backend == "xla")
    np.testing.assert_array_equal(run(u), 2 * u)


def test_a_noise_map_is_averaged_over_patches():
    level = np.arange(15.0).reshape(1, 3, 5, 1)
    mean = np.array(Lifting(patch_size=2).noise(ops.convert_to_tensor(level)))
    assert mean.shape == (1, 2, 3, 1)
    assert mean[0, 0, 0, 0] == np.mean([0, 1, 5, 6])
    assert mean[0, 1, 2, 0] == 14  # continued beyond the edge, not by zeros


def test_a_noise_map_in_float64_stays_exact(double):
    level = ops.convert_to_tensor(np.full((1, 2, 2, 1), 1 / 3), dtype="float64")
    mean = ops.convert_to_numpy(Lifting(patch_size=2, dtype="float64").noise(level))
    assert mean.dtype == "float64"
    assert abs(mean.item() - 1 / 3) < 1e-15


def test_too_few_channels_are_refused_with_the_number_needed():
    with pytest.raises(ValueError, match="channels >= 12"):
        Lifting(8, 2).build((None, 6, 6, 3))
    with pytest.raises(ValueError, match="patch_size must be a whole number >= 1"):
        Lifting(4, 0)


def lifted(flux: str = "perona_malik", **options) -> DiffusionResNet:
    operator = ConvOperator(12, 3, boundary="dirichlet", normalize=True, dtype="float64")
    block = DiffusionBlock(operator, FluxActivation(flux, 0.2, dtype="float64"), dtype="float64")
    return DiffusionResNet(3, block=block, lifting=Lifting(7, 2, **options))


def test_isometric_lifting_keeps_the_constants_and_learned_multiplies_them(rng):
    plain, isometric, learned = lifted(), lifted(), lifted(learned=True)
    for net in (plain, isometric, learned):
        net.build((None, None, None, 1))
    inner = dataclasses.replace(isometric.certificate(), energy_descent=True)
    unlifted = evolution_certificate(
        "", isometric.schedule, [block.facts() for block in isometric.blocks], tied=False
    )
    assert (isometric.certificate().norm_gain, isometric.certificate().lipschitz) == (
        1.0,
        unlifted.lipschitz,
    )
    assert 1 < unlifted.lipschitz <= 1.25**3
    assert not isometric.certificate().energy_descent
    kernel = rng.normal(size=(4, 7))
    learned.lifting.kernel.assign(kernel)
    squared = np.linalg.norm(kernel, 2) ** 2
    assert learned.certificate().norm_gain == pytest.approx(squared, rel=1e-6)
    assert learned.certificate().averaged is None
    assert "times ‖lifting‖²" in learned.certificate().reasons["norm"]
    assert (
        learned.lifting.certify(dataclasses.replace(inner, norm_gain=math.inf)).norm_gain
        == math.inf
    )


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
def test_a_lifted_monotone_net_is_averaged_and_no_attack_breaks_it(kind, rng):
    keras.utils.set_random_seed(3)
    if kind == "explicit":
        net = lifted("charbonnier")
        operator = ConvOperator(12, 3, boundary="dirichlet", normalize=True)
        block = DiffusionBlock(operator, "charbonnier", fraction=0.5)
        net = DiffusionResNet(2, block=block, lifting=Lifting(7, 2), dtype="float64")
    else:
        block = ImplicitDiffusion(
            ConvOperator(12, 3, boundary="dirichlet", normalize=True),
            "charbonnier",
            3.0,
            tolerance=1e-10,
        )
        net = ImplicitRecurrent(1, block=block, lifting=Lifting(7, 2), dtype="float64")
    u = tf.Variable(rng.normal(size=(4, 7, 9, 1)))
    v = tf.Variable(u + 0.1 * rng.normal(size=u.shape))
    net(u)
    theta = net.certificate().averaged
    assert theta is not None

    def violation():
        # θ-averaged: ‖Nu − Nv‖² + (1 − θ)/θ ‖(I − N)u − (I − N)v‖² ≤ ‖u − v‖²
        moved, apart = net(u) - net(v), u - v
        left = tf.reduce_sum(moved**2, (1, 2, 3)) + (1 - theta) / theta * tf.reduce_sum(
            (apart - moved) ** 2, (1, 2, 3)
        )
        return left / tf.reduce_sum(apart**2, (1, 2, 3))

    @tf.function(autograph=False)
    def slopes():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(violation())
        return tape.gradient(loss, [u, v])

    optimizer = keras.optimizers.Adam(0.05)
    for _ in range(25):
        optimizer.apply_gradients(zip(slopes(), [u, v], strict=True))
    assert float(tf.reduce_max(violation())) <= 1 + 1e-7


def test_auxiliary_channels_change_the_regulariser(rng):
    """They are minimised over.

    The result differs from that of a state of patches alone, and is still a proximal map.
    """
    f = rng.normal(size=(1, 8, 8, 1))
    block = ImplicitDiffusion(
        ConvOperator(12, 3, boundary="dirichlet", normalize=True),
        "charbonnier",
        3.0,
        tolerance=1e-9,
    )
    net = ImplicitRecurrent(1, block=block, lifting=Lifting(7, 2), dtype="float64")
    net(f)
    states = net.features(f)
    assert np.abs(np.array(states[-1])[..., 4:]).max() > 1e-3
    assert np.array(net(f)).shape == f.shape


def test_a_noise_map_of_one_level_is_that_level_for_sizes_that_patches_do_not_divide(rng):
    flux = FluxActivation("perona_malik", 0.2, noise_conditioned=True, learn_contrast=True)
    net = DiffusionResNet(
        2,
        block=DiffusionBlock(ConvOperator(12, 3, boundary="dirichlet", normalize=True), flux),
        lifting=Lifting(9, 2),
    )
    u = rng.random((2, 7, 9, 1)).astype("float32")
    level = np.array([0.1, 0.2], "float32")
    whole = np.array(net([u, level]))
    np.testing.assert_allclose(
        np.array(net([u, np.broadcast_to(level[:, None, None, None], u.shape)])), whole, atol=1e-6
    )
    left = np.where(
        np.arange(9)[None, None, :, None] < 2, level[:, None, None, None], 0.05
    ) * np.ones((2, 7, 1, 1), "float32")
    assert np.abs(np.array(net([u, left.astype("float32")])) - whole)[:, :, -1].max() > 1e-4

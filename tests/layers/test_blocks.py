"""DiffusionBlock: the claims S1 to S7 with their numbers, on dense matrices in float64."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from arrays import value
from keras import ops

from keras_pde import ConvOperator, DiffusionBlock, FluxActivation, SplineFlux, activations, schemes

FLUXES = [
    "linear",
    "charbonnier",
    "truncated_tv",
    "perona_malik",
    "perona_malik_exponential",
    "weickert",
    "truncated_bfb",
    "relu",
    "smooth_relu",
]
MONOTONE = ["linear", "charbonnier", "truncated_tv", "relu", "smooth_relu"]


def make(
    operator,
    flux="charbonnier",
    step_size="auto",
    shape=(None, None, 1),
    rng=None,
    scale=1.0,
    **options,
) -> DiffusionBlock:
    if isinstance(operator, dict):
        operator = ConvOperator(**operator, dtype="float64")
    block = DiffusionBlock(operator, flux, step_size, dtype="float64", **options)
    block.build(shape)
    if rng is not None:
        for kernel in block.operator.kernels:
            kernel.assign(scale * rng.normal(size=kernel.shape))
        if block.use_bias:
            block.bias.assign(rng.normal(size=block.bias.shape))
    return block


def dense(K, shape) -> np.ndarray:
    n = int(np.prod(shape)) * K.channels
    return value(K(np.eye(n).reshape(n, *shape, K.channels))).reshape(n, -1).T


def jacobian(f, u) -> np.ndarray:
    """All rows at once: copy i of u in the batch gives the gradient of entry i."""
    n = u.size
    copies = tf.constant(np.repeat(u, n, axis=0))
    with tf.GradientTape() as tape:
        tape.watch(copies)
        entries = tf.linalg.diag_part(tf.reshape(f(copies), (n, n)))
    return tape.gradient(entries, copies).numpy().reshape(n, n)


def step(block, u, scale=1.0, **options):
    return block.step(ops.convert_to_tensor(u), block.prepare(), scale=scale, **options)


# --- the step itself ---


@pytest.mark.parametrize("flux", [*FLUXES, "fab"])
def test_block_is_the_explicit_step_of_the_dense_operator(rng, flux):
    block = make(
        {"filters": 3, "kernel_size": 3, "boundary": "periodic"},
        flux,
        0.1,
        (None, 5, 4, 2),
        rng,
        use_bias=True,
        data_weight=0.3,
    )
    K = dense(block.operator, (5, 4))
    u, f = rng.normal(size=(2, 1, 5, 4, 2))
    s = K @ u.ravel() + np.tile(value(block.bias), 20)
    phi = value(activations.get(flux)(ops.convert_to_tensor(s)))
    expected = u.ravel() - 0.1 * (0.3 * (u - f).ravel() + K.T @ phi)
    np.testing.assert_allclose(value(block(u, f)).ravel(), expected, atol=1e-13)


@pytest.mark.parametrize("flux", [*FLUXES, "fab"])
def test_update_is_minus_the_gradient_of_the_energy(rng, flux):
    for options in ({}, {"use_bias": True}, {"data_weight": 0.4}, {"coupled": True}):
        if options.get("coupled") and "relu" in flux:
            continue
        block = make(
            {"filters": 3, "kernel_size": 2}, flux, 0.05, (None, None, None, 2), rng, **options
        )
        u, f = (tf.constant(x) for x in rng.normal(size=(2, 1, 5, 4, 2)))
        with tf.GradientTape() as tape:
            tape.watch(u)
            energy = tf.reduce_sum(block.energy(u, f))
        np.testing.assert_allclose(
            (value(u) - value(block(u, f))) / 0.05, value(tape.gradient(energy, u)), atol=1e-10
        )


def test_spline_update_is_minus_the_gradient_of_its_energy(rng):
    flux = SplineFlux(6, slopes=(-0.5, 1.0), start="perona_malik", contrast=0.5, dtype="float64")
    block = make({"filters": 3, "kernel_size": 3}, flux, 0.05, (None, None, 1), rng)
    flux.raw_slopes.assign(rng.normal(size=flux.raw_slopes.shape))
    u = tf.constant(rng.normal(size=(1, 9, 1)))
    with tf.GradientTape() as tape:
        tape.watch(u)
        energy = tf.reduce_sum(block.energy(u))
    np.testing.assert_allclose(
        (value(u) - value(block(u))) / 0.05, value(tape.gradient(energy, u)), atol=1e-9
    )


def test_jacobian_of_a_block_is_symmetric(rng):
    for flux in (*FLUXES, "fab"):
        block = make({"filters": 2, "kernel_size": 2}, flux, "auto", (None, None, None, 1), rng)
        J = jacobian(block, rng.normal(size=(1, 4, 3, 1)))
        np.testing.assert_allclose(J, J.T, atol=1e-13)


# --- S1 ---


@pytest.mark.parametrize("c", [1.0, 1.2, 2.0, 5.0])
@pytest.mark.parametrize("flux", ["charbonnier", "perona_malik", "truncated_bfb", "weickert"])
def test_s1_growth_is_2c_minus_1_at_c_times_the_bound(rng, flux, c):
    block = make({"filters": 3, "kernel_size": 3}, flux, 0.1, rng=rng)
    _, singular, rows = np.linalg.svd(dense(block.operator, (12,)))
    u = 1e-7 * rows[0].reshape(1, 12, 1)  # a small multiple of the top singular vector
    plus = value(step(block, u, scale=c * 2 / (singular[0] ** 2 * 0.1)))
    assert np.linalg.norm(plus) / np.linalg.norm(u) == pytest.approx(2 * c - 1, rel=1e-6)


@pytest.mark.parametrize("flux", FLUXES)
def test_s1_norm_never_grows_at_the_bound_for_monotone_and_other_fluxes(rng, flux):
    for boundary, shape in itertools.product(("neumann", "dirichlet", "periodic"), [(9,), (4, 5)]):
        block = make(
            {"filters": 3, "kernel_size": 3, "boundary": boundary},
            flux,
            0.1,
            (None, *[None] * len(shape), 2),
            rng,
        )
        limit = 2 / np.linalg.norm(dense(block.operator, shape), 2) ** 2
        for scale in (1e-3, 1, 30):
            u = scale * rng.normal(size=(16, *shape, 2))
            plus = value(step(block, u, scale=limit / 0.1))
            assert (
                np.linalg.norm(plus.reshape(16, -1), axis=1)
                <= np.linalg.norm(u.reshape(16, -1), axis=1) * (1 + 1e-12)
            ).all()


def test_s1_needs_no_monotone_flux_but_s7_fab_with_negative_diffusivity_grows(rng):
    grown = 0.0
    block = make("forward", "fab", 0.5)
    for _ in range(50):
        u = 1.2 * rng.normal(size=(1, 20, 1))
        grown = max(grown, np.linalg.norm(value(block(u))) / np.linalg.norm(u))
    assert grown > 1.01
    certificate = block.certificate()
    assert not certificate.norm_stable
    assert grown <= certificate.norm_gain
    assert "(S7)" in str(certificate)


# --- S2 ---


@pytest.mark.parametrize(
    ("flux", "lipschitz"),
    [
        ("perona_malik", 1.25),
        ("perona_malik_exponential", 1.8925),
        ("truncated_bfb", 3.0),
        ("weickert", 5.670),
    ],
)
def test_s2_lipschitz_constant_at_the_bound_is_1_25_for_perona_malik_and_1_8925_for_the_exponential(
    flux, lipschitz
):
    block = make(ConvOperator(boundary="periodic", dtype="float64"), flux, 0.5)
    where = {"truncated_bfb": 1 + 1e-9, "weickert": 1.18098}.get(flux, math.sqrt(3))
    # |Ku| = where at every pixel, along the top singular vector
    u = where / 2 * (-1.0) ** np.arange(8).reshape(1, 8, 1)
    norm = np.linalg.norm(jacobian(block, u), 2)
    assert norm == pytest.approx(lipschitz, abs=1e-3)
    assert norm * (1 - 1e-14) <= block.certificate().lipschitz <= norm * 1.001


@pytest.mark.parametrize("flux", MONOTONE)
@pytest.mark.parametrize("c", [0.5, 1.0, 1.5])
def test_s2_lipschitz_constant_is_1_up_to_the_bound_and_2c_minus_1_beyond_for_monotone_fluxes(
    rng, flux, c
):
    block = make({"filters": 3, "kernel_size": 3}, flux, 0.1, rng=rng)
    _, singular, rows = np.linalg.svd(dense(block.operator, (10,)))
    scale = c * 2 / (singular[0] ** 2 * 0.1)
    largest = 0.0
    for u in [1e-9 * rows[0], *rng.normal(size=(6, 10))]:
        largest = max(
            largest,
            np.linalg.norm(jacobian(lambda x: step(block, x, scale), u.reshape(1, 10, 1)), 2),
        )
    if "relu" in flux:  # slopes 0 and 1, or between: part of the filters act
        assert largest <= max(1, 2 * c - 1) + 1e-12
    else:
        assert (
            largest == pytest.approx(max(1, 2 * c - 1), abs=1e-9)
            if c != 0.5
            else largest <= 1 + 1e-12
        )


def test_s2_biases_do_no_harm_to_the_lipschitz_constant(rng):
    block = make(
        {"filters": 4, "kernel_size": 3, "boundary": "periodic"},
        "charbonnier",
        "auto",
        rng=rng,
        use_bias=True,
    )
    block.bias.assign(5 * rng.normal(size=4))
    certificate = block.certificate()
    assert certificate.nonexpansive
    for _ in range(5):
        assert np.linalg.norm(jacobian(block, 3 * rng.normal(size=(1, 12, 1))), 2) <= 1 + 1e-12


# --- S3 ---


def test_s3_a_bias_loses_norm_stability_from_0_05_to_5_9(rng):
    block = make(
        {"filters": 4, "kernel_size": 3, "boundary": "periodic", "zero_mean": True},
        "charbonnier",
        "auto",
        rng=rng,
        use_bias=True,
    )
    block.bias.assign([2.0, -1.0, 3.0, -2.0])
    u = rng.normal(size=(1, 30, 1))
    u *= 0.05 / np.linalg.norm(u)
    # constant biases cancel in Kᵀ for zero-mean kernels; without zero mean they drive the state
    free = make(
        {"filters": 4, "kernel_size": 3, "boundary": "periodic"},
        "charbonnier",
        "auto",
        rng=rng,
        use_bias=True,
    )
    free.bias.assign([3.0, -3.0, 3.0, -3.0])
    grown = np.linalg.norm(value(free(u)))
    assert grown > 10 * 0.05
    for b in (block, free):
        certificate = b.certificate()
        assert certificate.norm_gain == math.inf
        assert certificate.nonexpansive
        assert "(S3)" in certificate.reasons["norm"]


# --- S4 ---


@pytest.mark.parametrize("flux", MONOTONE)
@pytest.mark.parametrize("theta", [0.2, 0.5, 0.95])
def test_s4_blocks_are_theta_averaged_and_firmly_nonexpansive_up_to_one_half(rng, flux, theta):
    block = make(
        {"filters": 3, "kernel_size": 3, "boundary": "periodic"},
        flux,
        "auto",
        rng=rng,
        fraction=theta,
        use_bias=True,
    )
    certificate = block.certificate()
    assert theta * 0.97 <= certificate.averaged <= theta * (1 + 1e-9)
    assert certificate.firmly_nonexpansive == (theta <= 0.5)
    u, v = 4 * rng.normal(size=(2, 200, 12, 1))
    Nu, Nv = value(block(u)), value(block(v))
    square = lambda x: (x.reshape(200, -1) ** 2).sum(1)  # noqa: E731
    left = square(Nu - Nv)
    right = square(u - v) - (1 - certificate.averaged) / certificate.averaged * square(
        u - Nu - v + Nv
    )
    assert (left <= right * (1 + 1e-12)).all()


def test_s4_nonmonotone_flux_is_not_averaged(rng):
    block = make(
        {"filters": 3, "kernel_size": 3, "boundary": "periodic"},
        "perona_malik",
        "auto",
        rng=rng,
        fraction=0.3,
    )
    assert block.certificate().averaged is None
    u = 4 * rng.normal(size=(1, 12, 1))
    v = u + 1e-6 * rng.normal(size=u.shape)
    norms = [
        np.linalg.eigvalsh(jacobian(block, 4 * rng.normal(size=(1, 12, 1)))).max() for _ in range(5)
    ]
    assert max(norms) > 1  # even nonexpansiveness fails
    assert np.isfinite(value(block(v))).all()


# --- S5 ---


@pytest.mark.parametrize("flux", [*FLUXES, "fab"])
def test_s5_energy_decreases_by_at_least_tau_times_1_minus_tau_L_kappa2_over_2_times_the_gradient(
    rng, flux
):
    for coupled in (False, True):
        if coupled and "relu" in flux:
            continue
        block = make({"filters": 3, "kernel_size": 3}, flux, 0.1, rng=rng, coupled=coupled)
        square = np.linalg.norm(dense(block.operator, (12,)), 2) ** 2
        for c, scale in itertools.product((0.1, 0.5, 1.0), (0.1, 1.0, 5.0)):
            tau = c * 2 / square
            u = scale * rng.normal(size=(20, 12, 1))
            plus = value(step(block, u, tau / 0.1))
            gradient = ((u - plus) / tau).reshape(20, -1)
            before, after = value(block.energy(u)), value(block.energy(plus))
            assert (
                after <= before - tau * (1 - c) * (gradient**2).sum(1) + 1e-12 * np.abs(before)
            ).all()


def test_s5_energy_can_increase_beyond_the_bound(rng):
    block = make({"filters": 3, "kernel_size": 3}, "charbonnier", 0.1, rng=rng)
    _, singular, rows = np.linalg.svd(dense(block.operator, (12,)))
    u = 1e-3 * rows[0].reshape(1, 12, 1)
    plus = step(block, u, 1.1 * 2 / (singular[0] ** 2 * 0.1))
    assert value(block.energy(plus)) > 1.3 * value(block.energy(u))


def test_s5_with_a_data_term_holds_up_to_2_over_beta_plus_L_kappa2(rng):
    beta = 0.7
    for flux in ("charbonnier", "perona_malik"):
        block = make({"filters": 3, "kernel_size": 3}, flux, 0.1, rng=rng, data_weight=beta)
        limit = 2 / (beta + np.linalg.norm(dense(block.operator, (12,)), 2) ** 2)
        u, f = 2 * rng.normal(size=(2, 30, 12, 1))
        plus = value(step(block, u, limit / 0.1, source=ops.convert_to_tensor(f)))
        assert (value(block.energy(plus, f)) <= value(block.energy(u, f)) * (1 + 1e-12)).all()


# --- S6 ---


@pytest.mark.parametrize(
    "flux",
    [
        "linear",
        "charbonnier",
        "truncated_tv",
        "perona_malik",
        "perona_malik_exponential",
        "weickert",
        "truncated_bfb",
    ],
)
def test_s6_max_min_principle_holds_iff_tau_is_at_most_one_half_in_1d(rng, flux):
    block = make("forward", flux, 0.5)
    violated = False
    for scale in (0.05, 0.5, 3.0):
        u = scale * rng.normal(size=(50, 20, 1))
        plus = value(block(u))
        low, high = u.min((1, 2), keepdims=True), u.max((1, 2), keepdims=True)
        assert (plus >= low - 1e-14).all()
        assert (plus <= high + 1e-14).all()
        np.testing.assert_allclose(plus.mean((1, 2)), u.mean((1, 2)), atol=1e-14)
        beyond = value(step(block, u, 1.1))
        violated |= bool(((beyond < low - 1e-9) | (beyond > high + 1e-9)).any())
    assert violated


def test_s6_does_not_hold_for_second_differences_within_their_own_bound():
    block = make("second", "charbonnier", 0.125)
    u = np.zeros((1, 20, 1))
    u[0, 10:] = 1.0
    plus = value(block(u))
    assert plus.max() > 1.05
    assert plus.min() < -0.05
    assert plus.mean() == pytest.approx(u.mean(), abs=1e-15)
    assert np.linalg.norm(plus) <= np.linalg.norm(u)  # norm stability holds all the same


@pytest.mark.parametrize("name", ["forward", "central", "second", "laplacian", "haar", "dct"])
def test_s6_mean_is_kept_where_K_annihilates_constants(rng, name):
    u = rng.normal(size=(3, 7, 6, 1))
    for boundary in ("neumann", "periodic"):
        block = make(
            {"initializer": name, "boundary": boundary},
            "perona_malik",
            "auto",
            (None, None, None, 1),
        )
        np.testing.assert_allclose(value(block(u)).mean((1, 2, 3)), u.mean((1, 2, 3)), atol=1e-14)
    learned = make(
        {"filters": 3, "kernel_size": 3}, "perona_malik", "auto", (None, None, None, 1), rng
    )
    assert np.abs(value(learned(u)).mean((1, 2, 3)) - u.mean((1, 2, 3))).max() > 1e-3


# --- data term, coupling, per-channel steps ---


@pytest.mark.parametrize("flux", FLUXES)
@pytest.mark.parametrize("beta", [0.05, 1.0, 20.0])
def test_with_a_source_every_state_stays_bounded_by_it_for_tau_at_most_2_over_2_beta_plus_L_kappa2(
    rng, flux, beta
):
    block = make(
        {"filters": 3, "kernel_size": 3, "boundary": "periodic"},
        flux,
        "auto",
        rng=rng,
        data_weight=beta,
    )
    f = 3 * rng.normal(size=(8, 12, 1))
    bound = np.linalg.norm(f.reshape(8, -1), axis=1)
    u = f
    for _ in range(15):
        u = value(block(u, f))
        assert (np.linalg.norm(u.reshape(8, -1), axis=1) <= bound * (1 + 1e-12)).all()
    assert block.certificate().norm_stable
    # the linear rate: with u and f along different eigenvectors the step I − τβ − τKᵀK stays a
    # contraction in u
    if flux == "linear":
        J = jacobian(lambda x: block(x, ops.convert_to_tensor(np.repeat(f[:1], 12, axis=0))), f[:1])
        assert (
            np.linalg.norm(J, 2)
            <= 1 - 2 * beta / (2 * beta + block.operator.norm_bound() ** 2) + 1e-5
        )


def test_learned_data_weight_starts_at_a_tenth_and_learned_step_at_half_the_limit(rng):
    block = make(
        {"filters": 3, "kernel_size": 3, "boundary": "periodic", "normalize": True},
        "charbonnier",
        "learned",
        rng=rng,
        data_weight="learned",
    )
    prepared = block.prepare()
    assert float(prepared.data_weight) == pytest.approx(0.1, abs=1e-5)
    assert float(prepared.step) == pytest.approx(0.5 * 2 / 1.2, rel=1e-5)
    for theta in (-20.0, 20.0):
        block.raw_step.assign(theta)
        assert 0 < float(block.prepare().step) <= 2 / 1.2 * (1 + 1e-5)
        assert block.certificate().norm_stable


@pytest.mark.parametrize("flux", [f for f in FLUXES if "relu" not in f])
def test_coupled_fluxes_keep_s1_and_their_slope_bounds_keep_s2(rng, flux):
    block = make({"filters": 3, "kernel_size": 3}, flux, 0.1, rng=rng, coupled=True)
    square = np.linalg.norm(dense(block.operator, (9,)), 2) ** 2
    low, high = block.flux.slope_bounds
    for scale in (0.1, 1.0, 10.0):
        u = scale * rng.normal(size=(20, 9, 1))
        plus = value(step(block, u, 2 / square / 0.1))
        assert (
            np.linalg.norm(plus[..., 0], axis=1) <= np.linalg.norm(u[..., 0], axis=1) * (1 + 1e-12)
        ).all()
        J = jacobian(lambda x: step(block, x, 2 / square / 0.1), u[:1])
        assert np.linalg.norm(J, 2) <= max(1, 1 - 2 * low, 2 * high - 1) + 1e-9


def test_a_channelwise_gradient_flux_is_invariant_under_90_degree_turns_a_coupled_one_under_all(
    rng,
):
    """Error at 30° for gradients of ten times the contrast: 0.61 (0.63 in MATHS.md)."""
    s = 10 * rng.normal(size=(20000, 2))

    def error(layer, degrees):
        a = math.radians(degrees)
        turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
        y = value(layer(s)) @ turn
        return np.linalg.norm(value(layer(s @ turn)) - y) / np.linalg.norm(y)

    channelwise, coupled = (
        FluxActivation("charbonnier", coupled=c, dtype="float64") for c in (False, True)
    )
    assert error(channelwise, 90) < 1e-14
    assert error(channelwise, 30) == pytest.approx(0.61, abs=0.03)
    assert max(error(coupled, a) for a in (30, 45, 90, 200)) < 1e-14


@pytest.mark.parametrize("boundary", ["neumann", "dirichlet", "periodic"])
@pytest.mark.parametrize("flux", ["charbonnier", "perona_malik", "relu"])
def test_gershgorin_steps_per_channel_are_stable_by_dense_eigenvalues(rng, boundary, flux):
    """T⁻¹ ⪰ (L/2)KKᵀ, so ‖u⁺‖ ≤ ‖u‖.

    A common step would have to be as small as the least of them allows.
    """
    for ndim, k, positive in ((1, 3, False), (2, 2, True), (2, 3, False)):
        size = (9,) if ndim == 1 else (4, 5)
        block = make(
            {"filters": 3, "kernel_size": k, "boundary": boundary},
            flux,
            "per_channel",
            (None, *[None] * ndim, 1),
            rng,
        )
        kernel = value(block.operator.kernels[0]) * np.array([1.0, 0.1, 3.0])
        block.operator.kernels[0].assign(np.abs(kernel) if positive else kernel)
        steps = value(block.prepare().step)
        assert steps.shape == (3,)
        assert steps[1] > 3 * steps[2]  # weak filters take larger steps
        K = dense(block.operator, size)
        inverse = np.diag(np.tile(1 / steps, int(np.prod(size))))
        assert np.linalg.eigvalsh(inverse - block.flux.stiffness / 2 * K @ K.T)[0] > -1e-9
        for scale in (0.01, 1.0, 30.0):
            u = scale * rng.normal(size=(20, *size, 1))
            plus = value(block(u)).reshape(20, -1)
            assert (
                np.linalg.norm(plus, axis=1)
                <= np.linalg.norm(u.reshape(20, -1), axis=1) * (1 + 1e-12)
            ).all()
            assert (
                value(block.energy(plus.reshape(u.shape))) <= value(block.energy(u)) * (1 + 1e-12)
            ).all()
        assert block.certificate().norm_stable
        # a step of one and a half times as large is not stable any more for some kernels: the bound
        # is not idle
        T = np.diag(np.tile(steps, int(np.prod(size))))
        assert np.linalg.norm(np.eye(K.shape[1]) - K.T @ T @ K, 2) <= 1 + 1e-12
        assert np.linalg.norm(np.eye(K.shape[1]) - 4 * K.T @ T @ K, 2) > 1


@pytest.mark.parametrize("step_size", ["auto", "per_channel", "learned"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_zero_and_tiny_and_huge_kernels_give_finite_steps_in_every_precision(rng, step_size, dtype):
    block = DiffusionBlock(ConvOperator(3, 3, zero_mean=True), step_size=step_size, dtype=dtype)
    u = rng.normal(size=(1, 8, 8, 1))
    block.build(u.shape)
    kernel = value(block.operator.kernels[0])
    for scale in (0.0, 1e-6, 1e3):
        changed = kernel * scale
        changed[..., 0] = 0
        block.operator.kernels[0].assign(changed)
        y = value(ops.cast(block(u), "float32"))
        assert np.isfinite(y).all()
        assert np.linalg.norm(y) <= np.linalg.norm(u) * 1.01


# --- errors ---


@pytest.mark.parametrize(
    ("operator", "flux", "beta", "limit"),
    [
        ("forward", "charbonnier", 0.0, "0.25"),
        ("second", "linear", 0.0, "0.0625"),
        ("central", "fab", 0.0, "1"),
        ("forward", "charbonnier", 0.5, "0.2222"),
    ],
)
def test_an_unstable_step_is_refused_with_the_limit_which_is_itself_accepted(
    operator, flux, beta, limit
):
    with pytest.raises(ValueError, match=rf"step_size=9 is unstable.*= {limit}\. Lower it"):
        DiffusionBlock(operator, flux, 9.0, data_weight=beta).build((None, None, None, 1))
    DiffusionBlock(operator, flux, float(limit), data_weight=beta).build((None, None, None, 1))
    for n in range(1, 60):  # whatever number is printed is accepted
        block = DiffusionBlock(operator, flux, 9.0, data_weight=beta + n / 7)
        with pytest.raises(ValueError, match="is unstable") as error:
            block.build((None, None, None, 1))
        printed = float(str(error.value).split(" = ")[1].split(". Lower")[0])
        DiffusionBlock(operator, flux, printed, data_weight=beta + n / 7).build(
            (None, None, None, 1)
        )


def test_step_limit_of_a_normalised_operator_is_two_and_unknown_for_free_ones():
    assert make({"filters": 3, "normalize": True}).step_limit == 2
    assert make({"filters": 3}).step_limit is None
    assert make("forward").step_limit == 0.5
    # steps of weak filters are longer, so that there is none for all of them
    assert make({"filters": 3, "normalize": True}, step_size="scaled").step_limit is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size": "fast"}, "step_size must be a number"),
        ({"step_size": 0.0}, "finite and > 0"),
        ({"step_size": math.inf}, "finite and > 0"),
        ({"fraction": 0.0}, r"in \(0, 1\]"),
        ({"fraction": 1.5}, r"in \(0, 1\]"),
        ({"data_weight": -1.0}, "data_weight must be"),
        ({"data_weight": "free"}, "data_weight must be"),
        ({"operator": 3, "step_size": "per_channel", "coupled": True}, "exclude each other"),
        (
            {"operator": "forward", "step_size": "per_channel"},
            "needs an operator with one convolution",
        ),
        ({"operator": 3, "step_size": "per_channel", "data_weight": 0.1}, "data_weight=0"),
        ({"operator": 3, "step_size": "scaled", "coupled": True}, "exclude each other"),
        ({"operator": 3, "step_size": "scaled", "data_weight": 0.1}, "'scaled' needs an operator"),
        ({"operator": 2.5}, "operator must be"),
        ({"flux": FluxActivation(), "coupled": True}, "flux given by name"),
    ],
)
def test_impossible_blocks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DiffusionBlock(**options)


def test_each_option_of_a_block_acts(rng):
    u, f = rng.normal(size=(2, 1, 8, 7, 1))

    def run(noise=None, **options):
        options = {
            "operator": {"filters": 3, "kernel_size": 3, "normalize": True},
            "flux": "charbonnier",
            "step_size": "auto",
            **options,
        }
        block = make(shape=(None, None, None, 1), rng=np.random.default_rng(4), **options)
        return value(block(u, f, noise=noise))

    base = run()
    for options in (
        {"flux": "perona_malik"},
        {"step_size": 0.3},
        {"step_size": "learned"},
        {"step_size": "per_channel"},
        {"fraction": 0.5},
        {"coupled": True},
        {"use_bias": True},
        {"data_weight": 0.5},
        {"data_weight": "learned"},
        {"operator": {"filters": 2, "kernel_size": 3, "normalize": True}},
    ):
        assert np.abs(run(**options) - base).max() > 1e-4, options


def test_frozen_step_uses_the_given_diffusivity(rng):
    block = make({"filters": 3, "kernel_size": 3}, "perona_malik", 0.1, rng=rng)
    u, v = rng.normal(size=(2, 1, 12, 1))
    K = dense(block.operator, (12,))
    g = 1 / (1 + (K @ u.ravel()) ** 2)
    frozen = block.freeze(ops.convert_to_tensor(u), block.prepare())
    np.testing.assert_allclose(
        value(step(block, v, 2.0, frozen=frozen)).ravel(),
        v.ravel() - 0.2 * K.T @ (g * (K @ v.ravel())),
        atol=1e-13,
    )


def test_certificate_needs_a_built_block():
    with pytest.raises(ValueError, match="build the layer first"):
        DiffusionBlock().certificate()
    assert len(schemes.explicit(1)) == 1

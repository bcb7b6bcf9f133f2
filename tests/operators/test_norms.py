"""Norm bounds are upper bounds: every method against the singular values of dense matrices."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from arrays import value
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_pde import ConvOperator
from keras_pde.operators import fourier, norms, reflecting_grids, reflection
from keras_pde.operators.conv_norms import IN_GRAPH_BUDGET
from keras_pde.operators.rounding import rounding_errors

BOUNDARIES = ("neumann", "dirichlet", "periodic")


def operator(
    rng, ndim, channels, filters, k, boundary, positive=False, initializer=None
) -> ConvOperator:
    K = ConvOperator(filters, k, boundary=boundary, initializer=initializer, dtype="float64")
    K.build((None, *[None] * ndim, channels))
    for kernel in K.kernels if initializer is None else []:
        w = rng.normal(size=kernel.shape)
        kernel.assign(np.abs(w) if positive else w)
    return K


def true_norm(K, shape) -> float:
    n = int(np.prod(shape)) * K.channels
    rows = value(K(np.eye(n).reshape(n, *shape, K.channels))).reshape(n, -1)
    return math.sqrt(
        np.linalg.eigvalsh(rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows)[-1]
    )


def plain_supremum(K) -> float:
    """Sup over a fine grid of frequencies of the symbol's norm: from below."""
    kernel = norms.composite([value(k) for k in K.kernels])
    axes = tuple(range(K.ndim))
    symbol = np.fft.fftn(kernel, [64] * K.ndim, axes=axes)
    return float(np.linalg.norm(symbol.reshape(-1, *kernel.shape[-2:]), 2, axis=(1, 2)).max())


CASES = [
    (1, 1, 1, 2, False),
    (1, 2, 3, 3, False),
    (1, 1, (2, 2), 2, True),
    (2, 1, 1, 2, True),
    (2, 1, 1, 2, False),
    (2, 2, 3, 2, False),
    (2, 1, 4, 3, False),
    (2, 1, (2, 3), 2, False),
    (3, 1, 2, 2, True),
]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("ndim", "channels", "filters", "k", "positive"), CASES)
def test_every_method_is_an_upper_bound_of_the_dense_norm(
    rng, boundary, ndim, channels, filters, k, positive
):
    for _ in range(2):
        K = operator(rng, ndim, channels, filters, k, boundary, positive)
        sizes = {1: [(3,), (20,), (60,)], 2: [(2, 3), (9, 9), (12, 14)], 3: [(2, 3, 2), (5, 5, 5)]}[
            ndim
        ]
        norm = max(true_norm(K, size) for size in sizes)
        methods = ["fourier", "gram", "l1", "auto", *["gershgorin"] * (isinstance(filters, int))]
        for method in methods:
            assert norm <= K.norm_bound(method) * (1 + 1e-12), method
        in_graph, best = float(value(K.squared_norm_bound())), K.norm_bound()
        assert norm <= math.sqrt(in_graph)
        # a certificate never contradicts the step it certifies
        assert best <= math.sqrt(in_graph) * (1 + 1e-6)
        assert best <= min(K.norm_bound(m) for m in methods if m not in ("gram", "auto"))


@pytest.mark.parametrize(
    ("ndim", "channels", "filters", "k", "positive"), [c for c in CASES if c[0] > 1 or c[3] > 2]
)
def test_reflected_bound_holds_for_every_size(rng, ndim, channels, filters, k, positive):
    for _ in range(2 if k == 2 and ndim == 2 and channels == 1 else 1):
        K = operator(rng, ndim, channels, filters, k, "neumann", positive)
        grid = reflecting_grids.certificate_grid(K.stored())
        n = max(grid[1])
        sizes = [(n,) * ndim, (n + 1, *[n] * (ndim - 1))][: 2 if k == 2 else 1]
        assert math.prod(sizes[-1]) * channels < 1500
        sizes += [(1,) * ndim, (2,) * ndim, (3,) * ndim, (2, *[9] * (ndim - 1)), (2 * k,) * ndim]
        norm = max(true_norm(K, size) for size in sizes)
        assert norm <= K.norm_bound("reflected")
        assert norm <= K.norm_bound() * (1 + 1e-12)
        if K.norm_bound("reflected") < K.norm_bound("l1"):  # and no other bound is as near
            assert K.norm_bound("reflected") < norm * (1.12 if ndim == 1 else 1.35)


def test_19_of_20_random_2x2_filters_exceed_the_symbol_by_up_to_2_3_and_a_diagonal_shift_by_4(
    rng,
):
    K = operator(rng, 2, 1, 1, 2, "neumann")
    for draw in (rng.random, lambda size: rng.normal(size=size)):
        ratios = []
        for _ in range(100):
            kernel = draw((2, 2, 1, 1))
            K.kernels[0].assign(kernel)
            ratios.append(
                (true_norm(K, (6, 6)) / np.abs(np.fft.fft2(kernel[..., 0, 0], (64, 64))).max()) ** 2
            )
        assert np.quantile(ratios, 0.95) == pytest.approx(2.3, abs=0.25)
        assert max(ratios) <= 4 + 1e-12  # 2^ndim mirror images, the proved limit
    K.kernels[0].assign(np.array([[0.0, 0.0], [0.0, 1.0]]).reshape(2, 2, 1, 1))
    assert true_norm(K, (6, 6)) ** 2 == pytest.approx(4)  # it reads the corner pixel four times
    assert K.norm_bound("fourier") ** 2 == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("name", ["forward", "central", "second", "laplacian"])
def test_even_and_odd_filters_do_not_pay_for_the_reflection(name):
    K = ConvOperator(initializer=name, dtype="float64")
    K.build((None, None, None, 1))
    assert K.norm_bound("fourier") ** 2 < 1.02 * K.norm_bound() ** 2


def test_periodic_bound_is_exact_on_its_grid_and_within_half_a_percent_of_the_supremum(rng):
    for ndim, channels, filters, k in ((1, 2, 3, 3), (2, 2, 2, 3), (2, 1, (2, 3), 2)):
        K = operator(rng, ndim, channels, filters, k, "periodic")
        shape = (7, 6)[:ndim]
        assert K.norm_bound(shape=shape) == pytest.approx(true_norm(K, shape), rel=1e-10)
        supremum = plain_supremum(K)
        assert supremum <= K.norm_bound("fourier") <= supremum * 1.0075**ndim


def test_sum_of_absolute_values_is_about_twice_the_norm_square_of_random_3x3_kernels(rng):
    ratios = []
    for _ in range(20):
        K = operator(rng, 2, 1, 16, 3, "periodic")
        ratios.append((K.norm_bound("fourier") / K.norm_bound("l1")) ** 2)
    assert 0.2 < np.mean(ratios) < 0.6  # exact/bound


def test_gram_iteration_converges_from_above_within_n_to_the_1_over_2_to_the_j(rng):
    """On the Gram matrices of random n×n matrices, in terms of the norm (the root of the
    eigenvalue).
    """
    for n in (4, 16, 64):
        gram = np.stack([a @ a.T for a in rng.normal(size=(20, n, n))])
        true = np.linalg.eigvalsh(gram)[:, -1]
        previous = np.full(20, np.inf)
        for j in (1, 2, 4, 6, 8):
            ratio = norms.gram_iteration(gram, j) / true
            assert (ratio >= 1 - 1e-12).all()
            assert (ratio <= n ** (1 / 2**j) * (1 + 1e-12)).all()
            assert (ratio <= previous * (1 + 1e-12)).all()
            previous = ratio


def test_gram_bound_is_1_16_1_01_1_004_1_0001_times_the_norm_after_2_4_6_8_squarings():
    """MATHS.md's figures arise for random 48×48 matrices.

    The mean after 2 and 4 squarings, the worst draws after 6 and 8.
    """
    rng = np.random.default_rng(0)
    gram = np.stack([a @ a.T for a in rng.normal(size=(300, 48, 48))])
    true = np.linalg.eigvalsh(gram)[:, -1]
    ratio = {j: np.sqrt(norms.gram_iteration(gram, j) / true) for j in (2, 4, 6, 8)}
    assert ratio[2].mean() == pytest.approx(1.16, abs=0.02)
    assert ratio[4].mean() == pytest.approx(1.01, abs=0.002)
    # two nearly equal largest values: at most 1.0054
    assert 1.003 < ratio[6].max() < 2 ** (1 / 2**7) + 1e-4
    assert 1.0001 < ratio[8].max() < 2 ** (1 / 2**9) + 1e-4


def test_gram_method_approaches_the_fourier_method_from_above(rng):
    K = operator(rng, 2, 32, 32, 3, "periodic")
    fine = K.norm_bound("gram", iterations=12)
    ratios = [K.norm_bound("gram", iterations=j) / fine for j in (2, 4, 6, 8)]
    assert ratios == sorted(ratios, reverse=True)
    assert 1.05 < ratios[0] < 1.25
    assert ratios[2] < 1.004
    assert ratios[3] < 1.0001
    assert K.norm_bound("fourier") <= fine * (1 + 1e-9)


def test_gram_iteration_in_the_graph_equals_numpy_and_survives_zeros_and_huge_values(rng):
    for scale in (1.0, 1e12, 1e-12):
        a = rng.normal(size=(3, 5, 5)) * scale
        gram = a @ a.swapaxes(1, 2)
        exact = np.linalg.eigvalsh(gram)[:, -1]
        in_graph = value(norms.gram_iteration(ops.convert_to_tensor(gram), 4, ops))
        np.testing.assert_allclose(in_graph, norms.gram_iteration(gram, 4), rtol=1e-12)
        assert (in_graph >= exact).all()
    assert (norms.gram_iteration(np.zeros((1, 3, 3)), 4) >= 0).all()


@pytest.mark.parametrize(("steps", "claimed"), [(1, 3.10), (5, 1.22), (100, 1.0017)])
def test_power_iteration_approaches_from_below_so_a_step_chosen_by_it_is_not_nonexpansive(
    steps, claimed
):
    """τ = 2/est² has the Lipschitz constant 2κ²/est² − 1 > 1.

    MATHS.md's 3.10, 1.22, 1.0017 lie among 40 random 4-filter kernels.
    """
    excess = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        kernel = rng.normal(size=(3, 3, 4))
        spectrum = (np.abs(np.fft.fft2(kernel, (32, 32), axes=(0, 1))) ** 2).sum(-1)  # of KᵀK
        u = rng.normal(size=(32, 32))
        for _ in range(steps):
            u = np.fft.ifft2(spectrum * np.fft.fft2(u / np.linalg.norm(u))).real
        excess.append(2 * spectrum.max() / np.linalg.norm(u) - 1)
    assert min(excess) > 1
    assert min(excess) <= claimed <= max(excess)
    assert {1: 2, 5: 1.1, 100: 1.002}[steps] < np.median(excess) < {1: 4, 5: 1.5, 100: 1.02}[steps]


def test_a_block_at_the_limit_by_power_iteration_expands_and_by_the_certified_bound_does_not(rng):
    K = operator(rng, 2, 1, 2, 3, "periodic")
    n = 8
    matrix = value(K(np.eye(n * n).reshape(-1, n, n, 1))).reshape(n * n, -1).T
    u = rng.normal(size=n * n)
    for _ in range(5):
        u = matrix.T @ (matrix @ (u / np.linalg.norm(u)))
    lipschitz = [
        np.abs(np.linalg.eigvalsh(np.eye(n * n) - 2 / bound * matrix.T @ matrix)).max()
        for bound in (np.linalg.norm(u), K.norm_bound() ** 2)
    ]
    assert lipschitz[0] > 1.02
    assert lipschitz[1] <= 1 + 1e-12


def test_gershgorin_sums_bound_KKt_from_above_for_every_boundary_and_tiny_sizes(rng):
    for boundary in BOUNDARIES:
        for ndim, channels, filters, k in (
            (1, 1, 3, 2),
            (1, 2, 2, 3),
            (1, 1, 2, 5),
            (2, 1, 3, 2),
            (2, 2, 2, 3),
        ):
            K = operator(rng, ndim, channels, filters, k, boundary)
            sums = value(K.row_sums(K.weights_in_use()))
            for size in (
                [(1,), (2,), (3,), (4,), (11,)]
                if ndim == 1
                else [(1, 1), (2, 2), (1, 4), (3, 2), (5, 6)]
            ):
                n = int(np.prod(size)) * channels
                rows = value(K(np.eye(n).reshape(n, *size, channels))).reshape(n, -1).T
                slack = np.diag(np.tile(sums, int(np.prod(size)))) - rows @ rows.T
                assert np.linalg.eigvalsh(slack)[0] > -1e-10 * sums.max(), (boundary, size)


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])  # at zeros a cut row may be larger
@pytest.mark.parametrize("k", [2, 3])
def test_gershgorins_sums_are_those_of_the_filter_s_own_row(rng, boundary, k) -> None:
    K, attained = operator(rng, 1, 1, 3, k, boundary), []
    for _ in range(20):
        K.weights[0].assign(rng.standard_normal((k, 1, 3)) * rng.exponential(size=(k, 1, 1)))
        sums = value(K.row_sums(K.weights_in_use()))
        rows = value(K(np.eye(15).reshape(15, 15, 1))).reshape(15, -1).T  # of (point, filter)
        dense = np.abs(rows @ rows.T).reshape(15, 3, 15, 3).sum(axis=2).max(axis=0).sum(axis=1)
        assert (dense <= sums * (1 + 1e-10)).all()
        attained.append((dense / sums).max())
    assert max(attained) > 0.98


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("products", [1, 3])
def test_the_errors_of_a_product_are_those_of_its_roundings(times, products) -> None:
    unit, terms = 2.0**-8, 4_000_000
    sums = terms * 2.0**-24 / (1 - terms * 2.0**-24)  # γₙ = nu/(1 − nu), Higham
    found = rounding_errors(unit, 2.0, 3.0, (times, times), products=products, terms=terms)
    cast = ((1 + unit) ** products - 1) * 3
    errors = (
        unit * (2 + cast) + (1 + unit) * sums * (3 + cast),
        ((1 + unit) ** times * (1 + sums) ** products - 1) * (3 + cast),
    )
    assert found.cast == pytest.approx(cast)
    assert found.forward == found.adjoint == pytest.approx(errors[times > 1])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_pure_part_of_a_kernel_is_even_or_odd_along_every_axis(rng, k) -> None:
    kernel = rng.standard_normal((k, k + 1, 1, 3))
    anchor = [(n - 1) // 2 for n in kernel.shape[:2]]
    for filtered in np.moveaxis(reflection.pure_part(kernel, anchor)[..., 0, :], -1, 0):
        for axis, a in enumerate(anchor):
            wide = np.pad(filtered, 2 * k + 2)  # so that the mirror image stays inside
            mirrored = [
                sign * np.roll(np.flip(wide, axis), centre - kernel.shape[axis] + 1, axis)
                for centre, sign in ((2 * a, 1), (2 * a, -1), (2 * a + 1, -1), (2 * a - 1, -1))
            ]
            assert any(np.allclose(wide, image, atol=1e-12) for image in mirrored), (k, axis)


def test_reflecting_boundary_needs_the_mirrored_correlation_in_gershgorins_sums():
    """Without it the sums of a positive 2×2 filter would be too small.

    The option is exercised, not idle.
    """
    kernel = np.array([[0.1, 0.2], [0.2, 1.0]]).reshape(2, 2, 1, 1)
    plain, mirrored = (
        float(reflection.correlation_sums(kernel, (0, 0), b)[0, 0]) for b in ("periodic", "neumann")
    )
    K = ConvOperator(1, 2, dtype="float64")
    K.build((None, None, None, 1))
    K.kernels[0].assign(kernel)
    assert plain < true_norm(K, (5, 5)) ** 2 <= mirrored


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    ndim=st.integers(1, 2),
    channels=st.integers(1, 2),
    filters=st.sampled_from([1, 2, 3, (2, 2)]),
    k=st.integers(1, 3),
    boundary=st.sampled_from(BOUNDARIES),
    positive=st.booleans(),
    sparse=st.booleans(),
)
def test_bounds_hold_for_any_kernel_hypothesis(
    seed, ndim, channels, filters, k, boundary, positive, sparse
):
    rng = np.random.default_rng(seed)
    K = operator(rng, ndim, channels, filters, k, boundary, positive)
    if sparse:
        for kernel in K.kernels:
            kernel.assign(value(kernel) * (rng.random(kernel.shape) < 0.4))
    norm = max(
        true_norm(K, size)
        for size in ([(1,), (4,), (17,)] if ndim == 1 else [(1, 2), (3, 4), (8, 7)])
    )
    for method in ("fourier", "l1", "gram"):
        assert norm <= K.norm_bound(method) * (1 + 1e-9) + 1e-9
    assert norm <= math.sqrt(float(value(K.squared_norm_bound()))) + 1e-6 or boundary == "neumann"


@pytest.mark.parametrize("boundary", ["neumann", "dirichlet", "periodic"])
def test_the_bound_of_a_difference_stencil_has_a_finite_gradient(boundary: str) -> None:
    """At frequency 0 its symbol vanishes, where a bare root has none."""
    import tensorflow as tf

    operator = ConvOperator(4, 3, boundary=boundary, initializer="forward")
    operator.build((None, None, None, 2))
    with tf.GradientTape() as tape:
        bound = operator.squared_norm_bound(operator.weights_in_use())
    gradient = np.array(tape.gradient(bound, operator.kernels[0].value))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    "shape",
    [
        (7, 7, 1, 32),
        (11, 11, 1, 8),
        (4, 9, 6, 1),
        (13, 13, 1, 3),
        (1, 1, 1, 2),
        (8, 1, 5),
        (3, 3, 3, 1, 4),
    ],
)
def test_the_bound_of_a_training_step_is_at_most_a_per_cent_above_the_supremum_for_one_channel(
    rng, shape
):
    """The supremum by brute force.

    Noise, and waves whose peaks lie between the points of the grid.
    """
    ndim = len(shape) - 2
    places = np.stack(np.meshgrid(*map(np.arange, shape[:-2]), indexing="ij"), -1)
    wave = np.cos(places @ rng.uniform(0.3, 3, size=ndim) + 1)[..., None, None] + np.zeros(shape)
    for kernel in (rng.normal(size=shape), wave):
        points = [512 if ndim < 3 else 96] * ndim
        supremum = (
            (np.abs(np.fft.fftn(kernel, points, axes=range(ndim))) ** 2).sum(axis=(-2, -1)).max()
        )
        in_graph = fourier.supremum(
            [ops.convert_to_tensor(kernel, dtype="float32")], ops, IN_GRAPH_BUDGET
        )
        bounds = [float(fourier.supremum([kernel])), float(value(in_graph))]
        for bound in bounds:
            assert supremum <= bound * (1 + norms.OUTWARD)
            assert bound <= supremum * (1.011 if ndim < 3 else 1.02)
        assert bounds[1] == pytest.approx(bounds[0], rel=norms.OUTWARD / 10)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others search at each call")
@pytest.mark.parametrize("shape", [(3, 1, 2), (2, 2, 1, 2), (3, 3, 1, 2)])
def test_a_reflecting_grid_that_is_known_is_the_one_a_graph_finds(shape, rng):
    import tensorflow as tf

    def bound(kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            value = reflecting_grids.in_graph([kernel], [(n - 1) // 2 for n in shape[:-2]])
        return value, tape.gradient(value, kernel)

    traced = tf.function(bound, autograph=False)
    for _ in range(3):
        kernel = tf.constant(rng.standard_normal(shape))
        for found in (bound(kernel), bound(kernel)):  # searched for, and known
            for a, b in zip(found, traced(kernel), strict=True):
                np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-12, atol=1e-14)

"""ConvOperator against numpy.pad and explicit loops; its adjoint.

Stencils, options, normalisation.
"""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from arrays import value

from keras_pde import ConvOperator, Stencil
from keras_pde.operators import stencil
from keras_pde.operators.conv_norms import margins

BOUNDARIES = ("neumann", "dirichlet", "periodic")
PAD = {"neumann": "symmetric", "dirichlet": "constant", "periodic": "wrap"}
STENCILS = ("forward", "central", "second", "laplacian", "haar", "dct")
SIZES = {
    1: [(n,) for n in range(1, 8)],
    2: [(1, 1), (1, 7), (2, 3), (3, 2), (4, 5), (7, 6), (5, 1)],
    3: [(1, 2, 3), (3, 3, 2), (2, 5, 4)],
}


def operator(ndim, channels, *args, **options) -> ConvOperator:
    K = ConvOperator(*args, dtype="float64", **options)
    K.build((None, *[None] * ndim, channels))
    return K


def randomize(K, rng, scale=1.0) -> ConvOperator:
    for kernel in K.kernels:
        kernel.assign(scale * rng.normal(size=kernel.shape))
    return K


def dense(K, shape, adjoint=False) -> np.ndarray:
    """K as a matrix, column by column."""
    channels = K.compute_output_shape((None, *shape, K.channels))[-1] if adjoint else K.channels
    n = int(np.prod(shape)) * channels
    columns = value((K.adjoint if adjoint else K)(np.eye(n).reshape(n, *shape, channels)))
    return columns.reshape(n, -1).T


def true_norm(K, shape) -> float:
    matrix = dense(K, shape)
    return float(np.sqrt(np.linalg.eigvalsh(matrix.T @ matrix)[-1]))


def reference(u, kernels, boundary) -> np.ndarray:
    """Correlation of the padded state, by loops; the state is extended once for all kernels."""
    total = [sum(k.shape[a] - 1 for k in kernels) for a in range(u.ndim - 1)]
    before = [sum((k.shape[a] - 1) // 2 for k in kernels) for a in range(u.ndim - 1)]
    wide = np.pad(
        u, [*[(b, t - b) for b, t in zip(before, total, strict=True)], (0, 0)], mode=PAD[boundary]
    )
    for kernel in kernels:
        window = kernel.shape[:-2]
        out = np.zeros(
            [n - k + 1 for n, k in zip(wide.shape[:-1], window, strict=True)] + [kernel.shape[-1]]
        )
        for place in itertools.product(*map(range, window)):
            at = tuple(slice(p, p + n) for p, n in zip(place, out.shape[:-1], strict=True))
            out += wide[at] @ kernel[place]
        wide = out
    return wide


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_operator_equals_numpy_pad_and_loops_and_its_adjoint_is_exact_to_1e_13(rng, ndim, boundary):
    filters = [2, (2, 3)] if ndim == 3 else [1, 3, (2, 3), (2, 1, 2)]
    for k, out in itertools.product(range(1, 6 if ndim < 3 else 5), filters):
        K = randomize(operator(ndim, 2, out, k, boundary=boundary), rng)
        kernels = [value(w) for w in K.kernels]
        for size in SIZES[ndim]:
            u = rng.normal(size=(1, *size, 2))
            Ku = value(K(u))
            np.testing.assert_allclose(
                Ku[0],
                reference(u[0], kernels, boundary),
                rtol=0,
                atol=1e-12 * max(1, np.abs(Ku).max()),
            )
            v = rng.normal(size=Ku.shape)
            KTv = value(K.adjoint(v))
            assert KTv.shape == u.shape
            assert abs((Ku * v).sum() - (u * KTv).sum()) <= 1e-13 * np.linalg.norm(
                Ku
            ) * np.linalg.norm(v), (k, out, size)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", STENCILS)
def test_adjoint_of_every_stencil_is_exact_to_1e_13_and_the_sliced_form_equals_the_convolution(
    rng, name, boundary
):
    for ndim, size in ((d, n) for d in (1, 2, 3) for n in SIZES[d]):
        for width in (2, 3, 4) if name == "dct" and ndim < 3 else (3,):
            rows = stencil(name, ndim, width).shape[-1]
            fixed = operator(ndim, 2, kernel_size=width, initializer=name, boundary=boundary)
            conv = operator(
                ndim, 2, 2 * rows, fixed.kernel_size, initializer=name, boundary=boundary
            )
            assert (fixed.fixed, conv.fixed) == (True, False)
            u = rng.normal(size=(2, *size, 2))
            Ku = value(fixed(u))
            assert Ku.shape == fixed.compute_output_shape(u.shape)
            np.testing.assert_allclose(Ku, value(conv(u)), atol=1e-13)
            v = rng.normal(size=Ku.shape)
            np.testing.assert_allclose(value(fixed.adjoint(v)), value(conv.adjoint(v)), atol=1e-13)
            difference = abs((Ku * v).sum() - (u * value(fixed.adjoint(v))).sum())
            assert difference <= 1e-13 * max(
                np.linalg.norm(Ku), np.linalg.norm(u)
            ) * np.linalg.norm(v)


def test_dense_adjoint_is_the_transpose(rng):
    for boundary in BOUNDARIES:
        K = randomize(operator(2, 2, (3, 2), 3, boundary=boundary), rng)
        np.testing.assert_allclose(dense(K, (4, 3), adjoint=True), dense(K, (4, 3)).T, atol=1e-14)


def test_stencils_are_the_textbook_differences():
    u = np.array([1.0, 4.0, 9.0, 16.0, 25.0])
    forward, central, second = (
        np.append(np.diff(u), 0),
        np.convolve(np.pad(u, 1, "edge"), [0.5, 0, -0.5], "valid"),
        np.diff(np.pad(u, 1, "edge"), 2),
    )
    for name, expected in (
        ("forward", forward),
        ("central", central),
        ("second", second),
        ("laplacian", second),
    ):
        np.testing.assert_allclose(
            value(operator(1, 1, initializer=name)(u.reshape(1, -1, 1)))[0, :, 0],
            expected,
            atol=1e-14,
        )
    image = np.random.default_rng(0).normal(size=(1, 5, 6, 1))
    rows = value(operator(2, 1, initializer="second")(image))
    np.testing.assert_allclose(
        rows.sum(-1), value(operator(2, 1, initializer="laplacian")(image))[..., 0], atol=1e-13
    )
    np.testing.assert_allclose(
        rows[0, :, :, 0],
        np.diff(np.pad(image[0, :, :, 0], ((1, 1), (0, 0)), "edge"), 2, axis=0),
        atol=1e-13,
    )


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_haar_and_dct_frames_with_their_mean_filter_keep_the_norm(rng, ndim):
    for name, k in (("haar", 2), ("dct", 2), ("dct", 3)):
        K = operator(ndim, 1, kernel_size=k, initializer=name, boundary="periodic")
        u = rng.normal(size=(1, *[5] * ndim, 1))
        mean = reference(u[0], [np.full((*[k] * ndim, 1, 1), k**-ndim)], "periodic")
        assert (value(K(u)) ** 2).sum() + (mean**2).sum() == pytest.approx((u**2).sum(), rel=1e-13)
        assert stencil(name, ndim, k).shape[-1] == k**ndim - 1


@pytest.mark.parametrize(
    ("name", "ndim", "limit", "step"),
    [
        ("forward", 1, 4, 1 / 2),
        ("forward", 2, 8, 1 / 4),
        ("second", 1, 16, 1 / 8),
        ("central", 1, 1, 2),
        ("central", 2, 2, 1),
        ("laplacian", 2, 64, 1 / 32),
    ],
)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_squared_norms_of_the_stencils_tend_to_4_8_16(name, ndim, limit, step, boundary):
    K = operator(ndim, 1, initializer=name, boundary=boundary)
    sizes = [(n,) for n in (4, 16, 64, 128)] if ndim == 1 else [(4, 4), (8, 8), (16, 16)]
    squared = [true_norm(K, size) ** 2 for size in sizes]
    assert (np.diff(squared) >= -1e-10).all()
    assert limit * 0.95 < squared[-1] <= limit * (1 + 1e-12)
    assert K.norm_bound() ** 2 == pytest.approx(limit, rel=1e-12)
    assert 2 / K.norm_bound() ** 2 == pytest.approx(step, rel=1e-12)


def test_even_dct_has_norm_1_10_and_1_25_at_a_reflecting_boundary_and_its_bound_says_so():
    for ndim, k, size, true in (
        (1, 4, (32,), 1.0964),
        (2, 4, (8, 8), 1.2487),
        (2, 2, (8, 8), 1.2083),
    ):
        K = operator(ndim, 1, kernel_size=k, initializer="dct")
        norm = true_norm(K, size)
        assert norm == pytest.approx(true, abs=1e-4)
        assert norm <= K.norm_bound()
        assert (
            operator(ndim, 1, kernel_size=k, initializer="dct", boundary="periodic").norm_bound()
            == 1
        )
        assert operator(ndim, 1, kernel_size=3, initializer="dct").norm_bound() == 1


@pytest.mark.parametrize("filters", [4, (3, 4)])
def test_zero_mean_kernels_annihilate_constants_and_diffusion_keeps_the_mean(rng, filters):
    for boundary in BOUNDARIES:
        K = randomize(operator(2, 2, filters, 3, boundary=boundary, zero_mean=True), rng)
        constant = value(K(np.ones((1, 6, 5, 2)) * np.array([1.0, -2.0])))
        v = value(K.adjoint(rng.normal(size=(1, 6, 5, 4)))).sum((0, 1, 2))
        # zeros beyond the boundary are not constant: only the interior is annihilated
        if boundary == "dirichlet":
            before, after = margins(K.stored())[0]
            assert np.abs(constant[:, before:-after, before:-after]).max() < 1e-13
            assert np.abs(constant).max() > 0.1
        else:
            assert np.abs(constant).max() < 1e-13
            assert np.abs(v).max() < 1e-12
    free = randomize(operator(2, 1, filters, 3), rng)
    assert np.abs(value(free(np.ones((1, 6, 5, 1))))).max() > 0.1


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("ndim", "filters", "k"), [(1, 3, 3), (1, (2, 2), 2), (2, 2, 2), (2, 3, 3)]
)
def test_normalize_keeps_the_norm_at_most_one_for_all_weights(rng, boundary, ndim, filters, k):
    for channels, scale in ((1, 1.0), (2, 1e4), (1, 1e-4)):
        K = randomize(
            operator(ndim, channels, filters, k, boundary=boundary, normalize=True), rng, scale
        )
        if scale == 1.0 and ndim == 2:  # positive kernels are the worst at reflecting boundaries
            K.kernels[0].assign(np.abs(value(K.kernels[0])))
        size = (40,) if ndim == 1 else (18, 18) if boundary == "neumann" else (12, 12)
        with K.held_constant():
            norm = true_norm(K, size)
            assert max(norm, *(true_norm(K, (n,) * ndim) for n in (1, 2, 3, 4))) <= 1 + 1e-12
        if scale == 1e-4:  # small kernels are left alone
            np.testing.assert_array_equal(value(K.weights_in_use()[0]), value(K.kernels[0]))
        elif boundary != "neumann":
            assert norm > 0.9  # the bound is tight
        else:
            assert norm > 0.55
        assert K.norm_bound() <= 1
        assert K.squared_norm_bound() == 1


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_normalize_holds_after_gradient_steps_that_enlarge_the_norm(rng, boundary):
    import tensorflow as tf

    K = randomize(operator(2, 1, 2, 2, boundary=boundary, normalize=True), rng, 0.3)
    optimizer = keras.optimizers.Adam(0.1)
    u = rng.normal(size=(4, 18, 18, 1))
    gains = []
    for _ in range(12):
        with tf.GradientTape() as tape:
            Ku = K(u)
            gain = tf.reduce_sum(Ku**2) / np.sum(u**2)
        gradients = tape.gradient(gain, K.trainable_variables)
        assert all(np.isfinite(value(g)).all() for g in gradients)
        assert any(np.abs(value(g)).max() > 0 for g in gradients)
        optimizer.apply([-g for g in gradients], K.trainable_variables)
        gains.append(float(gain))
    assert gains[-1] > gains[0]
    assert true_norm(K, (18, 18)) <= 1 + 1e-12


def test_normalize_is_differentiable_and_its_gradient_equals_finite_differences(rng):
    import tensorflow as tf

    K = randomize(operator(1, 2, (2, 3), 3, normalize=True, zero_mean=True), rng)
    u = rng.normal(size=(1, 9, 2))
    v = rng.normal(size=(1, 9, 3))

    def loss():
        return tf.reduce_sum(K(u) * v)

    with tf.GradientTape() as tape:
        y = loss()
    for kernel, gradient in zip(
        K.kernels, tape.gradient(y, [k.value for k in K.kernels]), strict=True
    ):
        at, direction = value(kernel), rng.normal(size=kernel.shape)
        values = []
        for h in (1e-5, -1e-5):
            kernel.assign(at + h * direction)
            values.append(float(loss()))
        kernel.assign(at)
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(
            float((value(gradient) * direction).sum()), rel=1e-5, abs=1e-8
        )


def test_each_option_acts(rng):
    u = rng.normal(size=(1, 7, 6, 2))

    def run(**options):
        keras.utils.set_random_seed(3)
        K = operator(
            2,
            2,
            **{
                "filters": 3,
                "kernel_size": 3,
                "initializer": keras.initializers.RandomNormal(stddev=1.0, seed=2),
                **options,
            },
        )
        return value(K(u))

    base = run()
    for options in (
        {"filters": 4},
        {"filters": (2, 3)},
        {"kernel_size": 2},
        {"boundary": "dirichlet"},
        {"boundary": "periodic"},
        {"initializer": "central"},
        {"initializer": "ones"},
        {"zero_mean": True},
        {"normalize": True},
        {"normalize": "columns"},
    ):
        other = run(**options)
        assert other.shape != base.shape or np.abs(other - base).max() > 1e-3, options


def test_norm_option_shape_and_method_act(rng):
    K = randomize(operator(2, 1, 3, 3, boundary="periodic"), rng)
    assert K.norm_bound(shape=(4, 4)) < K.norm_bound()
    assert K.norm_bound("l1") > K.norm_bound("fourier")
    wide = randomize(operator(2, 8, 8, 3, boundary="periodic"), rng)
    assert wide.norm_bound("gram", iterations=1) > wide.norm_bound("gram", iterations=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boundary": "mirror"}, "boundary must be one of"),
        ({"initializer": "nothing"}, "No stencil is called"),
        ({"initializer": "he_normal", "filters": None}, "No stencil is called"),
        ({"zero_mean": True}, "act on learned kernels only"),
        ({"normalize": True}, "act on learned kernels only"),
        ({"normalize": "columns"}, "act on learned kernels only"),
        ({"filters": 0}, "must be a whole number >= 1"),
        ({"filters": (2, 0)}, "must be a whole number >= 1"),
        ({"filters": 2, "kernel_size": 0}, "must be a whole number >= 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ConvOperator(**options)


def test_impossible_inputs_and_methods_are_refused(rng):
    for shape in ((None, 3), (None, 2, 2, 2, 2, 1), (None, 5, None)):
        with pytest.raises(ValueError, match="1-D to 3-D, channels fixed"):
            ConvOperator().build(shape)
    K = operator(1, 1, 2)
    for options, message in (
        ({"method": "power"}, "method must be one of"),
        ({"shape": (4,)}, "periodic"),
    ):
        with pytest.raises(ValueError, match=message):
            K.norm_bound(**options)
    with pytest.raises(ValueError, match="reflected"):
        operator(1, 1, 2, boundary="periodic").norm_bound("reflected")
    stacked = operator(1, 1, (2, 2))
    with pytest.raises(ValueError, match="one convolution"):
        stacked.row_sums(stacked.weights_in_use())


def test_stencil_initializer_places_and_refuses():
    for name in STENCILS:
        kernel = value(Stencil(name)((3, 3, 2, 2), "float64"))
        taps = stencil(name, 2, 3)
        width = taps.shape[0]
        start = 0 if width == 3 else 1
        np.testing.assert_array_equal(
            kernel[start : start + width, start : start + width, 1, 1], taps[..., 0]
        )
        assert (kernel[:, :, 0, 1] == 0).all()
    with pytest.raises(ValueError, match="cannot hold it"):
        Stencil("laplacian")((2, 2, 1, 1))
    with pytest.raises(ValueError, match="2 for 1 channel at most"):
        Stencil("forward")((3, 3, 1, 3))
    assert Stencil.from_config(Stencil("haar").get_config()).name == "haar"

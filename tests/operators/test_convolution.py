"""The adjoint by rows against the transposed convolution, its gradients against finite differences,
and pointwise parts in one pass.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.ndimage
from arrays import value
from keras import ops

from keras_pde import DiffusionBlock, DiffusionResNet, FluxActivation, ImplicitDiffusion, SplineFlux
from keras_pde.operators import ConvOperator
from keras_pde.operators.convolution import convolve, convolve_adjoint, depthwise, is_narrow
from keras_pde.runtime import compiled, fused, one_pass

SIZES = [(1, 1), (1, 9), (8, 2), (3, 4), (13, 12)]
BACKEND = keras.backend.backend()


pytestmark = pytest.mark.usefixtures("double")


def plain(u, kernel):
    return ops.conv(u, kernel, padding="same", data_format="channels_last")


def turned(v, kernel):
    return ops.conv_transpose(v, kernel, padding="same", data_format="channels_last")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("window", "channels", "filters"),
    [((5, 5), 1, 8), ((7, 7), 3, 9), ((9, 9), 4, 8), ((5, 7), 2, 8), ((9, 5), 1, 32)],
)
def test_the_adjoint_by_rows_is_the_transposed_convolution_to_1e_13(
    rng, size, window, channels, filters
):
    kernel = rng.normal(size=(*window, channels, filters))
    assert is_narrow(kernel)
    u, v = rng.normal(size=(2, *size, channels)), rng.normal(size=(2, *size, filters))
    Ku, KTv = value(convolve(u, kernel)), value(convolve_adjoint(v, kernel))
    np.testing.assert_allclose(Ku, value(plain(ops.convert_to_tensor(u), kernel)), atol=1e-12)
    np.testing.assert_allclose(KTv, value(turned(ops.convert_to_tensor(v), kernel)), atol=1e-12)
    assert (
        abs((Ku * v).sum() - (u * KTv).sum()) <= 1e-13 * np.linalg.norm(Ku) * np.linalg.norm(v) * 10
    )


@pytest.mark.parametrize(
    "shape", [(3, 3, 1, 8), (6, 6, 1, 8), (5, 5, 5, 8), (5, 5, 1, 7), (5, 1, 8), (5, 5, 5, 1, 8)]
)
def test_other_kernels_take_the_common_way_and_stay_adjoint(rng, shape):
    *window, channels, filters = shape
    assert not is_narrow(np.zeros(shape))
    K = ConvOperator(filters, window[0], boundary="dirichlet", dtype="float64")
    K.build((None, *[None] * len(window), channels))
    size = [6, 7, 5][: len(window)]
    u, v = rng.normal(size=(2, *size, channels)), rng.normal(size=(2, *size, filters))
    assert abs((value(K(u)) * v).sum() - (u * value(K.adjoint(v))).sum()) <= 1e-12
    assert K.prefers_xla == (len(window) != 2)
    reflecting = ConvOperator(8, 7)
    reflecting.build((None, None, None, 1))
    assert reflecting.prefers_xla  # no rows there


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(("channels", "filters"), [(1, 8), (3, 10)])
def test_gradients_are_those_of_the_plain_convolutions(rng, xla, channels, filters):
    tf = pytest.importorskip("tensorflow")
    if BACKEND != "tensorflow":
        pytest.skip("on other backends both maps have the backend's own gradients")
    u = tf.constant(rng.normal(size=(2, 9, 8, channels)))
    kernel = tf.constant(rng.normal(size=(5, 5, channels, filters)) / 5)

    def derivatives(forward, adjoint):
        @tf.function(jit_compile=xla)
        def run(u, kernel):
            with tf.GradientTape() as second:
                second.watch([u, kernel])
                with tf.GradientTape() as first:
                    first.watch([u, kernel])
                    v = u - adjoint(tf.tanh(forward(u, kernel)), kernel)
                    loss = tf.reduce_sum(tf.sin(v - adjoint(tf.tanh(forward(v, kernel)), kernel)))
                one = first.gradient(loss, [u, kernel])
                size = sum(tf.reduce_sum(g**2) for g in one)
            return [*one, *second.gradient(size, [u, kernel])]

        return run(u, kernel)

    for ours, theirs in zip(
        derivatives(convolve, convolve_adjoint), derivatives(plain, turned), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-10 * float(tf.reduce_max(abs(theirs))))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_short_precisions_round_once_and_agree(rng, dtype):
    kernel, v = (
        rng.normal(size=(7, 7, 1, 16)).astype("float32"),
        rng.normal(size=(1, 10, 11, 16)).astype("float32"),
    )
    exact = value(convolve_adjoint(v.astype("float64"), kernel.astype("float64")))
    out = convolve_adjoint(ops.cast(v, dtype), ops.cast(kernel, dtype))
    assert keras.backend.standardize_dtype(out.dtype) == dtype
    assert is_narrow(ops.cast(kernel, dtype)) == (dtype == "float32")
    error = np.abs(value(ops.cast(out, "float64")) - exact).max() / np.abs(exact).max()
    assert error <= {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-6}[dtype]


def net(flux) -> DiffusionResNet:
    block = DiffusionBlock(
        ConvOperator(8, 5, boundary="dirichlet", zero_mean=True, normalize=True),
        flux,
        step_size="learned",
    )
    model = DiffusionResNet(3, block=block)
    model.build(
        [(None, None, None, 1), (None,)] if block.flux.noise_conditioned else (None, None, None, 1)
    )
    return model


@pytest.mark.parametrize(
    "flux",
    [
        FluxActivation(
            "perona_malik", 0.1, learn_contrast=True, per_channel=True, noise_conditioned=True
        ),
        FluxActivation("charbonnier", 0.1),
        SplineFlux(4, slopes=(-0.5, 1.0), contrast=0.1, learn_contrast=True),
    ],
)
def test_a_compiled_network_is_the_network(rng, flux):
    model = net(flux)
    u = rng.random((2, 20, 17, 1)).astype("float32")
    inputs = [u, np.array([0.1, 0.05], "float32")] if model.noise_conditioned else u
    np.testing.assert_allclose(value(compiled(model)(inputs)), value(model(inputs)), atol=2e-6)
    # and with other weights, which no program may have kept
    model.set_weights([w + 0.01 * rng.normal(size=w.shape) for w in model.get_weights()])
    np.testing.assert_allclose(value(compiled(model)(inputs)), value(model(inputs)), atol=2e-6)


def test_pointwise_parts_are_one_kernel_only_where_asked_for(rng):
    tf = pytest.importorskip("tensorflow")
    if BACKEND != "tensorflow":
        pytest.skip("XLA kernels inside a graph are TensorFlow's")
    s = tf.constant(rng.normal(size=(3, 4)))

    def kernels(function) -> int:
        graph = tf.function(function, autograph=False).get_concrete_function(s).graph.as_graph_def()
        return sum(f.attr["_XlaMustCompile"].b for f in graph.library.function)

    def law(s):
        return s / (1 + s * s)

    def asked(s):
        with fused():
            return one_pass(law, s)

    assert kernels(lambda s: one_pass(law, s)) == 0
    assert kernels(asked) == 1
    with fused():
        np.testing.assert_allclose(one_pass(law, s), law(s))  # eagerly too
    with tf.GradientTape() as tape:
        tape.watch(s)
        out = tf.function(asked, autograph=False)(s)
    np.testing.assert_allclose(tape.gradient(out, s), (1 - s**2) / (1 + s**2) ** 2, atol=1e-12)


def test_the_implicit_step_and_its_gradient_are_the_same_fused(rng):
    tf = pytest.importorskip("tensorflow")
    if BACKEND != "tensorflow":
        pytest.skip("XLA kernels inside a graph are TensorFlow's")
    layer = ImplicitDiffusion(
        ConvOperator(8, 5, boundary="dirichlet", zero_mean=True, normalize=True),
        SplineFlux(5, contrast=0.1, learn_contrast=True),
        4.0,
        tolerance=1e-9,
        dtype="float64",
    )
    f = tf.constant(rng.random((2, 12, 11, 1)))
    layer.build(f.shape)

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(f) ** 2)
        return [loss, *tape.gradient(loss, layer.trainable_variables)]

    def asked():
        with fused():
            return gradients()

    for one, other in zip(tf.function(asked, autograph=False)(), gradients(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("widths", [(3,), (7,), (3, 5), (3, 1, 5)])
def test_a_window_for_each_channel_is_scipy_s_correlation(rng, widths):
    u, window = (
        rng.normal(size=(*(2, 4, 6, 5)[: len(widths) + 1], 3)),
        rng.normal(size=(*widths, 3, 1)),
    )
    found = value(depthwise(ops.convert_to_tensor(u), ops.convert_to_tensor(window)))
    for sample, result in zip(u, found, strict=True):
        for channel in range(3):
            expected = scipy.ndimage.correlate(
                sample[..., channel], window[..., channel, 0], mode="constant"
            )
            np.testing.assert_allclose(result[..., channel], expected, atol=1e-13)

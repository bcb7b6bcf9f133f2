"""`keras_pde.certify`: constants of Keras models, compared with exact norms and attacked."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import keras_pde
from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FluxActivation,
    GatedFlux,
    ImplicitDiffusion,
    Lifting,
    Prolongation,
    Restriction,
    certify,
)
from keras_pde.certificates.certified import Certified
from keras_pde.certificates.pointwise import ACTIVATIONS


def sequential(shape, *parts) -> keras.Model:
    model = keras.Sequential([keras.Input(shape), *parts])
    randomize(model)
    return model


def randomize(model, seed=0, scale=1.0) -> None:
    """Random weights, of other sizes than initializers give; variances and slopes stay positive."""
    rng = np.random.default_rng(seed)
    for w in model.weights:
        fan = max(1, math.prod(w.shape[:-1]))
        value = scale * rng.normal(size=w.shape) / math.sqrt(fan)
        if "variance" in w.path:
            value = 0.2 + np.abs(value)
        w.assign(value)


def matrix(model, shape) -> np.ndarray:
    """A linear map of one sample as a matrix (without its offset)."""
    n = math.prod(shape)
    basis = np.eye(n).reshape(n, *shape).astype("float32")
    zero = ops.convert_to_numpy(model(basis[:1] * 0))
    rows = ops.convert_to_numpy(ops.convert_to_tensor(model(basis))) - zero
    return rows.reshape(n, -1).T.astype("float64")


# linear layers, against their matrices
# --------------------------------------------------------------------------------------

LINEAR = {
    "dense": ((5,), lambda: layers.Dense(7)),
    "dense, last axis": ((3, 4), lambda: layers.Dense(2)),
    "conv same": ((9, 8, 2), lambda: layers.Conv2D(3, 3, padding="same")),
    "conv valid": ((9, 8, 2), lambda: layers.Conv2D(3, 3)),
    "conv even": ((9, 8, 1), lambda: layers.Conv2D(3, (2, 4), padding="same")),
    "conv strides": ((9, 8, 2), lambda: layers.Conv2D(3, 3, strides=2, padding="same")),
    "conv patches": ((8, 8, 2), lambda: layers.Conv2D(6, 4, strides=4)),
    "conv dilation": ((11, 10, 2), lambda: layers.Conv2D(2, 3, dilation_rate=2, padding="same")),
    "conv groups": ((8, 8, 4), lambda: layers.Conv2D(6, 3, groups=2, padding="same")),
    "conv 1-D causal": ((20, 2), lambda: layers.Conv1D(3, 4, padding="causal")),
    "conv 3-D": ((5, 4, 5, 2), lambda: layers.Conv3D(2, 3, padding="same")),
    "transposed": ((5, 6, 3), lambda: layers.Conv2DTranspose(2, 3, strides=2, padding="same")),
    "transposed valid": ((5, 6, 2), lambda: layers.Conv2DTranspose(2, 4, strides=2)),
    "transposed 1-D": ((9, 2), lambda: layers.Conv1DTranspose(3, 3, padding="same")),
    "depthwise": ((8, 7, 3), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "separable": ((8, 7, 3), lambda: layers.SeparableConv2D(4, 3, padding="same")),
    "batch normalization": ((4, 3), lambda: layers.BatchNormalization()),
    "rescaling": ((4,), lambda: layers.Rescaling(-0.7, 0.3)),
    "average pooling": ((9, 8, 2), lambda: layers.AveragePooling2D(3, 2)),
    "average pooling same": ((9, 8, 1), lambda: layers.AveragePooling2D((3, 4), 2, "same")),
    "average pooling overlapping": ((12, 1), lambda: layers.AveragePooling1D(5, 1, "same")),
    "global average": ((5, 4, 2), lambda: layers.GlobalAveragePooling2D()),
    "flatten": ((3, 4), lambda: layers.Flatten()),
    "permute": ((3, 4), lambda: layers.Permute((2, 1))),
    "padding": ((3, 4, 1), lambda: layers.ZeroPadding2D(2)),
    "cropping": ((6, 7, 1), lambda: layers.Cropping2D(1)),
    "upsampling": ((3, 4, 1), lambda: layers.UpSampling2D((2, 3))),
    "upsampling 1-D": ((5, 2), lambda: layers.UpSampling1D(3)),
    "repeat": ((4,), lambda: layers.RepeatVector(5)),
    "operator": ((12, 12, 1), lambda: ConvOperator(4, 3, boundary="dirichlet")),
    "stencil": ((9, 8, 1), lambda: ConvOperator(initializer="forward")),
    "lifting": ((7, 6, 1), lambda: Lifting(7, 2)),
    "learned lifting": ((8, 6, 1), lambda: Lifting(3, 2, learned=True)),
    **{
        f"{kind.__name__} {boundary}{' learned' * learned}": (
            (9, 6, 1),
            lambda kind=kind, boundary=boundary, learned=learned: kind(boundary, learned),
        )
        for kind in (Restriction,)
        for boundary in ("dirichlet", "neumann", "periodic")
        for learned in (False, True)
    },
}
# what is only bounded: kernels on a grid smaller than their reach, several steps, reflected margins
LOOSE = {"separable": 1.6, "learned": 3.2, "average pooling same": 1.5}


@pytest.mark.parametrize("name", LINEAR)
def test_the_norm_of_a_linear_layer_is_bounded_and_the_bound_is_close(name):
    shape, make = LINEAR[name]
    model = sequential(shape, make())
    certificate, true = certify(model), np.linalg.norm(matrix(model, shape), 2)
    slack = max([1.25, *(v for k, v in LOOSE.items() if k in name)])
    assert true <= certificate.lipschitz * (1 + 1e-5)
    assert certificate.lipschitz <= slack * true
    shifted = np.abs(ops.convert_to_numpy(model(np.zeros((1, *shape), "float32")))).max() > 0
    assert certificate.norm_gain == (math.inf if shifted else certificate.lipschitz)
    if certificate.averaged is not None and certificate.averaged > 0:
        square = matrix(model, shape)
        theta = certificate.averaged
        rest = (square - (1 - theta) * np.eye(len(square))) / theta
        assert np.linalg.norm(rest, 2) <= 1 + 1e-5


@pytest.mark.parametrize("pool", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_average_pooling_is_bounded_for_every_size(pool, stride, padding):
    bound = certify(layers_built(layers.AveragePooling1D(pool, stride, padding), (None, 1)))
    for n in range(pool if padding == "valid" else 1, 14):
        layer = layers.AveragePooling1D(pool, stride, padding)
        true = np.linalg.norm(matrix(layer, (n, 1)), 2)
        assert true <= bound.lipschitz * (1 + 1e-6)


def layers_built(layer, shape):
    layer.build((None, *shape))
    return layer


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
@pytest.mark.parametrize("learned", [False, True])
def test_transfers_between_grids_are_bounded_for_every_size(boundary, learned, rng):
    restriction, prolongation = Restriction(boundary, learned), Prolongation(boundary, learned)
    for layer in (restriction, prolongation):
        layer.build((None, None, 1))
        for w in layer.weights:
            w.assign(rng.normal(size=w.shape))
    for n in range(2, 15):
        down = matrix(restriction, (n, 1))
        coarse = down.shape[0]
        up = matrix(lambda e, n=n: prolongation(e, sizes=(n,)), (coarse, 1))
        assert np.linalg.norm(down, 2) <= certify(restriction).lipschitz * (1 + 1e-5)
        assert np.linalg.norm(up, 2) <= certify(prolongation).lipschitz * (1 + 1e-5)
    if not learned:
        assert certify(prolongation).lipschitz <= 1.6


def test_a_chain_of_dense_layers_has_the_product_of_their_norms():
    model = sequential((6,), layers.Dense(5), layers.Dense(4, use_bias=False), layers.Dense(3))
    norms = [np.linalg.norm(ops.convert_to_numpy(x.kernel), 2) for x in model.layers]
    assert certify(model).lipschitz == pytest.approx(math.prod(norms), rel=1e-6)
    assert certify(model).norm_gain == math.inf
    assert "'dense" in certify(model).reasons["norm"]
    assert "a bias drives the output" in certify(model).reasons["norm"]
    for layer in model.layers:
        if layer.use_bias:
            layer.bias.assign(ops.zeros_like(layer.bias))
    assert certify(model).norm_gain == certify(model).lipschitz  # the weights at hand count


# pointwise maps
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ACTIVATIONS, ids=lambda f: f.__name__)
def test_slopes_and_gain_of_an_activation_are_those_measured(function, rng):
    slopes = ACTIVATIONS[function]
    if function is keras.activations.softmax:
        for scale in (0.1, 1, 3):
            p = ops.convert_to_numpy(function(scale * rng.normal(size=(200, 2)).astype("float32")))
            worst = max(np.linalg.norm(np.diag(q) - np.outer(q, q), 2) for q in p)
            assert worst <= slopes.high * (1 + 1e-5)
        assert worst < 0.5
        assert certify(sequential((3,), layers.Softmax())).lipschitz == 0.5
        return
    s = np.linspace(-12, 12, 480001)
    y = ops.convert_to_numpy(function(ops.convert_to_tensor(s, dtype="float64")))
    measured = np.diff(y) / np.diff(s)
    assert slopes.low - 1e-6 <= measured.min()
    assert measured.max() <= slopes.high + 1e-6
    assert measured.max() > slopes.high - 1e-3 or function is keras.activations.mish
    assert measured.min() < slopes.low + 1e-2
    if math.isinf(slopes.gain):
        assert abs(y[len(s) // 2]) > 1e-3
    else:
        away = np.abs(s) > 1e-3
        assert (np.abs(y[away]) <= slopes.gain * np.abs(s[away]) * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    ("layer", "lipschitz", "gain", "averaged"),
    [
        (lambda: layers.ReLU(), 1, 1, 0.5),
        (lambda: layers.ReLU(max_value=2.0, negative_slope=0.3), 1, 1, 0.5),
        (lambda: layers.ReLU(negative_slope=1.5), 1.5, 1.5, None),
        (lambda: layers.LeakyReLU(0.4), 1, 1, 0.3),
        (lambda: layers.LeakyReLU(0.0), 1, 1, 0.5),
        (lambda: layers.ELU(), 1, 1, 0.5),
        (lambda: layers.ELU(2.0), 2, 2, None),
        (lambda: layers.Activation("tanh"), 1, 1, 0.5),
        (lambda: layers.Activation(keras_pde.activations.perona_malik), 1, 1, 0.5625),
        (lambda: layers.Activation("linear"), 1, 1, 0.0),
        (lambda: layers.Softmax(), 0.5, math.inf, 0.5),
        (lambda: FluxActivation("perona_malik", 0.3), 1, 1, 0.5625),
        (lambda: FluxActivation("charbonnier", learn_contrast=True, coupled=True), 1, 1, 0.5),
        (lambda: layers.Rescaling(0.5), 0.5, 0.5, 0.25),
        (lambda: layers.Rescaling(2.0), 2, 2, None),
        (lambda: layers.MaxPooling2D(2), 1, 1, None),
        (lambda: layers.MaxPooling2D(3, 2), 2, 2, None),
        (lambda: layers.GlobalMaxPooling2D(), 1, 1, None),
    ],
)
def test_constants_of_layers_without_kernels(layer, lipschitz, gain, averaged):
    certificate = certify(sequential((4, 4, 2), layer()))
    assert certificate.lipschitz == pytest.approx(lipschitz)
    assert certificate.norm_gain == pytest.approx(gain)
    assert certificate.averaged == (None if averaged is None else pytest.approx(averaged))


def test_layer_normalization_is_as_steep_as_its_bound_at_constant_inputs(rng):
    steep = keras_pde.certify(sequential((8,), layers.LayerNormalization(epsilon=0.0)))
    assert steep.lipschitz == np.inf
    assert "epsilon=0" in steep.reasons["lipschitz"]
    model = sequential((8,), layers.LayerNormalization(epsilon=1e-2))
    model.layers[0].gamma.assign(np.full(8, 0.7))
    bound = certify(model).lipschitz
    assert bound == pytest.approx(0.7 / 0.1)
    x = np.full((1, 8), 3.0, "float32")
    step = 1e-3 * rng.normal(size=(1, 8)).astype("float32")
    step -= step.mean()
    moved = ops.convert_to_numpy(model(x + step)) - ops.convert_to_numpy(model(x))
    assert 0.99 * bound < np.linalg.norm(moved) / np.linalg.norm(step) <= bound * (1 + 1e-3)


# networks, attacked
# --------------------------------------------------------------------------------------


def residual() -> keras.Model:
    x = keras.Input((6, 6, 2))
    y = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    y = layers.Conv2D(2, 3, padding="same", use_bias=False)(y)
    return keras.Model(x, layers.Add()([x, y]))


def branches() -> keras.Model:
    x = keras.Input((6,))
    a, b = layers.Dense(5, activation="relu")(x), layers.Dense(5, activation="silu")(x)
    joint = layers.Concatenate()([layers.Maximum()([a, b]), layers.Subtract()([a, b]), x])
    return keras.Model(x, layers.Average()([joint, layers.Dense(16)(joint)]))


def plain_operations() -> keras.Model:
    x = keras.Input((6,))
    y = 2 * ops.relu(x) - ops.tanh(x) / 3 + 1.5
    y = ops.concatenate([y, 1 - x], axis=-1)
    return keras.Model(x, ops.maximum(-y, ops.absolute(y) * 0.25))


def broadcast() -> keras.Model:
    x = keras.Input((5, 3))
    narrow = layers.Dense(1)(x)
    return keras.Model(x, layers.Add()([x, narrow]))


def several_inputs() -> keras.Model:
    x, y = keras.Input((4,)), keras.Input((3,))
    return keras.Model([x, y], [layers.Dense(5)(layers.Concatenate()([x, y])), layers.Dense(2)(y)])


def shared() -> keras.Model:
    x = keras.Input((5,))
    layer = layers.Dense(5, activation="tanh")
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(5), layers.ELU()])
    return keras.Model(x, layers.Add()([layer(layer(x)), inner(layer(x)), x]))


def diffusion_net() -> keras.Model:
    block = DiffusionBlock(ConvOperator(4, 3, boundary="dirichlet"), "perona_malik")
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            DiffusionResNet(2, block=block),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )


def averaged_chain() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            DiffusionBlock("forward", "charbonnier", step_size=0.12),
            layers.Flatten(),
            layers.LeakyReLU(0.3),
            layers.Dropout(0.5),
            layers.Rescaling(0.9, 0.2),
            layers.Reshape((6, 6, 1)),
            ImplicitDiffusion(ConvOperator(initializer="forward"), "charbonnier", 2.0),
        ]
    )


NETWORKS = {
    "dense": lambda: sequential((6,), layers.Dense(9, "relu"), layers.Dense(5, "gelu")),
    "convolutions": lambda: sequential(
        (8, 8, 1),
        layers.Conv2D(4, 3, padding="same", activation="elu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(3, 2),
        layers.DepthwiseConv2D(2),
        layers.Conv2DTranspose(2, 3, strides=2, activation="silu"),
        layers.Flatten(),
        layers.Dense(3, "softsign"),
    ),
    "residual": residual,
    "branches": branches,
    "plain operations": plain_operations,
    "broadcast": broadcast,
    "several inputs": several_inputs,
    "shared": shared,
    "diffusion": diffusion_net,
    "averaged": averaged_chain,
    "gated flux": lambda: sequential((6, 6, 2), GatedFlux(contrast=0.5)),
    "normalised": lambda: sequential((6,), layers.LayerNormalization(epsilon=0.1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_attack_exceeds_what_is_certified_about_a_keras_model(name, rng):
    model = NETWORKS[name]()
    randomize(model, 1, 1.5)
    certificate = certify(model)
    shapes = [x.shape[1:] for x in model.inputs]
    assert math.isfinite(certificate.lipschitz)
    worst_lipschitz = worst_gain = 0.0
    theta = certificate.averaged

    @tf.function(autograph=False)
    def look(u, d):
        """Quotients, gains, and what averagedness leaves, and both moved up the gradient."""
        with tf.GradientTape() as tape:
            tape.watch([*u, *d])
            there, here = run(model, [a + b for a, b in zip(u, d, strict=True)]), run(model, u)
            moved, by = there - here, size(flat(d))
            quotient = size(moved) / by
            goal = tf.reduce_sum(tf.math.log(quotient + 1e-12))
        slopes = tape.gradient(goal, [*u, *d])
        next_u = [a + climb(g, a, 0.3) for a, g in zip(u, slopes[: len(u)], strict=True)]
        next_d = [a + climb(g, a, 0.3) for a, g in zip(d, slopes[len(u) :], strict=True)]
        long = size(flat(next_d))
        next_d = [0.1 * a / tf.reshape(long, (-1,) + (1,) * (len(a.shape) - 1)) for a in next_d]
        rest = 0 * by if theta is None else size(moved - (1 - theta) * flat(d)) - theta * by
        return quotient, size(here) / size(flat(u)), rest / by, next_u, next_d

    for scale in (0.05, 2.0):
        u = [tf.constant(scale * rng.normal(size=(8, *s)).astype("float32")) for s in shapes]
        d = [tf.constant(0.1 * rng.normal(size=(8, *s)).astype("float32")) for s in shapes]
        for _ in range(20):
            quotient, gain, rest, u, d = look(u, d)
            worst_lipschitz = max(worst_lipschitz, float(tf.reduce_max(quotient)))
            worst_gain = max(worst_gain, float(tf.reduce_max(gain)))
            assert float(tf.reduce_max(rest)) <= 1e-3
    assert worst_lipschitz <= certificate.lipschitz * (1 + 1e-3)
    deep = 1000 if name == "convolutions" else 60
    assert worst_lipschitz >= certificate.lipschitz / deep  # nor is the bound a void one
    assert worst_gain <= certificate.norm_gain * (1 + 1e-3)


def run(model, inputs):
    out = model(inputs if len(inputs) > 1 else inputs[0])
    return flat(out if isinstance(out, list | tuple) else [out])


def flat(parts):
    return tf.concat([tf.reshape(p, (p.shape[0], -1)) for p in parts], axis=1)


def size(x):
    return tf.norm(tf.reshape(x, (x.shape[0], -1)), axis=1)


def climb(slope, like, step):
    """A step along a gradient, relative to the size of what it moves."""
    if slope is None:
        return 0.0
    wide = (-1,) + (1,) * (len(like.shape) - 1)
    scale = step * size(like) / (size(slope) + 1e-12)
    return slope * tf.reshape(scale, wide)


def test_a_residual_branch_adds_one_and_a_mean_of_averaged_maps_is_averaged():
    x = keras.Input((4,))
    a = layers.LeakyReLU(0.4)(x)
    b = layers.Rescaling(0.5)(x)
    assert certify(keras.Model(x, layers.Add()([x, a]))).lipschitz == 2
    mean = certify(keras.Model(x, layers.Average()([a, b, x])))
    assert mean.averaged == pytest.approx((0.3 + 0.25 + 0) / 3)
    assert mean.lipschitz == pytest.approx((1 + 0.5 + 1) / 3)
    assert certify(keras.Model(x, layers.Add()([a, b]))).averaged is None


def test_a_single_block_keeps_all_that_it_states_and_a_network_states_its_own():
    block = DiffusionBlock("forward", "charbonnier", step_size=0.1)
    model = keras.Sequential([keras.Input((8, 8, 1)), block, layers.Dropout(0.1)])
    own, found = block.certificate(), certify(model)
    for key in ("norm", "lipschitz", "averaged", "energy"):
        assert found[key].constant == own[key].constant
    assert found.energy_descent
    net = DiffusionResNet(2, filters=3)
    net.build((None, 8, 8, 1))
    assert str(certify(net)) == str(net.certificate())


# what cannot be certified
# --------------------------------------------------------------------------------------


class Doubled(layers.Dense):
    def call(self, x):
        return 2 * super().call(x)


class Own(keras.Model):
    def call(self, x):
        return x * x


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.Lambda(lambda x: x * x), "(Lambda): no constant is known for this kind"),
        (lambda: Doubled(4), "(Doubled): no constant is known for this kind"),
        (lambda: layers.Dense(4, "exponential"), "for the activation exponential"),
        (lambda: layers.Activation(lambda x: x * x), "for the activation <lambda>"),
        (lambda: layers.UnitNormalization(), "steep near 0"),
        (lambda: layers.ReLU(threshold=1.0), "jumps at its threshold"),
    ],
)
def test_a_layer_without_a_constant_is_named_with_its_reason(layer, words):
    certificate = certify(sequential((4,), layers.Dense(4), layer(), layers.ReLU()))
    assert not any(g.known for g in certificate.guarantees)
    for key in ("norm", "lipschitz", "averaged", "energy"):
        assert words in certificate.reasons[key]


def test_all_layers_that_cannot_be_certified_are_named():
    x = keras.Input((4,))
    odd = layers.Lambda(lambda x: x * x, name="odd")(x)
    product = layers.Multiply(name="gate")([x, odd])
    reason = certify(keras.Model(x, product)).reasons["lipschitz"]
    assert "'odd'" in reason
    assert "'gate' (Multiply): a product of inputs has no Lipschitz constant" in reason
    # what does not lead to the output does not count
    assert certify(keras.Model(x, layers.ReLU()(x))).lipschitz == 1


def test_operations_and_models_of_ones_own_are_refused():
    x = keras.Input((4,))
    for y in (ops.exp(x), x * x, 1 / x, x * layers.Dense(1)(x)):
        assert certify(keras.Model(x, y)).lipschitz == math.inf
    model = Own()
    model(np.ones((1, 4), "float32"))
    assert certify(model).lipschitz == math.inf

    class Overridden(keras.Model):
        def call(self, inputs):
            return 5 * super().call(inputs)

    assert certify(Overridden(x, layers.ReLU()(x))).lipschitz == math.inf


def test_a_noise_level_is_assumed_not_to_change_and_may_not_depend_on_the_input():
    flux = FluxActivation("charbonnier", noise_conditioned=True)
    net = DiffusionResNet(2, block=DiffusionBlock("forward", flux))
    x, noise = keras.Input((8, 8, 1)), keras.Input((), name="sigma")
    told = certify(keras.Model([x, noise], net([x, noise])))
    assert told.nonexpansive
    assert "the input 'sigma' does not change" in told.assumptions
    inner = keras.Model([x, noise], net([x, noise]))
    y, level = keras.Input((8, 8, 1)), keras.Input((), name="level")
    outer = certify(keras.Model([y, level], layers.ReLU()(inner([y, level]))))
    assert outer.nonexpansive
    assert "the input 'level' does not change" in outer.assumptions
    estimated = layers.Flatten()(layers.GlobalAveragePooling2D()(y))
    for made in (inner, net):
        lost = certify(keras.Model(y, made([y, layers.Reshape(())(estimated)])))
        assert lost.lipschitz == math.inf
        assert "depends on the model's input" in lost.reasons["lipschitz"]


def test_a_block_with_a_source_of_its_own_is_refused():
    x, f = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    block = DiffusionBlock("forward", "charbonnier", data_weight=0.1)
    assert certify(keras.Model(x, block(x, source=x))).norm_stable
    reason = certify(keras.Model([x, f], block(x, source=f))).reasons["norm"]
    assert "it is called with source besides its input" in reason


def test_sizes_given_by_another_tensor_do_not_count():
    x = keras.Input((9, 1))
    model = keras.Model(x, Prolongation()(Restriction()(x), like=x))
    true = np.linalg.norm(matrix(model, (9, 1)), 2)
    assert true <= certify(model).lipschitz < math.inf


class Half(layers.Layer, Certified):
    def call(self, x):
        return x / 2

    def certificate(self):
        return keras_pde.Certificate("half", norm_gain=0.5, lipschitz=0.5)


def test_a_layer_of_ones_own_joins_by_its_certificate():
    assert certify(sequential((4,), Half(), layers.ReLU(), Half())).lipschitz == 0.25


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="build the model first"):
        certify(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="takes a Keras model or layer"):
        certify("certified_resnet_2d")


def test_long_chains_are_told_in_short():
    model = sequential((4,), *[layers.Rescaling(0.9) for _ in range(12)])
    reason = certify(model).reasons["lipschitz"]
    assert reason.endswith("and 6 more")
    assert certify(model).lipschitz == pytest.approx(0.9**12)

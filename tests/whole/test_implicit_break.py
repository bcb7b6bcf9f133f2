"""Gradient ascent that tries to break the certificates of implicit steps, and gradients where they
are compiled, fail, or do not exist.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from attack import ascend, norm, starts, tiny_difference

from keras_pde import (
    ConvOperator,
    FluxActivation,
    GatedFlux,
    ImplicitDiffusion,
    ImplicitRecurrent,
    SplineFlux,
    activations,
    solvers,
)

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="float64 and gradient tapes"
)
D = {"dtype": "float64"}
TIGHT = {"tolerance": 1e-12, "max_iterations": 4000, "on_failure": "nan", **D}


def learned(boundary: str = "periodic", filters: Any = 2) -> ConvOperator:
    return ConvOperator(filters, 3, boundary=boundary, normalize=True, **D)


def spline(low: float) -> SplineFlux:
    return SplineFlux(6, 3.0, (low, 1.0), "perona_malik", contrast=0.5, **D)


def gated(flux: str) -> GatedFlux:
    options = {"gates": "input", "neighbourhood": 3, "learn_contrast": True, "per_channel": True}
    return GatedFlux(flux, 0.3, evidence_contrast=0.5, **options, **D)


MODELS = {
    "charbonnier stencil": lambda: ImplicitRecurrent(
        2, block=ImplicitDiffusion("forward", activations.Charbonnier(0.3), 20.0, **TIGHT)
    ),
    "coupled truncated bfb": lambda: ImplicitRecurrent(
        1,
        block=ImplicitDiffusion(
            learned(filters=3),
            FluxActivation("truncated_bfb", 0.3, coupled=True, **D),
            0.8,
            **TIGHT,
        ),
    ),
    "perona-malik tied": lambda: ImplicitRecurrent(
        2, block=ImplicitDiffusion("forward", "perona_malik", 0.5, **TIGHT)
    ),
    "perona-malik untied": lambda: ImplicitRecurrent(
        2, block=ImplicitDiffusion(learned("dirichlet"), "perona_malik", 4.0, **TIGHT), tied=False
    ),
    "equilibrium denoiser": lambda: ImplicitRecurrent(
        1, block=ImplicitDiffusion(learned("dirichlet", (2, 3)), spline(-0.9), 1.0, **TIGHT)
    ),
    "monotone spline": lambda: ImplicitRecurrent(
        2, block=ImplicitDiffusion(learned("dirichlet", (2, 3)), spline(0.0), "learned", **TIGHT)
    ),
    "gates of the input": lambda: ImplicitRecurrent(
        2, block=ImplicitDiffusion(learned("dirichlet", 3), gated("charbonnier"), 2.0, **TIGHT)
    ),
    "gates of the input, perona-malik": lambda: ImplicitRecurrent(
        1, block=ImplicitDiffusion(learned("dirichlet", 3), gated("perona_malik"), 4.0, **TIGHT)
    ),
    "relu": lambda: ImplicitRecurrent(1, block=ImplicitDiffusion(learned(), "relu", 3.0, **TIGHT)),
    "forward-and-backward": lambda: ImplicitRecurrent(
        1, block=ImplicitDiffusion(learned(), FluxActivation("fab", 0.4, **D), 0.8, **TIGHT)
    ),
    "several solutions": lambda: ImplicitRecurrent(
        1, block=ImplicitDiffusion("forward", "perona_malik", 20.0, "lagged_diffusivity", **TIGHT)
    ),
}


def build(name: str) -> ImplicitRecurrent:
    """The model with random kernels, in float64."""
    keras.utils.set_random_seed(0)
    model, rng = MODELS[name](), np.random.default_rng(0)
    model.build((None, None, None, 1))
    for weight in model.weights:
        if "kernel_" in weight.path:
            weight.assign(2 * rng.normal(size=weight.shape))
        elif "raw_slopes" in weight.path or "mixing" in weight.path:
            weight.assign(3 * rng.normal(size=weight.shape))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_gradient_ascent_does_not_break_the_certificate(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four attacks in one batch.

    On ‖N(f)‖/‖f‖, on ‖N(f) − N(h)‖/‖f − h‖, on averagedness, on the energy.
    """
    model, batch, rng = build(name), 4, np.random.default_rng(1)
    certificate = model.certificate()
    for step in model.blocks:  # the weights stay: normalise them once, not at every step
        if not step.flux.guided:
            ready = functools.partial(lambda ready, *_: ready, step.prepare())
            monkeypatch.setattr(step, "prepare", ready)
    theta = certificate.averaged or 1.0
    start = np.concatenate([np.concatenate([starts(rng, 6, batch), starts(rng, 6, batch)], -1)] * 4)
    row = np.repeat(np.arange(4), batch)

    def attacks(x: Any) -> Any:
        f, d = x[..., :1], tiny_difference(x[..., :1], x[..., 1:])
        u, v = tf.split(model(tf.concat([f, f + d], 0)), 2)
        # a solve that failed is no counterexample
        u, v = (tf.where(tf.math.is_nan(y), tf.zeros_like(y), y) for y in (u, v))
        values = [
            tf.math.log(norm(u) / norm(f)),
            tf.math.log(norm(v - u) / norm(d)),
            tf.math.log(norm((v - u - (1 - theta) * d) / theta) / norm(d)),
            (
                (model.energy(u, f) - model.energy(f, f)) / norm(f) ** 2
                if model.blocks[0].flux.guided
                else (model.energy(u) - model.energy(f)) / norm(f) ** 2
                if certificate.energy_descent
                else tf.zeros_like(norm(f))
            ),
        ]
        return tf.reduce_sum(tf.stack(values, 1) * tf.one_hot(row, 4, dtype="float64"), 1)

    gain, expansion, reflected, rise = ascend(attacks, start, 15).reshape(4, batch).max(1)
    assert math.exp(gain) <= certificate.norm_gain * (1 + 1e-9)
    assert math.exp(expansion) <= certificate.lipschitz * (1 + 1e-5)
    assert certificate.averaged is None or math.exp(reflected) <= 1 + 1e-5
    assert not certificate.energy_descent or rise <= 1e-12


def test_the_lipschitz_constant_of_a_nonmonotone_flux_is_attained() -> None:
    """The alternating signal with |Ku| = √3λ everywhere.

    There Φ′ = −1/8, and 1/(1 − τμ‖K‖²) is the truth.
    """
    layer = ImplicitDiffusion(
        ConvOperator(boundary="periodic", **D), activations.PeronaMalik(0.2), 1.6, **TIGHT
    )
    layer.build((None, 16, 1))
    mode = ((-1.0) ** np.arange(16)).reshape(1, 16, 1)
    u = mode * math.sqrt(3) * 0.2 / 2
    s = 2 * u
    f = u + 1.6 * 2 * s / (1 + (s / 0.2) ** 2)  # KᵀΦ(Ku) = 2Φ(2u) for this mode
    solve = tf.function(layer, autograph=False)  # op by op it takes longer than its compilation
    ahead, behind = (np.array(solve(tf.constant(f + h * mode))) for h in (1e-5, -1e-5))
    bound = layer.certificate().lipschitz
    assert bound == pytest.approx(5)  # τμκ² = 1.6/8·4 = 0.8
    assert np.linalg.norm(ahead - behind) / np.linalg.norm(2e-5 * mode) == pytest.approx(
        bound, rel=1e-4
    )


def noisy_layer(**options: Any) -> ImplicitDiffusion:
    flux = SplineFlux(
        4,
        2.0,
        (-0.3, 0.9),
        "perona_malik",
        contrast=0.3,
        learn_contrast=True,
        noise_conditioned=True,
    )
    return ImplicitDiffusion(ConvOperator(3, 3, normalize=True), flux, "learned", **options)


def test_compiled_gradients_are_the_eager_ones(rng: np.random.Generator) -> None:
    """In a graph of dynamic sizes and by XLA, to weights, input and a map of noise levels."""
    layer, f, sigma = (
        noisy_layer(tolerance=1e-6),
        rng.random((2, 7, 6, 1)).astype("float32"),
        rng.random((2, 7, 6, 1)).astype("float32"),
    )
    layer(f, noise=sigma)
    layer.flux.noise_slope.assign([0.3, -0.2, 0.1])

    def gradients(f: Any, sigma: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([f, sigma])
            loss = tf.reduce_sum(layer(f, noise=sigma) ** 3)
        return tape.gradient(loss, [f, sigma, *[v.value for v in layer.trainable_variables]])

    eager = gradients(tf.constant(f), tf.constant(sigma))
    signature = [tf.TensorSpec((None, None, None, 1))] * 2
    for xla in (False, True):
        found = tf.function(gradients, input_signature=signature, jit_compile=xla, autograph=False)(
            f, sigma
        )
        for a, b in zip(found, eager, strict=True):
            assert np.abs(b).max() > 0
            np.testing.assert_allclose(
                np.array(a), np.array(b), atol=2e-5 * max(1.0, np.abs(b).max())
            )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_gradients_in_mixed_precision(policy: str, rng: np.random.Generator) -> None:
    f, found = rng.random((1, 7, 6, 1)), []
    for dtype in (policy, "float32"):
        keras.utils.set_random_seed(0)
        layer = noisy_layer(dtype=dtype)
        layer.operator.dtype_policy = layer.flux.dtype_policy = layer.dtype_policy
        x = tf.cast(f, layer.compute_dtype)
        layer.build(f.shape)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(layer(x, noise=np.array([0.2])), "float32") ** 2)
        found.append(
            [np.array(g) for g in tape.gradient(loss, [v.value for v in layer.trainable_variables])]
        )
    for low, exact in zip(*found, strict=True):
        assert np.isfinite(low).all()
        assert np.abs(low - exact).max() <= 0.1 * np.abs(exact).max() + 1e-3


def test_a_sample_that_fails_leaves_the_gradient_of_its_batch_mates_alone(
    rng: np.random.Generator,
) -> None:
    f = rng.random((2, 10, 10, 1))
    f[1] *= 1e-3  # in the linear range of the flux, and so solved in fewer iterations

    def gradient(x: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
        keras.utils.set_random_seed(0)
        layer = ImplicitDiffusion(
            ConvOperator(2, 3, normalize=True, **D),
            activations.TruncatedTV(0.01),
            20.0,
            max_iterations=limit,
            on_failure="nan",
            **D,
        )
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            u = layer(x)
            loss = tf.reduce_sum(tf.where(tf.math.is_nan(u), tf.zeros_like(u), u) ** 2)
        return np.isnan(np.array(u)).any(axis=(1, 2, 3)), np.array(
            tape.gradient(loss, layer.trainable_variables[0].value)
        )

    layer = ImplicitDiffusion(
        ConvOperator(2, 3, normalize=True, **D), activations.TruncatedTV(0.01), 20.0, **D
    )
    limit = int(layer.solve(f[1:]).iterations[0])
    failed, both = gradient(f, limit)
    _, alone = gradient(f[1:], limit)
    assert failed.tolist() == [True, False]
    np.testing.assert_allclose(both, alone, rtol=1e-9, atol=1e-15)
    assert np.abs(alone).max() > 0


def test_a_gradient_that_is_not_accurate_is_reported(rng: np.random.Generator) -> None:
    """Few iterations are enough for the lagged diffusivity, but not for the conjugate gradients of
    the adjoint system.
    """
    f = tf.constant(rng.random((1, 16, 16, 1)))

    def gradient(on_failure: str) -> np.ndarray:
        solver = solvers.LaggedDiffusivity(0.01, 500)
        layer = ImplicitDiffusion(
            "forward",
            "linear",
            50.0,
            solver,
            tolerance=1e-9,
            max_iterations=10,
            on_failure=on_failure,
            **D,
        )
        with tf.GradientTape() as tape:
            tape.watch(f)
            loss = tf.reduce_sum(layer(f) ** 3)
        assert np.isfinite(float(loss))
        return np.array(tape.gradient(loss, f))

    with pytest.warns(
        RuntimeWarning,
        match="the gradient of 1 of 1 samples is not accurate to the tolerance 1e-09",
    ):
        assert np.isfinite(gradient("warn")).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(gradient("nan")).all()
        assert np.isfinite(gradient("ignore")).all()


@pytest.mark.parametrize(
    "solver",
    [
        "fixed_point",
        "accelerated",
        solvers.Accelerated("chebyshev"),
        "anderson",
        "lagged_diffusivity",
    ],
    ids=str,
)
def test_every_solver_reaches_a_stationary_point_of_an_energy_that_is_not_convex(
    solver: Any, rng: np.random.Generator
) -> None:
    """Where τμ‖K‖² = 2 no rate is proved.

    The safeguards and the energy descent of the damped steps still lead to F(u) = 0.
    """
    f = 0.5 * rng.standard_normal((2, 12, 1))
    layer = ImplicitDiffusion(
        "forward",
        activations.PeronaMalik(0.2),
        4.0,
        solver,
        tolerance=1e-8,
        max_iterations=20000,
        **D,
    )
    found = layer.solve(f)
    assert layer.spectral_bounds[1] == 2
    assert np.array(found.converged).all()
    u = np.array(found.u)
    s = np.diff(u, axis=1)
    flow = s / (1 + (s / 0.2) ** 2)
    divergence = np.pad(flow, ((0, 0), (0, 1), (0, 0))) - np.pad(flow, ((0, 0), (1, 0), (0, 0)))
    np.testing.assert_allclose(u - 4.0 * divergence, f, atol=1e-7)
    assert (np.linalg.norm(u, axis=1) <= np.linalg.norm(f, axis=1)).all()


def test_lagged_diffusivity_refuses_a_negative_diffusivity() -> None:
    with pytest.raises(
        ValueError,
        match=r"needs g >= 0, for positive definite systems, and this flux has g >= -0\.\d",
    ):
        ImplicitDiffusion("forward", "fab", 0.1, "lagged_diffusivity").build((None, 8, 1))


def test_extreme_inputs() -> None:
    layer = ImplicitDiffusion("forward", FluxActivation("charbonnier", 0.1, coupled=True), 5.0)
    f = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
    assert layer(np.zeros((0, 8, 8, 1), "float32")).shape == (0, 8, 8, 1)
    for size in (1e-30, 1e30):  # squares of them underflow and overflow
        found = layer.solve(np.float32(size) * f)
        assert bool(found.converged[0])
        assert np.isfinite(np.array(found.u)).all()
    broken = f.copy()
    broken[0, 0, 0, 0] = np.nan
    found = layer.solve(np.concatenate([broken, f]))
    assert np.array(found.converged).tolist() == [False, True]
    assert int(found.iterations[0]) == 0  # given up at once

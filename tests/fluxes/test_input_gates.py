"""Gates that the network's input opens, evidence with contrasts of its own, bounded couplings.

Against the formulas in NumPy; the constants of the theorems, nearly attained and attacked.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from arrays import by_differences, randomized, value
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    GatedFlux,
    ImplicitDiffusion,
    ImplicitRecurrent,
)
from keras_pde.certificates.weighted_norms import sandwiched
from keras_pde.fluxes import gate_bounds
from keras_pde.models.guided import Guided
from keras_pde.models.influence import Influence
from keras_pde.operators.convolution import depthwise
from keras_pde.tasks.training.growing import grow

D = {"dtype": "float64"}
LEARNED = {"learn_contrast": True, "per_channel": True, "neighbourhood": 3}
SLOPE = 0.25 * 3 * math.sqrt(3) / 8  # of sigmoid and of evidence, at most

pytestmark = pytest.mark.usefixtures("double")


def gated(flux: str = "charbonnier", contrast: float = 0.5, **options: Any) -> GatedFlux:
    return GatedFlux(flux, contrast, **{"gates": "input", **LEARNED, **options}, **D)


def block(flux: GatedFlux, rng: np.random.Generator, scale: float = 1.0) -> DiffusionBlock:
    operator = ConvOperator(4, 3, boundary="dirichlet", zero_mean=True, normalize=True, **D)
    made = DiffusionBlock(operator, flux, "learned", **D)
    made.build((None, None, None, 1))
    return randomized(made, rng, scale)


def dense(function: Any, rows: int, size: tuple[int, ...]) -> np.ndarray:
    """A linear map of images as a matrix."""
    count = math.prod(size)
    return value(function(np.eye(count).reshape(count, *size))).reshape(count, -1).T


def test_a_guide_opens_the_gates_and_the_state_does_not(rng: np.random.Generator) -> None:
    """u⁺ = u − τKᵀ(gate(Kf)·φ(Ku)), by NumPy; without a guide u itself is f."""
    step = block(gated(evidence_contrast=0.9), rng)
    u, f = rng.normal(size=(2, 2, 6, 5, 1))
    flux, operator = step.flux, step.operator
    s, e = (value(operator(x)) for x in (u, f))
    lam, own = (value(x).ravel() for x in (flux.contrast_now(), flux.evidence_now()))
    h = e**2 / (own**2 + e**2)
    window = value(flux.window)
    wide = np.pad(h, [(0, 0), (1, 1), (1, 1), (0, 0)])
    seen = sum(
        window[i, j, :, 0] * wide[:, i : i + 6, j : j + 5] for i in range(3) for j in range(3)
    )
    gate = 1 / (1 + np.exp(-(seen @ value(flux.mixing) + value(flux.gate_bias))))
    phi = gate * s / np.sqrt(1 + (s / lam) ** 2)
    expected = u - value(step.prepare().step) * value(operator.adjoint(phi))
    np.testing.assert_allclose(value(step(u, guide=f)), expected, atol=1e-13)
    np.testing.assert_allclose(value(step(u, source=f)), expected, atol=1e-13)
    np.testing.assert_array_equal(value(step(u)), value(step(u, guide=u)))
    assert np.abs(value(step(u)) - expected).max() > 1e-3


def test_each_block_of_a_network_looks_at_its_input(rng: np.random.Generator) -> None:
    for tied in (False, True):
        net = DiffusionResNet(3, block=block(gated(), rng, 0.0), tied=tied, **D)
        net.build((None, None, None, 1))
        randomized(net, rng)
        y = rng.normal(size=(2, 7, 6, 1))
        u = y
        for k in range(3):
            u = value(net.block_of(k)(u, guide=y))
        np.testing.assert_allclose(value(net(y)), u, atol=1e-13)
        np.testing.assert_allclose(value(net.program(snapshot=True)(y)), u, atol=1e-13)
        assert net.certificate().energy_descent == tied


@pytest.mark.parametrize("scale", [0.3, 3.0, 100.0])
@pytest.mark.parametrize("noise", [False, True])
def test_a_coupling_holds_for_every_weight_and_every_noise_level(
    rng: np.random.Generator, scale: float, noise: bool
) -> None:
    """c = ‖A‖ ≤ c₀ with V in use, and for windows ≥ 0 no smaller than need be."""
    for own in (None, 0.4):
        flux = gated(coupling=0.7, evidence_contrast=own, noise_conditioned=noise)
        flux.build((None, 5, 5, 6))
        randomized(flux, rng, scale)
        window, mixing, _ = map(value, flux.weights_in_use())
        assert flux.asymmetry_bound <= 0.7
        free = np.abs(value(flux.mixing)).max() <= 1.0001 * np.abs(mixing).max()
        for sigma in 10.0 ** rng.uniform(-4, 1, size=20) if noise else [None]:
            level = None if sigma is None else np.array([sigma])
            lam, ell = (
                value(x).ravel() for x in (flux.contrast_now(level), flux.evidence_now(level))
            )
            weights = np.abs(window).sum(axis=(0, 1))[:, 0]
            matrix = SLOPE * mixing * weights[:, None] * lam[None, :] / ell[:, None]
            assert np.linalg.norm(matrix, 2) <= 0.7 * (1 + 1e-9)
        flux.window.assign(np.abs(window))
        assert flux.asymmetry_bound <= 0.7
        assert free or flux.asymmetry_bound >= 0.95 * 0.7


def test_the_norm_of_a_window_is_that_of_its_convolution(rng: np.random.Generator) -> None:
    """Of zeros beyond the boundary, on grids of growing size; × 0.9 is no bound."""
    for shape in ((5,), (3, 3)):
        window = rng.normal(size=(*shape, 3, 1))
        bounds = gate_bounds.window_norms(window)
        size = (80,) if len(shape) == 1 else (12, 12)

        for j in range(3):
            alone = window * (np.arange(3) == j)[:, None]
            x, norm = rng.normal(size=(1, *size, 3)), 0.0
            for _ in range(40):  # power iteration; the adjoint convolves with the window reversed
                for turned in (alone, np.flip(alone, tuple(range(len(size))))):
                    x = value(depthwise(ops.convert_to_tensor(x, dtype="float64"), turned))
                    norm = np.linalg.norm(x)
                    x /= norm
            assert 0.9 * bounds[j] < norm <= bounds[j] * (1 + 1e-9)


@pytest.mark.parametrize("name", ["charbonnier", "perona_malik_exponential", "truncated_tv"])
def test_f7_gates_react_to_their_guide_by_c_at_most(rng: np.random.Generator, name: str) -> None:
    """∂Φ/∂(Kf) is within c, and comes near; Φ′ with f held is diagonal."""
    closest = 0.0
    for trial in range(6):
        flux = gated(name, evidence_contrast=0.3)
        flux.build((None, 4, 3, 3))
        randomized(flux, rng, (0.5, 2.0)[trial % 2])
        s, e = rng.normal(size=(2, 4, 3, 3))

        def phi(x: np.ndarray, e: Any = e, s: Any = s, flux: Any = flux) -> np.ndarray:
            (rows,) = flux.fluxes([s + 0 * x], parameters=flux.parameters_with(None, [x], None, 4))
            return value(rows)

        found = np.linalg.norm(by_differences(phi, e), 2)
        assert found <= flux.asymmetry_bound * (1 + 1e-6)
        closest = max(closest, found / flux.asymmetry_bound)
        kept = flux.parameters_with(None, [e[None]], None, 4)
        whole = by_differences(lambda x, f=flux, k=kept: value(f.fluxes([x], parameters=k)[0]), s)
        slope = value(flux.linearize([s[None]], parameters=kept)[0]).ravel()
        np.testing.assert_allclose(whole, np.diag(slope), atol=1e-6)
    assert closest > 0.1


def saturated(gates: str, steps: int, implicit: bool = False) -> tuple[Any, np.ndarray, float]:
    """A net of one pixel at which every factor of its bound is largest, and what a step adds.

    |Φ| is λ, the evidence and the sigmoid are steepest, and K is a number.
    """
    options = {"gates": gates, "neighbourhood": 1, "learn_contrast": True}
    flux = GatedFlux("charbonnier", 1e-3, evidence_contrast=1.0, **options, **D)
    operator = ConvOperator(1, 1, boundary="periodic", initializer="ones", **D)
    if implicit:
        step: Any = ImplicitDiffusion(operator, flux, 0.7, tolerance=1e-13, **D)
        net: Any = ImplicitRecurrent(steps, block=step, tied=False, **D)
    else:
        step = DiffusionBlock(operator, flux, "auto", fraction=0.4, **D)
        net = DiffusionResNet(steps, block=step, tied=False, **D)
    net.build((None, None, 1))
    y = np.full((1, 1, 1), 1 / math.sqrt(3))
    u = y
    for b in net.blocks:
        b.flux.window.assign(np.ones((1, 1, 1)))
        b.flux.mixing.assign([[-2e4]])
        h = (y if gates == "input" else u) ** 2
        b.flux.gate_bias.assign((2e4 * h / (1 + h)).reshape(1))
        u = value(b(u, guide=y)) if gates == "input" else value(b(u))
    facts = net.blocks[0].facts()
    return net, y, facts.strength * (facts.guidance + facts.asymmetry)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("gates", ["input", "state"])
def test_f7_constants_are_a_sum_and_for_gates_of_the_state_a_product(
    gates: str, steps: int
) -> None:
    """Both are nearly attained, so a bound that were 0.9 of them, or half of c, would be none."""
    net, y, added = saturated(gates, steps)
    found = by_differences(lambda x: value(net(x)), y[0])[0, 0]
    bound = net.certificate().lipschitz
    expected = 1 + steps * added if gates == "input" else (1 + added) ** steps
    assert bound == pytest.approx(expected)
    assert added > 2
    assert max(0.95 * bound, 1 + (steps - 0.5) * added) < found <= bound * (1 + 1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_i8_the_constant_of_an_equilibrium_with_gates_of_the_input(steps: int) -> None:
    """(l + τκ²c)/(1 − m) from l = 1; nearly attained for monotone Φ, where m = 0."""
    net, y, added = saturated("input", steps, implicit=True)
    found = by_differences(lambda x: value(net(x)), y[0])[0, 0]
    bound = net.certificate().lipschitz
    assert bound == pytest.approx(1 + steps * added)
    assert added > 2
    assert 0.99 * bound < found <= bound * (1 + 1e-5)


def test_i8_of_a_flux_that_is_not_monotone(rng: np.random.Generator) -> None:
    flux = gated("perona_malik", coupling=0.4)
    operator = ConvOperator(4, 3, boundary="dirichlet", normalize=True, **D)
    step = ImplicitDiffusion(operator, flux, 4.0, tolerance=1e-12, **D)
    step.build((None, None, None, 1))
    randomized(step, rng, 2.0)
    facts, certificate = step.facts(), step.certificate()
    m = facts.strength / 8
    assert certificate.lipschitz == pytest.approx((1 + facts.strength * facts.guidance) / (1 - m))
    assert certificate.norm_stable
    assert certificate.energy_descent
    assert certificate.averaged is None
    f = rng.normal(size=(6, 5, 1))
    norm = np.linalg.norm(by_differences(lambda x: value(step(x)), f), 2)
    assert norm <= certificate.lipschitz


def test_i8_an_equilibrium_solves_its_equation_and_has_its_gradient(
    rng: np.random.Generator,
) -> None:
    """Through the gates as well, which move with f; a guide that is held moves nothing."""
    flux = gated(evidence_contrast=0.4)
    operator = ConvOperator(3, 3, boundary="dirichlet", normalize=True, **D)
    step = ImplicitDiffusion(operator, flux, 3.0, tolerance=1e-12, **D)
    step.build((None, None, None, 1))
    randomized(step, rng, 2.0)
    f = 2 * rng.normal(size=(1, 5, 4, 1))
    u, ready = value(step(f)), step.prepare(None, f)
    assert np.abs(value(step.problem(f, ready).residual(u))).max() < 1e-10
    held = by_differences(lambda x: value(step(x, guide=np.repeat(f, len(x), 0))), f[0])
    np.testing.assert_allclose(held, held.T, atol=1e-6)  # of a proximal map
    assert np.linalg.eigvalsh((held + held.T) / 2).min() > 0
    assert np.linalg.norm(held, 2) <= 1 + 1e-6
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    weights = rng.normal(size=f.shape)
    x = tf.constant(f)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(step(x) * weights)
    free = by_differences(lambda x: value(step(x)), f[0])
    assert np.abs(free - held).max() > 1e-4
    np.testing.assert_allclose(
        value(tape.gradient(total, x)).ravel(), weights.ravel() @ free, atol=1e-6
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_f8_weighted_norms_bound_what_gates_add_and_are_smaller(
    rng: np.random.Generator, channels: int
) -> None:
    """‖KᵀXK‖ for the X of a trial that is worst, by dense matrices; × 0.9 is no bound.

    X is a matrix of either sign between factors from −1 to 1 for each value.
    """
    gain, closest = 1.0, 0.0
    for boundary in ("dirichlet", "periodic", "neumann"):
        operator = ConvOperator(4, 3, boundary=boundary, **D)
        operator.build((None, None, channels))
        kernels = rng.normal(size=operator.kernels[0].shape) * [1.0, 0.1, 1.0, 0.1]
        operator.kernels[0].assign(kernels)
        matrix = rng.normal(size=(4, 4)) * np.outer([1.0, 9.0, 0.3, 5.0], [1.0, 4.0, 1.0, 9.0])
        bound = sandwiched(matrix, operator)
        K = dense(operator, 4, (12, channels))
        plain = np.linalg.norm(matrix, 2) * operator.certified_squared_norm()
        gain = min(gain, bound / plain)
        for _ in range(40):
            left, right = (rng.choice([-1.0, 1.0, 0.7], size=48) for _ in range(2))
            X = np.einsum("ji,ab->aibj", matrix, np.eye(12)).reshape(48, 48)
            X = left[:, None] * X * right[None, :]
            found = np.linalg.norm(K.T @ X @ K, 2)
            assert found <= bound * (1 + 1e-9)
            closest = max(closest, found / bound)
        one = ConvOperator(1, 1, boundary=boundary, initializer="ones", **D)
        one.build((None, None, 1))
        # of one filter of one tap it is the norm: a bound that were 0.9 of it would be none
        assert sandwiched(np.array([[2.0]]), one) == pytest.approx(2, rel=1e-6)
    assert gain < 0.5
    assert closest > 0.3


def test_what_cannot_be_bounded_or_guided_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="not bounded"):
        GatedFlux("linear", coupling=1.0)
    with pytest.raises(ValueError, match="at least"):
        GatedFlux("charbonnier", 1e-4, coupling=1.0, noise_conditioned=True)
    with pytest.raises(ValueError, match="evidence_contrast"):
        GatedFlux(evidence_contrast=0.0)
    with pytest.raises(ValueError, match="has no effect"):
        block(gated(gates="state"), rng)(np.zeros((1, 5, 5, 1)), guide=np.zeros((1, 5, 5, 1)))
    with pytest.raises(ValueError, match="guide of"):
        block(gated(), rng)(np.zeros((1, 5, 5, 1)), guide=np.zeros((1, 4, 5, 1)))
    with pytest.raises(ValueError, match="no guide"):
        block(gated(), rng).flux.flux_parameters()


def test_a_network_is_saved_with_its_gates(rng: np.random.Generator, tmp_path: Any) -> None:
    flux = gated(coupling=0.5, evidence_contrast=0.2, noise_conditioned=True)
    net = DiffusionResNet(2, block=DiffusionBlock(ConvOperator(4, 3), flux, "learned"))
    net.build([(None, None, None, 1), (None,)])
    randomized(net, rng)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    inputs = [rng.normal(size=(2, 6, 7, 1)).astype("float32"), np.array([0.1, 0.3], "float32")]
    np.testing.assert_array_equal(value(loaded(inputs)), value(net(inputs)))
    assert loaded.certificate().lipschitz == net.certificate().lipschitz < 1 + 2 * 2 * 0.5
    assert ops.shape(net(inputs))[0] == 2


def test_evidence_of_its_own_starts_from_a_source_without(rng: np.random.Generator) -> None:
    nets = []
    for own in (None, 0.2):
        flux = gated(gates="state", evidence_contrast=own, noise_conditioned=True)
        nets.append(
            DiffusionResNet(
                2, block=DiffusionBlock(ConvOperator(4, 3, **D), flux, "learned", **D), **D
            )
        )
        nets[-1].build([(None, None, None, 1), (None,)])
    randomized(nets[0], rng)
    grow(nets[1], nets[0])
    inputs = [rng.normal(size=(2, 6, 7, 1)), np.array([0.1, 0.3])]
    np.testing.assert_array_equal(value(nets[1](inputs)), value(nets[0](inputs)))


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
def test_f7_with_gates_that_are_held_a_network_is_averaged(
    kind: str, rng: np.random.Generator
) -> None:
    """Firmly nonexpansive, by its Jacobian at a guide; the network itself is not nonexpansive."""
    flux = gated(contrast=0.2, evidence_contrast=0.1, noise_conditioned=True)
    operator = ConvOperator(4, 3, boundary="dirichlet", normalize=True, **D)
    if kind == "explicit":
        step: Any = DiffusionBlock(operator, flux, "auto", fraction=0.5, **D)
        net: Any = DiffusionResNet(1, block=step, **D)
    else:
        step = ImplicitDiffusion(operator, flux, 2.0, tolerance=1e-13, **D)
        net = ImplicitRecurrent(1, block=step, **D)
    net.build([(None, None, None, 1), (None,)])
    randomized(net, rng, 2.0)
    y, level = rng.normal(size=(1, 5, 5, 1)), np.array([0.2])
    u = rng.normal(size=(5, 5, 1))

    def held(x: np.ndarray) -> np.ndarray:
        return value(Guided(net, [np.repeat(y, len(x), 0), np.repeat(level, len(x))])(x))

    J, certificate = by_differences(held, u), Guided(net, [y, level]).certificate()
    assert certificate.firmly_nonexpansive
    assert certificate["proximal"].constant == 0
    assert certificate.assumptions[0].startswith("gates that are held")
    np.testing.assert_allclose(J, J.T, atol=1e-6)
    values = np.linalg.eigvalsh((J + J.T) / 2)
    assert -1e-6 <= values[0] <= values[-1] <= 1 + 1e-6
    assert net.certificate().averaged is None
    np.testing.assert_allclose(value(Guided(net, [y, level])(y)), value(net([y, level])), atol=1e-9)


def test_an_input_acts_through_its_gates_as_far_as_is_said(rng: np.random.Generator) -> None:
    net = DiffusionResNet(3, block=block(gated(neighbourhood=5), rng, 0.0), **D)
    net.build((None, None, None, 1))
    randomized(net, rng, 2.0)
    assert net.influence() == Influence(3 * 2 + 2, exact=True)
    u = rng.normal(size=(1, 31, 30, 1))
    moved = u.copy()
    moved[0, 15, 15] += 1
    touched = np.argwhere(np.abs(value(net(moved)) - value(net(u)))[0, :, :, 0] > 0)
    assert np.abs(touched - 15).max() == 8

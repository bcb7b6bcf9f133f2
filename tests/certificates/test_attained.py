"""Each kind of constant is nearly attained by a state or weights made for it.

A bound that nothing comes near could be half as large without a test that fails. Where a constant
here is multiplied by 0.9, its test fails.
"""

from __future__ import annotations

import numpy as np
import pytest
from arrays import by_differences, value

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FEDResNet,
    FluxActivation,
    FSIResNet,
    GatedFlux,
    schemes,
)
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.facts import BlockFacts, Rounding

pytestmark = pytest.mark.usefixtures("double")
D = {"dtype": "float64"}
N = 16
OSCILLATION = (-1.0) ** np.arange(N).reshape(N, 1)  # Ku is ±2u, with ‖K‖² = 4


def block(flux="linear", tau=0.5, contrast=1.0, **options) -> DiffusionBlock:
    operator = ConvOperator(initializer="forward", boundary="periodic", **D)
    made = DiffusionBlock(operator, FluxActivation(flux, contrast, **D), tau, **options, **D)
    made.build((None, N, 1))
    return made


def jacobian(layer, u) -> np.ndarray:
    return by_differences(lambda x: value(layer(x)), u)


@pytest.mark.parametrize("tau", [0.1, 0.45, 0.5])
def test_norm_gain(tau) -> None:
    """A constant state keeps its norm; fab, negative beyond λ, amplifies an oscillation."""
    assert block("linear", tau).certificate().norm_gain == pytest.approx(1)
    fab = block("fab", tau)
    size = np.geomspace(0.5, 2.5, 400)[:, None, None] * OSCILLATION[None] / 2
    out = value(fab(size))
    found = np.sqrt((out**2).sum((1, 2)) / (size**2).sum((1, 2))).max()
    gain = fab.certificate().norm_gain
    assert 1 + 0.99 * (gain - 1) <= found <= gain


@pytest.mark.parametrize("name", ["perona_malik", "perona_malik_exponential", "weickert", "fab"])
@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_lipschitz_constant_of_a_step_and_of_a_network(name, tau) -> None:
    """At an oscillation with |Ku| where Φ′ is least, the step's derivative is I + τμKᵀK."""
    step = block(name, tau, 0.7)
    s = np.geomspace(0.1, 10, 200001) * 0.7
    steepest = s[np.argmin(value(step.flux.flux.slope(s, 0.7)))]
    u = OSCILLATION * steepest / 2
    constant = step.certificate().lipschitz
    found = np.linalg.norm(jacobian(step, u), 2)
    assert 1 + 0.99 * (constant - 1) <= found <= constant * (1 + 1e-6)
    assert constant == pytest.approx(1 + 4 * tau * step.flux.flux.mu)


def test_averagedness() -> None:
    """N = (1 − θ)I + θR with ‖R‖ = 1, so that no smaller θ will do."""
    for tau in (0.1, 0.3, 0.49):
        step = block("linear", tau)
        theta = step.certificate().averaged
        matrix = jacobian(step, np.zeros((N, 1)))

        def rest(t, matrix=matrix):
            return np.linalg.norm((matrix - (1 - t) * np.eye(N)) / t, 2)

        assert rest(theta) == pytest.approx(1, abs=1e-8)
        assert rest(0.9 * theta) > 1.1


def test_averagedness_of_several_steps() -> None:
    """The rule of compositions, S/(1 + S), in the numbers of the steps; no R is expansive."""
    net = DiffusionResNet(3, block=block("linear", 0.3), tied=True, **D)
    net.build((None, N, 1))
    matrix, theta = jacobian(net, np.zeros((N, 1))), net.certificate().averaged
    # a polynomial of one symmetric operator: its least eigenvalue is 1 − 2θ at best
    least = np.linalg.eigvalsh((matrix + matrix.T) / 2)[0]
    assert least >= 1 - 2 * theta - 1e-9
    untied = [BlockFacts(strength=s) for s in (0.6, 1.2, 0.4)]
    together = evolution_certificate("", schemes.explicit(3), untied, tied=False).averaged
    total = sum((s / 2) / (1 - s / 2) for s in (0.6, 1.2, 0.4))
    assert together == pytest.approx(total / (1 + total), rel=1e-12)


@pytest.mark.parametrize("data", [0.0, 0.3])
def test_energy_descent(data) -> None:
    """At τ(β + L‖K‖²) = 2 an oscillation keeps its energy, beyond it gains."""
    for factor, falls in ((1.0, True), (1.02, False)):
        tau = factor * 2 / (data + 4)
        facts = BlockFacts(4 * tau, data * tau, (1.0, 1.0), (1.0, 1.0), linear=not data)
        found = evolution_certificate("", schemes.explicit(1), [facts], tied=True)
        assert found.energy_descent == falls
        u, f = OSCILLATION, 0 * OSCILLATION
        after = u - tau * (data * (u - f) + 4 * u)

        def energy(x):
            return ((4 * x**2).sum() + data * (x**2).sum()) / 2

        assert (energy(after) <= energy(u) * (1 + 1e-9)) == falls
        assert energy(after) >= 0.99 * energy(u)


@pytest.mark.parametrize("make", [FEDResNet, FSIResNet])
def test_norm_gain_of_cycles_beyond_the_limit(make) -> None:
    """sup |p| over the spectrum is found within the margin of its samples."""
    schedule = (schemes.fed if make is FEDResNet else schemes.fsi)(6)
    for strength in (2.05, 2.2, 3.0):
        facts = BlockFacts(strength, diffusivity=(1.0, 1.0), slope=(1.0, 1.0), linear=True)
        found = evolution_certificate("", schedule, [facts] * 6, tied=True)
        p = np.abs(schedule.amplification(np.linspace(0, strength, 20001))).max()
        assert p <= found.norm_gain <= max(1, p) * 1.01
        assert found.lipschitz == pytest.approx(found.norm_gain)


FLUXES = {  # where |Φ|/λ is largest
    "charbonnier": 1e3,
    "truncated_tv": 3.0,
    "perona_malik": 1.0,
    "perona_malik_exponential": 1.0,
    "weickert": 1.0,
    "truncated_bfb": 1.001,
}


@pytest.mark.parametrize("name", FLUXES)
@pytest.mark.parametrize("width", [1, 3])
def test_asymmetry_of_a_gate(name, width) -> None:
    """Channel 0 gates channel 1, both where their factors are largest: c is attained."""
    flux = GatedFlux(name, 0.4, neighbourhood=width, learn_contrast=True, per_channel=True, **D)
    points = 1 if width == 1 else 24
    flux.build((None, points, 2))
    rng = np.random.default_rng(0)
    flux.raw_contrast.assign([-1.0, 0.5])  # contrasts that differ
    lam = value(flux.contrast_now(rank=3)).ravel()
    window = rng.uniform(0.2, 1, size=flux.window.shape)
    mixing = np.array([[0.0, -1.7], [0.0, 0.0]])
    s = np.stack([np.full(points, lam[0] / np.sqrt(3)), np.full(points, FLUXES[name] * lam[1])], -1)
    flux.window.assign(window)
    flux.mixing.assign(mixing)
    evidence = 0.25 * window[..., 0, 0].sum()
    flux.gate_bias.assign([0.0, 1.7 * evidence])  # the sigmoid at 0, where it is steepest
    whole = jacobian(flux, s).reshape(points, 2, points, 2)
    found = np.linalg.norm(whole[:, 1, :, 0], 2)
    bound = flux.asymmetry_bound
    assert (0.999 if width == 1 else 0.93) * bound <= found <= bound * (1 + 1e-6)


def test_lipschitz_constant_of_a_gated_step_adds_what_gates_add() -> None:
    operator = ConvOperator(2, 3, normalize=True, boundary="periodic", **D)
    step = DiffusionBlock(operator, GatedFlux("perona_malik", 0.4, **D), "auto", **D)
    step.build((None, N, 1))
    step.flux.mixing.assign([[0.3, 0.1], [-0.2, 0.5]])
    plain = DiffusionBlock(operator, FluxActivation("perona_malik", 0.4, **D), "auto", **D)
    plain.build((None, N, 1))
    facts = step.facts()
    added = step.certificate().lipschitz - plain.certificate().lipschitz
    assert added == pytest.approx(facts.strength * step.flux.asymmetry_bound)
    assert facts.strength == pytest.approx(2, rel=0.2)
    assert facts.asymmetry == step.flux.asymmetry_bound > 0


def test_reasons_and_roundings_of_extrapolated_steps() -> None:
    schedule = schemes.dufort_frankel(1, extrapolation=0.7)
    facts = BlockFacts(strength=1.0)
    exact = evolution_certificate("", schedule, [facts], tied=True)
    assert exact.reasons["norm"] == "step sizes ≤ 2/(L_g‖K‖²) (S1)"
    unit = 2.0**-8
    rounded = BlockFacts(strength=1.0, rounding=Rounding("bfloat16", unit, 0.0, 0.0))
    short = evolution_certificate("", schedule, [rounded], tied=True)
    # a combination of two states is rounded, and that of one is not
    assert short.lipschitz == pytest.approx((1 + unit) * exact.lipschitz, rel=1e-12)
    plain = evolution_certificate("", schemes.explicit(1), [rounded], tied=True)
    assert plain.lipschitz == 1
    gated = BlockFacts(strength=1.0, asymmetry=0.5, potential=False)
    mixed = evolution_certificate("", schemes.explicit(2), [facts, gated], tied=False)
    assert "gates add up to 0.5 a step" in mixed.reasons["lipschitz"]
    assert mixed.lipschitz == pytest.approx(1.5)

"""The tolerance of a certificate: how far what is computed may be from what is proved."""

from __future__ import annotations

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pde
from keras_pde import Certificate, ConvOperator, ImplicitDiffusion
from keras_pde.certificates.facts import BlockFacts
from keras_pde.certificates.implicit import implicit_certificate
from keras_pde.tasks.listing import certified

EQUILIBRIA = (
    "convex_equilibrium_2d",
    "convex_coupled_equilibrium_2d",
    "weakly_convex_equilibrium_2d",
)


def stated(norm: float, lipschitz: float, tolerance: float) -> Certificate:
    whole = Certificate("a net", norm, lipschitz, 0.5, True)
    return whole.with_guarantees(*(g.within(tolerance) for g in whole.guarantees))


ONE, TWO, EXACT = stated(3.0, 2.0, 0.1), stated(0.5, 4.0, 0.01), Certificate("exact", 2.0, 5.0, 0.5)


@pytest.mark.parametrize(
    ("certificate", "norm", "other"),
    [
        # ‖M̃Ñu‖ ≤ (3 + 0.1)(0.5 + 0.01)‖u‖, and 4 · 0.1 + 0.01 (3 + 0.1)
        (ONE.then(TWO), 3.1 * 0.51 - 1.5, 0.431),
        (ONE.then(EXACT), 0.2, 0.5),
        (EXACT.then(ONE), 0.2, 0.2),
        (EXACT.then(EXACT), 0.0, 0.0),
        (ONE.plus(TWO), 0.11, 0.11),
        (ONE.beside(TWO), math.hypot(0.1, 0.01), math.hypot(0.1, 0.01)),
        (ONE.mixed(TWO, 0.25), 0.0775, 0.0775),
        (ONE.lifted(), 0.1, 0.1),
        (ONE.lifted(3.0), 0.3, 0.3),
        # without a bound of what comes in, there is none of how far the solve stops
        (Certificate("biased", lipschitz=1.0).then(TWO), 0.0, math.inf),
        (ONE.then(Certificate("jumps", norm_gain=1.0)), 0.1, 0.0),
    ],
)
def test_tolerances_compose_with_the_maps(
    certificate: Certificate, norm: float, other: float
) -> None:
    assert certificate["norm"].tolerance == pytest.approx(norm)
    assert certificate["lipschitz"].tolerance == pytest.approx(other)
    for guarantee in certificate.guarantees:
        assert guarantee.known or guarantee.tolerance == 0
    known = [g.tolerance for g in certificate.guarantees if g.known]
    assert certificate.tolerance == max(known, default=0)


def test_a_tolerance_is_said_wherever_the_guarantee_is() -> None:
    certificate = stated(1.0, 1.0, 0.00125)
    lines = str(certificate).splitlines()
    assert "‖N(u)‖ ≤ 1‖u‖ to 0.0013‖u‖" in lines[1]  # rounded up
    assert "‖N(u) − N(v)‖ ≤ 1‖u − v‖ to 0.0013(‖u‖ + ‖v‖)" in lines[2]
    assert "θ = 0.5 (firmly nonexpansive) to 0.0013‖u‖" in lines[3]
    assert "E(N(u)) ≤ E(u) with N(u) to 0.0013‖u‖" in lines[4]
    assert certificate.summary().count("to 0.0013") == 3
    assert all("to 0.0013" in claim for claim in certificate.claims())
    assert certificate.strongest() == "averaged to 0.0013‖u‖"
    facts = json.loads(json.dumps(certificate.as_json(), allow_nan=False))
    assert facts["tolerance"] == 0.00125
    assert [g["tolerance"] for g in facts["guarantees"]] == [0.00125] * 4
    unknown = Certificate("biased", lipschitz=1.0).then(certificate)
    assert "of exact solves" in str(unknown)
    assert unknown.as_json()["tolerance"] is None


def test_steps_pass_their_tolerance_on() -> None:
    weakly = BlockFacts(strength=4.0, slope=(-0.125, 1.0))  # Lipschitz constant 2 a step
    certificate = implicit_certificate("steps", [weakly] * 2, tied=True, tolerance=0.1)
    assert certificate["norm"].tolerance == pytest.approx(1.1**2 - 1)
    assert certificate["lipschitz"].tolerance == pytest.approx(2 * (0.2 + 0.1 * 1.1))
    several = BlockFacts(strength=10.0, slope=(-0.125, 1.0))
    certificate = implicit_certificate("a step", [several], tied=True, tolerance=0.1)
    assert (certificate["norm"].tolerance, certificate["lipschitz"].tolerance) == (
        pytest.approx(0.1),
        0.0,
    )


def test_a_model_of_keras_carries_the_tolerance_of_its_layers() -> None:
    layer = ImplicitDiffusion("forward", step_size=2.0, tolerance=1e-3)
    model = keras.Sequential([keras.Input((8, 8, 1)), layer, keras.layers.AveragePooling2D(2)])
    certificate = keras_pde.certify(model)
    assert certificate["lipschitz"].tolerance == pytest.approx(0.5e-3, rel=1e-5)
    assert keras_pde.certify(layer).tolerance == pytest.approx(1e-3)


def test_the_error_of_a_solve_nearly_attains_the_tolerance() -> None:
    """A residual in the direction in which the energy is flattest moves u by ε/(1 − m)."""
    operator = ConvOperator(1, 1, normalize=False, dtype="float64")
    options = {"tolerance": 1e-3, "solver": "fixed_point", "dtype": "float64"}
    layer = ImplicitDiffusion(operator, "perona_malik", 1.0, **options)
    layer.build((None, None, 1))
    operator.kernels[0].assign(np.full((1, 1, 1), math.sqrt(6.0)))  # m = 6/8: a factor of 4
    # the slope of perona_malik is least, −1/8, at s = √3
    u = np.linspace(0.2, 1.2, 400)
    f = u + 6 * u / (1 + 6 * u * u)
    solve = tf.function(lambda f: layer.solve(f).u, autograph=False, jit_compile=True)
    worst = np.max(np.abs(solve(f.reshape(-1, 1, 1)).numpy().ravel() - u) / f)
    certificate = layer.certificate()
    bound = certificate["lipschitz"].tolerance
    assert bound == pytest.approx(4e-3, rel=1e-6)
    assert bound / 4 < worst <= bound


@pytest.mark.parametrize("name", EQUILIBRIA)
def test_a_shipped_equilibrium_jumps_by_no_more_than_it_says(name: str) -> None:
    """Where the number of iterations changes between near inputs, the output jumps."""
    model = keras_pde.from_preset(name, dtype="float64")
    certificate, block = model.certificate(), model.blocks[0]
    entry, best = keras_pde.presets.index()[name], certificate.best()
    assert (entry["certified"], entry["tolerance"]) == (best.word, best.tolerance)
    assert certified(entry).startswith(f"{best.word} to ")
    prepared = block.prepare(tf.constant([0.1], tf.float64))

    @tf.function(autograph=False)
    def solve(f):
        found = block.solve_prepared(f, prepared)
        return found.u, found.iterations

    def run(f: np.ndarray) -> tuple[np.ndarray, int]:
        u, iterations = solve(tf.constant(f))
        return u.numpy(), int(iterations[0])

    rng = np.random.default_rng(0)
    jumps = []
    for _ in range(6):
        a, b = rng.random((2, 1, 12, 12, 1)) * rng.choice([0.3, 1.0, 3.0], (2, 1, 1, 1, 1))
        (ua, ka), (ub, kb) = run(a), run(b)
        if ka == kb:
            continue
        for _ in range(40):
            middle = (a + b) / 2
            u, k = run(middle)
            if k == ka:
                a, ua = middle, u
            else:
                b, ub = middle, u
        sizes = [np.linalg.norm(x) for x in (ua - ub, a - b, a, b)]
        allowed = certificate.lipschitz * sizes[1]
        margin = certificate["lipschitz"].tolerance * (sizes[2] + sizes[3])
        assert sizes[0] <= allowed + margin
        jumps.append((sizes[0] - allowed) / margin)
    assert max(jumps) > 0  # beyond what the constant alone allows

"""Cocoercivity, proximal maps and the step of plug-and-play: attained, and no larger."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arrays import by_differences, value

from keras_pde import ConvOperator, DiffusionBlock, FluxActivation, ImplicitDiffusion
from keras_pde.certificates.cocoercivity import Cocoercivity
from keras_pde.certificates.plug_and_play import PlugAndPlay
from keras_pde.certificates.proximal_map import ProximalMap

D = {"dtype": "float64"}
N = 10
OSCILLATION = (-1.0) ** np.arange(N)[:, None]  # the top eigenvector of periodic differences

pytestmark = pytest.mark.usefixtures("double")


def step(kind: str, tau: float, flux: str = "perona_malik") -> DiffusionBlock | ImplicitDiffusion:
    operator = ConvOperator(boundary="periodic", **D)
    law = FluxActivation(flux, 0.7, **D)
    more = {"tolerance": 1e-13, "max_iterations": 2000} if kind == "implicit" else {}
    made = (ImplicitDiffusion if kind == "implicit" else DiffusionBlock)(
        operator, law, tau, **more, **D
    )
    made.build((None, N, 1))
    return made


def steepest(made: DiffusionBlock | ImplicitDiffusion, tau: float, implicit: bool) -> np.ndarray:
    """An input at which Φ′ is smallest, −1/8 at √3λ; f = u + τKᵀΦ(Ku) for an implicit step."""
    u = OSCILLATION * 0.7 * math.sqrt(3) / 2
    s = 0.7 * math.sqrt(3)
    return u + tau * 2 * OSCILLATION * s / 4 if implicit else u


@pytest.mark.parametrize(
    ("kind", "tau"), [("implicit", 1.0), ("explicit", 0.24), ("implicit", 0.3)]
)
def test_c6_the_constant_is_attained_by_single_steps(kind: str, tau: float) -> None:
    """β = 1/L is that of the Jacobian; 1.1 β, or half of L, would be none."""
    made = step(kind, tau)
    beta, rho = (made.certificate()[key].constant for key in ("cocoercive", "proximal"))
    u = steepest(made, tau, kind == "implicit")
    J = by_differences(lambda x: value(made(x)), u)
    np.testing.assert_allclose(J, J.T, atol=1e-6)
    eigenvalues = np.linalg.eigvalsh((J + J.T) / 2)
    assert eigenvalues[0] >= -1e-6
    assert 0.999 / beta <= eigenvalues[-1] <= 1 / beta * (1 + 1e-6)
    assert rho == pytest.approx(1 - beta)
    assert made.certificate()["step"].constant == pytest.approx(1 + beta)
    assert ("cocoercivity      proved" in str(made.certificate())) is True
    assert "-cocoercive" in made.certificate().summary()
    assert "-cocoercive" not in made.certificate().summary(assuming=False)


def test_only_gradients_and_firm_maps_are_cocoercive() -> None:
    beyond = step("explicit", 0.3).certificate()  # τL‖K‖² > 1: not monotone
    assert beyond.get("cocoercive") is None
    assert beyond.get("step") is None
    averaged = step("explicit", 0.4, "charbonnier").certificate()
    assert averaged.get("cocoercive") is None
    assert averaged["step"].constant == 2
    assert step("explicit", 0.2, "charbonnier").certificate()["cocoercive"].constant == 1


def symmetric(rng: np.random.Generator, top: float) -> np.ndarray:
    """A symmetric matrix with eigenvalues from 0 to top: the gradient of a convex function."""
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    return Q @ np.diag([0.0, top, *rng.uniform(0, top, 2)]) @ Q.T


def test_c6_rules_of_sums_means_and_liftings_hold_for_random_maps(
    rng: np.random.Generator,
) -> None:
    closest = 0.0
    for _ in range(200):
        (a, b), w = rng.uniform(0.3, 5, 2), rng.uniform()
        A, B, P = symmetric(rng, a), symmetric(rng, b), rng.normal(size=(4, 3))
        one, two, squared = Cocoercivity(1 / a), Cocoercivity(1 / b), np.linalg.norm(P, 2) ** 2
        near, far = ProximalMap(1 - 1 / a), ProximalMap(1 - 1 / b)
        for found, beta, rho in (
            (A + B, one.plus(two), near.plus(far)),
            ((1 - w) * A + w * B, one.mixed(two, w), near.mixed(far, w)),
            (P.T @ A @ P, one.lifted(squared), near.lifted(squared)),
        ):
            top = np.linalg.eigvalsh(found)[-1]
            assert top <= 1 / beta.constant * (1 + 1e-9)
            assert rho.constant == pytest.approx(1 - beta.constant)
            closest = max(closest, top * beta.constant)
    assert closest > 0.99
    for kind in (one, near, PlugAndPlay(1.5)):
        assert not kind.then(kind).proved
        assert not kind.beside(kind).proved
        assert kind.lifted(None) == kind


def test_c7_the_energy_of_an_implicit_step_is_weakly_convex_with_that_constant() -> None:
    """τE + ρ/2‖·‖² has a Hessian ≥ 0, and 0 where Φ′ is smallest; 0.9 ρ is too little."""
    tau = 1.3
    made = step("implicit", tau)
    rho = made.certificate()["proximal"].constant
    assert rho == pytest.approx(tau * 4 / 8)
    K = value(made.operator(np.eye(N)[..., None])).reshape(N, N).T
    slopes = value(made.flux.flux.slope(K @ steepest(made, tau, False)[:, 0], 0.7))
    least = np.linalg.eigvalsh(tau * K.T @ np.diag(slopes) @ K)[0]
    assert least == pytest.approx(-rho, rel=1e-6)


def test_c8_the_step_is_the_largest_one() -> None:
    """F = ½u²: N = I goes round for s = 2, N = u/(1 − ρ) for s = 2 − ρ; both fall below."""
    for rho in (0.0, 0.4, 0.9):
        t = 2 - rho
        for factor in (0.95, 0.99, 1.01, 1.1):
            u = 1.0
            for _ in range(40):
                u = (u - factor * t * u) / (1 - rho)
            assert (abs(u) < 1) == (factor < 1)


def test_c8_plug_and_play_lowers_its_functional_as_stated(rng: np.random.Generator) -> None:
    """By ½(t − sℓ)‖u⁺ − u‖² at least in every step, for a blur F and a weakly convex step."""
    tau = 1.6
    made = step("implicit", tau)
    t = made.certificate()["step"].constant
    A = symmetric(rng, 1.0)
    A = np.kron(np.eye(2), np.pad(A, (0, 1)))  # 10 × 10
    data = rng.normal(size=N)
    s = 0.95 * t

    def functional(u: np.ndarray) -> np.ndarray:
        energy = value(made.energy(u[..., None]))
        return s * 0.5 * ((u @ A) * u).sum(1) - s * u @ data + tau * energy

    u = 2 * rng.normal(size=(6, N))  # starts beside each other
    for _ in range(10):
        new = value(made((u - s * (u @ A - data))[..., None]))[..., 0]
        fall = functional(u) - functional(new)
        assert (fall >= 0.5 * (t - s) * ((new - u) ** 2).sum(1) - 1e-9).all()
        u = new

"""Time integrators: order, amplification, longest steps and what they keep, by closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops
from stepping import DTYPES, array, circulant, run, tensor

from keras_pde.schemes import integrators
from keras_pde.schemes.integrators import SemiLinear

EXPLICIT = ["euler", "heun", "ssp_rk3", "rk4"]
EXPONENTIAL = ["exponential_euler", "etdrk2", "etdrk4"]
IMPLICIT = ["crank_nicolson", "implicit_euler", "imex_euler", "imex_ars2"]
A = np.array([1.0, -2.0, 1.0])


def bernoulli(split):
    """u' = cu − u² point by point, of which e^{ct}/(1/u₀ + (e^{ct} − 1)/c) is the solution."""

    def linear(sizes):
        return np.full((*sizes[:-1], sizes[-1] // 2 + 1, 1), -0.8)

    if split:
        return SemiLinear(linear, lambda u: -u * u)
    return lambda u: -0.8 * u - u * u


def solution(u, t):
    c = -0.8
    return np.exp(c * t) / (1 / u + (np.exp(c * t) - 1) / c)


@pytest.mark.parametrize(
    "name", [n for n in integrators.names() if n != "verlet"] + ["theta:0.7", "fed:3", "fsi:3"]
)
def test_an_integrator_has_its_order(name):
    """Errors against the closed solution of a nonlinear equation fall like Δtᵖ (E8)."""
    if len(DTYPES) == 1:
        pytest.skip("slopes need float64")
    integrator = integrators.get(name)
    u = np.random.default_rng(0).uniform(0.5, 1.5, (1, 4, 1))
    rhs, errors = bernoulli(integrator.splits), []
    for steps in (32, 64):
        found = run(name, tensor(u), 1 / steps, steps, rhs)
        errors.append(abs(found - solution(u, 1.0)).max())
    slope = math.log2(errors[0] / errors[1])
    assert integrator.order - 0.2 < slope < integrator.order + 0.5


@pytest.mark.parametrize("name", [*EXPLICIT, "fed:4", "fsi:4"])
def test_amplification_is_that_of_dense_powers(name):
    """A step of a dense matrix M is R(ΔtM), also where M is not normal (E1)."""
    m = np.random.default_rng(1).normal(size=(5, 5)) / 3
    eigenvalues, vectors = np.linalg.eig(m)
    integrator = integrators.get(name)
    u = np.eye(5)[..., None]  # 5 states
    found = run(name, tensor(u), 0.7, 2, lambda v: ops.einsum("ij,bjc->bic", tensor(m), v))
    expected = vectors @ np.diag(integrator.amplification(0.7 * eigenvalues) ** 2)
    expected = (expected @ np.linalg.inv(vectors)).real
    assert abs(found[..., 0].T - expected).max() < (1e-12 if len(DTYPES) > 1 else 1e-5)


@pytest.mark.parametrize(
    ("name", "real", "imaginary"),
    [("euler", 2, 0), ("heun", 2, 0), ("ssp_rk3", 2.512745, 3**0.5), ("rk4", 2.785294, 8**0.5)],
)
def test_longest_steps_on_the_axes(name, real, imaginary):
    """The textbooks' limits of stability (E1)."""
    integrator = integrators.get(name)
    assert integrator.longest_step([-1.0, -0.25, 0.0]) == pytest.approx(real, rel=1e-6)
    assert integrator.longest_step([1j, -1j]) == pytest.approx(imaginary, rel=1e-6)
    assert integrator.longest_step([0.1]) == 0
    assert integrator.longest_step([0.0]) == math.inf


def spectra():
    w = np.linspace(-np.pi, np.pi, 101)
    yield "advection and diffusion", 1.3j * np.sin(w) - 0.4 * (2 - 2 * np.cos(w))
    yield "upwind", np.exp(-1j * w) - 1
    rng = np.random.default_rng(3)
    yield "random", -rng.uniform(0, 1, 6000) + 2j * rng.uniform(-1, 1, 6000)
    yield "random and stiff", -(10 ** rng.uniform(-2, 3, 6000)) + 1j * rng.uniform(-1, 1, 6000)


@pytest.mark.parametrize(("what", "spectrum"), spectra(), ids=[s for s, _ in spectra()])
@pytest.mark.parametrize("name", [*EXPLICIT, "theta:0.3", "fed:3"])
def test_the_longest_step_is_that_of_brute_force_and_beyond_it_states_grow(name, what, spectrum):
    """Below it no |R| exceeds 1 on any of many samples; just beyond, one does (E1)."""
    integrator = integrators.get(name)
    longest = integrator.longest_step(spectrum)
    if longest == 0:
        assert integrator.norm_gain(1e-3 * spectrum / abs(spectrum).max()) > 1 + 1e-13
        return
    for share in np.linspace(0, 1 - 1e-9, 200):
        assert integrator.norm_gain(share * longest * spectrum) <= 1 + 1e-10
    assert integrator.norm_gain(1.001 * longest * spectrum) > 1 + 1e-13
    with pytest.raises(
        ValueError, match=f"beyond the longest stable step of {name} here, [0-9.e-]+"
    ):
        integrator.check_step(1.01 * longest, spectrum)
    assert integrator.check_step(0.99 * longest, spectrum) == 0.99 * longest


def test_only_the_stable_steps_that_join_0_count():
    """1 − x + ½x² − x³/20 exceeds 1 between 5 ∓ √5, and is stable again beyond (E1)."""
    gap = integrators.RungeKutta("gap", [[0, 0, 0], [0.1, 0, 0], [0, 0.5, 0]], [0, 0, 1])
    assert gap.longest_step([-1.0]) == pytest.approx(5 - 5**0.5)
    assert gap.norm_gain([-5.0]) > 1.1
    assert gap.norm_gain([-7.5]) < 0.9


def test_ssp_coefficients():
    """1, 1, 1 and 0 of the textbooks, and 2 of a composition of two Euler steps (E3)."""
    assert [round(integrators.get(n).ssp, 9) for n in EXPLICIT] == [1, 1, 1, 0]
    twice = integrators.RungeKutta("twice", [[0, 0], [0.5, 0]], [0.5, 0.5])
    assert twice.ssp == pytest.approx(2)
    assert [round(integrators.get(n).linear_ssp, 6) for n in EXPLICIT] == [1, 1, 1, 1]
    assert twice.linear_ssp == pytest.approx(2)
    assert integrators.get("crank_nicolson").linear_ssp == 2


@pytest.mark.parametrize("name", ["heun", "ssp_rk3"])
def test_ssp_methods_keep_the_max_min_principle_where_euler_does(name):
    """Godunov's steps of Burgers' equation at Euler's limit stay in [0, 1] for a box (E3)."""
    box = tensor((np.arange(40) % 20 < 7).astype(float)[None, :, None])

    def godunov(u):
        return (ops.roll(u, 1, axis=1) ** 2 - u**2) / 2

    found = run(name, box, 1.0, 15, godunov)
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", [*EXPLICIT, "theta:0.3", *IMPLICIT, "fed:4", *EXPONENTIAL])
def test_linear_ssp_is_where_matrices_with_no_negative_entry_end(name):
    """R(ΔtL) ≥ 0 for L = shift − 1 up to linear_ssp times Euler's step 1, and not beyond (E3)."""
    integrator, n = integrators.get(name), 200
    shift = np.exp(-2j * np.pi * np.arange(n) / n)

    def least(dt):
        return np.fft.ifft(integrator.amplification(dt * (shift - 1))).real.min()

    limit = integrator.linear_ssp
    assert least(min(limit, 20.0)) > -1e-12
    assert math.isinf(limit) or least(1.05 * limit) < -1e-9


@pytest.mark.parametrize("kind", ["fed", "fsi"])
def test_the_shortest_cycle_reaches_a_time_and_one_step_less_does_not(kind):
    """On [−ρ, 0] a cycle of n steps is stable for 2n(n+1)/3ρ (E7)."""
    rho, spectrum = 7.3, np.linspace(-7.3, 0, 500)
    for dt in (0.1, 1.0, 8.0):
        cycle = integrators.shortest_cycle(kind, dt, spectrum)
        n = cycle.stages
        assert 2 * n * (n + 1) / 3 == pytest.approx(cycle.limit)
        assert n * (n - 1) * 2 / 3 < dt * rho <= cycle.limit
        assert cycle.norm_gain(dt * spectrum) <= 1 + 1e-12
        assert cycle.longest_step(spectrum) >= cycle.limit / rho
        expected = integrators.Cycle("fed", n).amplification(dt * spectrum)
        assert abs(cycle.amplification(dt * spectrum) - expected).max() < 1e-10
    with pytest.raises(ValueError, match="for real spectra"):
        integrators.shortest_cycle(kind, 1.0, [1j])


def pendulum(u):
    """q'' = −sin q, as the system of q and v."""
    return ops.concatenate([u[..., 1:], -ops.sin(u[..., :1])], -1)


def energy(u):
    return u[..., 1] ** 2 / 2 - np.cos(u[..., 0])


def test_verlet_has_order_2_and_goes_back_the_way_it_came():
    """A pendulum against rk4 with small steps; with −Δt it returns to rounding (E6)."""
    u = tensor([[[2.0, 0.3]]])
    exact = run("rk4", u, 0.02, 100, pendulum)
    errors = [abs(run("verlet", u, 2 / n, n, pendulum) - exact).max() for n in (10, 20)]
    assert 1.8 < math.log2(errors[0] / errors[1]) < 2.3
    there = run("verlet", u, 0.1, 20, pendulum)
    assert abs(run("verlet", tensor(there), -0.1, 20, pendulum) - array(u)).max() < 1e-4


def test_verlet_keeps_the_energy_of_a_pendulum_near_and_euler_does_not():
    """After 200 steps; what Euler gains is plain (E6)."""
    u = tensor([[[2.0, 0.0]]])
    start = energy(array(u))
    assert abs(energy(run("verlet", u, 0.2, 200, pendulum)) - start).max() < 1e-2
    assert abs(energy(run("euler", u, 0.2, 200, pendulum)) - start).max() > 1


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_verlet_keeps_its_own_energy_of_waves(share):
    """½⟨v, v⟩ + ½⟨q, A(I − ¼Δt²A)q⟩ to rounding, and symplectic as a dense matrix (E6)."""
    n = 12
    m = circulant(n, A)  # −A of the theorem
    dt = share * 2 / math.sqrt(4)

    def wave(u):
        q = u[..., :1]
        return ops.concatenate(
            [u[..., 1:], ops.roll(q, 1, axis=1) - 2 * q + ops.roll(q, -1, axis=1)], -1
        )

    def kept(u):
        q, v = u[..., 0], u[..., 1]
        a = -m @ (np.eye(n) + dt**2 / 4 * m)
        return (v * v).sum(-1) / 2 + np.einsum("bi,ij,bj->b", q, a, q) / 2

    u = np.random.default_rng(0).normal(size=(1, n, 2))
    after = run("verlet", tensor(u), dt, 100, wave)
    assert kept(after) == pytest.approx(kept(u), rel=1e-9 if len(DTYPES) > 1 else 1e-3)
    eye = np.concatenate([np.eye(n)[..., None] * [1, 0], np.eye(n)[..., None] * [0, 1]])
    step = run("verlet", tensor(eye), dt, 1, wave)
    dense = np.moveaxis(step, 2, 1).reshape(2 * n, 2 * n).T
    form = np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])
    assert abs(dense.T @ form @ dense - form).max() < (1e-12 if len(DTYPES) > 1 else 1e-5)


def test_amplification_and_norm_of_verlet_are_those_of_its_matrix():
    """For an oscillator, below the limit and beyond it (E6)."""
    verlet = integrators.get("verlet")
    for y in (0.1, 1.0, 1.99, 2.3):
        u = np.eye(2)[:, None, :]  # states (ωq, v) of an oscillator with ω = 1
        step = run("verlet", tensor(u), y, 1, lambda u: ops.stack([u[..., 1], -u[..., 0]], -1))
        dense = step[:, 0].T
        roots = verlet.amplification(np.array([1j * y, -1j * y]))
        assert sorted(abs(np.linalg.eigvals(dense))) == pytest.approx(sorted(abs(roots)), abs=1e-3)
        assert verlet.norm_gain([1j * y]) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-5)
        assert (abs(roots).max() > 1.01) == (y > 2)
    assert verlet.longest_step([2j, -0.5j, 0]) == 1
    assert verlet.longest_step([2j, -0.5]) == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("runge_kutta", "integrator must be one of"),
        ("fed:x", "takes a number after its colon"),
        ("fed:2.5", "steps must be"),
        ("theta:0", "theta must be"),
        (3, "integrator must be"),
    ],
)
def test_names_that_are_none_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        integrators.get(wrong)


def test_tables_and_names_of_one_s_own():
    with pytest.raises(ValueError, match="strictly lower triangular"):
        integrators.RungeKutta("implicit", [[1.0]], [1.0])
    with pytest.raises(ValueError, match=r"add up to 1\. Received: sum 0\.5"):
        integrators.RungeKutta("half", [[0.0]], [0.5])
    for taken in (integrators.euler(), integrators.Cycle("fed", 4), integrators.Theta(0.7)):
        assert integrators.get(taken.name).name == taken.name
        with pytest.raises(ValueError, match="is that of an integrator of keras_pde"):
            integrators.register(taken)
    with pytest.raises(ValueError, match="An integrator is an instance of"):
        integrators.register("rk4")
    with pytest.raises(ValueError, match="finite numbers, at least one"):
        integrators.get("rk4").longest_step([])

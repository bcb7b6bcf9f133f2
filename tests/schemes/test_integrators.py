"""Time integrators: order, amplification, longest steps and what they conserve, by closed forms."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_pde.schemes import integrators
from keras_pde.schemes.integrators import Complex, SemiLinear, fourier

DTYPES = ["float32"] + ["float64"] * (
    str(ops.convert_to_numpy(ops.convert_to_tensor(np.ones(1), dtype="float64")).dtype) == "float64"
)
EXPLICIT = ["euler", "heun", "ssp_rk3", "rk4"]
EXPONENTIAL = ["exponential_euler", "etdrk2", "etdrk4"]
A = np.array([1.0, -2.0, 1.0])


def tensor(x, dtype=DTYPES[-1]):
    return ops.convert_to_tensor(np.asarray(x), dtype=dtype)


def array(x):
    return np.asarray(ops.convert_to_numpy(x), np.float64)


def run(integrator, u, dt, steps, rhs):
    integrator = integrators.get(integrator)
    prepared = integrator.prepare(rhs, dt, u)
    for _ in range(steps):
        u = integrator.step(u, dt, rhs, prepared)
    return array(u)


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


def circulant(sizes, kernel, channels=1):
    """The dense matrix of a periodic stencil in 1-D."""
    n = sizes[0]
    m = np.zeros((n, n))
    for j, k in enumerate(kernel):
        m += k * np.roll(np.eye(n), j - len(kernel) // 2, axis=1)
    return m


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("name", [*EXPONENTIAL, "crank_nicolson", "implicit_euler"])
def test_amplification_in_fourier_space_is_that_of_dense_matrices(name, n):
    """e^{ΔtL} and (I − θΔtL)⁻¹(…) as dense matrices of a stencil that is not symmetric (E4, E5)."""
    kernel = np.array([1.5, -2.0, 0.5])
    m = circulant([n], kernel)
    rhs = SemiLinear(lambda sizes: fourier.stencil_multipliers(kernel, sizes))
    eigenvalues, vectors = np.linalg.eig(m)
    r = integrators.get(name).amplification(0.6 * eigenvalues)
    expected = (vectors @ np.diag(r) @ np.linalg.inv(vectors)).real
    for dtype, tolerance in zip(DTYPES, (2e-6, 1e-14), strict=False):
        u = tensor(np.eye(n)[..., None], dtype)
        integrator = integrators.get(name)
        found = integrator.step(u, 0.6, rhs, integrator.prepare(rhs, 0.6, u))
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        assert abs(array(found)[..., 0].T - expected).max() < tolerance


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
    """R of a table of one's own is stable again at longer steps; these are not taken (E1)."""
    gap = integrators.RungeKutta("gap", [[0, 0, 0], [0.5, 0, 0], [0, 0.1, 0]], [0, 0, 1])
    spectrum = np.array([-1.0])
    longest = gap.longest_step(spectrum)
    t = np.linspace(0, 60, 60001)[1:]
    stable = abs(gap.amplification(-t)) <= 1
    assert stable[t > longest + 1e-3].any() or longest == pytest.approx(t[stable].max(), abs=1e-2)
    assert stable[t < longest - 1e-3].all()


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


@pytest.mark.parametrize("name", [*EXPLICIT, "theta:0.3", "crank_nicolson", "fed:4", *EXPONENTIAL])
def test_linear_ssp_is_where_matrices_with_no_negative_entry_end(name):
    """R(ΔtL) ≥ 0 for L = shift − 1 up to linear_ssp times Euler's step 1, and not beyond (E3)."""
    integrator, n = integrators.get(name), 200
    shift = np.exp(-2j * np.pi * np.arange(n) / n)

    def least(dt):
        return np.fft.ifft(integrator.amplification(dt * (shift - 1))).real.min()

    limit = integrator.linear_ssp
    assert least(min(limit, 20.0)) > -1e-12
    assert math.isinf(limit) or least(1.05 * limit) < -1e-9


def test_phi_functions_to_rounding():
    """Against the integrals φₖ(z) = ∫ e^{(1−s)z} s^{k−1}/(k−1)! ds by Gauss's rule (E4)."""
    z = np.concatenate(
        [r * np.exp(1j * np.linspace(0.5 * np.pi, 1.5 * np.pi, 9)) for r in (1e-12, 1e-3, 1, 7)]
    )
    s, w = np.polynomial.legendre.leggauss(40)
    s, w = (s + 1) / 2, w / 2
    found = integrators.phi_functions(Complex.of(z), 3)
    assert abs(found[0].array() - np.exp(z)).max() < 1e-14
    for k in (1, 2, 3):
        kernel = s ** (k - 1) / math.factorial(k - 1)
        expected = (np.exp(np.outer(z, 1 - s)) * kernel) @ w
        assert (abs(found[k].array() - expected) / abs(expected)).max() < 1e-13


@pytest.mark.parametrize("sizes", [(7,), (8,), (5, 6), (6, 5), (4, 5, 6), (5, 4, 3)])
def test_transforms_are_those_of_numpy(sizes):
    """Odd and even sizes in 1-D to 3-D, there and back (E4)."""
    u = np.random.default_rng(0).normal(size=(2, *sizes, 3))
    expected = np.moveaxis(np.fft.rfftn(u, axes=range(1, len(sizes) + 1)), -1, 1)
    for dtype, tolerance in zip(DTYPES, (2e-5, 1e-13), strict=False):
        z = fourier.transform(tensor(u, dtype))
        assert abs(array(z.real) + 1j * array(z.imag) - expected).max() < tolerance
        assert abs(array(fourier.inverse(z, sizes)) - u).max() < tolerance


@pytest.mark.parametrize("sizes", [(7,), (8,), (5, 6), (6, 5), (4, 5, 6)])
def test_multipliers_of_stencils_are_the_stencils(sizes):
    """L by its multipliers against rolled states, with a kernel of no symmetry (E4)."""
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(3,) * len(sizes))
    u = rng.normal(size=(1, *sizes, 2))
    expected = np.zeros_like(u)
    for place in np.ndindex(*kernel.shape):
        shift = [1 - j for j in place]
        expected += kernel[place] * np.roll(u, shift, axis=tuple(range(1, len(sizes) + 1)))
    found = SemiLinear(lambda s: fourier.stencil_multipliers(kernel, s))(tensor(u))
    assert abs(array(found) - expected).max() < (1e-13 if len(DTYPES) > 1 else 1e-4)


@pytest.mark.parametrize("sizes", [(9,), (8,), (6, 9)])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_spectral_derivatives_are_exact_for_waves(sizes, order):
    """∂ₓᵃ of sin and cos up to the last wave that the grid holds (E4)."""
    n = sizes[0]
    x = np.arange(n) / n * 2 * np.pi
    rhs = SemiLinear(
        lambda s: fourier.derivative_multipliers(
            (order,) + (0,) * (len(s) - 1), s, [2 * np.pi / n] + [1.0] * (len(s) - 1)
        )
    )
    for k in range((n + 1) // 2):
        for wave, shift in ((np.cos, 0), (np.sin, 0)):
            u = wave(k * x).reshape(-1, *(1,) * (len(sizes) - 1)) * np.ones(sizes)
            expected = k**order * wave(k * x + order * np.pi / 2 + shift)
            found = array(rhs(tensor(u[None, ..., None])))[0, ..., 0]
            difference = found - expected.reshape(-1, *(1,) * (len(sizes) - 1))
            assert abs(difference).max() < (1e-10 if len(DTYPES) > 1 else 2e-3)


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_a_linear_equation_is_solved_exactly_with_any_step(name):
    """Dispersion ∂ₜu = ∂ₓ³u: after any time a wave has travelled, to rounding (E4)."""
    n, k, t = 32, 3, 1.7
    x = np.arange(n) / n * 2 * np.pi
    rhs = SemiLinear(lambda s: fourier.derivative_multipliers((3,), s, [2 * np.pi / n]))
    u = tensor(np.sin(k * x)[None, :, None])
    found = run(name, u, t / 4, 4, rhs)[0, :, 0]
    # sin(kx)''' = −k³cos(kx), so that the wave travels by k²t
    assert abs(found - np.sin(k * (x - k**2 * t))).max() < (1e-12 if len(DTYPES) > 1 else 2e-5)


def test_the_implicit_step_has_the_lipschitz_constant_1_where_the_explicit_one_grows():
    """(I + hL)⁻¹ at h = .01, 1, 100: 1.0000, where I − hL has 1, 101 and 1e4 (E5)."""
    n, rho = 64, 102.0
    m = circulant([n], -rho / 4 * A)
    rhs = SemiLinear(lambda s: rho / 4 * fourier.stencil_multipliers(A, s))
    implicit = integrators.get("implicit_euler")
    u = tensor(np.eye(n)[..., None])
    explicit = []
    for h in (0.01, 1.0, 100.0):
        found = array(implicit.step(u, h, rhs, implicit.prepare(rhs, h, u)))[..., 0]
        assert np.linalg.norm(found, 2) == pytest.approx(1, abs=1e-5)
        assert abs(found - np.linalg.inv(np.eye(n) + h * m)).max() < 1e-5
        explicit.append(integrators.get("euler").norm_gain(-h * np.linalg.eigvalsh(m)))
        assert explicit[-1] == pytest.approx(np.linalg.norm(np.eye(n) - h * m, 2), rel=1e-9)
    assert explicit == pytest.approx([1, 101, 10199], rel=1e-9)

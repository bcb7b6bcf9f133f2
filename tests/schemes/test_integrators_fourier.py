"""Integrators in Fourier space and by resolvents: dense matrices and exact solutions."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import ops
from stepping import DTYPES, array, circulant, gradient, run, tensor

from keras_pde import MultigridUNet, problems
from keras_pde.runtime import flexible
from keras_pde.schemes import integrators
from keras_pde.schemes.integrators import Complex, RightHandSide, SemiLinear, fourier
from keras_pde.schemes.integrators.phi_functions import inverse_of_matrices, phi_of_matrices

EXPONENTIAL = ["exponential_euler", "etdrk2", "etdrk4"]
IMPLICIT = ["crank_nicolson", "implicit_euler", "imex_euler", "imex_ars2"]
A = np.array([1.0, -2.0, 1.0])
WIDE = len(DTYPES) > 1


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("name", [*EXPONENTIAL, *IMPLICIT])
def test_amplification_in_fourier_space_is_that_of_dense_matrices(name, n):
    """Steps are R(ΔtM) for the dense matrix M of a stencil of no symmetry (E2, E4, E5)."""
    kernel = np.array([1.5, -2.0, 0.5])
    m = circulant(n, kernel)
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
        norm = np.linalg.norm(array(found)[..., 0], 2)  # of a circulant matrix, which is normal
        assert norm == pytest.approx(integrator.norm_gain(0.6 * eigenvalues), rel=1e-5)


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
    assert abs(array(found) - expected).max() < (1e-13 if WIDE else 1e-4)


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
            assert abs(difference).max() < (1e-10 if WIDE else 2e-3)


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_a_linear_equation_is_solved_exactly_with_any_step(name):
    """Dispersion ∂ₜu = ∂ₓ³u: after any time a wave has travelled, to rounding (E4)."""
    n, k, t = 32, 3, 1.7
    x = np.arange(n) / n * 2 * np.pi
    rhs = SemiLinear(lambda s: fourier.derivative_multipliers((3,), s, [2 * np.pi / n]))
    u = tensor(np.sin(k * x)[None, :, None])
    found = run(name, u, t / 4, 4, rhs)[0, :, 0]
    # sin(kx)''' = −k³cos(kx), so that the wave travels by k²t
    assert abs(found - np.sin(k * (x - k**2 * t))).max() < (1e-12 if WIDE else 2e-5)


def test_the_implicit_step_has_the_lipschitz_constant_1_where_the_explicit_one_grows():
    """(I + hL)⁻¹ at h = .01, 1, 100: 1.0000, where I − hL has 1, 101 and 1e4 (E5)."""
    n, rho = 64, 102.0
    m = circulant(n, -rho / 4 * A)
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


@pytest.mark.parametrize("name", [*IMPLICIT, "theta:0.7"])
def test_implicit_amplifications_are_at_most_1_in_the_left_half_plane(name):
    """On the imaginary axis, and for wide random samples left of it (E5)."""
    rng = np.random.default_rng(0)
    y, x = 10 ** rng.uniform(-4, 6, (2, 4000))
    integrator = integrators.get(name)
    z = np.concatenate([1j * y, -1j * y, -x + 1j * y, -x])
    assert integrator.norm_gain(z) <= 1 + 1e-14
    assert integrator.longest_step(z) == math.inf
    assert integrator.longest_step([0.1, -1.0]) == 0


@pytest.mark.parametrize("order", [1, 2, 3])
def test_phi_functions_of_matrices_and_of_tensors_are_those_of_their_eigenvalues(order):
    """Also for stiff ones, and for tensors whose norm is not known on the host (E4)."""
    rng = np.random.default_rng(order)
    vectors = rng.normal(size=(4, 3, 3)) + 3 * np.eye(3)
    z = -rng.uniform(0, 50, (4, 3)) + 20j * rng.normal(size=(4, 3))
    dense = (vectors * z[:, None]) @ np.linalg.inv(vectors)
    short = keras.backend.backend() == "torch"  # there Keras multiplies matrices in float32
    for xp in (np, ops):
        parts = dense.real, dense.imag
        pair = Complex.of(dense) if xp is np else Complex(*map(tensor, parts), ops)
        if xp is ops and not WIDE:
            continue
        found = phi_of_matrices(pair, order)
        for k, phi in enumerate(integrators.phi_functions(Complex.of(z), order)):
            expected = (vectors * phi.array()[:, None]) @ np.linalg.inv(vectors)
            got = array(found[k].real) + 1j * array(found[k].imag)
            assert abs(got - expected).max() < (1e-6 if short and xp is ops else 1e-10)
        back = inverse_of_matrices(pair)
        got = array(back.real) + 1j * array(back.imag)
        assert abs(got @ dense - np.eye(3)).max() < 1e-10


def wave(sizes):
    """∂ₜq = v, ∂ₜv = ∂ₓₓq, as matrices over the two channels."""
    n = sizes[0]
    second = fourier.derivative_multipliers((2,), sizes, [2 * np.pi / n])
    xp, zero = second.xp, 0 * second.real
    rows = [[zero, zero + 1], [second.real, zero]]
    real = xp.stack([xp.stack(row, -1) for row in rows], -2)
    return Complex(real, 0 * real, xp)


@pytest.mark.parametrize("name", ["exponential_euler", "etdrk4", "crank_nicolson", "imex_ars2"])
def test_systems_are_stepped_by_matrices_over_the_channels(name):
    """A standing wave with its closed form: exactly, or to the order of the method (E4, E5)."""
    n, k = 16, 3
    x = np.arange(n) / n * 2 * np.pi
    u = np.stack([np.cos(k * x), 0 * x + 1], -1)[None]  # and a mean that drifts: λ = 0, defective

    def exact(t):
        q, v = np.cos(k * x) * np.cos(k * t) + t, -k * np.cos(k * x) * np.sin(k * t) + 1
        return np.stack([q, v], -1)[None]

    rhs = SemiLinear(wave)
    errors = [abs(run(name, tensor(u), 2 / m, m, rhs) - exact(2.0)).max() for m in (40, 80)]
    if name in EXPONENTIAL:
        assert max(errors) < (1e-11 if WIDE else 2e-4)
    else:
        assert 1.8 < math.log2(errors[0] / errors[1]) < 2.2


@pytest.mark.skipif(not WIDE, reason="slopes need float64")
@pytest.mark.parametrize("name", [*EXPONENTIAL, *IMPLICIT])
def test_errors_of_burgers_equation_fall_with_the_order(name):
    """∂ₜu + ½∂ₓu² = ν∂ₓₓu from Cole and Hopf's closed solution, space exact to rounding (E8)."""
    n, nu, c = 48, 0.05, 2.0
    x = np.arange(n) / n * 2 * np.pi

    def exact(t):
        decay = np.exp(-nu * t)
        return (2 * nu * decay * np.sin(x) / (c + decay * np.cos(x)))[None, :, None] * 8

    # with w = 8u the equation is ∂ₜw + (1/16)∂ₓw² = ν∂ₓₓw
    def derivative(order, factor):
        def multipliers(s):
            return factor * fourier.derivative_multipliers((order,), s, [2 * np.pi / n])

        return multipliers

    slope = SemiLinear(derivative(1, -1 / 16))
    rhs = SemiLinear(derivative(2, nu), lambda w: slope(w * w))
    integrator = integrators.get(name)
    errors = [abs(run(name, tensor(exact(0)), 8 / m, m, rhs) - exact(8.0)).max() for m in (8, 16)]
    assert errors[1] < 1e-2
    assert math.log2(errors[0] / errors[1]) > integrator.order - 0.25


@pytest.mark.parametrize("name", ["etdrk4", "crank_nicolson"])
def test_one_program_serves_all_sizes(name):
    """Traced with sizes that are not known, as eagerly (E4)."""
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1.5, -0.5]])
    rhs = SemiLinear(
        lambda s: (
            fourier.stencil_multipliers(kernel, s)
            + fourier.derivative_multipliers((1, 2), s, [1.0, 1.0])
        ),
        lambda u: -u * u,
    )
    integrator = integrators.get(name)

    def step(u):
        return integrator.step(u, 0.1, rhs, integrator.prepare(rhs, 0.1, u))

    program = flexible(step)
    for sizes in ((6, 5), (7, 8), (8, 9)):
        u = np.random.default_rng(0).normal(size=(1, *sizes, 2))
        assert abs(array(program(tensor(u))) - array(step(tensor(u)))).max() < 1e-5 / 1e8**WIDE


def test_a_learned_coefficient_has_a_gradient():
    """Multipliers that are tensors: the derivative by the diffusivity is that of differences."""
    u = np.random.default_rng(0).normal(size=(1, 9, 1))

    def loss(nu):
        def multipliers(sizes):
            m = fourier.stencil_multipliers(A, sizes)
            return Complex(nu * tensor(m.real), nu * tensor(m.imag), ops)

        rhs = SemiLinear(multipliers, lambda u: -u * u)
        total = 0.0
        for name in ("etdrk4", "imex_ars2"):
            integrator, state = integrators.get(name), tensor(u)
            prepared = integrator.prepare(rhs, 0.3, state)
            total = total + ops.sum(integrator.step(state, 0.3, rhs, prepared) ** 2)
        return total

    found, h = gradient(loss, 0.7), 1e-4 if WIDE else 1e-2
    expected = (float(loss(tensor(0.7 + h))) - float(loss(tensor(0.7 - h)))) / (2 * h)
    assert found == pytest.approx(expected, rel=1e-6 if WIDE else 2e-2)


class ReflectingHeat(RightHandSide):
    """Δu with a reflecting boundary, by multigrid."""

    def __call__(self, u):
        padded = ops.concatenate([u[:, :1], u, u[:, -1:]], 1)
        along = padded[:, 2:] - 2 * u + padded[:, :-2]
        padded = ops.concatenate([u[:, :, :1], u, u[:, :, -1:]], 2)
        return along + padded[:, :, 2:] - 2 * u + padded[:, :, :-2]

    def nonlinear(self, u):
        return None

    def multipliers(self, sizes):
        raise AssertionError("a reflecting boundary is not periodic")

    def resolvent(self, a, u):
        solver = MultigridUNet(problems.ScreenedPoisson(a), dtype=DTYPES[-1])
        accuracy = 1e-11 if WIDE else 1e-5
        return lambda v: tensor(solver.solve(array(v), tolerance=accuracy).x)


@pytest.mark.parametrize("name", ["crank_nicolson"])
def test_at_other_boundaries_implicit_methods_step_by_multigrid(name):
    """Cosine waves are the eigenvectors at a reflecting boundary (E5)."""
    n, dt = 8, 5.0
    i = np.arange(n) + 0.5
    u = (np.cos(np.pi * 2 * i / n)[:, None] * np.cos(np.pi * 3 * i / n))[None, ..., None]
    lam = 2 * np.cos(np.pi * 2 / n) + 2 * np.cos(np.pi * 3 / n) - 4
    rhs = ReflectingHeat()
    assert abs(array(rhs(tensor(u))) - lam * u).max() < 1e-5
    factor = integrators.get(name).amplification(dt * lam).real
    found = run(name, tensor(u), dt, 1, rhs)
    assert abs(found - factor * u).max() < (1e-9 if WIDE else 1e-4)

"""The reference multigrid of textbook.py has the literature's numbers.

So the models can be tested against it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import textbook as t
from scipy.sparse.linalg import spsolve

JACOBI = {1: 2 / 3, 2: 4 / 5, 3: 6 / 7}
CYCLES = [("V", 1, 1), ("V", 2, 1), ("V", 2, 2), ("W", 1, 1)]


def iteration(levels: t.Levels, kind: str, before: t.Smooth, after: t.Smooth) -> Any:
    """The cycle for b = 0: what it does to the error."""
    zero = np.zeros(levels.matrices[0].shape[0])
    return lambda e: t.cycle(levels, zero, e, before, after, kind)


def line_cycle(n: int, kind: str, before: int, after: int, depth: int | None = None) -> Any:
    levels = t.rediscretised((n,), "dirichlet", depth=depth)
    return iteration(levels, kind, t.jacobi(2 / 3, before), t.jacobi(2 / 3, after))


def spectral_radius(iterate: Any, n: int) -> float:
    return float(np.abs(np.linalg.eigvals(t.error_matrix(iterate, n))).max())


# --- MATHS, section 8: Poisson in 1-D, Jacobi 2/3 ---


@pytest.mark.parametrize("n", [63, 127])
def test_two_grid_factor_is_one_ninth(n: int) -> None:
    assert spectral_radius(line_cycle(n, "V", 1, 1, depth=2), n) == pytest.approx(1 / 9, abs=1e-10)


@pytest.mark.parametrize("n", [63, 255, 1023])
@pytest.mark.parametrize(
    ("case", "expected"), zip(CYCLES, [0.16, 0.095, 0.077, 0.112], strict=True)
)
def test_the_sixth_cycle_from_a_random_error_divides_the_residual_as_stated(
    n: int, case: tuple[str, int, int], expected: float
) -> None:
    iterate, a = line_cycle(n, *case), t.poisson((n,))
    factors = []
    for seed in range(3):
        e = np.random.default_rng(seed).standard_normal(n)
        for _ in range(5):
            e = iterate(e)
        factors.append(np.linalg.norm(a @ iterate(e)) / np.linalg.norm(a @ e))
    assert np.mean(factors) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(
    ("case", "expected"), zip(CYCLES, [0.191, 0.111, 0.088, 0.117], strict=True)
)
def test_asymptotic_factors_are_somewhat_larger(
    case: tuple[str, int, int], expected: float
) -> None:
    assert spectral_radius(line_cycle(63, *case), 63) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("case", CYCLES[:3])
def test_factors_do_not_depend_on_the_size(case: tuple[str, int, int]) -> None:
    factors = [t.factor(line_cycle(n, *case), n) for n in (63, 127, 255, 511, 1023)]
    assert max(factors) < 1.03 * min(factors)


@pytest.mark.parametrize(
    ("n", "boundary"), [(63, "dirichlet"), (127, "dirichlet"), (64, "periodic")]
)
def test_galerkin_is_the_rediscretised_operator_in_1d(n: int, boundary: str) -> None:
    first = t.rediscretised((n,), boundary, depth=5)
    for a, b in zip(
        first.matrices, t.galerkin(first.matrices[0], (n,), boundary, depth=5).matrices, strict=True
    ):
        np.testing.assert_array_equal(a.toarray(), b.toarray())


def test_galerkin_of_the_five_point_stencil_is_the_nine_point_stencil() -> None:
    coarse = t.galerkin(t.poisson((15, 15)), (15, 15), "dirichlet", depth=2)
    row = coarse.matrices[1].toarray()[24].reshape(7, 7)[2:5, 2:5]
    np.testing.assert_allclose(
        row, np.array([[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]]) / 16, atol=1e-15
    )


# --- Trottenberg, Oosterlee, Schüller: two-grid factors in 2-D, full weighting and bilinear
# interpolation ---


@pytest.mark.parametrize(("steps", "expected"), [(1, 0.600), (2, 0.360), (3, 0.216), (4, 0.137)])
def test_two_grid_factors_of_jacobi_in_2d(steps: int, expected: float) -> None:
    levels = t.rediscretised((31, 31), "dirichlet", depth=2)
    assert t.factor(
        iteration(levels, "V", t.jacobi(4 / 5, steps), t.jacobi(4 / 5, 0)), 31 * 31, 40
    ) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize(
    ("before", "after", "expected"), [(1, 0, 0.250), (1, 1, 0.074), (2, 1, 0.053), (2, 2, 0.041)]
)
def test_two_grid_factors_of_red_black_in_2d(before: int, after: int, expected: float) -> None:
    levels = t.rediscretised((31, 31), "dirichlet", depth=2)
    first, last = t.red_black(levels.sizes, before), t.red_black(levels.sizes, after)
    assert t.factor(iteration(levels, "V", first, last), 31 * 31, 40) == pytest.approx(
        expected, rel=0.05
    )


def test_chebyshev_smooths_as_its_polynomial() -> None:
    a, low = t.poisson((16, 16), "periodic"), 1 / 2
    # an eigenvector
    x = np.outer(
        np.cos(2 * np.pi * 5 * np.arange(16) / 16), np.cos(2 * np.pi * 7 * np.arange(16) / 16)
    ).ravel()
    z = x @ (a @ x) / (x @ x) / 4
    s = lambda z: (2.5 - 2 * z) / 1.5  # noqa: E731 - maps [1/2, 2] to [-1, 1]
    expected = (4 * s(z) ** 3 - 3 * s(z)) / (4 * s(0) ** 3 - 3 * s(0))
    smooth = t.chebyshev(low, 2, range(3), 3)
    np.testing.assert_allclose(smooth(0, a, 0 * x, x), expected * x, atol=1e-14)
    assert abs(expected) <= 2 * (1 / 3) ** 3 / (1 + (1 / 9) ** 3)


# --- parts ---


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
def test_transfers_of_every_length(n: int, boundary: str) -> None:
    if boundary == "dirichlet" and n == 1:
        assert t.coarse_length(1, boundary) == 0
        return
    p, r = t.prolongation_line(n, boundary), t.injection((n,), boundary)
    np.testing.assert_array_equal((r @ p).toarray(), np.eye(p.shape[1]))
    sums = np.asarray(p.sum(axis=1)).ravel()
    # the linear function that is zero at both ends of an odd line's first half
    if boundary == "dirichlet":
        assert (sums[1:-1] == 1).all()
        np.testing.assert_allclose(
            (p @ (2.0 * np.arange(1, p.shape[1] + 1)))[: 2 * p.shape[1]],
            np.arange(1, 2 * p.shape[1] + 1),
        )
    else:
        np.testing.assert_array_equal(sums, 1)
    if boundary == "neumann" and n % 2 == 0:
        assert p.toarray()[-1, -1] == 1
    if boundary == "periodic" and n % 2 == 0 and n > 2:
        np.testing.assert_array_equal(p.toarray()[-1, [0, -1]], 0.5)


@pytest.mark.parametrize("size", [(7,), (4, 5), (3, 2, 4)])
def test_matrices_are_the_stencils(size: t.Size, rng: np.random.Generator) -> None:
    u = rng.standard_normal(size)
    for boundary, mode in (("dirichlet", "constant"), ("neumann", "edge"), ("periodic", "wrap")):
        padded, expected = np.pad(u, 1, mode=mode), 2 * len(size) * u
        inner = tuple(slice(1, -1) for _ in size)
        for axis in range(len(size)):
            for side in (slice(None, -2), slice(2, None)):
                expected = expected - padded[(*inner[:axis], side, *inner[axis + 1 :])]
        for h in (1.0, 2.0):
            np.testing.assert_allclose(
                t.poisson(size, boundary, h) @ u.ravel(), expected.ravel() / h**2, atol=1e-14
            )
        np.testing.assert_allclose(
            t.screened(size, boundary, step_size=3.0) @ u.ravel(),
            (u + 3 * expected).ravel(),
            atol=1e-13,
        )


# --- cycles ---

SOLVED = [
    ((63,), "dirichlet", t.poisson),
    ((64,), "neumann", t.screened),
    ((50, 37), "dirichlet", t.poisson),
    ((33, 24), "neumann", t.screened),
    ((32, 16), "periodic", t.screened),
    ((15, 15, 15), "dirichlet", t.poisson),
    ((8, 9, 10), "neumann", t.screened),
]


@pytest.mark.parametrize("kind", ["V", "W", "F"])
@pytest.mark.parametrize(("size", "boundary", "matrix"), SOLVED)
def test_cycles_solve(
    size: t.Size, boundary: str, matrix: Any, kind: str, rng: np.random.Generator
) -> None:
    a = matrix(size, boundary)
    b, smooth = rng.standard_normal(a.shape[0]), t.jacobi(JACOBI[len(size)], 2)
    levels = t.galerkin(a, size, boundary, depth=4)
    x = np.zeros_like(b)
    for _ in range(25):
        x = t.cycle(levels, b, x, smooth, smooth, kind)
    np.testing.assert_allclose(x, spsolve(a.tocsc(), b), atol=1e-8 * np.abs(x).max())


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
def test_singular_problems_are_solved_up_to_a_constant(
    boundary: str, rng: np.random.Generator
) -> None:
    levels = t.galerkin(t.poisson((32, 32), boundary), (32, 32), boundary)
    b = rng.standard_normal(1024)
    b, x, smooth = b - b.mean(), np.zeros(1024), t.red_black(levels.sizes, 2)
    for _ in range(20):
        x = t.cycle(levels, b, x, smooth, smooth)
    assert np.linalg.norm(b - levels.matrices[0] @ x) < 1e-9 * np.linalg.norm(b)


@pytest.mark.parametrize(
    ("cycles", "kind", "bound"), [(1, "V", 1.7), (2, "V", 0.85), (1, "W", 1.0)]
)
def test_one_pass_of_full_multigrid_reaches_the_discretisation_error(
    cycles: int, kind: str, bound: float
) -> None:
    for n in (31, 63, 127):
        h, (x, y) = 1 / (n + 1), np.mgrid[1 : n + 1, 1 : n + 1] / (n + 1)
        exact = (np.sin(np.pi * x) * np.sin(2 * np.pi * y)).ravel()
        levels = t.rediscretised((n, n), "dirichlet")
        b = 5 * np.pi**2 * h**2 * exact
        # of A, and b is its eigenvector
        eigenvalue = 4 * (np.sin(np.pi * h / 2) ** 2 + np.sin(np.pi * h) ** 2)
        discretisation = np.abs(b / eigenvalue - exact).max()
        u = t.full_multigrid(
            levels,
            b,
            t.red_black(levels.sizes, 2),
            t.red_black(levels.sizes, 1, reverse=True),
            cycles,
            kind,
        )
        assert np.abs(u - exact).max() < bound * discretisation


# --- full approximation scheme ---


@pytest.mark.parametrize("kind", ["V", "W", "F"])
@pytest.mark.parametrize("approximation", ["injection", "full weighting"])
def test_full_approximation_is_the_correction_scheme_for_linear_operators(
    kind: str, approximation: str, rng: np.random.Generator
) -> None:
    levels = t.rediscretised((31, 15), "dirichlet", depth=3)
    chosen = (
        [t.injection(n, "dirichlet") for n in levels.sizes[:-1]]
        if approximation == "injection"
        else levels.restrictions
    )
    smooth = t.jacobi(4 / 5, 1)

    def nonlinear(level: int, b: np.ndarray, x: np.ndarray) -> np.ndarray:
        return smooth(level, levels.matrices[level], b, x)

    operators = [lambda u, a=a: a @ u for a in levels.matrices]
    problem = t.Nonlinear(
        operators, lambda b, x: levels.solve(b), levels.prolongations, levels.restrictions, chosen
    )
    b, x = rng.standard_normal((2, 31 * 15))
    for _ in range(3):
        expected = t.cycle(levels, b, x, smooth, smooth, kind)
        x = t.full_approximation(problem, b, x, nonlinear, nonlinear, kind)
        np.testing.assert_allclose(x, expected, atol=1e-12 * np.abs(expected).max())


def test_full_approximation_solves_a_nonlinear_problem_as_fast_as_a_linear_one(
    rng: np.random.Generator,
) -> None:
    """−Δu + γueᵘ = f of Briggs, Henson and McCormick, chapter 6, with Jacobi-Newton smoothing."""
    n, gamma = 31, 10.0
    levels = t.rediscretised((n, n), "dirichlet")
    factors = [gamma / (n + 1) ** 2] * (levels.last + 1)

    def operator(level: int, u: np.ndarray) -> np.ndarray:
        return levels.matrices[level] @ u + factors[level] * u * np.exp(u)

    def smooth(level: int, b: np.ndarray, x: np.ndarray) -> np.ndarray:
        for _ in range(2):
            diagonal = levels.matrices[level].diagonal() + factors[level] * (1 + x) * np.exp(x)
            x = x + 0.8 * (b - operator(level, x)) / diagonal
        return x

    def solve(b: np.ndarray, x: np.ndarray) -> np.ndarray:
        for _ in range(30):  # one unknown
            x = x - (operator(levels.last, x) - b) / (
                levels.matrices[-1].diagonal() + factors[-1] * (1 + x) * np.exp(x)
            )
        return x

    operators = [lambda u, level=level: operator(level, u) for level in range(levels.last + 1)]
    injections = [t.injection(size, "dirichlet") for size in levels.sizes[:-1]]
    problem = t.Nonlinear(operators, solve, levels.prolongations, levels.restrictions, injections)
    exact = np.outer(*(np.sin(k * np.pi * np.arange(1, n + 1) / (n + 1)) for k in (1, 2))).ravel()
    b, x, residuals = operator(0, exact), rng.standard_normal(n * n), []
    for _ in range(12):
        x = t.full_approximation(problem, b, x, smooth, smooth)
        residuals.append(np.linalg.norm(b - operator(0, x)))
    linear = t.factor(iteration(levels, "V", t.jacobi(0.8, 2), t.jacobi(0.8, 2)), n * n)
    assert residuals[-1] < 1.1 * linear * residuals[-2]
    np.testing.assert_allclose(x, exact, atol=1e-8)

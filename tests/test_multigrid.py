"""Multigrid: the model is the textbook cycle, converges as theory says, and the learned net starts as the cycle itself."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import textbook
from scipy.sparse.linalg import spsolve

import keras_pde
from keras_pde import MultigridUNet, Prolongation, Restriction, activations, problems, smoothers

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="float64 needs TensorFlow here")
BOUNDARIES = ("dirichlet", "neumann", "periodic")
SIZES = {"dirichlet": [(15,), (8,), (7, 15), (6, 9), (7, 7, 7)], "neumann": [(8,), (9,), (8, 5), (4, 5, 6)], "periodic": [(8,), (7,), (8, 12), (4, 4, 8)]}


def as_vector(x: Any) -> np.ndarray:
    return np.asarray(x)[0, ..., 0].ravel()


def as_batch(v: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return v.reshape(1, *size, 1)


# --- transfer ---


@tensorflow_only
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize(("boundary", "size"), [(b, s) for b in BOUNDARIES for s in SIZES[b]])
def test_transfers_are_the_textbook_s_and_transposes_of_each_other(boundary: str, size: tuple[int, ...], learned: bool, rng: Any) -> None:
    coarse = textbook.coarser(size, boundary)
    down, up = Restriction(boundary, learned, dtype="float64"), Prolongation(boundary, learned, dtype="float64")
    u, e = rng.standard_normal((2, *size, 3)), rng.standard_normal((2, *coarse, 3))
    restricted, prolonged = np.array(down(u)), np.array(up(e, like=u))
    assert restricted.shape == e.shape == tuple(down.compute_output_shape(u.shape))
    p = textbook.prolongation(size, boundary)
    for sample in range(2):
        for channel in range(3):
            np.testing.assert_allclose(prolonged[sample, ..., channel].ravel(), p @ e[sample, ..., channel].ravel(), atol=1e-14)
    np.testing.assert_allclose((restricted * e).sum() * 2 ** len(size), (u * prolonged).sum(), rtol=1e-12)


def test_a_prolongation_needs_its_fine_grid() -> None:
    with pytest.raises(ValueError, match="give like=tensor or sizes"):
        Prolongation()(np.zeros((1, 3, 1)))
    with pytest.raises(ValueError, match="coarse sizes"):
        Prolongation()(np.zeros((1, 3, 1)), sizes=(9,))
    with pytest.raises(ValueError, match="boundary must be one of"):
        Restriction("zero")


# --- the cycle is the textbook's ---


SMOOTHERS = {
    "jacobi": (smoothers.Jacobi(0.7), lambda d, sizes: (textbook.jacobi(0.7, 2), textbook.jacobi(0.7, 1))),
    "chebyshev": ("chebyshev", lambda d, sizes: (textbook.chebyshev(1 / d, 2, [0, 1], 3), textbook.chebyshev(1 / d, 2, [2], 3))),
    "red_black": (smoothers.RedBlack(1.0), lambda d, sizes: (textbook.red_black(sizes, 2), textbook.red_black(sizes, 1))),
}


@tensorflow_only
@pytest.mark.parametrize("smoother", SMOOTHERS)
@pytest.mark.parametrize("kind", ["V", "W", "F", "FMG"])
@pytest.mark.parametrize("size", [(31,), (15, 7)])
def test_a_cycle_is_the_textbook_s_to_rounding(size: tuple[int, ...], kind: str, smoother: str, rng: Any) -> None:
    ours, theirs = SMOOTHERS[smoother]
    model = MultigridUNet("poisson", f"{kind}(2,1)", smoother=ours, dtype="float64")
    levels = textbook.rediscretised(size, "dirichlet", depth=None)
    # a rectangle coarsens until every axis has one point; the textbook stops at the first
    model.levels = len(levels.sizes)
    b, x = rng.standard_normal((1, *size, 1)), rng.standard_normal((1, *size, 1))
    before, after = theirs(len(size), levels.sizes)
    if kind == "FMG":
        found, expected = model(b), textbook.full_multigrid(levels, as_vector(b), before, after)
    else:
        found, expected = model([b, x]), textbook.cycle(levels, as_vector(b), as_vector(x), before, after, kind)
    np.testing.assert_allclose(as_vector(found), expected, atol=1e-12 * np.abs(expected).max())


@tensorflow_only
@pytest.mark.parametrize("kind", ["V", "W", "F"])
@pytest.mark.parametrize("problem", [problems.Poisson(), problems.Poisson("periodic"), problems.ScreenedPoisson(3.0), problems.Biharmonic()])
def test_fas_equals_linear_multigrid_on_linear_operators(problem: Any, kind: str, rng: Any) -> None:
    b, x = rng.standard_normal((2, 11, 14, 1)), rng.standard_normal((2, 11, 14, 1))
    if problem.singular:
        x -= x.mean(axis=(1, 2), keepdims=True)
    outputs = [np.array(MultigridUNet(problem, f"{kind}(2,1)", fas=fas, dtype="float64")([b, x])) for fas in (False, True)]
    np.testing.assert_allclose(*outputs, atol=1e-12 * np.abs(outputs[0]).max())


@tensorflow_only
@pytest.mark.parametrize(("boundary", "size"), [(b, s) for b in BOUNDARIES for s in SIZES[b]])
def test_coarse_operators_are_galerkin_s_along_each_axis(boundary: str, size: tuple[int, ...]) -> None:
    """Stiffness RSP of each axis, masses ½Pᵀm of the others: for 2ᵏ − 1 points the textbook's rediscretised stencil."""
    model = MultigridUNet(problems.Poisson(boundary))
    fine, coarse = model.problem.levels(model.grids(size, "float64")[:2], "float64")
    expected: Any = 0
    for axis, n in enumerate(size):
        p = textbook.prolongation_line(n, boundary)
        stiffness = p.T @ textbook.laplacian_line(n, boundary) @ p / 2
        masses = [np.asarray(textbook.prolongation_line(m, boundary).T.sum(axis=1)).ravel() / 2 for m in size]
        factors = [stiffness if i == axis else textbook.sp.diags(masses[i]) for i in range(len(size))]
        expected = expected + textbook.kron(factors)
    shape = textbook.coarser(size, boundary)
    n = int(np.prod(shape))
    basis = np.eye(n).reshape(n, *shape, 1)
    np.testing.assert_allclose(np.array(coarse.operator(basis)).reshape(n, n), expected.toarray(), atol=1e-14)
    np.testing.assert_allclose(np.broadcast_to(np.array(coarse.diagonal()), (1, *shape, 1)).ravel(), expected.diagonal(), atol=1e-14)
    if boundary == "dirichlet" and all(m in (7, 15) for m in size):
        np.testing.assert_allclose(expected.toarray(), textbook.poisson(shape, boundary, 2.0).toarray(), atol=1e-14)


# --- convergence ---


def reduction(model: Any, size: tuple[int, ...], cycles: int, seed: int = 0) -> list[float]:
    """‖b − Ax‖ after a cycle over before, cycle by cycle, from random x and b = 0."""
    x = np.random.default_rng(seed).standard_normal((1, *size, 1))
    zero, ratios = np.zeros_like(x), []
    level = model.problem.levels(model.grids(size, "float64")[:1], "float64")[0]
    norm = np.linalg.norm(np.array(level.operator(x)))
    for _ in range(cycles):
        x = np.array(model([zero, x]))
        ratios.append(np.linalg.norm(np.array(level.operator(x))) / norm)
        norm *= ratios[-1]
    return ratios


@tensorflow_only
@pytest.mark.parametrize(("cycle", "levels", "factor"), [("V(1,1)", 2, 1 / 9), ("V(1,1)", "auto", 0.16), ("V(2,1)", "auto", 0.095), ("V(2,2)", "auto", 0.077)])
@pytest.mark.parametrize("n", [63, 255])
def test_convergence_factors_of_1d_poisson(n: int, cycle: str, levels: Any, factor: float) -> None:
    """MATHS section 8: Jacobi 2/3; the V-cycles' numbers are the residual's reduction in the sixth cycle."""
    model = MultigridUNet("poisson", cycle, levels, smoothers.Jacobi(2 / 3), dtype="float64")
    assert reduction(model, (n,), 6)[-1] == pytest.approx(factor, rel=0.06)


@pytest.mark.parametrize("n", [63, 255, 1023])
def test_a_2d_cycle_contracts_by_012_at_most_for_every_size(n: int) -> None:
    """In float32, as solve runs it; the residuals are float64. Its last ratios are the asymptotic factor."""
    b = np.random.default_rng(1).standard_normal((1, n, n, 1))
    solution = MultigridUNet("poisson", "V(2,1)").solve(b, tolerance=1e-12, max_cycles=8)
    ratios = solution.residuals[1:, 0] / solution.residuals[:-1, 0]
    assert ratios.max() < 0.06  # the issue asks for 0.12


@pytest.mark.parametrize("n", [31, 63, 127])
def test_full_multigrid_reaches_the_discretisation_error_in_one_pass(n: int) -> None:
    t = np.arange(1, n + 1) / (n + 1)
    exact = (np.sin(np.pi * t)[:, None] * np.sin(2 * np.pi * t))[None, ..., None]
    b = 5 * np.pi**2 * exact / (n + 1) ** 2
    discrete = MultigridUNet("poisson").solve(b, 1e-12).x
    one_pass = np.array(MultigridUNet("poisson", "FMG(2,1)", dtype="float64")(b))
    assert np.abs(one_pass - exact).max() < 2 * np.abs(discrete - exact).max()

"""Diffusion with a coefficient, and problems of one's own, against matrices and exact solutions."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_pde import MultigridUNet, problems
from keras_pde.runtime.compiling import double_precision

ROBIN = (2.0, 0.5)


def matrix(a: np.ndarray, c: float, h: tuple[float, ...], walls) -> np.ndarray:
    """The finite-volume matrix, face by face: what flows into a cell a volume, in plain loops."""
    index = np.arange(a.size).reshape(a.shape)
    found = c * np.eye(a.size)
    for place in itertools.product(*map(range, a.shape)):
        i = index[place]
        for axis, side in itertools.product(range(a.ndim), (-1, 1)):
            other = list(place)
            other[axis] += side
            if 0 <= other[axis] < a.shape[axis]:
                j, near = index[tuple(other)], a[tuple(other)]
                flow = 1 / (
                    (h[axis] / 2) / a[place] + (h[axis] / 2) / near
                )  # resistances in series
                found[i, j] -= flow / h[axis]
            else:
                wall = walls[axis][(side + 1) // 2]
                if wall == "dirichlet":
                    flow = a[place] / h[axis]
                elif wall == "neumann":
                    flow = 0.0
                else:  # αv + β·flow = 0 and flow = a(u − v)/(h/2), for the value v at the wall
                    alpha, beta = wall
                    v_of_u = 1 / (1 + alpha * (h[axis] / 2) / (a[place] * beta)) if beta else 0.0
                    flow = a[place] * (1 - v_of_u) / (h[axis] / 2)
            found[i, i] += flow / h[axis]
    return found


def jumps(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Independent coefficients from 1 to 10⁴."""
    return 10 ** (4 * np.random.default_rng(seed).random(shape))


CASES = [
    ((360,), (1.0,), 0.0, (("dirichlet", "neumann"),)),
    ((7, 50), (1.0, 0.5), 0.0, (("neumann", ROBIN), ("dirichlet", (1.0, 0.0)))),
    ((18, 20), (1.0, 1.0), 0.0, (("neumann", "neumann"), ("neumann", "neumann"))),
    ((7, 7, 8), (1.0, 1.0, 0.6), 0.3, (("neumann", "dirichlet"), (ROBIN, ROBIN), ("neumann",) * 2)),
]


@pytest.mark.parametrize(("shape", "h", "c", "walls"), CASES)
def test_diffusion_with_jumps_of_ten_thousand_equals_a_dense_solve(shape, h, c, walls):
    a = np.stack([jumps(shape, 1), jumps(shape, 2)])
    b = np.random.default_rng(3).standard_normal(a.shape)
    problem = problems.Diffusion(coefficient="cells", reaction=c, spacing=h, walls=walls)
    if problem.singular:
        b -= b.mean(axis=tuple(range(1, b.ndim)), keepdims=True)
    found = MultigridUNet(problem).solve([b[..., None], a[..., None]], tolerance=1e-9)
    assert found.converged
    assert found.cycles <= 40
    for k in range(2):
        dense = matrix(a[k], c, h, walls)
        exact = np.linalg.lstsq(dense, b[k].ravel(), rcond=None)[0]
        exact -= exact.mean() * problem.singular
        assert np.abs(found.x[k].ravel() - exact).max() < 1e-6 * np.abs(exact).max()


def test_data_of_dirichlet_neumann_and_robin_walls_give_a_linear_solution_exactly():
    h, a0 = (0.5, 0.25), 3.0
    walls = ((ROBIN, (0.0, 1.0)), ((1.0, 0.0), "dirichlet"))
    x, y = ((np.arange(n) + 0.5) * d for n, d in zip((6, 8), h, strict=True))
    u = 1 + 2 * x[:, None] - 5 * y[None, :]
    left = ROBIN[0] * (1 - 5 * y) + ROBIN[1] * a0 * (-2)  # outward slope
    right = np.full(8, a0 * 2.0)
    first, last = 1 + 2 * x, 1 + 2 * x - 5 * (y[-1] + h[1])
    along_y, along_x = (None, None, slice(None), None), (None, slice(None), None, None)
    data = ((left[along_y], right[along_y]), (first[along_x], last[along_x]))
    problem = problems.Diffusion(coefficient="cells", spacing=h, walls=walls, step_size=1.5)
    a = np.full((1, 6, 8, 1), a0)
    b = problem.with_walls(np.zeros((1, 6, 8, 1)), a, data)
    found = MultigridUNet(problem).solve([b, a], tolerance=1e-12)
    assert np.abs(found.x[0, ..., 0] - u).max() < 1e-9


def test_the_harmonic_mean_makes_a_jump_in_one_dimension_exact():
    n, h = 12, 0.5
    a = np.where(np.arange(n) < 5, 1.0, 1e4)
    problem = problems.Diffusion(coefficient="cells", spacing=h, walls=[[(1, 0), (1, 0)]])
    given = a.reshape(1, n, 1)
    b = problem.with_walls(np.zeros((1, n, 1)), given, [(0.0, 1.0)])
    found = MultigridUNet(problem).solve([b, given], tolerance=1e-13).x[0, :, 0]
    resistance = h / a
    exact = (np.cumsum(resistance) - resistance / 2) / resistance.sum()
    assert np.abs(found - exact).max() < 1e-10


def test_edges_and_a_reaction_a_cell_are_taken_as_they_are_given():
    rng = np.random.default_rng(0)
    a, c = jumps((6, 5), 4), rng.random((6, 5))
    edges = np.ones((6, 5, 2))
    edges[:-1, :, 0] = 2 * a[:-1] * a[1:] / (a[:-1] + a[1:])
    edges[:, :-1, 1] = 2 * a[:, :-1] * a[:, 1:] / (a[:, :-1] + a[:, 1:])
    b = rng.standard_normal((1, 6, 5, 1))
    cells, along = (
        problems.Diffusion(coefficient=layout, reaction="cells") for layout in ("cells", "edges")
    )
    first = MultigridUNet(cells).solve([b, np.stack([a, c], -1)[None]], tolerance=1e-12).x
    given = np.concatenate([edges, c[..., None]], -1)[None]
    second = MultigridUNet(along).solve([b, given], tolerance=1e-12).x
    assert np.abs(first - second).max() < 1e-9 * np.abs(first).max()
    dense = matrix(a, 0.0, (1.0, 1.0), (("neumann",) * 2,) * 2) + np.diag(c.ravel())
    assert np.abs(first.ravel() - np.linalg.solve(dense, b.ravel())).max() < 1e-9


def test_m6_transfers_of_an_operator_are_exact_in_one_dimension():
    a, n = jumps((1, 40, 1)), 40
    problem = problems.Diffusion(coefficient="cells", boundary="dirichlet")
    model = MultigridUNet(problem, "V(0,1)", levels=3, smoother="jacobi", dtype="float64")
    with double_precision():
        given = ops.convert_to_tensor(a, dtype="float64")
        grids = model.grids((n,), "float64")
        levels = problem.levels(grids, "float64", problem.prepare(grids, "float64", given))
        eye = ops.convert_to_numpy(ops.reshape(ops.eye(20, dtype="float64"), (20, 20, 1)))
        columns = [levels[0].prolong(ops.convert_to_tensor(e[None])) for e in eye]
        prolong = np.stack([ops.convert_to_numpy(x)[0, :, 0] for x in columns], -1)
        middle = ops.convert_to_numpy(levels[1].operator(ops.convert_to_tensor(eye)))[..., 0].T
    dense = matrix(a[0, :, 0], 0.0, (1.0,), (("dirichlet",) * 2,))
    assert np.abs(prolong.T @ dense @ prolong - middle).max() < 1e-9 * np.abs(middle).max()
    # A P e vanishes at every point that is not coarse: P is the harmonic extension
    assert np.abs((dense @ prolong)[1::2]).max() < 1e-11 * np.abs(dense).max()


def value_and_gradient(function, *arrays):
    """The value of a function of tensors and its gradients, in float64, by the backend."""
    with double_precision():
        tensors = [ops.convert_to_tensor(x, dtype="float64") for x in arrays]
        if keras.backend.backend() == "jax":
            import jax

            value, found = jax.value_and_grad(function, tuple(range(len(tensors))))(*tensors)
        elif keras.backend.backend() == "torch":
            tensors = [x.requires_grad_() for x in tensors]
            value = function(*tensors)
            value.backward()
            value, found = value.detach(), [x.grad for x in tensors]
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            found = tape.gradient(value, tensors)
        return float(value), [ops.convert_to_numpy(x) for x in found]


def test_m7_the_gradient_by_the_coefficient_is_that_of_the_dense_adjoint():
    shape, h = (5, 6), (1.0, 1.0)
    walls = (("dirichlet", "neumann"), (ROBIN, "neumann"))
    model = MultigridUNet(
        problems.Diffusion(coefficient="cells", walls=walls), levels=2, dtype="float64"
    )
    rng = np.random.default_rng(0)
    a = np.stack([jumps(shape, 5), jumps(shape, 6)])[..., None]
    b, weight = rng.standard_normal(a.shape), rng.standard_normal(a.shape)

    def functional(a, b):
        u = model.solution([b, a], tolerance=1e-13)
        return ops.sum(u * ops.convert_to_tensor(weight, dtype="float64"))

    _, (by_a, by_b) = value_and_gradient(functional, a, b)
    for k in range(2):
        dense = matrix(a[k, ..., 0], 0.0, h, walls)
        u, adjoint = (np.linalg.solve(dense, x[k].ravel()) for x in (b, weight))
        assert np.abs(by_b[k].ravel() - adjoint).max() < 1e-9 * np.abs(adjoint).max()
        for place in np.ndindex(shape):
            change = np.zeros(shape)
            change[place] = 1e-30  # A is a rational function of a: its complex step has no rounding
            slope = matrix_slope(a[k, ..., 0], change, h, walls)
            exact = -adjoint @ slope @ u
            assert abs(by_a[k][place][0] - exact) < 1e-8 * np.abs(by_a[k]).max()


def matrix_slope(a: np.ndarray, change: np.ndarray, h, walls) -> np.ndarray:
    """dA along a change of a, by a central difference of the plain loops."""
    step = 1e-4 * a * (change > 0)
    return (matrix(a + step, 0.0, h, walls) - matrix(a - step, 0.0, h, walls)) / (2 * step.sum())


class Anisotropic(problems.StencilProblem):
    """−(a u_x)_x − ε u_yy = b with a on the points, a zero boundary, written by hand."""

    equation = "-(a u_x)_x - u_yy/4 = b"
    channels = 1

    def apply(self, u, coefficient):
        wide = ops.pad(coefficient, [(0, 0), (1, 1), (0, 0), (0, 0)], mode="symmetric")
        edges = (wide[:, :-1] + wide[:, 1:]) / 2
        tall = ops.pad(u, [(0, 0), (1, 1), (0, 0), (0, 0)])
        flow = edges * (tall[:, 1:] - tall[:, :-1])
        broad = ops.pad(u, [(0, 0), (0, 0), (1, 1), (0, 0)])
        second = broad[:, :, 2:] - 2 * u + broad[:, :, :-2]
        return flow[:, :-1] - flow[:, 1:] - second / 4


def test_a_problem_of_one_s_own_needs_its_operator_only():
    problem, (n, m) = Anisotropic(), (18, 20)
    a = np.random.default_rng(0).random((1, n, m, 1)) + 0.5
    b = np.random.default_rng(1).standard_normal(a.shape)
    model = MultigridUNet(problem)
    found = model.solve([b, a], tolerance=1e-10)
    assert found.converged
    assert len(model.grids((n, m))) == 2
    basis = np.eye(n * m).reshape(n * m, n, m, 1)
    with double_precision():
        tensors = [ops.convert_to_tensor(x, dtype="float64") for x in (basis, a)]
        columns = ops.convert_to_numpy(problem.apply(*tensors)).reshape(n * m, -1)
    assert np.abs(columns - columns.T).max() < 1e-14
    assert np.abs(found.x.ravel() - np.linalg.solve(columns, b.ravel())).max() < 1e-7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: problems.Diffusion("fab", coefficient="cells"), "a flux or a coefficient"),
        (lambda: problems.Diffusion(coefficient="points"), "coefficient"),
        (lambda: problems.Diffusion(coefficient="cells", boundary="periodic"), "periodic axis"),
        (lambda: problems.Diffusion(spacing=2.0), "are for diffusion with a coefficient"),
        (lambda: problems.Diffusion(coefficient="cells", walls=[["dirichlet"]]), "a pair"),
        (lambda: problems.Diffusion(coefficient="cells", walls=[[(0, 0), "neumann"]]), "α > 0 or"),
        (lambda: problems.Diffusion(coefficient="cells", reaction=-1.0), "reaction"),
        (lambda: MultigridUNet(problems.Diffusion(coefficient="cells"), fas=True), "corrections"),
        (lambda: MultigridUNet(problems.Diffusion(coefficient="cells"), channels=2), "learned net"),
        (
            lambda: MultigridUNet(problems.Diffusion(coefficient="cells"), smoother="red_black"),
            "red_black",
        ),
    ],
)
def test_wrong_problems_with_a_coefficient_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((1, 4, 1)), "takes"),
        ([np.ones((1, 4, 1)), np.ones((1, 4, 2))], "coefficient must be"),
        ([np.ones((1, 4, 1)), np.zeros((1, 4, 1))], "must be > 0"),
        ([np.ones((2, 4, 1)), np.ones((3, 4, 1))], "coefficient must be"),
    ],
)
def test_wrong_coefficients_say_what_is_expected(inputs, message):
    model = MultigridUNet(problems.Diffusion(coefficient="cells", boundary="dirichlet"))
    with pytest.raises(ValueError, match=message):
        model.solve(inputs)


def test_a_model_with_a_coefficient_is_its_configuration(tmp_path):
    problem = problems.Diffusion(
        coefficient="edges", reaction="cells", spacing=(1, 2), walls=[["neumann", (1, 2)]] * 2
    )
    model = MultigridUNet(problem)
    again = MultigridUNet.from_config(model.get_config())
    assert again.problem == problem
    assert again.named_inputs == ("image", "coefficient")
    assert problem.coefficient_channels(2) == 3
    model.build([(None, 5, 4, 1), (None, 5, 4, 3)])
    model.save_to_preset(tmp_path / "own")
    saved = MultigridUNet.from_preset(tmp_path / "own")
    assert saved.problem == problem

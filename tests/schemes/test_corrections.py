"""What lines and clusters add to a cycle, against dense matrices and SciPy's components."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from keras import ops
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from keras_pde import MultigridUNet, problems
from keras_pde.runtime.compiling import double_precision
from keras_pde.schemes.multigrid.clusters import STRONG, Clusters
from keras_pde.schemes.multigrid.inverse import gauss_jordan, inverse
from keras_pde.schemes.multigrid.lines import Lines


def fields(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Cells of 1 or 10⁴, cells of 10^U(0, 4), and layers of one cell: (3, *shape, 1)."""
    rng = np.random.default_rng(seed)
    layers = np.where(np.arange(shape[0]) % 2, 1.0, 1e4).reshape(-1, *[1] * (len(shape) - 1))
    two = np.where(rng.random(shape) < 0.5, 1e4, 1.0)
    return np.stack([two, 10 ** (4 * rng.random(shape)), layers * np.ones(shape)])[..., None]


@functools.cache
def hierarchy(shape: tuple[int, ...], boundary: str, levels: int = 3):
    """A model with its levels in float64."""
    problem = problems.Diffusion(coefficient="cells", boundary=boundary)
    model = MultigridUNet(problem, levels=levels, dtype="float64")
    with double_precision():
        given = ops.convert_to_tensor(fields(shape), dtype="float64")
        grids = model.grids(shape, "float64")
        data = problem.prepare(grids, "float64", given)
        return model, data, problem.levels(grids, "float64", data)


def dense(function, sizes: tuple[int, ...], sample: int) -> np.ndarray:
    """The matrix of a linear function of states, for one of the three coefficients."""
    n = int(np.prod(sizes))
    basis = np.eye(n).reshape(1, *sizes, n)  # channels are independent
    with double_precision():
        found = function(ops.convert_to_tensor(np.repeat(basis, 3, 0), dtype="float64"))
    return ops.convert_to_numpy(found)[sample].reshape(n, n)


def stepped(correction, level, reverse, r):
    """What a correction adds to 0."""
    return correction(r, None, level.operator, reverse)


def in_energy(a: np.ndarray, step: np.ndarray) -> np.ndarray:
    """√A B √A of a step x ↦ x + B(b − Ax)."""
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return root @ step @ root


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
@pytest.mark.parametrize("sample", range(3))
def test_no_correction_raises_the_energy_of_an_error(boundary, sample):
    _, _, levels = hierarchy((20, 23), boundary)
    kinds = [[type(c) for c in level.corrections] for level in levels]
    assert kinds == [[Clusters], [Lines, Lines, Clusters], []]
    for level in levels[:2]:
        sizes = level.grid.sizes
        a = dense(level.operator, sizes, sample)
        for correction in level.corrections:
            forth, back = (
                dense(functools.partial(stepped, correction, level, v), sizes, sample)
                for v in (False, True)
            )
            assert np.abs(forth - back.T).max() < 1e-9 * np.abs(forth).max()
            left = np.eye(len(a)) - in_energy(a, forth)
            assert np.linalg.norm(left, 2) < 1 + 1e-9
            assert np.linalg.norm(in_energy(a, forth)) > 0.5  # it does something


def test_every_other_line_is_solved_exactly():
    _, _, levels = hierarchy((20, 23), "dirichlet")
    level, n, m = levels[1], *levels[1].grid.sizes
    place = np.arange(n * m).reshape(n, m)
    for sample, axis, colour in np.ndindex(3, 2, 2):
        lines = level.corrections[axis]
        a = dense(level.operator, (n, m), sample)
        found = dense(lambda r, c=colour, x=lines: x.solve(r, c), (n, m), sample)
        chosen = np.zeros((n, m), bool)
        chosen[(slice(None),) * (1 - axis) + (slice(colour, None, 2),)] = True
        inside = place[chosen]
        exact = np.zeros_like(a)
        exact[np.ix_(inside, inside)] = np.linalg.inv(a[np.ix_(inside, inside)])
        assert np.abs(found - exact).max() < 1e-8 * np.abs(exact).max()


def test_clusters_are_the_components_of_strong_couplings():
    shape = (61, 64)
    _, _, levels = hierarchy(shape, "neumann")
    level, n = levels[0], 61 * 64
    place = np.arange(n).reshape(shape)
    for sample in range(3):
        coefficients = [ops.convert_to_numpy(c)[sample, ..., 0] for c in level.coefficients]
        own = coefficients[2]
        pairs = []
        for (dy, dx), c in zip(level.offsets, coefficients, strict=True):
            inner = tuple(
                slice(max(0, -d), s - max(0, d)) for d, s in zip((dy, dx), shape, strict=True)
            )
            moved = tuple(
                slice(max(0, d), s - max(0, -d)) for d, s in zip((dy, dx), shape, strict=True)
            )
            strong = -c[inner] > STRONG * np.sqrt(own[inner] * own[moved])
            pairs += list(zip(place[inner][strong], place[moved][strong], strict=True))
        rows, columns = np.array(pairs).T
        graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
        count, labels = connected_components(graph, directed=False)
        found = ops.convert_to_numpy(level.corrections[0].labels)[sample]
        assert len(np.unique(found)) == count == len(set(zip(found, labels, strict=True)))


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
def test_the_cycle_is_a_symmetric_preconditioner(boundary):
    model, data, levels = hierarchy((20, 23), boundary)
    for sample in range(3):
        a = dense(levels[0].operator, (20, 23), sample)
        cycle = dense(lambda r: model.cycle(r, None, data), (20, 23), sample)
        assert np.abs(cycle - cycle.T).max() < 1e-8 * np.abs(cycle).max()
        eigenvalues = np.linalg.eigvalsh(in_energy(a, cycle))[model.problem.singular :]
        assert eigenvalues.min() > 0.02
        assert eigenvalues.max() < 1 + 1e-8


@pytest.mark.parametrize(
    ("n", "blocks"), [(1, (64, 1)), (7, (1,)), (64, (64, 1)), (150, (64, 8, 1))]
)
def test_gauss_jordan_is_the_inverse(n, blocks):
    root = np.random.default_rng(n).standard_normal((2, n, n))
    a = root @ root.transpose(0, 2, 1) + np.eye(n)
    with double_precision():
        wide = ops.convert_to_tensor(a, dtype="float64")
        found = [ops.convert_to_numpy(x) for x in (gauss_jordan(wide, blocks), inverse(wide))]
    for one in found:
        assert np.abs(one @ a - np.eye(n)).max() < 1e-12


def test_rows_of_zeros_of_a_matrix_stay_zero():
    a = np.diag([2.0, 0.0, 4.0])[None]
    for of in (inverse, lambda x: gauss_jordan(x, (2, 1))):
        found = ops.convert_to_numpy(of(ops.convert_to_tensor(a)))[0]
        assert found.tolist() == np.diag([0.5, 0.0, 0.25]).tolist()


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
def test_cells_of_two_phases_rough_cells_and_thin_layers_are_solved(boundary):
    a = fields((127, 127))
    b = np.random.default_rng(1).standard_normal(a.shape)
    b -= b.mean(axis=(1, 2, 3), keepdims=True)
    model = MultigridUNet(problems.Diffusion(coefficient="cells", boundary=boundary))
    found = model.solve([b, a], tolerance=1e-8)
    assert found.converged
    # by steps at points alone the three are not solved in 300
    reached = (found.residuals <= 1e-8).argmax(0)
    assert (reached <= [60, 40, 15]).all()

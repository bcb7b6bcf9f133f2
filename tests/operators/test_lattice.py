"""Velocity sets, streaming and orbits: (L1), (L2)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from keras import ops

from keras_pde import Lattice
from keras_pde.operators.orbits import orbits, pair_orbits
from keras_pde.operators.velocity_sets import WEIGHTS, velocity_set

pytestmark = pytest.mark.usefixtures("double")

each = pytest.mark.parametrize("name", WEIGHTS)


def dense(operator: Lattice, shape: tuple[int, ...], adjoint: bool = False) -> np.ndarray:
    """Kᵀ row by row: what becomes of each unit vector."""
    operator.build((None, *shape))
    size = int(np.prod(shape))
    unit = np.eye(size).reshape(size, *shape)
    found = operator.adjoint(unit) if adjoint else operator(unit)
    return ops.convert_to_numpy(found).reshape(size, size)


@each
@pytest.mark.parametrize("boundary", ["periodic", "walls", "both"])
def test_l1_streaming_is_a_permutation_and_its_transpose_its_inverse(
    name: str, boundary: str
) -> None:
    d, q = velocity_set(name).velocities.shape[::-1]
    for sizes in ((3, 2, 2)[:d], (1, 4, 1)[:d]):
        kinds = ["walls", "periodic", "walls"][:d] if boundary == "both" else boundary
        lattice = Lattice(name, kinds, dtype="float64")
        transpose = dense(lattice, (*sizes, q))
        assert sorted(np.unique(transpose)) == [0, 1]
        np.testing.assert_array_equal(transpose @ transpose.T, np.eye(len(transpose)))
        np.testing.assert_array_equal(dense(lattice, (*sizes, q), adjoint=True), transpose.T)


def test_l1_populations_move_along_their_velocities_and_come_back_from_walls() -> None:
    u = np.arange(2 * 5 * 4 * 9.0).reshape(2, 5, 4, 9)
    lattice = velocity_set("D2Q9")
    moved = ops.convert_to_numpy(Lattice(dtype="float64")(u))
    walled = ops.convert_to_numpy(Lattice(boundary="walls", dtype="float64")(u))
    for i, c in enumerate(lattice.velocities):
        np.testing.assert_array_equal(moved[..., i], np.roll(u[..., i], c, (1, 2)))
        for x, y in itertools.product(range(5), range(4)):
            inside = 0 <= x - c[0] < 5 and 0 <= y - c[1] < 4
            came = u[:, x - c[0], y - c[1], i] if inside else u[:, x, y, lattice.opposite[i]]
            np.testing.assert_array_equal(walled[:, x, y, i], came)


@each
def test_moments_of_the_weights_are_those_of_a_gaussian(name: str) -> None:
    lattice = velocity_set(name)
    c, w = lattice.velocities.astype("float64"), lattice.weights
    d = c.shape[1]
    one = np.eye(d)
    assert abs(w.sum() - 1) < 1e-15
    np.testing.assert_allclose(w @ c, 0, atol=1e-16)
    np.testing.assert_allclose(np.einsum("i,ia,ib->ab", w, c, c), one / 3, atol=1e-15)
    pairs = np.einsum("ab,ce->abce", one, one)
    isotropic = pairs + pairs.transpose(0, 2, 1, 3) + pairs.transpose(0, 3, 2, 1)
    fourth = np.einsum("i,ia,ib,ic,ie->abce", w, c, c, c, c)
    np.testing.assert_allclose(fourth, isotropic / 9, atol=1e-15)
    np.testing.assert_array_equal(c[lattice.opposite], -c)
    for rotation, permutation in zip(lattice.rotations, lattice.permutations, strict=True):
        np.testing.assert_array_equal(c[permutation], c @ rotation.T)


@pytest.mark.parametrize(
    ("name", "elements", "pairs", "singles"),
    [("D1Q3", 2, 5, 2), ("D2Q9", 8, 15, 3), ("D3Q19", 48, 19, 3), ("D3Q27", 48, 35, 4)],
)
def test_weights_of_a_pair_of_channels_are_as_counted(
    name: str, elements: int, pairs: int, singles: int
) -> None:
    moved = velocity_set(name).permutations
    assert len({tuple(p) for p in moved.tolist()}) == len(moved) == elements
    assert pair_orbits(moved, moved).max() + 1 == pairs
    assert orbits(moved).max() + 1 == singles


def test_orbits_are_those_that_burnside_counts() -> None:
    """On groups that two random permutations generate: orbits are means of fixed points."""
    rng = np.random.default_rng(3)
    for n, m in ((4, 5), (5, 3), (6, 4)):
        generators = [(rng.permutation(m), rng.permutation(n)) for _ in range(2)]
        group = {(tuple(range(m)), tuple(range(n)))}
        new = list(group)
        while new:
            g = new.pop()
            for q, p in generators:
                h = tuple(int(q[i]) for i in g[0]), tuple(int(p[i]) for i in g[1])
                if h not in group:
                    group.add(h)
                    new.append(h)
        fixed = [
            sum(i == j for i, j in enumerate(q)) * sum(i == j for i, j in enumerate(p))
            for q, p in group
        ]
        found = pair_orbits(*(np.array(x) for x in zip(*generators, strict=True)))
        assert found.max() + 1 == sum(fixed) / len(group)


def test_turning_the_grid_commutes_with_streaming() -> None:
    u = np.random.default_rng(0).random((1, 3, 4, 2, 19))
    lattice = Lattice("D3Q19", "walls", dtype="float64")
    streamed = ops.convert_to_numpy(lattice(u))
    for element in range(48):
        turned = ops.convert_to_numpy(lattice(lattice.transformed(u, element)))
        np.testing.assert_array_equal(turned, lattice.transformed(streamed, element))

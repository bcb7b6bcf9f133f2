"""Dense layers on orbits, and collisions: (L2), (L3)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import Collision, OrbitDense
from keras_pde.operators.velocity_sets import WEIGHTS, velocity_set

pytestmark = pytest.mark.usefixtures("double")

SIZE = {"D1Q3": 3, "D2Q9": 9, "D3Q19": 19, "D3Q27": 27}
TURN = [[1, 2, 3, 4, 5, 0], [0, 5, 4, 3, 2, 1]]  # of a hexagon's corners
BACK = [[1, 2, 0], [0, 2, 1]]  # of its diagonals


def states(name: str, count: int = 64, strength: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(5)
    w = velocity_set(name).weights
    return w * (1 + strength * rng.uniform(-1, 1, (1, count, len(w))))


def randomized(layer: keras.Layer, spread: float = 0.5) -> None:
    rng = np.random.default_rng(7)
    layer.set_weights([spread * rng.standard_normal(w.shape) for w in layer.get_weights()])


def learned(name: str, viscosity: float | None = None, dtype: str = "float64") -> Collision:
    layer = Collision(name, viscosity, hidden=(3, 2), dtype=dtype)
    layer.build((None, None, SIZE[name]))
    randomized(layer, 0.1)
    return layer


def of(layer: keras.Layer, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(layer(x))


def test_l2_a_layer_on_orbits_commutes_with_permutations_of_inputs_and_outputs() -> None:
    layer = OrbitDense(TURN, 4, outputs=BACK, dtype="float64")
    u = np.random.default_rng(0).random((2, 7, 6, 3))
    layer.build(u.shape)
    randomized(layer)
    for p, q in zip(TURN, BACK, strict=True):
        moved = np.empty_like(u)
        moved[..., p, :] = u
        expected = np.empty((2, 7, 3, 4))
        expected[..., q, :] = of(layer, u)
        np.testing.assert_allclose(of(layer, moved), expected, atol=1e-13)
    assert tuple(layer.compute_output_shape(u.shape)) == expected.shape
    assert layer.certificate()["equivariance"].proved
    # and the matrix is one of the full space of such matrices: its dimension by linear algebra
    constraints = []
    for p, q in zip(TURN, BACK, strict=True):
        P, Q = np.eye(6)[p].T, np.eye(3)[q].T
        constraints.append(np.kron(np.eye(3), P.T) - np.kron(Q.T, np.eye(6)).T)
    found = 18 - np.linalg.matrix_rank(np.concatenate([c.reshape(18, 18) for c in constraints]))
    assert layer.pairs.max() + 1 == found


def test_the_norm_of_a_layer_on_orbits_is_that_of_its_matrix() -> None:
    layer = OrbitDense(TURN, 2, outputs=BACK, use_bias=False, dtype="float64")
    layer.build((None, 6, 3))
    randomized(layer)
    matrix = of(layer, np.eye(18).reshape(18, 6, 3)).reshape(18, 6)
    norm = np.linalg.norm(matrix, 2)
    assert norm <= layer.certificate().norm_gain <= norm * (1 + 1e-9)


def test_in_16_bits_the_norm_of_a_layer_on_orbits_holds_the_rounding_of_its_result() -> None:
    layer = OrbitDense([[0]], use_bias=False, dtype="mixed_bfloat16")
    layer.build((None, 1, 1))
    layer.set_weights([np.full((1, 1, 1), 1 + 2**-8 + 2**-20)])  # bfloat16 has 1 and 1 + 2⁻⁷
    found = of(layer, np.ones((1, 1, 1), "float32")).astype("float64").item()
    assert found == 1 + 2**-7
    assert found <= layer.certificate().norm_gain < 1.01


def test_l2_only_layers_whose_permutations_meet_are_certified_together() -> None:
    """A composition is equivariant if what leaves the first map moves as what enters the next."""
    other = [[1, 0, 2, 3, 4, 5], [0, 1, 3, 2, 4, 5]]
    pairs = [(TURN, BACK, BACK, True), (TURN, None, TURN, True), (TURN, None, other, False)]
    for first, between, second, same in pairs:
        layers = [OrbitDense(first, outputs=between, dtype="float64"), OrbitDense(second)]
        image = keras.Input((6, 1), dtype="float64")
        net = keras.Model(image, layers[1](layers[0](image)))
        randomized(net)
        stated = keras_pde.certify(net)["equivariance"]
        assert stated.proved is same
        u = np.random.default_rng(0).random((5, 6, 1))
        to, gaps = between or first, []
        for p, q in zip(first, second if same else to, strict=True):
            moved, expected = np.empty_like(u), np.empty((5, len(q), 1))
            moved[:, p], expected[:, q] = u, of(net, u)
            gaps.append(np.abs(of(net, moved) - expected).max())
        assert bool(max(gaps) < 1e-5) is same
        if same:
            assert stated.constant == 2
    one, two = (OrbitDense(p, dtype="float64") for p in (TURN, other))
    for layer in (one, two):
        layer.build((None, 6, 1))
    a, b = (layer.certificate()["equivariance"] for layer in (one, two))
    assert a.plus(a).proved
    assert not a.plus(b).proved
    assert not a.mixed(b, 0.5).proved
    repeated = OrbitDense([TURN[0], TURN[0]])
    repeated.build((None, 6, 1))
    assert repeated.certificate()["equivariance"].constant == 1


@pytest.mark.parametrize("name", WEIGHTS)
def test_l2_l3_a_collision_of_random_weights_is_equivariant_and_keeps_mass_and_momentum(
    name: str,
) -> None:
    """FAMILIES measured 2e-16, 4e-16 and 7e-17 in one run, for changes of the populations."""
    lattice = velocity_set(name)
    for layer in (learned(name), learned(name, 0.05), Collision(name, 0.05, dtype="float64")):
        u = states(name)
        out = of(layer, u)
        change = out - u
        assert np.abs(change).max() > 1e-3
        assert np.abs(change.sum(-1)).max() < 1e-15
        assert np.abs(change @ lattice.velocities).max() < 1e-15
        back = np.argsort(lattice.permutations, axis=1)  # of all elements at once
        moved, expected = (np.moveaxis(x[0][:, back], 1, 0) for x in (u, out))
        assert np.abs(of(layer, moved) - expected).max() < 2e-15
        certificate = layer.certificate()
        assert all(certificate[key].proved for key in ("mass", "momentum", "equivariance"))
        assert certificate["equivariance"].constant == len(lattice.permutations)
        assert not certificate.norm_stable


def test_l3_no_weights_and_no_state_break_mass_and_momentum() -> None:
    layer = Collision("D2Q9", None, hidden=(3,), dtype="float64")
    layer.build((None, 9))
    c = velocity_set("D2Q9").velocities
    for spread in (1e-3, 1.0, 30.0):
        randomized(layer, spread)
        for size in (1e-3, 1.0, 1e3):
            u = size * np.random.default_rng(1).standard_normal((500, 9))
            out = of(layer, u)
            margin = 1e-14 * np.abs(out - u).max() + 1e-15 * size
            assert np.abs((out - u).sum(-1)).max() <= margin
            assert np.abs((out - u) @ c).max() <= margin


def test_bgk_is_the_textbook_s() -> None:
    lattice, u = velocity_set("D3Q27"), states("D3Q27")
    density, velocity = lattice.moments(u)
    relaxed = u + (lattice.equilibrium(density, velocity) - u) / (3 * 0.02 + 0.5)
    np.testing.assert_allclose(
        of(Collision("D3Q27", 0.02, dtype="float64"), u), relaxed, rtol=1e-13
    )
    at_rest = np.tile(lattice.weights, (1, 5, 1))
    np.testing.assert_array_equal(of(Collision("D3Q27", 0.02, dtype="float64"), at_rest), at_rest)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float64"])
def test_a_learned_collision_starts_as_bgk_and_every_weight_gets_a_gradient(dtype: str) -> None:
    layer = Collision("D2Q9", 0.1, hidden=(2, 2), dtype=dtype)
    u = states("D2Q9").astype("float64" if dtype == "float64" else "float32")
    bgk = Collision("D2Q9", 0.1, dtype=dtype)
    np.testing.assert_array_equal(of(layer, u), of(bgk, u))
    assert Collision("D2Q9", None, hidden=(2,), dtype=dtype)(u).dtype == layer(u).dtype
    randomized(layer, 0.3)
    net = keras.Sequential([keras.Input((64, 9)), layer], trainable=True)
    before = layer.get_weights()
    net.compile(keras.optimizers.SGD(1.0), "mse")
    net.fit(u, u + 0.1, verbose=0)
    assert all((a != b).any() for a, b in zip(before, layer.get_weights(), strict=True))


def test_layers_are_saved_with_all_their_arguments(tmp_path: Path) -> None:
    image = keras.Input((4, 9))
    collision = Collision("D2Q9", None, hidden=[2])
    orbit = OrbitDense(
        velocity_set("D2Q9").permutations.tolist(),
        3,
        outputs=[[0]] * 8,
        use_bias=False,
        initializer="he_normal",
    )
    wide = keras.layers.Reshape((4, 9, 1))(collision(image))
    net = keras.Model(image, orbit(wide))
    randomized(collision)
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    u = states("D2Q9", 4).astype("float32")
    np.testing.assert_array_equal(of(again, u), of(net, u))
    for layer in (collision, orbit):
        config = layer.get_config()
        assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Collision()(np.ones((2, 8))), "9 channels"),
        (lambda: Collision()(np.ones((2, 9), "int32")), "u of collision"),
        (lambda: Collision().build((None, 19)), "9 channels"),
        (lambda: OrbitDense([[1, 0]])(np.ones((2, 3, 1), "float32")), "2 indices"),
        (lambda: OrbitDense([[1, 0]]).build((None, 3, 1)), "2 indices"),
        (lambda: OrbitDense([[1, 0]], outputs=[[0], [0]]), "as many permutations"),
        (lambda: OrbitDense([[1, 1]]), "permutations"),
    ],
)
def test_what_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()

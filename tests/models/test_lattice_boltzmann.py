"""Flows by lattice Boltzmann methods: (L1) to (L5)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import LatticeBoltzmann
from keras_pde.models.lattice_certificate import symmetries

pytestmark = pytest.mark.usefixtures("double")


def vortices(n: int, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Density and velocity of Taylor and Green's vortices on an n² torus."""
    k = 2 * np.pi / n
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    u, v = np.cos(k * x) * np.sin(k * y), -np.sin(k * x) * np.cos(k * y)
    density = 1 - 0.75 * speed**2 * (np.cos(2 * k * x) + np.cos(2 * k * y))
    return density[None], speed * np.stack([u, v], -1)[None]


def viscosity(net: LatticeBoltzmann, n: int = 32, steps: int = 500, speed: float = 0.05) -> float:
    """By the decay of the vortices' energy, exp(−4νk²t)."""
    start = net.equilibrium(*vortices(n, speed))
    energies = [np.sum(net.moments(f)[1] ** 2) for f in (start, net.rollout(start, steps))]
    return np.log(energies[0] / energies[1]) / (4 * (2 * np.pi / n) ** 2 * steps)


def random_state(net: LatticeBoltzmann, sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    w = net.streaming.velocity_set.weights
    return w * (1 + 0.2 * np.random.default_rng(seed).uniform(-1, 1, (1, *sizes, len(w))))


def randomized(net: LatticeBoltzmann, shape: tuple[int, ...]) -> LatticeBoltzmann:
    net.build(shape)
    rng = np.random.default_rng(7)
    net.set_weights([0.05 * rng.standard_normal(w.shape) for w in net.get_weights()])
    return net


def test_l4_the_viscosity_of_bgk_on_taylor_green_vortices_is_1003_thousandths_of_the_analytic() -> (
    None
):
    found = viscosity(LatticeBoltzmann("D2Q9", 0.05, dtype="float64")) / 0.05
    assert abs(found - 1.003) < 5e-4


def test_l4_the_velocity_converges_at_second_order() -> None:
    """At a fixed Reynolds number and time, with |v| falling like the spacing."""
    errors = []
    for n in (8, 16, 32):
        net = LatticeBoltzmann("D2Q9", 0.02, dtype="float64")
        density, velocity = vortices(n, 0.4 / n)
        steps = n * n // 4
        found = net.moments(net.rollout(net.equilibrium(density, velocity), steps))[1]
        exact = velocity * np.exp(-2 * 0.02 * (2 * np.pi / n) ** 2 * steps)
        errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    assert np.log2(errors[0] / errors[1]) > 1.8
    assert np.log2(errors[1] / errors[2]) > 1.8


@pytest.mark.parametrize(
    ("lattice", "boundary", "lids", "kept"),
    [
        ("D1Q3", "walls", None, 2),
        ("D2Q9", "periodic", None, 8),
        ("D2Q9", ["walls", "periodic"], None, 4),
        ("D2Q9", "walls", {"y+": (0.1, 0.0)}, 1),
        ("D2Q9", "walls", {"y+": (0.1, 0.0), "y-": (-0.1, 0.0)}, 2),
        ("D3Q19", "walls", {"z+": (0.1, 0.0, 0.0)}, 2),
    ],
)
def test_l2_a_step_commutes_with_the_certified_symmetries_and_no_other(
    lattice: str, boundary, lids, kept: int
) -> None:
    net = LatticeBoltzmann(
        lattice, 0.05, boundary=boundary, lids=lids, hidden=(2,), dtype="float64"
    )
    sizes = (4, 3, 5)[: net.streaming.ndim]
    u = random_state(net, sizes)
    randomized(net, u.shape)
    out, turn = ops.convert_to_numpy(net(u)), net.streaming.transformed
    found = []
    for element in range(len(net.streaming.velocity_set.rotations)):
        gap = ops.convert_to_numpy(net(turn(u, element))) - turn(out, element)
        if np.abs(gap).max() < 1e-14:
            found.append(element)
    assert found == symmetries(net.streaming, net.lids)
    assert len(found) == kept
    stated = net.certificate()["equivariance"]
    assert stated.constant == (kept if kept > 1 else None)


def test_l2_cavities_of_different_symmetries_are_not_certified_together() -> None:
    lids = ({"y+": (0.1, 0.0), "y-": (-0.1, 0.0)}, {"y+": (0.1, 0.0), "y-": (0.1, 0.0)})
    one, two = (LatticeBoltzmann(boundary="walls", lids=lid).certificate() for lid in lids)
    assert one["equivariance"].group == two["equivariance"].group  # 2 symmetries, but other ones
    assert one.then(one)["equivariance"].constant == 2
    assert not one.then(two)["equivariance"].proved
    assert one.then(two)["mass"].proved


def test_l3_mass_and_momentum_are_kept_over_many_steps() -> None:
    lids = {"x-": (0.0, 0.1, -0.1), "z+": (0.2, 0.1, 0.0)}
    walled = LatticeBoltzmann("D3Q19", 0.1, boundary="walls", lids=lids, dtype="float64")
    torus = LatticeBoltzmann("D3Q19", 0.1, hidden=(2,), dtype="float64")
    c = walled.streaming.velocity_set.velocities
    for net in (walled, torus):
        u = random_state(net, (4, 5, 3))
        if net is torus:
            randomized(net, u.shape)
            net.set_weights([0.1 * w for w in net.get_weights()])
        out = net.rollout(u, 50)
        assert np.abs(out - u).max() > 1e-3
        certificate = net.certificate()
        assert certificate["mass"].proved
        assert abs(out.sum() / u.sum() - 1) < 1e-14
        momentum = np.abs((out - u).reshape(-1, 19).sum(0) @ c).max()
        assert certificate["momentum"].proved == (net is torus) == (momentum < 1e-13)


def test_a_flow_between_a_lid_and_a_wall_is_linear() -> None:
    """Couette's flow, for walls half a spacing beyond the last points: exact but for rounding."""
    net = LatticeBoltzmann(
        "D2Q9", 0.3, boundary=["periodic", "walls"], lids={"y+": (0.06, 0)}, dtype="float64"
    )
    n = 6
    start = net.equilibrium(np.ones((1, 2, n)), np.zeros((1, 2, n, 2)))
    velocity = net.moments(net.rollout(start, 1500))[1]
    exact = 0.06 * (np.arange(n) + 0.5) / n
    np.testing.assert_allclose(velocity[0, :, :, 0], np.tile(exact, (2, 1)), atol=1e-12)
    np.testing.assert_allclose(velocity[..., 1], 0, atol=1e-12)


def test_a_cavity_of_32_points_has_the_extrema_of_the_spectral_solution() -> None:
    """Reynolds number 100, extrema of Botella and Peyret (1998), of the lid's velocity."""
    n, lid = 32, 0.1
    net = LatticeBoltzmann("D2Q9", lid * n / 100, boundary="walls", lids={"y+": (lid, 0.0)})
    start = net.equilibrium(np.ones((1, n, n)), np.zeros((1, n, n, 2)))
    velocity = net.moments(net.rollout(start, 6000))[1][0] / lid
    assert abs(velocity[15:17, :, 0].mean(0).min() + 0.21404) < 0.005
    assert abs(velocity[:, 15:17, 1].mean(1).max() - 0.17957) < 0.005
    assert abs(velocity[:, 15:17, 1].mean(1).min() + 0.25380) < 0.005


def at_rest(net: LatticeBoltzmann, sizes: tuple[int, ...]) -> np.ndarray:
    """The derivative of a step at rest, by central differences of what is quadratic there."""
    w = net.streaming.velocity_set.weights
    rest = np.tile(w, (1, *sizes, 1))
    size, h = rest.size, 1e-4
    unit = h * np.eye(size).reshape(size, *rest.shape[1:])
    plus, minus = (ops.convert_to_numpy(net(rest + s * unit)) for s in (1, -1))
    return ((plus - minus) / (2 * h)).reshape(size, size).T


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_l5_at_rest_no_perturbation_grows_in_the_weighted_norm_for_any_viscosity(
    boundary: str,
) -> None:
    for nu in (1e-6, 0.02, 1 / 6, 30.0):
        net = LatticeBoltzmann("D2Q9", nu, boundary=boundary, dtype="float64")
        root = np.sqrt(np.tile(net.streaming.velocity_set.weights, 9))
        norm = np.linalg.norm(at_rest(net, (3, 3)) * root / root[:, None], 2)
        assert 1 - 1e-7 < norm < 1 + 1e-7
    net.collision.relaxation_time = 0.45  # ν < 0, which the constructor refuses
    assert np.linalg.norm(at_rest(net, (3, 3)) * root / root[:, None], 2) > 1.1


def test_mass_does_not_drift_in_float32_over_10000_steps() -> None:
    net = LatticeBoltzmann("D2Q9", 0.01, boundary="walls", lids={"y+": (0.1, 0.0)})
    start = net.equilibrium(np.ones((1, 16, 16)), np.zeros((1, 16, 16, 2)))
    end = net.rollout(start, 10_000)
    assert abs(end.sum(dtype="float64") / start.sum(dtype="float64") - 1) < 2e-6


def test_a_network_is_saved_as_a_preset_and_trains(tmp_path: Path) -> None:
    lids = {"y-": (0.05, 0.0)}
    net = LatticeBoltzmann("D2Q9", None, 3, boundary="walls", lids=lids, hidden=(2, 3))
    randomized(net, (None, None, None, 9))
    u = random_state(net, (5, 4)).astype("float32")
    net.save_to_preset(tmp_path / "mine")
    again = keras_pde.from_preset(tmp_path / "mine")
    assert again.get_config() == {**net.get_config(), "name": again.name}
    np.testing.assert_array_equal(again.rollout(u, 3), net.rollout(u, 3))
    np.testing.assert_allclose(net.predict(u, verbose=0), net.rollout(u, 3), rtol=1e-5, atol=1e-6)
    net.compile(keras.optimizers.SGD(1e-3), "mse")
    before = net.get_weights()
    net.fit(np.tile(u, (2, 1, 1, 1)), np.tile(u, (2, 1, 1, 1)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, net.get_weights(), strict=True))
    example = net.example()["input"]
    density, velocity = net.moments(example)
    assert np.abs(density - 1).max() < 0.02
    assert 1e-3 < np.abs(velocity).max() < 0.02


def test_what_is_said_of_it() -> None:
    net = LatticeBoltzmann("D2Q9", 0.05, 2)
    net.build((None, None, None, 9))
    assert net.description == "2 steps on D2Q9, BGK of viscosity 0.05"
    assert (net.influence().pixels, net.influence().exact, net.time) == (2, True, 2.0)
    assert LatticeBoltzmann("D2Q9", None, hidden=(2,)).description.endswith("learned")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LatticeBoltzmann(viscosity=0.0), "viscosity must be a finite number > 0"),
        (lambda: LatticeBoltzmann(viscosity=None), "hidden layers"),
        (lambda: LatticeBoltzmann(lids={"y+": (0.1, 0)}), "where boundary is 'periodic'"),
        (lambda: LatticeBoltzmann().build((None, 8, 8, 5)), "9 channels"),
        (lambda: LatticeBoltzmann().build((None, 8, 9)), "2 axes"),
        (lambda: LatticeBoltzmann().rollout(np.ones((1, 4, 4, 3)), 2), "9 channels"),
        (lambda: LatticeBoltzmann().moments(np.ones((1, 4, 4, 3))), "9 channels"),
        (lambda: LatticeBoltzmann().equilibrium([[[1.0]]], [[[[1.0]]]]), "2 channels"),
        (lambda: LatticeBoltzmann().equilibrium([[[1.0]]], [[[[1.0, 0], [0.0, 0]]]]), "shape of"),
    ],
)
def test_what_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()

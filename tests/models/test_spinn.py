"""Meshless bases: equations by least squares, and nodes that move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import SPINN, MeshlessBasis
from keras_pde.schemes.collocation import Condition, Law

ENDS = [[-1.0], [1.0]]
float64 = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX and PyTorch keep float32 weights"
)


def line(low: float, high: float, count: int) -> np.ndarray:
    return np.linspace(low, high, count)[:, None]


def network(low: float, high: float, count: int, overlap: float = 1.3) -> SPINN:
    width = overlap * (high - low) / (count - 1)
    return SPINN(MeshlessBasis(line(low, high, count).tolist(), width), dtype="float64")


def values(net: SPINN, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(net(x))[..., 0]


def bump(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sharp solution of Ramabathiran and Ramachandran, and its second derivative."""
    sharp = 0.01
    e, d = np.exp(-((x - 1 / 3) ** 2) / sharp), -2 * (x - 1 / 3) / sharp
    return x * (e - np.exp(-4 / (9 * sharp))), (2 * d + x * (d**2 - 2 / sharp)) * e


@float64
@pytest.mark.full
@pytest.mark.parametrize(("nodes", "error"), [(3, 1e-5), (7, 1e-4)])
def test_a_few_nodes_gather_at_a_sharp_bump_and_leave_little(nodes: int, error: float) -> None:
    keras.utils.set_random_seed(0)
    x = line(0, 1, 101)
    start = line(0, 1, nodes + 2)[1:-1]
    net = SPINN(MeshlessBasis(start.tolist(), 1 / (nodes + 1)), dtype="float64")
    conditions = [
        Condition(x, {(2,): 1.0}, bump(x[:, 0])[1]),
        Condition(x[[0, -1]], {(0,): 1.0}, weight=100.0),
    ]
    before = net.solve(conditions)
    trained = net.learn(conditions, steps=100, learning_rate=0.02)
    assert trained < before / 3
    assert net.solve(conditions) == pytest.approx(trained)  # the step that left least is kept
    refined = net.refine(conditions, 60)
    assert refined < trained / 50
    fine = line(0, 1, 501)
    assert np.abs(values(net, fine) - bump(fine[:, 0])[0]).max() < error
    places = np.sort(net.nodes[0][:, 0])
    assert np.ptp(places) < 0.8 * np.ptp(start)
    assert np.abs(places - 1 / 3).min() < 0.02


@float64
def test_eighty_implicit_steps_of_the_heat_equation_are_those_of_its_mode() -> None:
    x = line(0, 1, 60)
    net = SPINN(MeshlessBasis(line(-0.1, 1.1, 16).tolist(), 0.2), dtype="float64")
    net.solve([Condition(x, {(0,): 1.0}, np.sin(np.pi * x[:, 0]))])
    ends = Condition(x[[0, -1]], {(0,): 1.0}, weight=10.0)
    dt = 0.1 / 80
    states = net.implicit_euler(Law.linear({(2,): 1.0}), x, dt, 80, [ends])
    exact = np.sin(np.pi * x[:, 0]) / (1 + dt * np.pi**2) ** 80
    assert np.abs(states[-1] - exact).max() < 1e-5
    np.testing.assert_allclose(values(net, x), states[-1], atol=1e-9)


def marched(
    net: SPINN, law: Law, start: Any, edge: Condition, dt: float, calls: int, every: int
) -> SPINN:
    """Implicit steps, with the nodes moved before each of so many calls."""
    x = line(-1, 1, 40 * net.basis.count)
    net.solve([Condition(x, {(0,): 1.0}, start(x[:, 0]))])
    for _ in range(calls):
        net.implicit_euler(law, net.follow((-1.0, 1.0)), dt, every, [edge])
    return net


@float64
@pytest.mark.full
def test_burgers_by_sixty_nodes_is_within_a_two_hundredth_on_average() -> None:
    viscosity, time = 0.01 / np.pi, 0.99
    law = Law(
        [(0,), (1,), (2,)],
        lambda u, ux, uxx: (viscosity * uxx - u * ux, [-ux, -u, viscosity]),
    )
    edge = Condition(ENDS, {(0,): 1.0})
    net = marched(network(-1, 1, 60), law, lambda x: -np.sin(np.pi * x), edge, 0.01, 33, 3)
    x = line(-1, 1, 401)
    root, weight = np.polynomial.hermite.hermgauss(120)  # Cole and Hopf
    back = x - np.sqrt(4 * viscosity * time) * root
    share = weight * np.exp(-(np.cos(np.pi * back) + 1) / (2 * np.pi * viscosity))
    exact = -(np.sin(np.pi * back) * share).sum(-1) / share.sum(-1)
    assert np.abs(values(net, x) - exact).mean() < 5e-3
    places, widths = net.nodes
    assert widths.min() < 0.2 * widths.max()  # they lie densely where the shock is
    assert abs(places[widths.argmin(), 0]) < 0.05


def allen_cahn(x: np.ndarray) -> np.ndarray:
    """u(x, 1) of ∂ₜu = 1e-4 u″ + 5u − 5u³ on a circle, by Strang's splitting on 1024 points."""
    steps, points = 1000, len(x)
    u = x**2 * np.cos(np.pi * x)
    waves = np.pi * np.fft.fftfreq(points, 1 / points)
    decay = np.exp(-1e-4 * waves**2 / steps)

    def react(u: np.ndarray) -> np.ndarray:
        return u / np.sqrt(u**2 + (1 - u**2) * np.exp(-5 / steps))  # half a step, exactly

    for _ in range(steps):
        u = react(np.fft.ifft(decay * np.fft.fft(react(u))).real)
    return u


@float64
@pytest.mark.full
def test_allen_cahn_by_a_hundred_nodes_is_within_four_thousandths_on_average() -> None:
    law = Law([(0,), (2,)], lambda u, uxx: (1e-4 * uxx + 5 * (u - u**3), [5 - 15 * u**2, 1e-4]))
    even = Condition(ENDS, {(1,): 1.0})
    net = marched(network(-1, 1, 100), law, lambda x: x**2 * np.cos(np.pi * x), even, 0.005, 40, 5)
    x = -1 + 2 * np.arange(1024) / 1024
    assert np.abs(values(net, x[:, None]) - allen_cahn(x)).mean() < 4.4e-3


def test_z4_the_gradient_with_the_heights_held_is_that_of_the_least_squares() -> None:
    x = line(0, 1, 30)
    condition = [Condition(x, {(0,): 1.0, (2,): 0.1}, np.cos(3 * x[:, 0]))]

    def left(places: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        net = SPINN(MeshlessBasis(places[:, None].tolist(), 0.3))
        net.build((None, 1))
        matrix, target = net.system(condition)
        heights = np.linalg.lstsq(matrix, target, rcond=None)[0]
        return float(((matrix @ heights - target) ** 2).sum()), heights, target

    start, e = np.array([0.1, 0.5, 0.8]), 1e-2
    heights = left(start)[1]

    def held(places: np.ndarray) -> float:
        net = SPINN(MeshlessBasis(places[:, None].tolist(), 0.3))
        net.build((None, 1))
        matrix, target = net.system(condition)
        return float(((matrix @ heights - target) ** 2).sum())

    for k in range(3):
        moved = e * np.eye(3)[k]
        full = (left(start + moved)[0] - left(start - moved)[0]) / (2 * e)
        fixed = (held(start + moved) - held(start - moved)) / (2 * e)
        assert abs(full - fixed) < 0.02 * max(abs(fixed), 1e-3)


@float64
def test_following_keeps_the_function() -> None:
    net = network(-1, 1, 40)
    x = line(-1, 1, 400)
    net.solve([Condition(x, {(0,): 1.0}, np.tanh(6 * x[:, 0]))])
    before = values(net, x)
    points = net.follow((-1.0, 1.0), 1.0)
    assert points.shape == (120, 1)
    np.testing.assert_allclose(values(net, x), before, atol=1e-2)
    assert np.ptp(net.nodes[1]) > 0.01
    with pytest.raises(ValueError, match="1 dimension"):
        SPINN().follow((-1.0, 1.0))


@float64
def test_a_network_is_saved_with_its_nodes(tmp_path: Path) -> None:
    net = network(0, 1, 5)
    x = line(0, 1, 20)
    net.solve([Condition(x, {(0,): 1.0}, x[:, 0] ** 2)])
    net.save_to_preset(tmp_path / "parabola")
    again = keras_pde.from_preset(tmp_path / "parabola")
    np.testing.assert_array_equal(again.nodes[0], net.nodes[0])
    np.testing.assert_allclose(values(again, x), values(net, x), atol=1e-12)
    assert net.certificate().lipschitz == float("inf")


@float64
def test_a_plane_is_solved_in_two_dimensions() -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(-0.15, 1.15, 9)] * 2), -1).reshape(-1, 2)
    fine = np.stack(np.meshgrid(*[np.linspace(0, 1, 15)] * 2), -1).reshape(-1, 2)
    net = SPINN(MeshlessBasis(grid.tolist(), 0.25), dtype="float64")
    edge = fine[((fine == 0) | (fine == 1)).any(-1)]
    load = 2 * np.pi**2 * np.sin(np.pi * fine).prod(-1)
    laplacian = {(2, 0): -1.0, (0, 2): -1.0}
    net.solve([Condition(fine, laplacian, load), Condition(edge, {(0, 0): 1.0}, weight=100.0)])
    assert np.abs(values(net, fine) - np.sin(np.pi * fine).prod(-1)).max() < 2e-3


def test_a_step_without_a_solution_is_said() -> None:
    """u⁺ − 1 = u⁺² has no real solution, so Newton's method cannot converge."""
    x = np.linspace(0, 1, 30)[:, None]
    basis = MeshlessBasis(np.linspace(-0.1, 1.1, 8)[:, None].tolist(), width=0.3)
    net = SPINN(basis, dtype="float64")
    net.solve([Condition(x, {(0,): 1.0}, np.ones(30))])
    grows = Law([(0,)], lambda u: (u**2, [2 * u]))
    with pytest.warns(RuntimeWarning, match=r"not converged in step 1 .* dt smaller"):
        net.implicit_euler(grows, x, dt=1.0, steps=1)

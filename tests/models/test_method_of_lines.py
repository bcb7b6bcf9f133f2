"""Networks by the method of lines: orders, bounds and what is kept, each attacked."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from arrays import randomized, run
from keras import ops

import keras_pde
from keras_pde import MethodOfLines, equations
from keras_pde.layers import PolynomialRightHandSide, TwoLayerRightHandSide
from keras_pde.layers.right_hand_side import RightHandSideLayer

pytestmark = pytest.mark.usefixtures("double")
RNG = np.random.default_rng


def network(equation: Any, integrator: str = "rk4", dt: float | None = None, **options: Any) -> Any:
    """A network in float64, built for one copy."""
    net = MethodOfLines.from_equation(equation, integrator, dt, dtype="float64", **options)
    rhs = net.right_hand_side
    net.build((None,) * (rhs.ndim + 1) + (rhs.components,))
    return net


def matrix_of(net: Any, size: tuple[int, ...]) -> np.ndarray:
    """A step that is linear, as a matrix, from its action on every unit vector."""
    shape = (*size, net.right_hand_side.components)
    n = int(np.prod(shape))
    return run(net, np.eye(n).reshape(n, *shape)).reshape(n, n).T


# linear schemes, by the name of what they are
LINEAR: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "heat, Euler at the limit": (
        {"equation": "heat", "integrator": "euler", "dt": 0.5},
        (12,),
    ),
    "heat, RK4, order 4": ({"equation": "heat", "accuracy": 4}, (13,)),
    "heat, neumann": ({"equation": "heat", "boundary": "neumann", "ndim": 2}, (4, 5)),
    "heat, dirichlet, order 6": (
        {"equation": "heat", "boundary": "dirichlet", "accuracy": 6},
        (11,),
    ),
    "heat, FED": ({"equation": "heat", "integrator": "fed:3", "dt": 1.9}, (16,)),
    "heat, Crank-Nicolson": (
        {"equation": "heat", "integrator": "crank_nicolson", "dt": 3.0},
        (9,),
    ),
    "heat, exactly in time": (
        {"equation": "heat", "integrator": "etdrk4", "dt": 3.0, "accuracy": "spectral"},
        (9,),
    ),
    "advection, RK4": ({"equation": "advection", "accuracy": 6}, (16,)),
    "advection, upwind": (
        {"equation": "advection", "integrator": "euler", "accuracy": 1, "upwind": True, "dt": 1.0},
        (12,),
    ),
    "advection, neumann": ({"equation": "advection", "boundary": "neumann"}, (9,)),
    "advection-diffusion in 2-D": (
        {"equation": "advection_diffusion", "ndim": 2, "diffusivity": 0.3, "accuracy": 4},
        (7, 6),
    ),
    "hyper-diffusion": ({"equation": "hyper_diffusion", "ndim": 2, "spacing": 0.7}, (5, 6)),
    "dispersion": ({"equation": "dispersion", "integrator": "ssp_rk3"}, (14,)),
    "wave": ({"equation": "wave"}, (12,)),
    "growth": ({"equation": [(0.3, [(0, 2)]), (0.2, [(0, 0)])], "dt": 0.4}, (10,)),
    "growth beside fine differences": (
        {
            "equation": [(1.0, [(0, 2)]), (1e-4, [(0, 0)])],
            "integrator": "exponential_euler",
            "dt": 1e3,
            "spacing": 1e-4,
        },
        (10,),
    ),
    "heat, FED as far as suggested": ({"equation": "heat", "integrator": "fed:3"}, (16,)),
    "decay, mean kept": (
        {"equation": [(-1.0, [(0, 0)])], "integrator": "euler", "dt": 0.5, "conserve": "mean"},
        (7,),
    ),
    "decay, mean kept, neumann": (
        {
            "equation": [(1.0, [(0, 2)]), (-1.0, [(0, 0)])],
            "dt": 0.2,
            "boundary": "neumann",
            "conserve": "mean",
        },
        (7,),
    ),
    "heat, mean kept, dirichlet": (
        {"equation": "heat", "boundary": "dirichlet", "conserve": "mean"},
        (7,),
    ),
}
UNBOUNDED = ("advection, neumann", "heat, mean kept, dirichlet")


@pytest.mark.parametrize("kind", LINEAR)
def test_e21_no_dense_step_exceeds_its_norm_gain(kind: str) -> None:
    """The largest singular value of the step's matrix, of that at twice the size, and of powers."""
    options, size = LINEAR[kind]
    net = network(**options)
    certificate = net.step_certificate()
    norms = [
        np.linalg.norm(matrix_of(net, tuple(factor * n for n in size)), 2) for factor in (1, 2)
    ]
    assert max(norms) <= certificate.norm_gain * (1 + 1e-12)
    assert certificate.lipschitz == certificate.norm_gain
    if kind in UNBOUNDED:
        assert max(norms) > 1
        assert math.isinf(certificate.norm_gain)
    else:  # within a percent of what is attained
        assert certificate.norm_gain <= 1.01 * max(1, *norms)
    if kind not in (*UNBOUNDED, "wave", "growth", "growth beside fine differences"):
        assert certificate.norm_stable
        assert net.with_steps(50).certificate().norm_stable


def test_e21_beyond_the_bound_the_norm_grows_and_the_step_is_refused() -> None:
    for equation, integrator in (("heat", "euler"), ("heat", "rk4"), ("advection", "rk4")):
        net = network(equation, integrator)
        longest = net.longest_step
        assert network(equation, integrator, longest).step_certificate().norm_gain <= 1 + 1e-9
        with pytest.raises(ValueError, match=f"longest stable step of {integrator} here, "):
            net.with_dt(1.01 * longest)
        size = (16,)
        at_limit = network(equation, integrator, longest)
        at_limit.dt = 1.01 * longest  # as nobody can ask for
        assert np.linalg.norm(matrix_of(at_limit, size), 2) > 1.001
        assert at_limit.step_certificate().norm_gain > 1.001


@pytest.mark.parametrize("kind", LINEAR)
def test_e24_the_max_min_principle_is_that_of_the_dense_weights(kind: str) -> None:
    options, size = LINEAR[kind]
    net = network(**options)
    matrix = matrix_of(net, size)
    proved = net.step_certificate()["max_min"].proved
    holds = matrix.min() >= -1e-14 and np.allclose(matrix.sum(axis=1), 1, atol=1e-12)
    assert holds or not proved
    # the worst input of the worst row stays in the range
    worst = np.sign(matrix[np.argmin(matrix.min(axis=1))])
    u = RNG(0).uniform(-1, 1, (4, matrix.shape[0]))
    u[0] = worst
    if proved:
        assert np.abs(u @ matrix.T).max() <= 1 + 1e-13
    expected = {
        "heat, Euler at the limit",
        "heat, FED",
        "advection, upwind",
    }
    assert (kind in expected) <= holds


def test_e24_is_proved_where_the_weights_are_not_negative_and_not_beyond() -> None:
    assert network("heat", "euler", 0.5).step_certificate()["max_min"].proved
    assert network("heat", "rk4", 0.5).step_certificate()["max_min"].proved
    assert network("heat", "ssp_rk3", 0.5, boundary="neumann").step_certificate()["max_min"].proved
    upwind = {"upwind": True, "accuracy": 1}
    assert network("advection", "euler", 1.0, **upwind).step_certificate()["max_min"].proved
    for options in (
        {"equation": "heat", "integrator": "rk4", "dt": 0.69},
        {"equation": "heat", "integrator": "euler", "dt": 0.2, "accuracy": 4},
        {"equation": "advection", "integrator": "rk4", "dt": 0.5},
    ):
        net = network(**options)
        assert not net.step_certificate()["max_min"].proved
        assert matrix_of(net, (12,)).min() < -1e-4


@pytest.mark.parametrize("name", ["fisher", "allen_cahn"])
@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet"])
def test_e25_no_state_leaves_the_region(name: str, boundary: str) -> None:
    """Random states, and those of the ends alone, at the longest step that is proved."""
    equation = equations.get(name, ndim=1, diffusivity=0.1)
    # Euler's step is monotone for dt(2ν/h² + max −p′) ≤ 1
    longest = 1 / (0.2 + (1 if name == "fisher" else 2))
    (low, high) = equation.ranges[0]
    rng = RNG(1)
    u = rng.uniform(low, high, (200, 16, 1))
    u[:100] = np.where(rng.random((100, 16, 1)) < 0.5, low, high)
    for integrator in ("euler", "heun", "ssp_rk3"):
        net = network(equation, integrator, 0.999 * longest, boundary=boundary, steps=3)
        region = net.certificate()["region"]
        assert region.proved
        assert (region.low, region.high) == (low, high)
        after = run(net, u)
        assert after.min() >= low - 1e-14
        assert after.max() <= high + 1e-14
    assert not network(equation, "euler", 1.01 * longest).step_certificate()["region"].proved


def test_e25_an_end_that_is_missed_by_little_bounds_no_state() -> None:
    """∂ₜu = r(u − u²) − 10⁻⁷ at 0, which grows without end however small the source is."""
    r, u = 1e6, (0, 0)
    fisher = [(r, [u]), (-r, [u, u])]
    net = network([*fisher, (-1e-7, [])], "euler", 0.5 / r)
    assert not net.step_certificate()["region"].proved
    assert run(net.with_steps(120), np.zeros((1, 4, 1))).max() < -1e3
    assert network(fisher, "euler", 0.5 / r).step_certificate()["region"].proved


def test_a_constant_source_has_a_certificate() -> None:
    net = network([(2.0, [])], "euler", 0.25)
    assert not any(net.certificate()[key].proved for key in ("norm", "region", "mean", "max_min"))
    np.testing.assert_array_equal(run(net, np.zeros((1, 3, 1))), 0.5)


def test_no_bound_of_exact_arithmetic_is_said_of_16_bits() -> None:
    """Near constants, whose roundings a step of RK4 adds up, the norm grows by a thousandth."""
    net = MethodOfLines.from_equation("heat", dt=0.3, spacing=0.7, dtype="bfloat16")
    u = ops.cast(0.75 + 0.02 * RNG(0).normal(size=(200, 16, 1)), "bfloat16")
    norms = [
        np.linalg.norm(ops.convert_to_numpy(ops.cast(x, "float32")), axis=1) for x in (u, net(u))
    ]
    assert (norms[1] / norms[0]).max() > 1.0005
    assert not any(g.proved for g in net.certificate().guarantees)
    assert network("heat", dt=0.3, spacing=0.7).certificate().norm_stable


def test_e25_beyond_the_step_a_state_leaves_the_region() -> None:
    net = network(equations.fisher(1, 0.1, rate=4.0), "euler", 0.9, steps=1)
    assert not net.certificate()["region"].proved
    u = np.full((1, 8, 1), 0.6)
    assert run(net, u).max() > 1


KEPT: dict[str, tuple[dict[str, Any], bool]] = {
    "heat": ({"equation": "heat", "boundary": "neumann", "accuracy": 4}, True),
    "heat, zero boundary": ({"equation": "heat", "boundary": "dirichlet"}, False),
    "advection": ({"equation": "advection", "accuracy": 4}, True),
    "advection, neumann": ({"equation": "advection", "boundary": "neumann"}, False),
    "burgers": ({"equation": "burgers"}, True),
    "burgers, neumann": ({"equation": "burgers", "boundary": "neumann"}, False),
    "burgers in 2-D": ({"equation": "burgers", "ndim": 2}, False),
    "fisher": ({"equation": "fisher"}, False),
    "wave": ({"equation": "wave"}, False),
    "growth of fine differences, learned": (
        {
            "equation": [(1.0, [(0, 2)]), (0.5, [(0, 0)])],
            "spacing": 1e-3,
            "dt": 2e-7,
            "steps": 100,
            "learned": True,
        },
        False,
    ),
    "chaos": ({"equation": "kuramoto_sivashinsky", "accuracy": "spectral"}, True),
    "chaos, ETDRK4": (
        {
            "equation": "kuramoto_sivashinsky",
            "integrator": "etdrk4",
            "dt": 0.1,
            "accuracy": "spectral",
        },
        True,
    ),
    "learned": ({"equation": "burgers", "learned": True}, True),
    "fisher, projected": ({"equation": "fisher", "conserve": "mean"}, True),
    "fisher, projected, split": (
        {"equation": "fisher", "integrator": "etdrk2", "dt": 0.1, "conserve": "mean"},
        True,
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_e23_the_mean_is_kept_where_it_is_said_and_not_elsewhere(kind: str) -> None:
    options, kept = KEPT[kind]
    net = network(**options)
    randomized(net, RNG(2), 0.05)
    rhs = net.right_hand_side
    assert net.step_certificate()["mean"].proved == kept
    u = RNG(3).random((2, *(12, 10)[: rhs.ndim], rhs.components))
    axes = tuple(range(1, rhs.ndim + 1))
    change = np.abs((run(net, u) - u).mean(axis=axes)).max()
    assert change < 1e-13 if kept else change > 1e-6


def test_projected_steps_keep_the_norm_and_plain_ones_do_not() -> None:
    """200 Euler steps of advection by central differences: the norm is kept, or grows 4.9 times."""
    n, courant = 64, 0.1265
    u = np.cos(2 * np.pi * np.arange(n) / 4)[None, :, None]
    net = network("advection", "euler", courant, conserve="norm", steps=200)
    after = run(net, u)
    assert abs(np.linalg.norm(after) / np.linalg.norm(u) - 1) < 1e-14
    certificate = net.certificate()
    assert certificate["norm_kept"].proved
    assert certificate.norm_gain == 1
    # as waves of this length move at 2/π of their speed, and the norm is all that is corrected
    plain = u[0, :, 0]
    for _ in range(200):
        plain = plain - courant / 2 * (np.roll(plain, -1) - np.roll(plain, 1))
    assert round(np.linalg.norm(plain) / np.linalg.norm(u), 1) == 4.9
    with pytest.raises(ValueError, match="No step of it is stable"):
        network("advection", "euler", courant)


@pytest.mark.parametrize(
    ("integrator", "dt"), [("crank_nicolson", 0.5), ("exponential_euler", 13.0), ("etdrk4", 1e4)]
)
def test_the_norm_is_kept_where_a_step_ends_at_0_or_near(integrator: str, dt: float) -> None:
    """The shortest wave, which Crank-Nicolson's step takes to 0, and an exponential one nearly."""
    u = (-1.0) ** np.arange(8)[None, :, None]
    for precision in ("float32", "float64"):
        net = MethodOfLines("heat", integrator, dt, conserve="norm", dtype=precision)
        for scale in (1.0, 1e-22, 1e21):  # whose squares are no float32
            after = np.asarray(run(net, (scale * u).astype(precision)), "float64")
            assert abs(np.linalg.norm(after) / np.linalg.norm(scale * u) - 1) < 1e-6
    assert net.certificate()["norm_kept"].proved


@pytest.mark.parametrize("integrator", ["rk4", "etdrk4"])
def test_projections_keep_what_they_are_for_on_random_states(integrator: str) -> None:
    u = RNG(4).random((3, 10, 1)) * np.array([1.0, 0.0, 1.5])[:, None, None]
    for conserve in ("mean", "norm"):
        net = network("fisher", integrator, 0.05, conserve=conserve, steps=4)
        after = run(net, u)
        if conserve == "mean":
            np.testing.assert_allclose(after.mean(axis=1), u.mean(axis=1), atol=1e-14)
        else:
            norms = [np.linalg.norm(x.reshape(3, -1), axis=1) for x in (u, after)]
            np.testing.assert_allclose(norms[1], norms[0], rtol=1e-14)


def wave_error(n: int, accuracy: Any, name: str) -> float:
    """The error at time 0.5 of a wave on n points, with steps that do not matter."""
    h = 2 * np.pi / n
    x = h * np.arange(n)
    net = network(name, spacing=h, accuracy=accuracy)
    steps = math.ceil(0.5 / min(net.dt, 0.005))
    found = net.with_dt(0.5 / steps).rollout(np.sin(x)[None, :, None], steps)[0, :, 0]
    exact = math.exp(-0.5) * np.sin(x) if name == "heat" else np.sin(x - 0.5)
    return float(np.abs(found - exact).max())


@pytest.mark.parametrize("name", ["heat", "advection"])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_e22_the_error_falls_by_the_stated_order_in_space(name: str, accuracy: int) -> None:
    slope = math.log2(wave_error(16, accuracy, name) / wave_error(32, accuracy, name))
    order = network(name, accuracy=accuracy).step_certificate()["order_space"].constant
    assert order == accuracy
    assert abs(slope - order) < 0.15


def test_spectral_derivatives_leave_the_error_of_time_alone() -> None:
    assert wave_error(8, "spectral", "advection") < 1e-10
    order = network("heat", accuracy="spectral").certificate()["order_space"]
    assert order.proved
    assert order.formula == "error below every power of h"


def test_e22_at_boundaries_an_order_is_stated_where_it_holds() -> None:
    """cos has no slope at reflecting boundaries between points, sin is 0 one point beyond."""
    for boundary, accuracy in (("neumann", 2), ("neumann", 4), ("dirichlet", 2)):
        errors = []
        for n in (16, 32):
            neumann = boundary == "neumann"
            h = np.pi / (n if neumann else n + 1)
            x = h * (np.arange(n) + 0.5) if neumann else h * np.arange(1, n + 1)
            start = np.cos(x) if neumann else np.sin(x)
            net = network("heat", spacing=h, boundary=boundary, accuracy=accuracy)
            steps = math.ceil(0.2 / net.dt)
            found = net.with_dt(0.2 / steps).rollout(start[None, :, None], steps)[0, :, 0]
            errors.append(np.abs(found - math.exp(-0.2) * start).max())
        assert abs(math.log2(errors[0] / errors[1]) - accuracy) < 0.25
        assert net.step_certificate()["order_space"].constant == accuracy
    for boundary, accuracy, equation in (("dirichlet", 4, "heat"), ("neumann", 2, "burgers")):
        net = network(equation, boundary=boundary, accuracy=accuracy)
        stated = net.step_certificate()["order_space"]
        assert stated.proved == (equation == "burgers")


def test_verlet_moves_waves_and_keeps_their_energy() -> None:
    """½⟨v, v⟩ + ½⟨q, A(1 − ¼Δt²A)q⟩ with A = −Δ, over 400 steps at nine tenths of the bound."""
    net = network("wave", "verlet", steps=400)
    assert round(net.longest_step, 6) == 1
    n = 16
    a = np.fft.fft(np.r_[2.0, -1.0, np.zeros(n - 3), -1.0]).real
    u = RNG(11).standard_normal((1, n, 2))
    u -= u.mean(axis=1)

    def energy(state: np.ndarray) -> float:
        q, v = (np.abs(np.fft.fft(state[0, :, i])) ** 2 for i in range(2))
        return float((v + a * (1 - net.dt**2 * a / 4) * q).sum())

    np.testing.assert_allclose(energy(run(net, u)), energy(u), rtol=1e-10)


@pytest.mark.parametrize("name", equations.names())
def test_examples_of_every_equation_stay_bounded(name: str) -> None:
    net = MethodOfLines.from_equation(name, spacing=0.5)
    rhs = net.right_hand_side
    net.build((None,) * (rhs.ndim + 1) + (rhs.components,))
    u = net.example()["input"]
    for c, (low, high) in enumerate(rhs.equation.ranges):
        assert low - 1e-6 <= u[..., c].min() <= u[..., c].max() <= high + 1e-6
    after = net.rollout(u, 20)
    assert np.isfinite(after).all()
    assert np.abs(after).max() < 20
    assert after.dtype == np.float32


def test_a_rollout_is_its_steps_and_memory_does_not_grow_with_them() -> None:
    net = network("burgers", ndim=2)
    u = RNG(5).random((1, 8, 9, 2))
    every = net.rollout(u, 6, every=2)
    one = u
    for k in range(3):
        np.testing.assert_allclose(every[k], one, atol=1e-13)
        one = run(net, run(net, one))
    seen: list[int] = []
    net.rollout(u, 6, every=3, callback=lambda k, _: seen.append(k))
    assert seen == [3, 6]


@pytest.mark.parametrize(
    "options",
    [
        {"equation": "heat", "ndim": 2, "spacing": [0.1, 0.2], "boundary": "neumann"},
        {"equation": "burgers", "learned": True, "steps": 3, "conserve": "mean"},
        {"equation": "gray_scott", "ndim": 1, "integrator": "etdrk2", "dt": 0.5},
    ],
)
def test_networks_are_saved_and_loaded(tmp_path: Any, options: dict[str, Any]) -> None:
    net = MethodOfLines.from_equation(**options)
    rhs = net.right_hand_side
    u = RNG(6).random((1, *(8, 7)[: rhs.ndim], rhs.components)).astype("float32")
    net(u)
    randomized(net, RNG(7), 0.01)
    expected = run(net, u)
    net.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(run(keras.models.load_model(tmp_path / "net.keras"), u), expected)
    net.save_to_preset(tmp_path / "preset")
    loaded = keras_pde.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(run(loaded, u), expected)
    assert loaded.get_config() == net.get_config()
    assert str(loaded.certificate()) == str(net.certificate())
    twin = net.twin()
    np.testing.assert_array_equal(run(twin, u), expected)


def test_learned_networks_train_from_the_classical_scheme() -> None:
    """One epoch on what another diffusivity does lowers the loss."""
    net = MethodOfLines.from_equation("heat", dt=0.2, learned=True)
    u = RNG(8).random((16, 12, 1)).astype("float32")
    target = MethodOfLines.from_equation("heat", diffusivity=1.2, dt=0.2).predict(u, verbose=0)
    net.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", jit_compile=False)
    losses = net.fit(u, target, epochs=40, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 20
    assert net.step_certificate()["order_space"].constant >= 2


@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet"])
def test_bounds_follow_the_weights_in_use(boundary: str) -> None:
    """With a diffusivity that is learned to be 2.1 the step is 2.1 times too long."""
    net = network("heat", "euler", 0.5, learned=True, boundary=boundary)
    assert net.step_certificate().norm_stable
    assert net.longest_step == pytest.approx(0.5)
    net.right_hand_side.scales.assign([2.1])
    attained = np.linalg.norm(matrix_of(net, (16,)), 2)
    assert 3 < attained <= net.step_certificate().norm_gain <= 3.2 + 1e-12
    assert not net.step_certificate()["max_min"].proved
    assert net.longest_step == pytest.approx(0.5 / 2.1)
    with pytest.raises(ValueError, match="longest stable step of euler here, "):
        net.with_dt(0.4)
    assert net.with_dt(0.2).certificate().norm_stable


def test_nothing_is_said_of_a_layer_that_does_not_know_its_spectrum() -> None:
    class Decay(RightHandSideLayer):
        linear = True

        def evolve(self, u: Any, weights: Any = None) -> Any:
            return -u

    net = MethodOfLines(Decay(1), "euler", 2.5)
    assert float(run(net, np.ones((1, 4, 1))).max()) == -1.5
    assert not net.certificate().norm_stable


def gradient(net: Any, u: np.ndarray, training: bool) -> list[np.ndarray]:
    """The gradient of ½‖N(u)‖² to the weights, on any backend."""
    backend = keras.backend.backend()
    weights = [v.value for v in net.trainable_variables]
    if backend == "jax":
        import jax

        def loss(values: Any) -> Any:
            return ops.sum(net.stateless_call(values, [], u, training=training)[0] ** 2) / 2

        return [np.asarray(g) for g in jax.jit(jax.grad(loss))(weights)]
    if backend == "torch":
        import torch

        found = ops.sum(net(u, training=training) ** 2) / 2
        return [g.numpy() for g in torch.autograd.grad(found, weights)]
    import tensorflow as tf

    @tf.function(autograph=False)
    def slope() -> Any:
        with tf.GradientTape() as tape:
            half = ops.sum(net(u, training=training) ** 2) / 2
        return tape.gradient(half, weights)

    return [np.array(g) for g in slope()]


@pytest.mark.parametrize("kind", ["stencils", "two layers"])
def test_gradients_of_many_steps_in_segments_are_those_of_all(kind: str) -> None:
    options = {"dt": 0.05, "steps": 18, "dtype": "float64"}
    if kind == "stencils":
        net = MethodOfLines.from_equation("burgers", learned=True, **options)
    else:
        layer = TwoLayerRightHandSide(3, 3, dtype="float64")
        net = MethodOfLines(layer, "euler", **options)
    net.build((None, None, 1))
    randomized(net, RNG(9), 0.1)
    u = RNG(10).random((2, 12, 1))
    for one, other in zip(gradient(net, u, False), gradient(net, u, True), strict=True):
        assert np.abs(one).max() > 1e-3
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


def test_printing_says_scheme_equation_step_and_bound() -> None:
    text = str(MethodOfLines.from_equation("heat", "euler", spacing=0.1, dt=0.002))
    for words in ("∂t u = ∂xx u", "euler, order 1", "0.002 (stable up to 0.005)", "periodic"):
        assert words in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MethodOfLines("heat", "rk5"), "integrator"),
        (lambda: MethodOfLines("heat", dt=0.7), "dt=0.7 is beyond .* 0.696"),
        (lambda: MethodOfLines("heat", "etdrk4"), "dt is needed: every step is stable"),
        (lambda: MethodOfLines("advection", "euler"), "dt is needed: no step is stable"),
        (lambda: MethodOfLines("heat", dt=0.1, conserve="energy"), "conserve"),
        (lambda: MethodOfLines("heat", "verlet", dt=0.1), "positions and velocities"),
        (
            lambda: MethodOfLines.from_equation("heat", "etdrk4", 0.1, boundary="neumann"),
            "periodic boundary",
        ),
        (lambda: MethodOfLines("wave", dt=0.1)(np.ones((1, 4, 1), "float32")), "multiple of 2"),
        (lambda: MethodOfLines("heat", dt=0.1)(np.ones((1, 4, 4, 1), "float32")), "state of"),
    ],
)
def test_mistakes_are_explained(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="programs of any size")
@pytest.mark.parametrize(
    "options",
    [
        {"equation": "burgers", "conserve": "mean"},
        {"equation": "burgers", "accuracy": "spectral"},
        {"equation": "gray_scott", "integrator": "imex_euler", "dt": 0.5},
    ],
)
def test_one_program_serves_all_sizes(options: dict[str, Any]) -> None:
    import tensorflow as tf

    net = MethodOfLines.from_equation(**options, ndim=2, steps=2)
    channels = net.right_hand_side.components
    net.build((None, None, None, channels))
    signature = [tf.TensorSpec((None, None, None, channels))]
    program = tf.function(lambda u: net(u), input_signature=signature, autograph=False)
    for sizes in ((7, 8), (6, 5)):
        u = RNG(12).random((1, *sizes, channels)).astype("float32")
        np.testing.assert_allclose(program(u), run(net, u), atol=1e-5)


def test_a_layer_is_taken_as_it_is() -> None:
    layer = PolynomialRightHandSide("heat", 0.5, "neumann")
    net = MethodOfLines(layer, dt=0.1)
    assert net.right_hand_side is layer
    assert net.boundary == "neumann"
    assert net.influence().pixels == 4

"""MonotoneImplicit: one solution, its constants, boxes and gradients, against dense NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

import keras_pde
from keras_pde import MonotoneImplicit, activations, solvers
from keras_pde.certificates.l_infinity import LInfinity
from keras_pde.certificates.well_posedness import WellPosedness
from keras_pde.runtime import compiled
from keras_pde.runtime.precision import block_sums, roundings

FEATURES = 6


def drawn(units: int = 12, scale: float = 0.4, seed: int = 0, **options: Any) -> MonotoneImplicit:
    """A layer with random weights of all kinds, in float64 and solved to rounding."""
    options = {"tolerance": 1e-10, "max_iterations": 20_000, **options}
    layer = MonotoneImplicit(units, dtype="float64", **options)
    layer.build((None, FEATURES))
    rng = np.random.default_rng(seed)
    layer.set_weights([scale * rng.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


def inputs(count: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, FEATURES))


def weighted_measure(matrix: np.ndarray, h: np.ndarray) -> float:
    """μ by its definition, lim (‖I + tA‖ − 1)/t, in the norm max |zᵢ|/hᵢ."""
    t = 1e-7
    step = (np.eye(len(h)) + t * matrix) * h[None, :] / h[:, None]
    return float((np.abs(step).sum(axis=1).max() - 1) / t)


def steps_of(layer: MonotoneImplicit) -> tuple[float, float]:
    """w and the rate of W3, from the numbers of the layer's equation."""
    equation = layer.equilibrium(ops.convert_to_tensor(inputs()), layer.prepare())
    q, m = float(value(equation.q)), equation.m
    return 2 / (2 + q - m), (q + m) / (2 + q - m)


def diagonals(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Slopes of Φ: random ones, and corners of the cube."""
    return [rng.random(n), np.ones(n), np.zeros(n), *(rng.random((4, n)) > 0.5).astype(float)]


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
def test_w1_the_matrix_measure_is_below_gamma_for_every_weight(scale: float) -> None:
    for seed in range(3):
        layer = drawn(40, scale, seed, margin=0.8)
        numbers = layer.contraction()
        found = layer.certificate()["well_posed"]
        assert weighted_measure(numbers.matrix, numbers.weights) <= 0.2 + 1e-5
        assert numbers.measure() <= 0.2 + 1e-9
        assert found.proved
        matrix = value(drawn(40, scale, seed, margin=0.8, norm="l2").prepare().matrix)
        assert np.linalg.eigvalsh((matrix + matrix.T) / 2).max() <= 0.2 + 1e-9


@pytest.mark.parametrize("solver", ["fixed_point", "anderson", "accelerated"])
def test_w1_two_starts_reach_one_solution(solver: str) -> None:
    layer, u = drawn(40, 0.3, margin=0.8, solver=solver), inputs()
    far = 100 * np.random.default_rng(2).standard_normal((len(u), 40))
    one, two = (value(layer.solve(u, start=start).u) for start in (None, far))
    assert np.abs(one - two).max() < 1e-8
    numbers = layer.contraction()
    direct = np.maximum(one @ numbers.matrix.T + u @ numbers.inputs.T + numbers.bias, 0)
    assert np.abs(one - direct).max() < 1e-9


def test_w2_changes_are_bounded_entry_by_entry() -> None:
    for flux, scale in (("relu", 0.8), ("charbonnier", 0.3)):
        layer = drawn(flux=flux, scale=scale, tolerance=1e-10)
        numbers, influence = layer.contraction(), layer.contraction().influence()
        u, v = inputs(200), inputs(200, seed=3)
        change = np.abs(value(layer(u)) - value(layer(v)))
        assert influence is not None
        assert (change <= np.abs(u - v) @ influence.T + 1e-9).all()
        certificate = layer.certificate()
        assert influence.sum(axis=1).max() <= certificate["linf"].constant
        assert np.linalg.norm(influence, 2) <= certificate.lipschitz
        # never above the constant of the weighted norms, maxᵢ |B|1/(hᵢ(1 − μᵢ))
        rows = np.abs(numbers.inputs).sum(axis=1) / numbers.weights / (1 - numbers.rows())
        weighted = (influence.sum(axis=1) / numbers.weights).max()
        assert weighted <= rows.max() * (1 + 1e-9)


def test_w2_the_constant_is_attained_by_nonnegative_weights() -> None:
    layer = drawn(flux="linear")
    layer.set_weights([np.abs(w) for w in layer.get_weights()])
    change = value(layer(inputs() + 0.5)) - value(layer(inputs()))
    constant = layer.certificate()["linf"].constant
    assert change.max() == pytest.approx(0.5 * constant, rel=1e-8)


def test_w3_damped_steps_contract_at_the_stated_rate() -> None:
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0):
        layer = drawn(scale=scale, margin=0.3)
        numbers, (w, rate) = layer.contraction(), steps_of(layer)
        h, eye = numbers.weights, np.eye(12)
        assert w <= 1 / (1 - min(0, np.diag(numbers.matrix).min())) + 1e-12
        for slopes in diagonals(rng, 12):
            step = (1 - w) * eye + w * slopes[:, None] * numbers.matrix
            assert (np.abs(step) @ h / h).max() <= rate + 1e-12
            dual = (1 - w) * eye + w * numbers.matrix.T * slopes[None, :]
            assert (h @ np.abs(dual) / h).max() <= rate + 1e-12
    equation = layer.equilibrium(inputs(), layer.prepare())
    z, before = value(equation.f), np.inf
    for _ in range(30):  # the residual falls so in the norm of h, for the layer's own weights
        r = value(equation.residual(ops.convert_to_tensor(z)))
        size = np.abs(r / h).max(axis=-1)
        assert (size <= rate * before + 1e-9).all()
        z, before = z - w * r, size


def test_w4_ten_thousand_samples_never_leave_their_boxes() -> None:
    rng = np.random.default_rng(0)
    for flux, eps in (("relu", 0.1), ("charbonnier", 0.01)):
        layer, u = drawn(40, 0.3, flux=flux, margin=0.8), inputs(10)
        low, high = (value(z)[:, None] for z in layer.bounds(u - eps, u + eps))
        inside = rng.uniform(-eps, eps, (10, 500, FEATURES))
        inside[:, ::2] = np.sign(inside[:, ::2]) * eps  # corners
        z = value(compiled(layer.solve)(u[:, None] + inside).u)
        assert (z >= low - 1e-9).all()
        assert (z <= high + 1e-9).all()
        # not vacuous: never beyond the constants of W2
        center = value(layer(u))[:, None]
        reach = eps * layer.contraction().influence().sum(axis=1)
        assert (low >= center - reach - 1e-9).all()
        assert (high <= center + reach + 1e-9).all()


def test_w4_a_box_that_is_too_small_is_widened_until_it_encloses() -> None:
    layer, u = drawn(margin=0.8), inputs(3)
    exact = [value(z) for z in layer.bounds(u - 0.1, u + 0.1)]
    center = (exact[0] + exact[1]) / 2

    def law(arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        return np.maximum(arguments[0], 0), np.maximum(arguments[1], 0)

    low, high = layer.contraction().enclosure((center, center), (u - 0.1, u + 0.1), law)
    assert (low <= exact[0] + 1e-9).all()
    assert (high >= exact[1] - 1e-9).all()


def test_w5_no_pair_breaks_the_euclidean_constant() -> None:
    for flux in ("relu", "truncated_tv", "linear"):
        layer = drawn(norm="l2", flux=flux, margin=0.5)
        constant = layer.certificate().lipschitz
        kernel = value(layer.prepare().inputs).T
        assert constant <= np.linalg.norm(kernel, 2) / 0.5 * (1 + 1e-9)
        # tiny steps around many points: D of all kinds
        u = 3 * inputs(400)
        d = 1e-4 * inputs(400, seed=5)
        change = np.linalg.norm(value(layer(u + d)) - value(layer(u)), axis=1)
        assert (change <= constant * np.linalg.norm(d, axis=1) + 1e-8).all()
    matrix = value(layer.prepare().matrix)
    exact = np.linalg.norm(np.linalg.solve(np.eye(12) - matrix, kernel), 2)
    assert 0.05 * constant < exact <= constant


def test_w5_peaceman_rachford_takes_a_twentieth_of_forward_backward() -> None:
    counts, found = {}, {}
    for solver in ("peaceman_rachford", "forward_backward"):
        layer = drawn(60, 0.16, norm="l2", margin=0.5, solver=solver, tolerance=1e-7)
        solution = compiled(layer.solve)(inputs())
        assert value(solution.converged).all()
        counts[solver], found[solver] = value(solution.iterations).max(), value(solution.u)
    assert counts["forward_backward"] > 20 * counts["peaceman_rachford"]
    assert np.abs(found["forward_backward"] - found["peaceman_rachford"]).max() < 1e-4


KINDS: list[dict[str, Any]] = [
    {},
    {"flux": "charbonnier"},
    {"norm": "l2"},
    {"norm": "l2", "solver": "forward_backward", "flux": "truncated_tv"},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_w6_the_gradient_is_that_of_the_implicit_function_theorem(options: Any) -> None:
    import tensorflow as tf

    layer, u = drawn(scale=0.2, margin=2.0, **options), inputs(3)
    c = np.random.default_rng(9).standard_normal((3, 12))
    x = tf.constant(u)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = ops.sum(layer(x) * c)
    by_u, *by_weights = tape.gradient(total, [x, *(v.value for v in layer.trainable_variables)])
    # against the dense transposed system
    ready = layer.prepare()
    matrix, kernel, bias = (value(t) for t in (ready.matrix, ready.inputs, ready.bias))
    slopes = value(layer.flux.slope(value(layer(u)) @ matrix.T + u @ kernel + bias))
    for k in range(3):
        adjoint = np.linalg.solve(np.eye(12) - matrix.T * slopes[k], c[k])
        assert np.allclose(by_u[k], kernel @ (slopes[k] * adjoint), atol=1e-8)
    # and every weight against differences along one direction
    before = layer.get_weights()
    for i, gradient in enumerate(by_weights):
        d = 1e-6 * np.random.default_rng(i).standard_normal(before[i].shape)
        ends = []
        for sign in (1, -1):
            layer.set_weights([w + sign * d if j == i else w for j, w in enumerate(before)])
            ends.append(float(value(ops.sum(layer(u) * c))))
        layer.set_weights(before)
        assert (ends[0] - ends[1]) / 2 == pytest.approx(np.sum(d * gradient), rel=1e-4, abs=1e-11)


def test_gradients_through_boxes_are_those_of_differences() -> None:
    import tensorflow as tf

    layer, u = drawn(scale=0.2, margin=1.0), inputs(3)
    weights = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        low, high = layer.bounds(u - 0.1, u + 0.1)
        total = ops.sum(high - low)
    gradients = tape.gradient(total, weights)
    before = layer.get_weights()
    d = [1e-6 * np.random.default_rng(i).standard_normal(w.shape) for i, w in enumerate(before)]
    ends = []
    for sign in (1, -1):
        layer.set_weights([w + sign * e for w, e in zip(before, d, strict=True)])
        low, high = layer.bounds(u - 0.1, u + 0.1)
        ends.append(float(value(ops.sum(high - low))))
    expected = sum(float(np.sum(e * g)) for e, g in zip(d, gradients, strict=True))
    assert (ends[0] - ends[1]) / 2 == pytest.approx(expected, rel=1e-5)


def test_a_solve_that_stops_early_says_so() -> None:
    layer = drawn(max_iterations=2)
    with pytest.warns(RuntimeWarning, match="did not converge"):
        layer(inputs())
    assert not value(layer.solve(inputs()).converged).any()


def test_weights_that_are_no_numbers_prove_nothing() -> None:
    for norm in ("linf", "l2"):
        layer = drawn(norm=norm)
        layer.set_weights([np.full_like(w, 1e200) for w in layer.get_weights()])
        found = layer.certificate()
        assert not found["well_posed"].proved
        assert np.isinf(found.lipschitz)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"flux": "perona_malik"}, r"slopes in \[0, 1\]"),
        ({"norm": "l2", "flux": "charbonnier"}, "projection"),
        ({"norm": "l2", "solver": "anderson"}, "'forward_backward' or 'peaceman_rachford'"),
        ({"solver": "peaceman_rachford"}, "not proved to converge"),
        ({"solver": "lagged_diffusivity"}, "not proved to converge"),
        ({"solver": solvers.FixedPoint(0.5)}, "not known for all weights"),
        ({"norm": "l1"}, "norm must be one of"),
        ({"margin": 0.0}, "margin must be"),
    ],
)
def test_what_is_not_proved_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        MonotoneImplicit(4, **options)


def test_an_implicit_step_refuses_a_splitting() -> None:
    with pytest.raises(ValueError, match="not proved to converge"):
        keras_pde.ImplicitDiffusion(solver="peaceman_rachford")
    with pytest.raises(ValueError, match="contracts no box"):
        drawn(norm="l2").bounds(inputs(), inputs())


def test_projections_are_declared_and_checked() -> None:
    for flux in (activations.relu, activations.truncated_tv, activations.linear):
        s = np.linspace(-3, 3, 50)
        assert flux.projection
        assert np.allclose(value(flux(flux(s))), value(flux(s)))

    class Claims(activations.Charbonnier):
        projection = True

    with pytest.raises(ValueError, match="projection=True"):
        Claims()


def test_guarantees_compose_and_print() -> None:
    a, b = LInfinity(3.0, "a"), LInfinity(4.0, "b")
    assert (a.then(b).constant, a.plus(b).constant, a.beside(b).constant) == (12.0, 7.0, 4.0)
    assert a.mixed(b, 0.25).constant == 3.25
    assert not a.lifted(2.0).known
    assert "≤ 3‖u − v‖∞" in a.formula
    one, two = WellPosedness(0.2), WellPosedness(-1.0)
    assert one.then(two).constant == 0.2
    assert not one.then(WellPosedness()).proved
    assert WellPosedness(1.0).formula == "μ(A) ≤ 1"
    model = keras.Sequential([keras.Input((FEATURES,)), drawn(), MonotoneImplicit(3)])
    assert keras_pde.certify(model)["linf"].known


@pytest.mark.parametrize("n", [0, 1, 64, 65, 784])
def test_w7_sums_by_blocks_lose_no_more_roundings_than_counted(n: int) -> None:
    rng = np.random.default_rng(n)
    assert roundings(n) <= max(n, 1)
    for x, kernel in (
        (rng.random((3, n)), rng.standard_normal((n, 4))),
        (np.full((3, n), 1 / 3), np.full((n, 4), 0.1)),  # every rounding to one side
    ):
        x, kernel = x.astype("float32"), kernel.astype("float32")
        found = value(block_sums(ops.convert_to_tensor(x), ops.convert_to_tensor(kernel)))
        exact, terms = (a.astype("float64") @ b for a, b in ((x, kernel), (x, np.abs(kernel))))
        assert found.shape == (3, 4)
        assert (np.abs(found - exact) <= roundings(n) * 2.0**-24 * terms).all()

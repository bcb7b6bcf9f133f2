"""Finite differences of a prescribed order: moments, symbols, adjoints, bounds, and slopes."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

from keras_pde import FiniteDifference
from keras_pde.operators import moments
from keras_pde.operators.moments import consistency_of, taylor_weights
from keras_pde.operators.per_channel import parities, supremum

BOUNDARIES = ("periodic", "neumann", "dirichlet")
# constructor arguments, and a shape for them
KINDS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "second": ({"derivatives": [2], "spacing": 0.3}, (1, 7, 2)),
    "upwind": ({"derivatives": [1, 2], "side": "backward", "accuracy": 3}, (1, 6, 1)),
    "forward, two axes": (
        {"derivatives": "gradient", "side": ["forward", "central"], "accuracy": 2},
        (1, 5, 4, 2),
    ),
    "laplacian": ({"derivatives": "laplacian", "spacing": [0.5, 0.25]}, (1, 5, 4, 1)),
    "mixed": (
        {"derivatives": [[1, 1], [[[1, 0], -1.0], [[0, 2], 0.1], [[0, 0], 2.0]]], "accuracy": 4},
        (1, 6, 5, 1),
    ),
    "3-D": ({"derivatives": "laplacian", "spacing": 0.5}, (1, 3, 4, 3, 1)),
    "less than the margins": ({"derivatives": [[2, 0], [3, 1]], "accuracy": 4}, (1, 2, 1, 2)),
}
VARIANTS = list(itertools.product(KINDS, (False, True)))
each = pytest.mark.parametrize(("kind", "learned"), VARIANTS)


def built(kind: str, learned: bool, boundary: str, size: float = 1.0) -> FiniteDifference:
    """An operator in float64 with random weights."""
    options, shape = KINDS[kind]
    operator = FiniteDifference(**options, boundary=boundary, learned=learned, dtype="float64")
    operator.build((None, *shape[1:]))
    rng = np.random.default_rng(1)
    operator.set_weights([size * rng.standard_normal(w.shape) for w in operator.weights])
    return operator


def matrix_of(operator: FiniteDifference, shape: tuple[int, ...]) -> np.ndarray:
    """K as a matrix, from its action on every unit vector."""
    n = int(np.prod(shape[1:]))
    return value(operator(np.eye(n).reshape(n, *shape[1:]))).reshape(n, -1).T


def convolution_matrix(kernel: np.ndarray, sizes: tuple[int, ...], boundary: str) -> np.ndarray:
    """The matrix of one kernel by its definition, tap by tap."""
    matrix = np.zeros((int(np.prod(sizes)),) * 2)
    for point in np.ndindex(*sizes):
        for place in np.argwhere(kernel):
            at = [x + int(i) - n // 2 for x, i, n in zip(point, place, kernel.shape, strict=True)]
            if boundary == "dirichlet" and any(
                not 0 <= x < n for x, n in zip(at, sizes, strict=True)
            ):
                continue
            for axis, n in enumerate(sizes):
                at[axis] %= 2 * n if boundary == "neumann" else n
                at[axis] = (
                    min(at[axis], 2 * n - 1 - at[axis]) if boundary == "neumann" else at[axis]
                )
            row, column = (np.ravel_multi_index(x, sizes) for x in (point, tuple(at)))
            matrix[row, column] += kernel[tuple(place)]
    return matrix


@each
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_matrix_adjoint_and_bounds_are_those_of_the_kernels(
    kind: str, learned: bool, boundary: str
) -> None:
    shape = KINDS[kind][1]
    operator = built(kind, learned, boundary)
    matrix, channels = matrix_of(operator, shape), shape[-1]
    kernels = operator.kernels()
    expected = np.zeros((*shape[1:-1], len(kernels), channels, *shape[1:]))
    for r, kernel in enumerate(kernels):
        one = convolution_matrix(kernel, shape[1:-1], boundary).reshape(shape[1:-1] * 2)
        for c in range(channels):
            expected[(..., r, c) + (slice(None),) * (len(shape) - 2) + (c,)] = one
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(
        matrix, expected.reshape(matrix.shape), rtol=0, atol=1e-13 * scale * matrix.shape[1]
    )
    v = np.random.default_rng(2).standard_normal(operator.compute_output_shape(shape))
    back = value(operator.adjoint(v)).ravel()
    np.testing.assert_allclose(back, matrix.T @ v.ravel(), rtol=0, atol=1e-13 * scale * v.size)
    norm = np.linalg.norm(matrix, 2)
    assert norm <= operator.norm_bound() * (1 + 1e-13)
    assert norm**2 <= float(value(operator.squared_norm_bound())) * (1 + 1e-13)
    assert np.abs(matrix).sum(axis=1).max() <= operator.max_norm_bound() * (1 + 1e-13)


@each
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_d2_no_weights_change_the_moments_up_to_the_order(
    kind: str, learned: bool, size: float
) -> None:
    operator = built(kind, learned, "periodic", size)
    for kernel, row in zip(operator.kernels(), operator.layout.rows, strict=True):
        degree = max(map(sum, row)) + operator.accuracy - 1
        steps = operator.layout.steps
        classical = operator.layout.stencil(row)
        largest = moments.moments(np.abs(kernel), [abs(h) for h in steps], degree)
        for p, m in moments.moments(kernel - classical, steps, degree).items():
            reach = np.prod([(3.0 * h) ** k for h, k in zip(steps, p, strict=True)])
            assert abs(m) <= 1e-12 * np.abs(kernel).sum() * max(reach, abs(largest[p]))
        if learned and size > 1:  # and they are not the stencil's any more
            assert np.abs(kernel - classical).max() > np.abs(classical).max()
    for found, row in zip(operator.consistency(), operator.layout.rows, strict=True):
        assert found.order >= operator.accuracy
        assert found.derivative == row


def test_d2_the_order_holds_in_float32_for_weights_that_are_mostly_moments() -> None:
    operator = FiniteDifference([[1, 0], [0, 2]], 4, spacing=0.1, learned=True, dtype="float32")
    operator.build((None, 9, 9, 1))
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(operator.free.shape)
    for weights in (noise, 1e4 + noise, 1e8 * noise):
        operator.free.assign(weights)
        assert [c.order >= 4 for c in operator.consistency()] == [True, True]


def test_d2_weights_of_0_are_the_classical_stencil() -> None:
    options = {"accuracy": 4, "spacing": 0.1, "dtype": "float64"}
    u = np.random.default_rng(0).standard_normal((1, 9, 8, 2))
    learned = FiniteDifference("laplacian", learned=True, **options)
    classical = FiniteDifference("laplacian", **options)
    np.testing.assert_allclose(value(learned(u)), value(classical(u)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("derivative", "accuracy", "side"),
    [
        *((m, n, "central") for m in (1, 2, 3, 4) for n in (2, 4, 6)),
        *((m, n, side) for m in (1, 2) for n in (1, 2, 3) for side in ("forward", "backward")),
        (1, 12, "central"),
        (8, 2, "central"),
    ],
)
def test_d1_the_order_read_off_is_the_slope_against_a_sine(
    derivative: int, accuracy: int, side: str
) -> None:
    def error(points: int) -> tuple[float, float]:
        h = 2 * np.pi / points
        operator = FiniteDifference([derivative], accuracy, spacing=h, side=side, dtype="float64")
        (found,) = operator.consistency()
        assert found.order == accuracy
        x = h * np.arange(points)
        exact = np.sin(x + derivative * np.pi / 2)
        got = value(operator(np.sin(x)[None, :, None]))[0, :, 0]
        ((p,), leading) = next(iter(found.leading.items()))
        assert p == derivative + accuracy
        return float(np.abs(got - exact).max()), abs(leading)

    points = 12 if accuracy > 4 or derivative > 4 else 24
    (coarse, _), (fine, leading) = error(points), error(2 * points)
    assert abs(np.log2(coarse / fine) - accuracy) < 0.35
    assert abs(fine / leading - 1) < 0.25  # |dᵖ sin| ≤ 1: the leading error is the error


def test_d1_moments_of_a_kernel_say_what_it_is() -> None:
    kernel = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12 / 0.1
    found = consistency_of(kernel, 0.1)
    assert found.order == 4
    assert found.derivative.keys() == {(1,)}
    assert abs(found.leading[5,] + 0.1**4 / 30) < 1e-15
    wrong = consistency_of(kernel + 0.01, 0.1, {(1,): 1.0})
    assert wrong.order < 0
    assert "no approximation of ∂x" in str(wrong)
    nine = consistency_of(np.array([[1.0, 4.0, 1.0], [4.0, -20.0, 4.0], [1.0, 4.0, 1.0]]) / 6)
    assert (nine.order, set(nine.leading)) == (2, {(4, 0), (2, 2), (0, 4)})
    assert str(consistency_of(np.array([0.0, 2.0, 0.0]))) == "2 u, exact"
    with pytest.raises(ValueError, match="one degree"):
        consistency_of(kernel, 0.1, {(1,): 1.0, (2,): 1.0})
    with pytest.raises(ValueError, match="kernel is 0"):
        consistency_of(np.zeros(3))


def test_d1_taylor_weights_are_exact_on_polynomials(rng: np.random.Generator) -> None:
    points = np.sort(rng.uniform(-1, 1, 6))
    for m in range(4):
        weights = taylor_weights(list(points), m)
        for degree in range(6):
            polynomial = np.polynomial.Polynomial.basis(degree)
            exact = polynomial.deriv(m)(0.0) if m else polynomial(0.0)
            assert abs(weights @ polynomial(points) - exact) <= 1e-12 * np.abs(weights).sum()
    assert taylor_weights([-2, -1, 0, 1, 2], 1).tolist() == [1 / 12, -2 / 3, 0, 2 / 3, -1 / 12]
    for wrong in ([0, 0], [0]):
        with pytest.raises(ValueError, match="different points"):
            taylor_weights(wrong, 1)


@each
def test_d3_the_symbol_is_the_spectrum_of_the_periodic_matrix(kind: str, learned: bool) -> None:
    operator = built(kind, learned, "periodic")
    sizes = KINDS[kind][1][1:-1]
    angles = np.stack(
        np.meshgrid(*(2 * np.pi * np.arange(n) / n for n in sizes), indexing="ij"), -1
    )
    symbol = operator.symbol(angles)
    assert symbol.shape == (*sizes, len(operator.kernels()))
    points = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(
        -1, len(sizes)
    )
    for r, kernel in enumerate(operator.kernels()):
        matrix = convolution_matrix(kernel, sizes, "periodic")
        waves = np.exp(1j * points @ angles.reshape(-1, len(sizes)).T)
        np.testing.assert_allclose(
            matrix @ waves, waves * symbol[..., r].ravel(), rtol=0, atol=1e-11 * abs(kernel).sum()
        )


def test_bounds_of_classical_stencils_are_their_norms() -> None:
    for boundary, derivatives, norm in itertools.product(
        BOUNDARIES,
        [([2], 4.0), ("laplacian", 8.0), ("gradient", 2**0.5), ([[[(2, 0), 1]]], 4.0)],
        [None],
    ):
        name, expected = derivatives
        operator = FiniteDifference(name, boundary=boundary)
        operator.build((None, 9, 1) if name == [2] else (None, 9, 9, 1))
        assert abs(operator.norm_bound() - expected) < 1e-9, norm


def test_constants_give_exactly_0_and_rounding_grows_with_the_changes_alone() -> None:
    h = 1e-3
    x = h * np.arange(64, dtype="float32")
    operator = FiniteDifference([2], 4, spacing=h, boundary="periodic", dtype="float32")
    u = np.full((1, 64, 1), 1000.1, "float32")
    assert not value(operator(u)).any()
    wave = np.sin(2 * np.pi * x / x[-1]).astype("float32")[None, :, None]
    exact = FiniteDifference([2], 4, spacing=h, boundary="periodic", dtype="float64")
    error = np.abs(value(operator(wave)) - value(exact(wave.astype("float64")))).max()
    # uᵢ₊₁ − uᵢ is at most 0.1: plain sums would err by 2⁻²⁴·5/h² = 0.3
    assert error < 0.06


def test_rows_of_several_degrees_have_the_lowest_order_of_their_parts() -> None:
    row = [((1, 0), -1.0), ((0, 2), 0.1), ((0, 0), 2.0)]
    operator = FiniteDifference([row], 2, spacing=0.1, dtype="float64")
    (found,) = operator.consistency()
    assert found.order == 2
    assert {p: round(e, 9) for p, e in found.leading.items()} == {
        (3, 0): round(-(0.1**2) / 6, 9),
        (0, 4): round(0.1**3 / 12, 9),
    }
    assert str(operator).startswith("finite differences of order 2, no weights; periodic")
    assert "−∂x + 0.1 ∂y² + 2 u, order 2, leading error" in str(operator)


def test_one_sided_kernels_look_to_their_side_alone() -> None:
    for learned, side in itertools.product((False, True), ("forward", "backward")):
        operator = FiniteDifference([1], 2, side=side, learned=learned, dtype="float64")
        operator.build((None, 9, 1))
        operator.set_weights(
            [np.ones(w.shape) * np.arange(w.shape[0])[:, None] ** 3 for w in operator.weights]
        )
        (kernel,) = operator.kernels()
        before, after = np.split(kernel, [len(kernel) // 2])[0], kernel[len(kernel) // 2 + 1 :]
        other = before if side == "forward" else after
        assert not other.any()
        assert len(operator.weights) == learned


def test_another_spacing_is_that_of_the_same_derivative() -> None:
    operator = FiniteDifference("laplacian", spacing=0.5, dtype="float64")
    operator.build((None, 8, 8, 1))
    operator.respace([2.0, 3.0])
    assert operator.spacing == [1.0, 1.5]
    again = FiniteDifference("laplacian", spacing=[1.0, 1.5], dtype="float64")
    u = np.random.default_rng(0).standard_normal((1, 8, 8, 1))
    np.testing.assert_array_equal(value(operator(u)), value(again(u)))
    assert operator.norm_bound() == again.norm_bound()


def test_a_name_has_no_kernels_before_it_is_built() -> None:
    with pytest.raises(ValueError, match="is not built"):
        FiniteDifference("laplacian").kernels()
    expected = "finite differences of order 2, learned; periodic boundary\n  laplacian"
    assert str(FiniteDifference("laplacian", learned=True)) == expected
    with pytest.raises(ValueError, match="of 4 axes"):
        FiniteDifference([(1, 0)]).build((None, 8, 1))


def test_rows_stand_apart_as_channels_of_channels() -> None:
    u = np.random.default_rng(0).standard_normal((2, 6, 5, 3))
    for learned in (False, True):
        operator = FiniteDifference([(1, 0), (0, 2)], learned=learned, dtype="float64")
        whole = value(operator(u))
        rows = operator.separate(ops.convert_to_tensor(u))
        assert len(rows) == 2
        for r, row in enumerate(rows):
            np.testing.assert_array_equal(value(row), whole[..., 3 * r : 3 * r + 3])
        one = FiniteDifference([(1, 0), (0, 2)], learned=learned, dtype="float64")
        np.testing.assert_allclose(
            value(one(u[..., 1:2])), whole[..., 1::3], rtol=1e-12, atol=1e-12
        )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sizes that are not known")
def test_sizes_may_be_unknown() -> None:
    for learned in (False, True):
        operator = FiniteDifference([(1, 0), (2, 1)], learned=learned, dtype="float64")
        inputs = keras.Input((None, None, 2), dtype="float64")
        model = keras.Model(inputs, operator(inputs))
        u = np.random.default_rng(0).standard_normal((2, 5, 4, 2))
        np.testing.assert_allclose(value(model(u)), value(operator(u)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("accuracy", "side"), [(2, "central"), (4, "central"), (1, "forward")])
def test_d2_learned_rows_converge_with_their_order_for_random_weights(
    accuracy: int, side: str
) -> None:
    rows = [[1, 0], [[[2, 0], 1.0], [[0, 2], 2.0]]]

    def errors(points: int) -> list[float]:
        h = 2 * np.pi / points
        operator = FiniteDifference(
            rows, accuracy, spacing=h, side=side, learned=True, dtype="float64"
        )
        operator.build((None, points, points, 1))
        shape = operator.free.shape
        operator.free.assign(np.random.default_rng(0).standard_normal(shape))
        x, y = np.meshgrid(*[h * np.arange(points)] * 2, indexing="ij")
        u = np.sin(x + 2 * y)
        got = value(operator(u[None, ..., None]))[0]
        exact = np.stack([np.cos(x + 2 * y), -9 * u], -1)
        return list(np.abs(got - exact).max(axis=(0, 1)))

    slopes = np.log2(np.array(errors(64)) / errors(128))
    assert (slopes > accuracy - 0.3).all(), slopes
    assert (slopes < accuracy + 0.5).all(), slopes  # the weights do make an error of that order


def test_d4_kernels_of_a_parity_have_the_norm_of_the_infinite_grid(
    rng: np.random.Generator,
) -> None:
    for shape, sizes in (((5, 1, 2), (11,)), ((3, 5, 1, 1), (5, 6))):
        kernel = rng.standard_normal(shape)
        parts = parities(kernel)
        np.testing.assert_allclose(sum(parts), kernel, rtol=0, atol=1e-15)
        for part in parts:
            rows = np.moveaxis(part[..., 0, :], -1, 0)
            matrix = np.concatenate([convolution_matrix(k, sizes, "neumann") for k in rows])
            assert np.linalg.norm(matrix, 2) ** 2 <= supremum(part[..., 0, :]) * (1 + 1e-13)
        angles = np.stack(np.meshgrid(*[np.linspace(-np.pi, np.pi, 61)] * len(sizes)), -1)
        points = np.stack(np.meshgrid(*map(np.arange, shape[:-2]), indexing="ij"), -1)
        waves = np.exp(1j * angles.reshape(-1, len(sizes)) @ points.reshape(-1, len(sizes)).T)
        found = (np.abs(waves @ kernel.reshape(-1, shape[-1])) ** 2).sum(axis=-1).max()
        assert found <= supremum(kernel[..., 0, :]) <= found * 1.02

"""What every linear operator does: one table of operators, and the properties of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

from keras_pde import (
    ConvOperator,
    DenseOperator,
    DiffusionBlock,
    FiniteDifference,
    ImplicitDiffusion,
    Lattice,
)
from keras_pde.operators import Operator, get
from keras_pde.runtime.precision import unit_roundoff


class Kind(NamedTuple):
    """An operator, and the shape of a small state for it."""

    make: Callable[..., Operator]
    shape: tuple[int, ...]


KINDS = {
    "dense": Kind(lambda **o: DenseOperator(7, **o), (2, 5)),
    "dense, few rows": Kind(lambda **o: DenseOperator(3, **o), (2, 5)),
    "dense, normalised": Kind(
        lambda **o: DenseOperator(6, initializer="he_normal", normalize=True, **o), (2, 5)
    ),
    "dense, columns": Kind(lambda **o: DenseOperator(6, normalize="columns", **o), (2, 5)),
    "dense, of images": Kind(lambda **o: DenseOperator(4, **o), (1, 3, 4, 2)),
    "forward": Kind(lambda **o: ConvOperator(initializer="forward", **o), (1, 5, 4, 2)),
    "central, periodic": Kind(
        lambda **o: ConvOperator(initializer="central", boundary="periodic", **o), (1, 6, 1)
    ),
    "laplacian, dirichlet": Kind(
        lambda **o: ConvOperator(initializer="laplacian", boundary="dirichlet", **o), (1, 4, 5, 1)
    ),
    "dct": Kind(lambda **o: ConvOperator(initializer="dct", **o), (1, 5, 6, 1)),
    "neumann": Kind(lambda **o: ConvOperator(3, 2, **o), (1, 12, 12, 1)),
    "dirichlet": Kind(
        lambda **o: ConvOperator(9, 5, boundary="dirichlet", zero_mean=True, **o), (1, 7, 6, 2)
    ),
    "normalised": Kind(
        lambda **o: ConvOperator(3, 3, boundary="periodic", normalize=True, **o), (1, 6, 5, 2)
    ),
    "columns": Kind(
        lambda **o: ConvOperator(3, 3, boundary="dirichlet", normalize="columns", **o),
        (1, 6, 5, 2),
    ),
    "columns, neumann": Kind(
        lambda **o: ConvOperator(2, 2, normalize="columns", **o), (1, 7, 6, 1)
    ),
    "neumann, on less than its margins": Kind(lambda **o: ConvOperator(3, 6, **o), (1, 2, 1, 2)),
    "periodic, on less than its margins": Kind(
        lambda **o: ConvOperator((2, 3), 4, boundary="periodic", **o), (1, 1, 3, 1)
    ),
    "stacked": Kind(
        lambda **o: ConvOperator(
            (2, 3), 3, boundary="periodic", initializer="he_normal", normalize=True, **o
        ),
        (1, 8, 2),
    ),
    "lattice": Kind(lambda **o: Lattice(boundary=["walls", "periodic"], **o), (1, 3, 2, 9)),
    "lattice, 1-D": Kind(lambda **o: Lattice("D1Q3", **o), (1, 4, 3)),
    "derivatives": Kind(
        lambda **o: FiniteDifference([(1, 0), (0, 2)], 4, spacing=[0.3, 0.4], **o), (1, 6, 5, 2)
    ),
    "upwind": Kind(
        lambda **o: FiniteDifference("gradient", 1, boundary="dirichlet", side="backward", **o),
        (1, 4, 5, 1),
    ),
    "learned derivatives": Kind(
        lambda **o: FiniteDifference(
            [(1, 0), [[(0, 2), 0.5], [(0, 0), 2]]], spacing=0.5, learned=True, **o
        ),
        (1, 5, 6, 2),
    ),
    "3-D": Kind(lambda **o: ConvOperator(2, 2, boundary="dirichlet", **o), (1, 3, 4, 3, 1)),
}
each = pytest.mark.parametrize("kind", KINDS)
each_with_weights = pytest.mark.parametrize(
    "kind", [k for k, v in KINDS.items() if not v.make().fixed]
)


def built(kind: str, dtype: str = "float64", scale: float = 1.0) -> Operator:
    """An operator whose weights have left their initial values."""
    operator = KINDS[kind].make(dtype=dtype)
    operator.build((None, *KINDS[kind].shape[1:]))
    rng = np.random.default_rng(3)
    operator.set_weights(
        [scale * (w + 0.2 * rng.standard_normal(w.shape)) for w in operator.get_weights()]
    )
    return operator


def dense(operator: Operator, shape: tuple[int, ...]) -> np.ndarray:
    """K as a matrix, from its action on every unit vector."""
    n = int(np.prod(shape[1:]))
    units = np.eye(n).reshape(n, *shape[1:])
    return value(operator(units)).reshape(n, -1).T


@each
def test_the_adjoint_is_exact_to_rounding(kind: str, rng: np.random.Generator) -> None:
    operator, shape = built(kind), KINDS[kind].shape
    u = rng.standard_normal(shape)
    v = rng.standard_normal(operator.compute_output_shape(shape))
    left = (value(operator(u)) * v).sum()
    right = (u * value(operator.adjoint(v))).sum()
    assert (
        abs(left - right) <= 1e-12 * np.linalg.norm(u) * np.linalg.norm(v) * operator.norm_bound()
    )
    parts = operator.parts(ops.convert_to_tensor(u), operator.weights_in_use())
    np.testing.assert_allclose(
        value(operator.adjoint_of(parts, operator.weights_in_use())),
        value(operator.adjoint(operator(u))),
        rtol=1e-12,
        atol=1e-12,
    )


@each
def test_an_operator_declares_its_shapes(kind: str) -> None:
    operator, shape = built(kind), KINDS[kind].shape
    assert operator.ndim == len(shape) - 2
    assert operator.channels == shape[-1]
    assert operator.compute_output_shape(shape) == (*shape[:-1], operator.rows)
    assert tuple(operator(np.zeros(shape)).shape) == (*shape[:-1], operator.rows)
    assert operator.support >= 0
    assert operator.smallest_size >= 1
    assert operator.description
    assert operator.fixed == (not operator.weights)


@each
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_norm_bounds_are_never_below_the_dense_norms(kind: str, scale: float) -> None:
    operator, shape = built(kind, scale=scale), KINDS[kind].shape
    matrix = dense(operator, shape)
    true, largest_row = np.linalg.norm(matrix, 2), np.abs(matrix).sum(axis=1).max()
    assert true <= operator.norm_bound() * (1 + 1e-13)
    assert true**2 <= float(value(operator.squared_norm_bound())) * (1 + 1e-13)
    assert operator.norm_bound() ** 2 <= operator.certified_squared_norm() * (1 + 1e-13)
    assert largest_row <= operator.max_norm_bound() * (1 + 1e-13)
    if isinstance(operator, DenseOperator):  # and of a matrix they are the norms
        assert operator.norm_bound() <= true * (1 + 1e-12)
        assert operator.max_norm_bound() <= largest_row * (1 + 1e-12)
        assert float(value(operator.squared_norm_bound())) <= max(1, 1.03 * true**2)


@each_with_weights
def test_the_bound_of_a_training_step_in_float32_is_an_upper_bound(kind: str) -> None:
    for scale in (1e-3, 1.0, 100.0):
        operator = built(kind, "float32", scale)
        weights = operator.weights_in_use()
        bound = float(value(operator.squared_norm_bound(weights)))
        assert operator.norm_bound() ** 2 <= bound * (1 + 1e-12)
        assert operator.bound_is_constant == isinstance(operator.squared_norm_bound(), float)


@each_with_weights
def test_row_sums_bound_KKt_where_there_are_any(kind: str) -> None:
    operator, shape = built(kind), KINDS[kind].shape
    if len(operator.weights) > 1:
        with pytest.raises(ValueError, match="one convolution"):
            operator.row_sums(operator.weights_in_use())
        return
    sums = value(operator.row_sums(operator.weights_in_use()))
    assert sums.shape == (operator.rows,)
    matrix = dense(operator, shape)
    scaled = matrix.T / np.sqrt(np.tile(sums, matrix.shape[0] // operator.rows))
    assert np.linalg.norm(scaled, 2) <= 1 + 1e-12
    q = np.exp(np.random.default_rng(5).normal(size=operator.rows))
    scaled_sums = value(operator.row_sums(operator.weights_in_use(), ops.convert_to_tensor(q)))
    scaled = matrix.T / np.sqrt(np.tile(scaled_sums, matrix.shape[0] // operator.rows))
    assert np.linalg.norm(scaled, 2) <= 1 + 1e-12


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a tape of TensorFlow's")
@each_with_weights
def test_every_weight_of_an_operator_has_a_gradient(kind: str, rng: np.random.Generator) -> None:
    import tensorflow as tf

    operator = built(kind, "float32")
    u = ops.convert_to_tensor(rng.standard_normal(KINDS[kind].shape), dtype="float32")
    with tf.GradientTape() as tape:
        bound = ops.sum(ops.convert_to_tensor(operator.squared_norm_bound(), dtype="float32"))
        loss = ops.sum(operator.adjoint(operator(u)) ** 2) + bound
    for gradient in tape.gradient(loss, [w.value for w in operator.weights]):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@each
def test_held_constant_changes_no_output_and_gives_the_weights_back(
    kind: str, rng: np.random.Generator
) -> None:
    operator = built(kind, "float32")
    u = rng.standard_normal(KINDS[kind].shape).astype("float32")
    before = value(operator.adjoint(operator(u)))
    with operator.held_constant():
        np.testing.assert_allclose(
            value(operator.adjoint(operator(u))), before, rtol=2e-5, atol=2e-5
        )
    assert operator.held is None
    if operator.weights:
        operator.set_weights([2 * w + 0.1 for w in operator.get_weights()])
        assert np.abs(value(operator.adjoint(operator(u))) - before).max() > 1e-4


@each
def test_an_operator_is_the_same_after_a_round_trip(kind: str, rng: np.random.Generator) -> None:
    operator = built(kind, "float32")
    config = keras.saving.serialize_keras_object(operator)
    again = keras.saving.deserialize_keras_object(config)
    if not again.built:
        again.build((None, *KINDS[kind].shape[1:]))
    again.set_weights(operator.get_weights())
    u = rng.standard_normal(KINDS[kind].shape).astype("float32")
    np.testing.assert_array_equal(value(again(u)), value(operator(u)))
    assert again.get_config() == operator.get_config()


@each
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_an_operator_in_16_bits_errs_by_no_more_than_it_says(
    kind: str, dtype: str, rng: np.random.Generator
) -> None:
    operator, unit = built(kind, dtype), unit_roundoff(dtype)
    exact, shape = built(kind), KINDS[kind].shape
    exact.set_weights(
        [np.asarray(value(ops.cast(w, "float32")), "float64") for w in operator.weights]
    )
    errors = operator.rounding_errors(unit)

    def rounded(x: object) -> object:
        return ops.cast(ops.cast(ops.convert_to_tensor(x, dtype="float32"), dtype), "float64")

    weights = [rounded(w) for w in operator.weights_in_use()]
    for scale in (0.1, 1.0, 30.0):
        u = rounded(scale * rng.standard_normal(shape))
        v = rounded(scale * rng.standard_normal(operator.compute_output_shape(shape)))

        def whole(parts: list[object]) -> np.ndarray:
            return np.concatenate([value(ops.cast(p, "float64")) for p in parts], -1)

        stored = operator.weights_in_use()
        forward = whole(operator.parts(ops.cast(u, dtype), stored)) - whole(exact.parts(u, weights))
        assert np.linalg.norm(forward) <= errors.forward * np.linalg.norm(value(u)) * (1 + 1e-6)
        cut = exact.rows // exact.channels if exact.sliced else 1
        adjoint = value(
            ops.cast(operator.adjoint_of(ops.split(ops.cast(v, dtype), cut, -1), stored), "float64")
        ) - value(exact.adjoint_of(ops.split(v, cut, -1), weights))
        assert np.linalg.norm(adjoint) <= errors.adjoint * np.linalg.norm(value(v)) * (1 + 1e-6)
    if operator.weights:
        matrix, used = dense(exact, shape), exact.weights_in_use()
        n = int(np.prod(shape[1:]))
        units = np.eye(n).reshape(n, *shape[1:])
        cast = whole(exact.parts(ops.convert_to_tensor(units), weights)).reshape(n, -1).T - matrix
        assert len(used) == len(weights)
        assert np.linalg.norm(cast, 2) <= errors.cast * (1 + 1e-3) + 1e-6 * operator.norm_bound()


def test_get_finds_what_the_argument_of_a_block_means() -> None:
    assert get("laplacian").stencil == "laplacian"  # type: ignore[attr-defined]
    assert get(4).bound_is_constant
    operator = DenseOperator(3)
    assert get(operator) is operator
    with pytest.raises(ValueError, match="a stencil name or a number of filters"):
        get(None)  # type: ignore[arg-type]


class Rotation(Operator):
    """A user's operator without weights: a rotation of pairs of channels."""

    fixed = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.ndim = len(input_shape) - 2
        self.channels = self.rows = 2
        self.matrix = np.array([[0.6, -0.8], [0.8, 0.6]], "float32")
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def parts(self, u: object, weights: object = None) -> list[object]:
        return [ops.matmul(u, self.matrix.T)]

    def adjoint_of(self, parts: list[object], weights: object = None) -> object:
        return ops.matmul(parts[0], self.matrix)

    def squared_norm_bound(self, weights: object = None) -> float:
        return 1.0

    def norm_bound(self) -> float:
        return 1.0


def test_blocks_take_an_operator_of_ones_own_and_certify_it(rng: np.random.Generator) -> None:
    u = rng.standard_normal((3, 5, 2)).astype("float32")
    block = DiffusionBlock(Rotation(), "perona_malik", "auto")
    assert np.linalg.norm(value(block(u))) <= np.linalg.norm(u)
    assert block.certificate().norm_stable
    assert block.step_limit == 2.0
    implicit = ImplicitDiffusion(Rotation(), "charbonnier", 5.0)
    assert np.linalg.norm(value(implicit(u))) <= np.linalg.norm(u)
    assert implicit.certificate().firmly_nonexpansive
    with pytest.raises(ValueError, match="no row sums"):
        block.operator.row_sums([])
    with pytest.raises(ValueError, match="how it rounds"):
        block.operator.rounding_errors(2.0**-8)

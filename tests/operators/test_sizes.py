"""Operators on grids of every size from 1 on, known or not, also smaller than their margins."""

from __future__ import annotations

import itertools
import math
from typing import Any

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops

from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, Prolongation, Restriction
from keras_pde.operators.boundary import extend, fold
from keras_pde.operators.reflecting_grids import certificate_grid

BOUNDARIES = ("neumann", "dirichlet", "periodic")
MARGINS = [(0, 1), (1, 1), (2, 0), (1, 2), (3, 5), (4, 4)]
tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="sizes are unknown in TensorFlow's graphs only"
)


def extension(n: int, before: int, after: int, boundary: str) -> np.ndarray:
    """The extension as a 0-1 matrix, by numpy.pad one entry at a time."""
    mode: Any = {"neumann": "symmetric", "dirichlet": "constant", "periodic": "wrap"}[boundary]
    columns = np.pad(np.eye(n), [(before, after), (0, 0)], mode=mode)
    assert columns.shape == (before + n + after, n)
    return columns


def traced(function: Any, *rank: int) -> Any:
    """A function in a graph that knows no size but that of the last axis."""
    import tensorflow as tf

    signature = [tf.TensorSpec((*(None,) * (r - 1), 2), tf.float64) for r in rank]
    return tf.function(function, input_signature=signature, autograph=False)


@tensorflow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_extension_and_fold_are_one_matrix_and_its_transpose_for_every_size(rng, boundary) -> None:
    def extended(u):
        return [extend(u, [m], boundary) for m in MARGINS]

    def folded(*parts):
        return [fold(v, [m], boundary) for v, m in zip(parts, MARGINS, strict=True)]

    unknown = traced(extended, 3), traced(folded, *[3] * len(MARGINS))
    for n in (1, 2, 3, 4, 5, 9):
        matrices = [extension(n, *m, boundary) for m in MARGINS]
        u = rng.normal(size=(2, n, 2))
        parts = [rng.normal(size=(2, len(m), 2)) for m in matrices]
        for wide, narrow in (unknown, (extended, folded)):
            for y, x, v, m in zip(
                wide(ops.convert_to_tensor(u)),
                narrow(*map(ops.convert_to_tensor, parts)),
                parts,
                matrices,
                strict=True,
            ):
                np.testing.assert_array_equal(value(y), np.einsum("xy,byc->bxc", m, u))
                np.testing.assert_allclose(value(x), np.einsum("xy,bxc->byc", m, v), atol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_fold_rounds_once_a_margin_in_16_bits(rng, dtype) -> None:
    v = ops.cast(rng.normal(size=(1, 15, 3)), dtype)
    exact = value(ops.cast(v, "float64"))
    for boundary in ("neumann", "periodic"):
        m = extension(2, 6, 7, boundary)
        got = value(ops.cast(fold(v, [(6, 7)], boundary), "float64"))
        sums = np.einsum("xy,bxc->byc", np.abs(m), np.abs(exact))
        unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
        error = np.abs(got - np.einsum("xy,bxc->byc", m, exact))
        assert (error <= 2 * unit * sums).all()


@tensorflow
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"filters": 2, "kernel_size": 7}, [(1, 1), (2, 5), (9, 3)]),
        ({"filters": (2, 3), "kernel_size": 4}, [(1, 2), (4, 3), (7, 8)]),
        ({"initializer": "forward"}, [(1, 1), (1, 3), (2, 2)]),
        ({"initializer": "central"}, [(1, 1), (3, 1), (2, 2)]),
        ({"initializer": "laplacian"}, [(1, 1), (1, 3), (2, 2)]),
        ({"initializer": "dct", "kernel_size": 6}, [(1, 1), (2, 3)]),
    ],
)
def test_an_operator_is_the_same_for_sizes_known_and_unknown(rng, boundary, options, sizes) -> None:
    K = ConvOperator(boundary=boundary, dtype="float64", **options)
    K.build((None, None, None, 2))
    both = traced(lambda u: [K(u), K.adjoint(K(u))], 4)
    for size in sizes:
        u = rng.normal(size=(1, *size, 2))
        Ku = K(u)
        for got, known in zip(both(u), (Ku, K.adjoint(Ku)), strict=True):
            assert got.shape == known.shape, size
            np.testing.assert_allclose(value(got), value(known), atol=1e-13)


# kernels of whole numbers, with ‖K‖² on one small grid, which exceeds that of all large ones
LARGEST_ON_SMALL_GRIDS = {
    "1-D, of 2 points": ([2, 1, -1, 1], (2,), 18.0),
    "1-D, of 3 points": ([-1, 0, 1, 0, 1], (3,), (9 + math.sqrt(17)) / 2),
    "2-D, of 2 × 2": ([[1, 0, 0], [0, 0, 0], [0, 0, 1]], (2, 2), 8.0),
    "2-D, two points wide": ([[-1, 1, 0], [0, 0, 0], [1, -1, 0]], (2, 12), None),
}


def squared_norm(K: ConvOperator, size: tuple[int, ...]) -> float:
    """The largest singular value squared, from the action on every unit vector."""
    n = math.prod(size)
    matrix = value(K(np.eye(n).reshape(n, *size, 1))).reshape(n, -1)
    return float(np.linalg.norm(matrix, 2) ** 2)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("case", LARGEST_ON_SMALL_GRIDS)
def test_the_norm_of_small_reflecting_grids_is_in_the_bound(case: str, normalize: bool) -> None:
    taps, worst, known = LARGEST_ON_SMALL_GRIDS[case]
    kernel = np.array(taps, "float64")[..., None, None]
    K = ConvOperator(1, len(taps), normalize=normalize, dtype="float64")
    K.build((None, *[None] * len(worst), 1))
    K.kernels[0].assign(kernel)
    j, end = certificate_grid([kernel]) or (0, [1])
    ends = range(1, 6) if len(worst) == 2 else (1, 2, 3, 4, 7, 16, end[0] - 1, end[0] + 2)
    with K.held_constant():
        largest = squared_norm(K, worst)
        found = max(squared_norm(K, size) for size in itertools.product(ends, repeat=len(worst)))
    assert j > 0
    assert found <= largest * (1 + 1e-3)
    bound = K.norm_bound() ** 2
    assert largest <= bound
    if normalize:
        assert bound <= 1
        assert largest > 0.75
    else:
        assert known is None or largest == pytest.approx(known, rel=1e-9)
        assert bound <= largest * (1.04 if known is None else 1 + 1e-8)
        assert largest <= float(value(K.squared_norm_bound())) <= largest / 0.75


def test_no_kernel_found_by_climbing_exceeds_its_bounds_on_a_grid_of_any_size(rng) -> None:
    """Both bounds, and neither is far from the largest norm that a climb finds."""
    nearest = {"certified": 0.0, "in the graph": 0.0}
    for ndim, filters, k, size in ((1, 1, 4, (2,)), (1, (2, 1), 2, (1,)), (2, 1, 3, (2, 2))):
        K = ConvOperator(filters, k, dtype="float64")
        K.build((None, *[None] * ndim, 1))
        best = 0.0, K.get_weights()
        for step in range(7):
            near = [w + 0.3 * rng.normal(size=w.shape) for w in best[1]]
            K.set_weights([rng.normal(size=w.shape) for w in near] if step < 4 else near)
            norm, certified = squared_norm(K, size), K.norm_bound() ** 2
            in_graph = float(value(K.squared_norm_bound()))
            assert norm <= min(certified, in_graph) * (1 + 1e-9)
            nearest["certified"] = max(nearest["certified"], norm / certified)
            nearest["in the graph"] = max(nearest["in the graph"], norm / in_graph)
            best = max(best, (norm / certified, K.get_weights()), key=lambda found: found[0])
        K.set_weights(best[1])
        bound = min(K.norm_bound() ** 2, float(value(K.squared_norm_bound())))
        for n in itertools.product(range(1, 5 if ndim == 2 else 14), repeat=ndim):
            assert squared_norm(K, n) <= bound * (1 + 1e-9), n
    assert nearest["certified"] > 0.97
    assert nearest["in the graph"] > 0.9


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_no_stencil_exceeds_its_norm_on_a_small_grid(boundary: str) -> None:
    for name in ("forward", "central", "second", "laplacian", "haar", "dct"):
        for ndim, widths in ((1, (2, 3, 4)), (2, (4,))):
            for k in widths if name == "dct" else (3,):
                K = ConvOperator(
                    kernel_size=k, initializer=name, boundary=boundary, dtype="float64"
                )
                K.build((None, *[None] * ndim, 1))
                bound = min(K.norm_bound(), K.norm_bound("l1")) ** 2
                for size in itertools.product((1, 2, 3), repeat=ndim):
                    assert squared_norm(K, size) <= bound * (1 + 1e-12), (name, k, size)


def test_a_certified_network_does_not_amplify_an_image_of_four_pixels() -> None:
    block = DiffusionBlock(ConvOperator(1, 3, normalize=True), "charbonnier", dtype="float64")
    network = DiffusionResNet(1, block=block, dtype="float64")
    network.build((None, None, None, 1))
    kernel = np.zeros((3, 3, 1, 1))
    kernel[0, 0] = kernel[2, 2] = 9
    network.blocks[0].operator.kernels[0].assign(kernel)
    certificate = network.certificate()
    assert certificate.norm_stable
    assert not any("size" in line for line in certificate.assumptions)
    units = 1e-6 * np.eye(4).reshape(4, 2, 2, 1)
    gain = np.linalg.norm(value(network(units)).reshape(4, 4), 2) / 1e-6
    assert 0.99 < gain <= 1 + 1e-9


class FromFivePoints(ConvOperator):
    """An operator of one's own whose bound needs a size."""

    smallest_size = 5


def test_the_least_size_of_an_operator_of_ones_own_is_assumed() -> None:
    block = DiffusionBlock(FromFivePoints(2, 3), "charbonnier", "auto")
    block.build((None, None, None, 1))
    assert "spatial sizes of at least 5" in block.certificate().assumptions
    assert ConvOperator(2, 5).smallest_size == 1


@tensorflow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_transfers_are_the_same_for_sizes_known_and_unknown_and_keep_one_point(
    rng, boundary: str
) -> None:
    down, up = Restriction(boundary, dtype="float64"), Prolongation(boundary, dtype="float64")
    both = traced(lambda u: [down(u), up(down(u), like=u)], 4)
    for size in itertools.product((1, 2, 3, 6), repeat=2):
        u = rng.normal(size=(1, *size, 2))
        coarse = down(u)
        for got, known in zip(both(u), (coarse, up(coarse, like=u)), strict=True):
            assert got.shape == known.shape, size
            np.testing.assert_allclose(value(got), value(known), atol=1e-14)
    one = rng.normal(size=(1, 1, 1, 2))
    np.testing.assert_array_equal(value(both(one)[0]), one)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_learned_transfers_keep_their_bound_from_two_points_on(rng, boundary: str) -> None:
    for kind, ndim in itertools.product((Restriction, Prolongation), (1, 2)):
        layer = kind(boundary, learned=True, dtype="float64")
        layer.build((None, *[None] * ndim, 1))
        layer.set_weights([np.abs(rng.normal(size=w.shape)) for w in layer.get_weights()])
        certificate = layer.certificate()
        assert "spatial sizes of at least 2" in certificate.assumptions
        for size in itertools.product((2, 3, 4, 5), repeat=ndim):
            fine = np.zeros((1, *size, 1))
            n = math.prod(size if kind is Restriction else down_shape(boundary, fine))
            shape = size if kind is Restriction else down_shape(boundary, fine)
            units = np.eye(n).reshape(n, *shape, 1)
            out = layer(units) if kind is Restriction else layer(units, sizes=size)
            norm = np.linalg.norm(value(out).reshape(n, -1), 2)
            assert norm <= certificate.lipschitz * (1 + 1e-12), size


def down_shape(boundary: str, fine: np.ndarray) -> tuple[int, ...]:
    return tuple(Restriction(boundary)(fine).shape[1:-1])

"""Multilevel kernels against dense matrices: Green's functions, transposes, bounds, cost."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import keras_pde
from keras_pde import MultilevelKernel
from keras_pde.operators.kernel_levels import near_fields

float64_only = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX computes in float32 unless told otherwise"
)


def green(n: int) -> np.ndarray:
    """The Green's function of −u″ on (0, 1), u = 0 at the ends, at n inner points."""
    x = np.arange(1, n + 1) / (n + 1)
    return np.minimum(x[:, None], x) * (1 - np.maximum(x[:, None], x))


def poisson(n: int) -> np.ndarray:
    """The inverse of the five-point Laplacian on n × n inner points, u = 0 at the walls."""
    second = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    return np.linalg.inv(np.kron(second, np.eye(n)) + np.kron(np.eye(n), second))


def dense(layer: Any, adjoint: bool = False) -> np.ndarray:
    """The matrix of an operator for one channel, column by column."""
    points = int(np.prod(layer.sizes))
    units = np.eye(points).reshape(points, *layer.sizes, 1)
    found = layer.adjoint(units) if adjoint else layer(units)
    return keras.ops.convert_to_numpy(found).reshape(points, points).T


@float64_only
@pytest.mark.parametrize("n", [15, 63, 255])
def test_j1_three_bands_hold_the_green_s_function_of_the_second_derivative(n: int) -> None:
    K = MultilevelKernel.approximating(green(n), (n,), dtype="float64")
    assert np.abs(dense(K) - green(n)).max() < 7e-16
    assert 3.0 < K.entries < 6.0


def test_j1_what_interpolation_leaves_vanishes_outside_three_bands() -> None:
    n = 31
    matrix = green(n)
    wide = near_fields(lambda i, j: matrix[i, j], (n,), 6, "dirichlet")
    for bands in wide[:-3]:  # levels that have room for 13 bands
        outside = np.delete(bands, [5, 6, 7], axis=-1)
        assert np.abs(outside).max() < 1e-16 < np.abs(bands[:, 6]).max()


@float64_only
def test_a_wider_near_field_brings_the_inverse_laplacian_nearer() -> None:
    exact = poisson(15)
    size = np.linalg.norm(exact, 2)
    errors = []
    for w in (1, 2, 4):
        K = MultilevelKernel.approximating(exact, (15, 15), near_field=w, dtype="float64")
        errors.append(np.linalg.norm(dense(K) - exact, 2) / size)
    assert 0.1 < errors[0] < 0.25
    assert errors[1] < 0.011
    assert errors[2] < 0.004


@float64_only
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
def test_j2_bounds_hold_and_the_adjoint_is_the_transpose(boundary: str) -> None:
    keras.utils.set_random_seed(0)
    K = MultilevelKernel(1, boundary, dtype="float64")
    K.build((None, 7, 4, 1))
    for band in K.bands:  # of both signs, and large
        band.assign(np.random.default_rng(1).standard_normal(band.shape))
    matrix = dense(K)
    assert np.abs(dense(K, adjoint=True) - matrix.T).max() < 1e-13
    assert np.linalg.norm(matrix, 2) <= K.norm_bound()
    assert np.abs(matrix).sum(axis=1).max() <= K.max_norm_bound()
    root = float(keras.ops.convert_to_numpy(K.squared_norm_bound())) ** 0.5
    assert K.norm_bound() <= root < K.norm_bound() * 1.0001


@float64_only
def test_j2_the_maximum_norm_of_a_positive_kernel_is_exact() -> None:
    K = MultilevelKernel.approximating(green(31), (31,), dtype="float64")
    assert K.max_norm_bound() == pytest.approx(green(31).sum(axis=1).max(), rel=1e-11)


def test_a_block_with_a_kernel_is_norm_stable() -> None:
    block = keras_pde.DiffusionBlock(MultilevelKernel(), "charbonnier")
    u = np.random.default_rng(0).standard_normal((4, 9, 9, 2)).astype("float32")
    after = keras.ops.convert_to_numpy(block(u))
    assert block.certificate().norm_stable
    assert (
        np.linalg.norm(after.reshape(4, -1), axis=1) <= np.linalg.norm(u.reshape(4, -1), axis=1)
    ).all()


def test_the_cost_of_a_kernel_and_of_its_bands_is_linear() -> None:
    asked: list[int] = []

    def kernel(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        asked.append(i.size)
        return np.minimum(i + 1, j + 1) * 1.0

    per_point = []
    for n in (63, 255, 1023):
        asked.clear()
        K = MultilevelKernel.approximating(kernel, (n,))
        per_point.append((sum(asked) / n, K.entries))
    assert max(calls for calls, _ in per_point) < 1.1 * min(calls for calls, _ in per_point)
    assert max(entries for _, entries in per_point) < 6


def test_a_kernel_is_saved_with_its_grid(tmp_path: Any) -> None:
    K = MultilevelKernel.approximating(green(15), (15,))
    model = keras.Sequential([keras.Input((15, 1)), K])
    model.save(tmp_path / "kernel.keras")
    u = np.random.default_rng(0).standard_normal((2, 15, 1)).astype("float32")
    again = keras.models.load_model(tmp_path / "kernel.keras")
    assert np.array_equal(again.predict(u, verbose=0), model.predict(u, verbose=0))


def test_a_matrix_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(9, 9\) for a grid"):
        MultilevelKernel.approximating(np.eye(8), (3, 3))
    K = MultilevelKernel()
    with pytest.raises(ValueError, match="fixed sizes"):
        K.build((None, None, 1))
    K.build((None, 7, 1))
    with pytest.raises(ValueError, match="the grid of K"):
        K(np.zeros((1, 8, 1), "float32"))

"""Kernels between scattered nodes against dense matrices."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_pde.operators import GraphKernel


def logarithm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The kernel of the Laplacian in 2-D, rounded off at the distance 0.01."""
    return -np.log(np.linalg.norm(x - y, axis=-1) + 0.01)


def scattered(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 2))


def matrix(kernel: GraphKernel, adjoint: bool = False) -> np.ndarray:
    units = np.eye(kernel.near[0].shape[0], dtype="float32")
    return keras.ops.convert_to_numpy((kernel.adjoint if adjoint else kernel)(units))


def test_a_wider_radius_brings_the_logarithm_of_scattered_nodes_nearer() -> None:
    for seed in range(2):
        x = scattered(800, seed)
        exact = logarithm(x[:, None], x[None])
        errors = []
        for radius in (1.5, 2.5, 4.0):
            found = matrix(GraphKernel(logarithm, x, radius))
            errors.append(np.linalg.norm(found - exact, 2) / np.linalg.norm(exact, 2))
        assert errors[2] < errors[1] < errors[0]
        assert errors[1] < 0.03
        assert errors[2] < 0.015


def test_edges_grow_as_the_nodes_do() -> None:
    shares = [GraphKernel(logarithm, scattered(n)).entries / n for n in (1000, 4000, 16000)]
    assert max(shares) < 1.15 * min(shares) < 60


def test_j2_the_bound_holds_and_the_adjoint_is_the_transpose() -> None:
    def lopsided(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.cos(3 * x[..., 0]) * np.exp(-np.linalg.norm(x - y, axis=-1)) - y[..., 1]

    K = GraphKernel(lopsided, scattered(200, 3))
    found = matrix(K)
    assert np.abs(found - found.T).max() > 0.1
    np.testing.assert_allclose(matrix(K, adjoint=True), found.T, atol=1e-5)
    assert np.linalg.norm(found, 2) <= K.norm_bound() < 10 * np.linalg.norm(found, 2)


def test_nodes_in_three_dimensions_and_what_is_no_nodes() -> None:
    x = np.random.default_rng(0).random((400, 3))
    near = lambda x, y: 1 / (np.linalg.norm(x - y, axis=-1) + 0.05)  # noqa: E731
    exact = near(x[:, None], x[None])
    error = np.linalg.norm(matrix(GraphKernel(near, x)) - exact, 2)
    assert error < 0.05 * np.linalg.norm(exact, 2)
    with pytest.raises(ValueError, match=r"finite points \(N, d\)"):
        GraphKernel(logarithm, np.zeros((9, 1)))

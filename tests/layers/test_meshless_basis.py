"""Bumps without a mesh, and their derivatives in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from keras import ops

from keras_pde import MeshlessBasis
from keras_pde.layers.bumps import gaussian, softplus_hat
from keras_pde.runtime.compiling import double_precision

ORDERS = list(itertools.product(range(3), repeat=2))
STEP = 1e-4


def made(kernel: str, unity: bool) -> MeshlessBasis:
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (5, 2)).tolist()
    basis = MeshlessBasis(centres, [0.5, 0.7, 0.6, 0.8, 0.9], kernel, unity, dtype="float64")
    basis.build((None, 2))
    return basis


def derivatives(basis: MeshlessBasis, x: np.ndarray, orders: list) -> list[np.ndarray]:
    with double_precision():
        found = basis.derivatives(ops.convert_to_tensor(x, "float64"), orders)
        return [np.asarray(ops.convert_to_numpy(part)) for part in found]


@pytest.mark.parametrize("unity", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "softplus"])
def test_z3_derivatives_are_those_of_differences(kernel: str, unity: bool) -> None:
    basis = made(kernel, unity)
    x = np.random.default_rng(1).uniform(-1, 1, (7, 2))
    exact = dict(zip(ORDERS, derivatives(basis, x, ORDERS), strict=True))
    for order in ORDERS:
        for axis in range(2):
            if order[axis] < 2:
                e = STEP * np.eye(2)[axis]
                (there,), (here,) = (derivatives(basis, p, [order]) for p in (x + e, x - e))
                higher = tuple(n + (k == axis) for k, n in enumerate(order))
                gap = np.abs((there - here) / (2 * STEP) - exact[higher]).max()
                assert gap < 1e-5 * max(1.0, np.abs(exact[higher]).max()), (order, axis)


@pytest.mark.parametrize("kernel", ["gaussian", "softplus"])
def test_z3_a_partition_of_unity_sums_to_one_and_its_derivatives_to_zero(kernel: str) -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (7, 2))
    for order, part in zip(ORDERS, derivatives(made(kernel, True), x, ORDERS), strict=True):
        np.testing.assert_allclose(part.sum(-1), float(sum(order) == 0), atol=1e-9)


def test_bumps_are_one_at_their_centre_and_vanish_far_from_it() -> None:
    z = ops.convert_to_tensor(np.array([0.0, 40.0], "float32"))
    for bump in (gaussian, softplus_hat):
        value, first, second = (ops.convert_to_numpy(part) for part in bump(z))
        np.testing.assert_allclose(value, [1, 0], atol=1e-6)
        np.testing.assert_allclose(first, 0, atol=1e-6)
        assert second[0] < 0
        assert abs(second[1]) < 1e-6


def test_wrong_arguments_are_refused_by_name() -> None:
    for options, words in (
        ({"width": [1.0, 2.0]}, "width"),
        ({"width": 0.0}, "width"),
        ({"kernel": "square"}, "kernel"),
        ({"centres": [0.0, 1.0]}, "centres"),
    ):
        with pytest.raises(ValueError, match=words):
            MeshlessBasis(**options)
    with pytest.raises(ValueError, match="from 0 to 2"):
        MeshlessBasis().derivatives(np.zeros((1, 2), "float32"), [(3, 0)])

"""LearnedKernel: what a symmetric one is for any weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_pde.layers import LearnedKernel
from keras_pde.layers.learned_kernel import LEAST
from keras_pde.runtime import double_precision


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
@pytest.mark.parametrize("sizes", [(7,), (8,), (5, 6), (4, 3, 3)])
def test_j5_a_symmetric_kernel_is_positive_for_any_weights(
    boundary: str, sizes: tuple[int, ...]
) -> None:
    rng, points = np.random.default_rng(0), int(np.prod(sizes))
    kernel = LearnedKernel(5, 2, boundary=boundary, symmetric=True, dtype="float64")
    kernel.build((None, *(None,) * len(sizes), 1), (None, *(None,) * len(sizes), 3))
    kernel.set_weights([0.3 * rng.standard_normal(w.shape) for w in kernel.get_weights()])
    diagonal = np.exp(rng.standard_normal((1, *sizes, 1)))
    units, a = np.eye(points).reshape(1, *sizes, points), rng.standard_normal((1, *sizes, 3))
    with double_precision():
        wide = [keras.ops.convert_to_tensor(x, dtype="float64") for x in (units, a, diagonal)]
        found = kernel.multiply(wide[0], kernel.bands(*wide[1:]))
        K = keras.ops.convert_to_numpy(found).reshape(points, points)
    assert np.abs(K - K.T).max() < 1e-13 * np.abs(K).max()
    assert np.linalg.eigvalsh(K - LEAST * np.diag(1 / diagonal.ravel())).min() > -1e-13 * K.max()
    assert np.linalg.matrix_rank(K, tol=1e-9) == points

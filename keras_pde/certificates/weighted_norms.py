r"""Weighted norms over channels: ‖KᵀXK‖ for X = S(A ⊗ I)T with contractions S, T in each channel.

For all positive weights p and q, which S and T commute with,

    ‖KᵀXK‖ ≤ ‖diag(p)K‖ · ‖diag(1/p) A diag(1/q)‖ · ‖diag(q)K‖,

so a filter that reacts strongly and is small does not count as if it were large. Equal weights give
‖A‖‖K‖². The weights are chosen by descent on samples of the symbol of K; each choice gives a bound,
and the operator's own rules bound both norms.

Source: the weights are those of Schur's test and of Bauer, Stoer, Witzgall (Numer. Math. 1961).
"""

from __future__ import annotations

import math

import numpy as np

from keras_pde.operators.operator import Operator

__all__ = ["sandwiched"]

STEPS, POINTS = 30, 16  # of the descent, and frequencies an axis that it looks at


def sandwiched(matrix: np.ndarray, operator: Operator) -> float:
    """Upper bound of ‖KᵀXK‖; inf for an operator that weighs no rows, and for numbers beyond 1e100.

    Args:
        matrix: A transposed, (channels j, channels i).
        operator: K, built.

    Example:
        >>> import numpy as np
        >>> from keras_pde import ConvOperator
        >>> from keras_pde.certificates.weighted_norms import sandwiched
        >>> K = ConvOperator(2, 1, boundary="periodic", initializer="ones")
        >>> K.build((None, 8, 1))
        >>> _ = K.kernels[0].assign([[[1.0, 0.01]]])
        >>> round(sandwiched(np.array([[0.0, 1.0], [0.0, 0.0]]), K), 2)  # 1.0 by equal weights
        0.01
    """
    weighing = operator.row_weighing(POINTS)
    if weighing is None:
        return math.inf
    symbol, bound = weighing
    A = np.asarray(matrix, np.float64).T
    if not (np.abs(A).max() < 1e100 and np.abs(symbol).max() < 1e100):  # NaN too
        return math.inf
    p, q = _weights(A, symbol)
    return bound(p) * bound(q) * float(np.linalg.norm(A / p[:, None] / q[None, :], 2)) * (1 + 1e-9)


def _weights(A: np.ndarray, symbol: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of rows and columns: the best of a descent on the logarithm of the bound."""
    n = len(A)
    x, best, found = np.zeros((2, n)), math.inf, np.zeros((2, n))
    for step in range(STEPS):
        w = np.exp(x)
        inner = A / w[0][:, None] / w[1][None, :]
        left, size, right = (part for part in np.linalg.svd(inner))
        value, gradient = math.log(size[0] + 1e-300), np.zeros((2, n))
        for k in (0, 1):
            largest, share = _top(w[k], symbol)
            value += math.log(largest + 1e-300) / 2
            gradient[k] += share
        gradient -= np.stack([left[:, 0] ** 2, right[0] ** 2])
        if value < best:
            best, found = value, x.copy()
        x -= 3.0 / (1 + step / 8) * gradient
    return np.exp(found[0]), np.exp(found[1])


def _top(w: np.ndarray, symbol: np.ndarray) -> tuple[float, np.ndarray]:
    """max over frequencies of ‖diag(w)k̂‖², and the share that each row has in it."""
    if symbol.shape[-1] == 1:
        energies = np.abs(symbol[:, :, 0]) ** 2 * w**2
        at = energies[energies.sum(axis=1).argmax()]
        return float(at.sum()), at / (at.sum() + 1e-300)
    rows = symbol * w[:, None]
    grams = np.einsum("fik,fil->fkl", rows.conj(), rows)
    values, vectors = np.linalg.eigh(grams)
    top = int(values[:, -1].argmax())
    at = np.abs(rows[top] @ vectors[top, :, -1]) ** 2
    return float(values[top, -1]), at / (at.sum() + 1e-300)

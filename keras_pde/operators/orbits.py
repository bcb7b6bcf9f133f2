"""Orbits of indices and of pairs of indices under permutations: what weights are shared over.

Let permutations q of the outputs and p of the inputs come in pairs. A matrix commutes with them all
if and only if it is constant on the orbits of the index pairs, Aᵢⱼ = A with i ↦ q(i), j ↦ p(j). A
vector is kept by them all if and only if it is constant on the orbits of the indices. The orbits of
a group are those of any permutations that generate it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_pde.runtime import gate

Permutations = Sequence[Sequence[int]]


def check_permutations(permutations: Permutations, name: str) -> np.ndarray:
    """Permutations of the same numbers 0 … n − 1 as an array, one a row.

    Raises:
        ValueError: there are none, or one is no permutation.

    Example:
        >>> from keras_pde.operators.orbits import check_permutations
        >>> check_permutations([[1, 0, 2]], "permutations").shape
        (1, 3)
        >>> check_permutations([[1, 1, 2]], "permutations")
        Traceback (most recent call last):
        ...
        ValueError: permutations must list the numbers 0 ... 2, each once. Received: [1, 1, 2]
    """
    try:
        found = np.asarray(permutations)
    except ValueError:  # lists of unequal lengths
        found = np.zeros(0)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a list of permutations of 0 ... n - 1, all of one length. Received:"
            f" {name}={gate.said(permutations)}"
        )
    size = found.shape[1]
    for row in found:
        if sorted(row.tolist()) != list(range(size)):
            raise ValueError(
                f"{name} must list the numbers 0 ... {size - 1}, each once. Received:"
                f" {gate.said(row.tolist())}"
            )
    return found.astype(np.int64)


def orbits(permutations: np.ndarray) -> np.ndarray:
    """The orbit 0, 1, … in which each index lies, for permutations i ↦ p[i], one a row.

    Example:
        >>> from keras_pde.operators.orbits import orbits
        >>> orbits(np.array([[1, 2, 0, 4, 3]])).tolist()
        [0, 0, 0, 1, 1]
    """
    least = np.arange(permutations.shape[1])
    while True:
        before = least
        for p in permutations:
            least = np.minimum(least, least[p])  # an index has the label of its image, if lower
            behind = np.empty_like(least)
            behind[p] = least
            least = np.minimum(least, behind)
        if np.array_equal(before, least):
            return np.unique(least, return_inverse=True)[1].reshape(-1)


def pair_orbits(outputs: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The orbit in which each pair (i, j) lies, (outputs, inputs), for permutations row by row.

    Example:
        >>> from keras_pde.operators.orbits import pair_orbits
        >>> swap = np.array([[1, 0]])
        >>> pair_orbits(swap, swap).tolist()
        [[0, 1], [1, 0]]
    """
    rows, columns = outputs.shape[1], inputs.shape[1]
    pairs = outputs[:, :, None] * columns + inputs[:, None, :]
    return orbits(pairs.reshape(len(pairs), -1)).reshape(rows, columns)

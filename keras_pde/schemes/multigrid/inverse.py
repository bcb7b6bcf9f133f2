"""Inverses of symmetric positive definite matrices, where they may have rows of zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_pde.runtime.compiling import computes_now
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.precision import matrix_product
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.correction import reciprocal

BLOCKS = (64, 1)


def inverse(matrix: Tensor) -> Tensor:
    """A⁻¹ of each A = Aᵀ > 0; rows of zeros stay zero.

    It is the backend's own, and Gauss-Jordan elimination while TensorFlow traces a graph: XLA for
    the CPU takes longer to compile and to run its own.

    Args:
        matrix: (batch, n, n).

    Example:
        >>> a = ops.convert_to_tensor([[[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]])
        >>> ops.convert_to_numpy(inverse(a)).round(6).tolist()
        [[[1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 2.0]]]
    """
    if not computes_now():
        return gauss_jordan(matrix)
    identity = ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    missing = identity * ops.cast(ops.equal(matrix, 0), matrix.dtype)
    return ops.linalg.inv(matrix + missing) - missing


def gauss_jordan(matrix: Tensor, blocks: Sequence[int] = BLOCKS) -> Tensor:
    """A⁻¹ of each A = Aᵀ > 0, a block of rows and columns at a time.

    With a block P = A_bb, rows R = A_b: and columns C = A_:b, each step takes A to A − CP⁻¹R, in
    the block's rows to P⁻¹R, in its columns to −CP⁻¹ and in the block to P⁻¹. No pivots are looked
    for, as Schur complements of a positive definite matrix are positive definite. Rows of zeros
    stay zero.

    Args:
        matrix: (batch, n, n).
        blocks: rows of a block, then of the blocks of its own elimination, at last 1.

    Source: Golub, Van Loan, Matrix Computations (2013), section 3.2.

    Example:
        >>> a = ops.convert_to_tensor([[[2.0, 1.0], [1.0, 1.0]]])
        >>> ops.convert_to_numpy(gauss_jordan(a)).tolist()
        [[[1.0, -1.0], [-1.0, 2.0]]]
    """
    n, size = matrix.shape[-1], min(blocks[0], matrix.shape[-1])
    if size == 1 == n:
        return reciprocal(matrix)
    count = -(-n // size)
    wide = count * size
    places = np.arange(wide)
    extra = np.diag((places >= n).astype("float32"))
    a = ops.pad(matrix, [(0, 0), (0, wide - n), (0, wide - n)]) + ops.cast(extra, matrix.dtype)

    def step(a: Tensor, s: list[Tensor]) -> Tensor:
        k, inside = s
        rows = ops.take(ops.reshape(a, (-1, count, size, wide)), k, axis=1)
        columns = ops.take(ops.reshape(a, (-1, wide, count, size)), k, axis=2)
        block = ops.take(ops.reshape(rows, (-1, size, count, size)), k, axis=2)
        pivot = reciprocal(block) if size == 1 else gauss_jordan(block, blocks[1:])
        rows = matrix_product(pivot, rows)
        new = a - matrix_product(columns, rows)
        new = ops.where(inside, -ops.tile(matrix_product(columns, pivot), (1, 1, count)), new)
        pivots = ops.where(inside, ops.tile(pivot, (1, 1, count)), rows)
        return ops.where(inside[:, None], ops.tile(pivots, (1, count, 1)), new)

    inside = places // size == np.arange(count)[:, None]
    found = repeat(
        step, a, [ops.arange(count, dtype="int32"), ops.convert_to_tensor(inside, dtype="bool")]
    )
    return found[:, :n, :n]

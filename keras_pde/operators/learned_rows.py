"""Learned kernels whose moments are those of a derivative, whatever the weights are."""

from __future__ import annotations

from keras import ops

from keras_pde.operators.difference_layout import DifferenceLayout
from keras_pde.operators.moments import moment_basis
from keras_pde.runtime.precision import at_least_float32
from keras_pde.runtime.types import Tensor


def learned_kernels(free: Tensor, layout: DifferenceLayout) -> Tensor:
    r"""The classical stencils plus free kernels less their moments, (\*window, rows).

    With an orthonormal basis Q of the monomials up to the degree |a| + n − 1 on the window, the
    free part of a row is (I − QQᵀ)f, scaled like ∂ᵃ on this grid (D2).

    Example:
        >>> from keras_pde.operators.difference_layout import DifferenceLayout
        >>> from keras_pde.operators.learned_rows import learned_kernels
        >>> layout = DifferenceLayout([[2]], 1, 2, 1.0, "central", learned=True)
        >>> kernel = learned_kernels(ops.ones((5, 1)) * 3.0, layout)
        >>> print(np.round(np.array(kernel)[:, 0], 5) + 0.0)   # a constant is all moment
        [ 0.  1. -2.  1.  0.]
    """
    free = at_least_float32(ops.convert_to_tensor(free))
    columns = ops.split(ops.reshape(free, (-1, len(layout.rows))), len(layout.rows), -1)
    kernels = []
    for column, row in zip(columns, layout.rows, strict=True):
        degree, scale = layout.free_scale(row)
        basis = moment_basis(layout.box, degree + layout.accuracy - 1)
        span = ops.convert_to_tensor(basis, dtype=column.dtype)
        for _ in range(2):  # once would leave the rounding of weights that are mostly moments
            # not matmul, which makes float32 of float64 on PyTorch
            moments = ops.einsum("pq,pr->qr", span, column)
            column = column - ops.einsum("pq,qr->pr", span, moments)
        kernels.append(column * scale)
    found = ops.reshape(ops.concatenate(kernels, -1), free.shape)
    found = ops.pad(found, [*layout.margins, (0, 0)])
    return ops.convert_to_tensor(layout.classical, dtype=found.dtype) + found

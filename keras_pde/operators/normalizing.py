"""Kernels scaled so that ‖K‖ ≤ 1 for every weight: by a bound of the norm, or column by column."""

from __future__ import annotations

import numpy as np
from keras import ops

from keras_pde.operators import conv_norms, norms, reflection
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

COLUMNS = "columns"
TINY = 1e-12  # of a row sum of |KᵀK|: below, a column is scaled no further, and 0 stays 0


def check_normalization(normalize: bool | str) -> bool | str:
    """True, False or "columns".

    Raises:
        ValueError: anything else.

    Example:
        >>> from keras_pde.operators.normalizing import check_normalization
        >>> check_normalization("rows")
        Traceback (most recent call last):
        ...
        ValueError: normalize must be True, False or 'columns'. Received: normalize='rows'
    """
    if isinstance(normalize, str) and normalize == COLUMNS:
        return COLUMNS
    if not isinstance(normalize, bool | np.bool_):
        raise ValueError(
            "normalize must be True, False or 'columns'. Received:"
            f" normalize={gate.said(normalize)}"
        )
    return bool(normalize)


def described(normalize: bool | str) -> str:
    """How K is normalised, for ``print(model)``; empty where it is not.

    Example:
        >>> from keras_pde.operators.normalizing import described
        >>> described("columns")
        'columns normalised to ‖K‖ ≤ 1'
    """
    if not normalize:
        return ""
    return f"{'columns ' if normalize == COLUMNS else ''}normalised to ‖K‖ ≤ 1"


def column_scaled(kernel: Tensor, sums: Tensor) -> Tensor:
    r"""KD with Dᵢ = (row sum i of |KᵀK|)^−½, so that ‖KD‖ ≤ 1 (B2).

    Args:
        kernel: (\*window, channels, rows).
        sums: Σⱼ|KᵀK|ᵢⱼ for each channel.

    Example:
        >>> from keras_pde.operators.normalizing import column_scaled
        >>> kernel = ops.convert_to_tensor([[3.0, 4.0], [0.0, 0.0]])
        >>> print(np.round(np.array(column_scaled(kernel, ops.convert_to_tensor([25.0, 0.0]))), 3))
        [[0.6 0.8]
         [0.  0. ]]
    """
    return kernel * ops.rsqrt(ops.maximum(sums * (1 + norms.OUTWARD), TINY))[:, None]


def normalized(kernels: list[Tensor], boundary: str, normalize: bool | str) -> list[Tensor]:
    """Kernels of a convolution, scaled as asked for, differentiably.

    "columns" takes the sums of |KᵀK| over channels and all shifts, which are those of an unbounded
    grid; zero and periodic boundaries keep ‖K‖ ≤ 1 (N2). A reflecting boundary may exceed it, so
    there K is divided by max(1, bound) behind that.

    Args:
        kernels: applied one after the other; "columns" is for one.
        boundary: "neumann", "dirichlet" or "periodic".
        normalize: True, False or "columns".
    """
    if normalize == COLUMNS:
        (kernel,) = kernels
        anchor = [before for before, _ in conv_norms.margins(kernels)]
        # channels and filters change places, so that KKᵀ becomes KᵀK
        gram = reflection.correlation_sums(ops.swapaxes(kernel, -1, -2), anchor, "periodic", ops)
        kernels = [column_scaled(kernel, ops.sum(gram, axis=1))]
    if normalize is True or (normalize and boundary == "neumann"):
        bound = conv_norms.in_graph_bound(kernels, boundary)
        scale = ops.rsqrt(ops.maximum(bound, 1)) ** (1 / len(kernels))
        kernels = [k * scale for k in kernels]
    return kernels

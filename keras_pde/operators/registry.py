"""The operators by name: `get` makes the operator that a layer's ``operator`` argument means."""

from __future__ import annotations

from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.operators.operator import Operator
from keras_pde.operators.stencils import check_stencil
from keras_pde.runtime import gate


def get(identifier: Operator | str | int) -> Operator:
    """The operator given, or the convolution that a name or a number of filters stands for.

    Args:
        identifier: an `Operator`; the name of a stencil, for the classical operator without
            weights; a number of filters, for learned, normalised, zero-mean kernels of width 3.

    Raises:
        ValueError: anything else, or an unknown stencil.

    Example:
        >>> from keras_pde import operators
        >>> operators.get("forward").fixed, operators.get(8).filters
        (True, 8)
    """
    if isinstance(identifier, Operator):
        return identifier
    if isinstance(identifier, str):
        check_stencil(identifier, "operator")
        return ConvOperator(initializer=identifier)
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        gate.count(identifier, "operator")
        return ConvOperator(identifier, zero_mean=True, normalize=True)
    raise ValueError(
        "operator must be an Operator such as ConvOperator or DenseOperator, a stencil name or a"
        f" number of filters. Received: operator={gate.said(identifier)}"
    )

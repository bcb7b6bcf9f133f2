"""UnitRows: the head of a classifier, whose rows have norm 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime.precision import at_least_float32, drawn_wide
from keras_pde.runtime.types import Tensor

TINY = 1e-12  # of ‖Cⱼ‖², to divide by: a row of zeros stays one


class UnitRows(keras.Layer):
    r"""The affine map z = C u + c to a number for each class, with ‖Cⱼ‖ = 1 for every weight.

    Rows are divided by their norms at each call. So z_y − z_j moves by at most ‖C_y − C_j‖‖e‖ ≤
    2‖e‖ where u moves by e. All axes of u but the batch are one vector, or each pixel has its own.

    Args:
        classes: number of rows.
        pixelwise: whether the rows act on the channels of each pixel.

    Shapes: (batch, ...) with fixed sizes → (batch, classes); pixelwise (batch, \*spatial, channels)
    of any sizes → (batch, \*spatial, classes).

    Example:
        >>> from keras_pde.layers.unit_rows import UnitRows
        >>> head = UnitRows(3)
        >>> tuple(head(np.ones((2, 4, 5), "float32")).shape)
        (2, 3)
        >>> print(np.linalg.norm(head.matrix(), axis=1).round(6))
        [1. 1. 1.]
    """

    def __init__(self, classes: int, pixelwise: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.pixelwise = pixelwise

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create rows that are orthogonal, as far as there is room, and biases of zero."""
        acted_on = input_shape[-1:] if self.pixelwise else input_shape[1:]
        known = [n for n in acted_on if n is not None]
        self.features = math.prod(known)
        self.kernel = self.add_weight(
            shape=(self.features, self.classes),
            initializer=drawn_wide(keras.initializers.Orthogonal()),
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.classes,), initializer="zeros", autocast=False, name="bias"
        )
        self.built = True

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """(batch, classes), with the sizes between them where rows act on pixels."""
        kept = input_shape[:-1] if self.pixelwise else input_shape[:1]
        return (*kept, self.classes)

    def columns(self) -> Tensor:
        """Cᵀ in use, (features, classes), in at least float32."""
        kernel = at_least_float32(ops.convert_to_tensor(self.kernel))
        squares = ops.sum(ops.square(kernel), axis=0, keepdims=True)
        return kernel * ops.rsqrt(ops.maximum(squares, TINY))

    def distances(self) -> Tensor:
        """‖C_y − C_j‖ of each two classes, (classes, classes), for use inside a graph."""
        columns = self.columns()
        apart = ops.expand_dims(columns, 2) - ops.expand_dims(columns, 1)
        return ops.sqrt(ops.sum(ops.square(apart), axis=0))

    def call(self, u: Tensor) -> Tensor:
        """z."""
        if not self.pixelwise:
            u = ops.reshape(u, (-1, self.features))
        bias = ops.cast(ops.convert_to_tensor(self.bias), u.dtype)
        return ops.matmul(u, ops.cast(self.columns(), u.dtype)) + bias

    def matrix(self) -> np.ndarray:
        """C as the head computes with it, (classes, features), in float64."""
        used = ops.cast(ops.cast(self.columns(), self.compute_dtype), "float32")
        if keras.backend.standardize_dtype(self.compute_dtype) == "float64":
            used = self.columns()
        return np.array(ops.convert_to_numpy(used), "float64").T

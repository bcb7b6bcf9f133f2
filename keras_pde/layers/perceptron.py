"""Perceptron: a small network at each point, whose first product may be a sum of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde.fluxes.flux import Flux
from keras_pde.runtime.precision import at_least_float32, drawn_wide, narrow, product
from keras_pde.runtime.types import Tensor


class Perceptron(keras.layers.Layer):
    r"""N u = W_k Φ(… Φ(W₁u + b₁) …) + b_k along the last axis, the same at each point.

    The input may come in parts that broadcast against each other, u = (u₁, u₂, …): then
    W₁u = W₁₁u₁ + W₁₂u₂ + …, and each product is computed at the points of its part alone.

    Args:
        widths: rows of W₁ to W_k.
        flux: Φ.
        last: a Keras initializer of W_k.
    """

    def __init__(
        self, widths: Sequence[int], flux: Flux, last: str = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.widths = list(widths)
        self.flux = flux
        self.last = last

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the matrices and the offsets."""
        columns = input_shape[-1]
        self.kernels, self.offsets = [], []
        for k, rows in enumerate(self.widths):
            start = self.last if k == len(self.widths) - 1 else "glorot_uniform"
            self.kernels.append(
                self.add_weight(
                    shape=(columns, rows),
                    initializer=drawn_wide(keras.initializers.get(start)),
                    autocast=False,
                    name=f"kernel_{k}",
                )
            )
            self.offsets.append(
                self.add_weight(
                    shape=(rows,), initializer="zeros", autocast=False, name=f"offset_{k}"
                )
            )
            columns = rows
        self.built = True

    def of_parts(self, parts: Sequence[Tensor], places: Sequence[int | None]) -> Tensor:
        """N u for u in parts.

        Args:
            parts: tensors of channels.
            places: for each the axis that is added to it before it is broadcast, or None.
        """
        x: Any = ops.cast(self.offsets[0], at_least_float32(parts[0]).dtype)
        begin = 0
        for part, place in zip(parts, places, strict=True):
            wide = at_least_float32(part)
            rows = ops.cast(self.kernels[0][begin : begin + int(part.shape[-1])], wide.dtype)
            begin += int(part.shape[-1])
            made = product(wide, rows)
            x = x + (made if place is None else ops.expand_dims(made, place))
        for kernel, offset in zip(self.kernels[1:], self.offsets[1:], strict=True):
            x = self.flux(x)
            x = product(x, ops.cast(kernel, x.dtype)) + ops.cast(offset, x.dtype)
        return narrow(x, parts[0])

    def call(self, u: Tensor) -> Tensor:
        """N u."""
        return self.of_parts([u], [None])

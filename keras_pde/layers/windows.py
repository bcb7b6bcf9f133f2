"""A dense layer on the window of 3^d points around each point: a convolution of width 3."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.operators.boundary import extend
from keras_pde.runtime.types import Shape, Tensor


def window_of(z: Tensor, kernel: Any, bias: Any, boundary: str) -> Tensor:
    r"""W·(the values at the 3^d points around x) + b, (batch, \*spatial, outputs).

    Beyond a wall stands the nearest value.

    Args:
        z: (batch, \*spatial, channels).
        kernel: W, (3, …, 3, channels, outputs).
        bias: b.
        boundary: "periodic", or another.

    Example:
        >>> from keras_pde.layers.windows import window_of
        >>> z = np.float32([1, 2, 4])[None, :, None]
        >>> print(np.array(window_of(z, np.ones((3, 1, 1), "float32"), np.zeros(1), "dirichlet"))
        ...       [0, :, 0])
        [ 4.  7. 10.]
    """
    ndim = len(z.shape) - 2
    beyond = "periodic" if boundary == "periodic" else "neumann"
    wide = extend(z, [(1, 1)] * ndim, beyond)
    kernel = ops.cast(ops.convert_to_tensor(kernel), z.dtype)
    made = ops.conv(wide, kernel, padding="valid", data_format="channels_last")
    return made + ops.cast(ops.convert_to_tensor(bias), z.dtype)


class WindowFeatures(keras.layers.Layer):
    r"""Features of the 5^d points around each point: z = σ(W∗a + b), then z + σ(W′∗z + b′).

    Args:
        features: channels of z.
        boundary: "periodic", or another, beyond which stands the nearest value.
        positions: whether the coordinates of a point, from 0 to 1, stand beside the values a.

    Shapes: (batch, \*spatial, channels) → (batch, \*spatial, features).

    Example:
        >>> from keras_pde.layers.windows import WindowFeatures
        >>> tuple(WindowFeatures(3)(np.zeros((1, 6, 5, 2), "float32")).shape)
        (1, 6, 5, 3)
    """

    def __init__(
        self, features: int, boundary: str = "dirichlet", positions: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.features, self.boundary, self.positions = features, boundary, positions
        self.layers_of_weights: list[tuple[Any, Any]] = []

    def build(self, input_shape: Shape) -> None:
        """Create two kernels."""
        ndim = len(input_shape) - 2
        count = int(input_shape[-1]) + ndim * self.positions  # type: ignore[arg-type]
        for name, channels in (("first", count), ("second", self.features)):
            kernel = self.add_weight(
                shape=(*(3,) * ndim, channels, self.features),
                initializer="he_normal",
                name=f"{name}_kernel",
            )
            bias = self.add_weight(shape=(self.features,), initializer="zeros", name=f"{name}_bias")
            self.layers_of_weights.append((kernel, bias))
        self.built = True

    def call(self, a: Tensor) -> Tensor:
        """The features of every point."""
        if self.positions:
            a = ops.concatenate([a, _coordinates(a)], -1)
        first, second = self.layers_of_weights
        z = ops.silu(window_of(a, *first, self.boundary))
        return z + ops.silu(window_of(z, *second, self.boundary))


def _coordinates(a: Tensor) -> Tensor:
    """The places i/(n − 1) of the points along each axis, as channels."""
    shape = ops.shape(a)
    found = []
    for axis, n in enumerate(shape[1:-1], start=1):
        along = ops.cast(ops.arange(n), a.dtype) / ops.cast(ops.maximum(n - 1, 1), a.dtype)
        form = [1] * len(shape)
        form[axis] = -1
        found.append(ops.reshape(along, form) + 0 * a[..., :1])
    return ops.concatenate(found, -1)

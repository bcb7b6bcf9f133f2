"""The layers that `overhead` compares: a block, its bare convolutions, a plain residual block."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_pde import ConvOperator, DiffusionBlock

STEP = 0.1


class Case(NamedTuple):
    """Shapes and kind of one block."""

    name: str
    channels: int
    filters: int
    kernel_size: int
    boundary: str
    flux: str

    def block(self, normalize: bool = False) -> DiffusionBlock:
        """A block of fixed step size, with kernels small enough for it."""
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=0)
        operator = ConvOperator(
            self.filters,
            self.kernel_size,
            boundary=self.boundary,
            initializer=initializer,
            normalize=normalize,
        )
        block = DiffusionBlock(operator, self.flux, step_size=STEP)
        block.build((None, None, None, self.channels))
        return block


CASES = (
    Case("grey", 1, 32, 5, "neumann", "charbonnier"),
    Case("grey", 1, 32, 5, "periodic", "perona_malik"),
    Case("colour", 3, 32, 5, "neumann", "perona_malik"),
    Case("lifted", 16, 32, 5, "neumann", "charbonnier"),
    Case("lifted", 16, 32, 3, "neumann", "perona_malik"),
    Case("lifted", 16, 32, 3, "periodic", "charbonnier"),
    Case("lifted", 16, 32, 3, "dirichlet", "charbonnier"),
)


class Bare(keras.layers.Layer):
    """The two convolutions K and Kᵀ, zero padded."""

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self.kernel = self.add_weight(
            shape=kernel.shape, initializer=lambda shape, dtype=None: ops.convert_to_tensor(kernel)
        )

    def call(self, u: Any) -> Any:
        """KᵀKu."""
        return ops.conv_transpose(
            ops.conv(u, self.kernel, padding="same"), self.kernel, padding="same"
        )


class Plain(keras.layers.Layer):
    """x + Conv2D(C)(relu(Conv2D(F)(x)))."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.first = keras.layers.Conv2D(
            case.filters, case.kernel_size, padding="same", activation="relu"
        )
        self.second = keras.layers.Conv2D(case.channels, case.kernel_size, padding="same")

    def call(self, x: Any) -> Any:
        """The residual block."""
        return x + self.second(self.first(x))


class Copy(keras.layers.Layer):
    """1.5u: what reading and writing the state takes."""

    def call(self, u: Any) -> Any:
        """A state of the same size."""
        return 1.5 * u

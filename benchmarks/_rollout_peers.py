"""Peers of `rollout.py`: a convolutional network and a Fourier neural operator, in plain Keras.

Both add a learned increment, scaled by the increments' standard deviation in the data, to the
state; without that scale neither trains.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

WIDTH, DEPTH = 24, 5  # of the convolutional network
FNO_WIDTH, MODES, BLOCKS = 10, 12, 4


class Periodic(keras.layers.Layer):
    """A convolution of width 3 on a circle."""

    def __init__(self, filters: int, activation: str | None = None) -> None:
        super().__init__()
        self.convolution = keras.layers.Conv1D(filters, 3, activation=activation)

    def call(self, u: Any) -> Any:
        return self.convolution(ops.concatenate([u[:, -1:], u, u[:, :1]], axis=1))


class FourierBlock(keras.layers.Layer):
    """GELU(Wu + F⁻¹RFu): the lowest frequencies are mixed by matrices R of their own."""

    def __init__(self, last: bool = False) -> None:
        super().__init__()
        self.last = last

    def build(self, shape: Any) -> None:
        width = shape[-1]
        self.matrix = self.add_weight(shape=(width, width), name="matrix")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
        size = keras.initializers.RandomNormal(1 / width)
        self.real, self.imag = (
            self.add_weight(shape=(MODES, width, width), initializer=size, name=name)
            for name in ("real", "imag")
        )

    def call(self, u: Any) -> Any:
        n = u.shape[1]
        real, imag = (part[:, :, :MODES] for part in ops.rfft(ops.transpose(u, (0, 2, 1))))
        mixed = (
            ops.einsum("bik,kij->bjk", real, self.real)
            - ops.einsum("bik,kij->bjk", imag, self.imag),
            ops.einsum("bik,kij->bjk", real, self.imag)
            + ops.einsum("bik,kij->bjk", imag, self.real),
        )
        gap = [(0, 0), (0, 0), (0, n // 2 + 1 - MODES)]
        low = ops.irfft(tuple(ops.pad(part, gap) for part in mixed), fft_length=n)
        out = ops.transpose(low, (0, 2, 1)) + ops.matmul(u, self.matrix) + self.bias
        return out if self.last else keras.activations.gelu(out)


class Increment(keras.Model):
    """u ↦ u + s·net(u)."""

    def __init__(self, layers: list[Any], scale: np.ndarray) -> None:
        super().__init__()
        self.stack = layers
        self.scale = scale.astype("float32")

    def call(self, u: Any) -> Any:
        x = u
        for layer in self.stack:
            x = layer(x)
        return u + self.scale * x


def convolutional(points: int, channels: int, scale: np.ndarray) -> Increment:
    """Layers of width 3, as APEBench's plain convolutional network."""
    hidden = [Periodic(WIDTH, "relu") for _ in range(DEPTH)]
    return _built(Increment([*hidden, Periodic(channels)], scale), points, channels)


def fourier(points: int, channels: int, scale: np.ndarray) -> Increment:
    """A Fourier neural operator (Li et al., arXiv:2010.08895)."""
    blocks = [FourierBlock() for _ in range(BLOCKS)]
    lift, project = keras.layers.Dense(FNO_WIDTH), keras.layers.Dense(channels)
    return _built(Increment([lift, *blocks, project], scale), points, channels)


def _built(model: Increment, points: int, channels: int) -> Increment:
    model(np.zeros((1, points, channels), "float32"))
    return model


PEERS = {"convolutional network": convolutional, "Fourier neural operator": fourier}

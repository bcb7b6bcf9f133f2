"""Convolution of every channel with the same kernels, and its exact adjoint."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_pde.operators.boundary import extend, fold
from keras_pde.operators.conv_norms import margins
from keras_pde.runtime.compiling import in_classes


def convolve_each(u: Any, kernel: Any, boundary: str) -> Any:
    r"""Row r of channel c at r · channels + c, for one kernel (\*window, 1, rows).

    Channels become samples, so that one convolution from one channel serves them all.

    Example:
        >>> from keras_pde.operators.per_channel_convolution import convolve_each
        >>> u = ops.reshape(ops.arange(6, dtype="float32"), (1, 3, 2))
        >>> forward = ops.reshape(ops.convert_to_tensor([0.0, -1.0, 1.0]), (3, 1, 1))
        >>> print(np.array(convolve_each(u, forward, "periodic"))[0])
        [[ 2.  2.]
         [ 2.  2.]
         [-4. -4.]]
    """
    channels, rows = u.shape[-1], kernel.shape[-1]
    wide = extend(_samples(u, channels), margins([kernel]), boundary)
    out = in_classes(_valid, wide, kernel)
    if channels == 1:
        return out
    out = ops.reshape(out, (-1, channels, *ops.shape(out)[1:-1], rows))
    out = ops.moveaxis(out, 1, -1)
    return ops.reshape(out, (-1, *ops.shape(u)[1:-1], rows * channels))


def convolve_each_adjoint(v: Any, kernel: Any, boundary: str) -> Any:
    """The exact transpose of `convolve_each`."""
    rows = kernel.shape[-1]
    channels = v.shape[-1] // rows
    sizes = ops.shape(v)[1:-1]
    if channels > 1:
        v = ops.moveaxis(ops.reshape(v, (-1, *sizes, rows, channels)), -1, 1)
        v = ops.reshape(v, (-1, *sizes, rows))
    out = fold(in_classes(_transposed, v, kernel), margins([kernel]), boundary)
    if channels == 1:
        return out
    return ops.moveaxis(ops.reshape(out, (-1, channels, *sizes)), 1, -1)


def _samples(u: Any, channels: int) -> Any:
    if channels == 1:
        return u
    return ops.reshape(ops.moveaxis(u, -1, 1), (-1, *ops.shape(u)[1:-1], 1))


def _valid(u: Any, kernel: Any) -> Any:
    return ops.conv(u, kernel, padding="valid", data_format="channels_last")


def _transposed(v: Any, kernel: Any) -> Any:
    return ops.conv_transpose(v, kernel, padding="valid", data_format="channels_last")

"""Convolution of few channels to many filters, and its adjoint, in the form that CPUs run fast.

A convolution to one or three channels keeps a vector unit idle: the adjoint of 32 filters of 7×7
takes many times as long as the convolution itself. So the adjoint gives the k rows of the kernel a
channel each, and adds these channels up, each shifted by its row:

    (Kᵀv)(x, y) = Σᵢ aᵢ(x − i, y),    aᵢ(x, y) = Σⱼ Σ_f kᵢⱼ_f v_f(x, y − j),

2 to 7 times as fast for kernels from 5×5 on. On TensorFlow both maps also serve as each other's
gradient, as the library's own gradient of a convolution is that slow adjoint: a block trains up to
3 times as fast. ``python benchmarks/convolution.py``
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime.compiling import in_classes, one_pass
from keras_pde.runtime.precision import unit_roundoff

MOST_CHANNELS, FEWEST_FILTERS, SMALLEST_KERNEL = 4, 8, 5
LANES = 16  # float32 numbers in a vector of 512 bits


def is_narrow(kernel: Any, dtype: Any = None) -> bool:
    """Whether a kernel (height, width, channels, filters) is of the kind that is faster by rows.

    Not in 16 bits: a convolution sums in float32 and rounds once, as certificates count on, and the
    sum of the rows would round each time.
    """
    *window, channels, filters = (int(n) for n in kernel.shape)
    odd = all(n % 2 and n >= SMALLEST_KERNEL for n in window)
    short = unit_roundoff(kernel.dtype if dtype is None else dtype) > 0
    return (
        len(window) == 2
        and odd
        and channels <= MOST_CHANNELS
        and filters >= FEWEST_FILTERS
        and not short
    )


def prefers_xla(kernels: Sequence[Any], boundary: str, dtype: Any) -> bool:
    """Whether XLA runs K and Kᵀ faster on a CPU.

    In 16 bits, off two dimensions, and for wide kernels of few channels that are not by rows.
    """
    by_rows = boundary == "dirichlet" and len(kernels) == 1
    return (
        len(kernels[0].shape) != 4
        or unit_roundoff(dtype) > 0
        or (is_narrow(kernels[0]) and not by_rows)
    )


def convolve(u: Any, kernel: Any, differentiable: bool = True) -> Any:
    """Ku with zeros beyond the boundary, the size of u; exports do without the gradient.

    Example:
        >>> import numpy as np
        >>> from keras_pde.operators.convolution import convolve, convolve_adjoint
        >>> u, kernel = np.ones((1, 9, 9, 1), "float32"), np.ones((5, 5, 1, 8), "float32")
        >>> v = convolve(u, kernel)
        >>> float(v[0, 4, 4, 0]), float(convolve_adjoint(v, kernel)[0, 4, 4, 0])
        (25.0, 5000.0)
    """
    u, kernel = ops.convert_to_tensor(u), ops.convert_to_tensor(kernel)
    by = _pair()[0] if differentiable and _paired(u, kernel) else _plain
    return in_classes(by, u, kernel)


def convolve_adjoint(v: Any, kernel: Any, differentiable: bool = True) -> Any:
    """Kᵀv: the exact transpose of `convolve`."""
    v, kernel = ops.convert_to_tensor(v), ops.convert_to_tensor(kernel)
    by = (
        _pair()[1]
        if differentiable and _paired(v, kernel)
        else _by_rows
        if is_narrow(kernel)
        else _transposed
    )
    return in_classes(by, v, kernel)


def _transposed(v: Any, kernel: Any) -> Any:
    return ops.conv_transpose(v, kernel, padding="same", data_format="channels_last")


def _plain(u: Any, kernel: Any) -> Any:
    return ops.conv(u, kernel, padding="same", data_format="channels_last")


def _by_rows(v: Any, kernel: Any) -> Any:
    """Kᵀv by rows of a kernel of odd sizes."""
    return _folded(_plain(v, _rows(_known(kernel))), int(kernel.shape[0]), int(kernel.shape[2]))


def _by_parts_of_rows(v: Any, kernel: Any) -> Any:
    """Kᵀv on TensorFlow.

    Few rows are cut in parts with a channel each, until the channels fill a vector.
    """
    import tensorflow as tf

    height, width, channels, filters = (int(n) for n in kernel.shape)
    length = -(-width // max(1, LANES // (height * channels)))
    count, reach = -(-width // length), width // 2
    whole = tf.pad(_rows(kernel), ((0, 0), (0, count * length - width), (0, 0), (0, 0)))
    cut = tf.transpose(tf.reshape(whole, (count, length, filters, height * channels)), (1, 2, 0, 3))
    # part by part to the right, within one convolution
    margins = [[0, 0], [0, 0], [reach, count * length - 1 - reach], [0, 0]]
    parts = tf.nn.conv2d(
        v, tf.reshape(cut, (1, length, filters, count * height * channels)), 1, margins
    )
    return one_pass(lambda parts: _folded(parts, height, channels, count, length), parts)


def _folded(parts: Any, height: int, channels: int, count: int = 1, length: int = 0) -> Any:
    """The sum of the rows' channels, each moved by its row.

    Parts of rows are moved by what lies before them as well.
    """
    reach = height // 2
    parts = ops.pad(parts, ((0, 0), (reach, reach), (0, 0), (0, 0)))

    def shifted(which: tuple[int, int]) -> Any:
        # ends counted from the end: with sizes that are tensors TensorFlow would forget the number
        # of channels
        (part, row), first = which, (which[0] * height + which[1]) * channels
        columns = slice(part * length, (part + 1 - count) * length or None)
        return parts[:, 2 * reach - row : -row or None, columns, first : first + channels]

    first, *rest = itertools.product(range(count), range(height))
    return functools.reduce(lambda total, which: total + shifted(which), rest, shifted(first))


def _rows(kernel: Any) -> Any:
    """The kernel of width × 1 rows, each row of the given one a group of channels."""
    height, width, channels, filters = kernel.shape
    xp = np if isinstance(kernel, np.ndarray) else ops
    return xp.reshape(
        xp.transpose(xp.flip(kernel, axis=1), (1, 3, 0, 2)), (1, width, filters, height * channels)
    )


def _known(kernel: Any) -> Any:
    """A constant in a graph of TensorFlow's as the numbers it is.

    LiteRT asks for kernels that are no results of operations.
    """
    if keras.backend.backend() != "tensorflow":
        return kernel
    import tensorflow as tf

    if tf.executing_eagerly() or isinstance(kernel, keras.KerasTensor):
        return kernel
    value = tf.get_static_value(kernel)
    return kernel if value is None else value


def _paired(x: Any, kernel: Any) -> bool:
    return (
        keras.backend.backend() == "tensorflow"
        and not isinstance(x, keras.KerasTensor)
        and is_narrow(kernel)
    )


@functools.cache
def _pair() -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Convolution and adjoint on TensorFlow, each in the gradient of the other."""
    import tensorflow as tf

    def of_kernel(u: Any, v: Any, kernel: Any) -> Any:
        """Gradient of ⟨Ku, v⟩ = ⟨u, Kᵀv⟩ with respect to the kernel."""
        return tf.raw_ops.Conv2DBackpropFilter(
            input=u, filter_sizes=kernel.shape, out_backprop=v, strides=[1] * 4, padding="SAME"
        )

    @tf.custom_gradient
    def forward(u: Any, kernel: Any) -> Any:
        return _plain(u, kernel), lambda upstream: (
            adjoint(upstream, kernel),
            of_kernel(u, upstream, kernel),
        )

    @tf.custom_gradient
    def adjoint(v: Any, kernel: Any) -> Any:
        return _by_parts_of_rows(v, kernel), lambda upstream: (
            forward(upstream, kernel),
            of_kernel(upstream, v, kernel),
        )

    return forward, adjoint


def _depthwise(u: Any, window: Any) -> Any:
    return ops.depthwise_conv(u, window, padding="same", data_format="channels_last")


def depthwise(u: Any, window: Any) -> Any:
    r"""Each channel convolved with a window of its own, with zeros beyond the boundary.

    The windows have odd widths: (\*widths, channels, 1).

    Example:
        >>> import numpy as np
        >>> from keras_pde.operators.convolution import depthwise
        >>> u, window = np.ones((1, 4, 2), "float32"), np.ones((3, 2, 1), "float32")
        >>> [float(x) for x in depthwise(u, window)[0, :, 0]]
        [2.0, 3.0, 3.0, 2.0]
    """
    widths = tuple(int(n) for n in window.shape[:-2])
    if len(widths) == 2 and keras.backend.backend() != "jax":
        return in_classes(_depthwise, u, window)
    # shifts and sums become one pass under XLA, which has no fast depthwise convolution for a CPU
    wide = ops.pad(u, ((0, 0), *((n // 2, n // 2) for n in widths), (0, 0)))

    def shifted(offset: tuple[int, ...]) -> Any:
        return (
            wide[
                (
                    slice(None),
                    *(slice(o, o + 1 - n or None) for o, n in zip(offset, widths, strict=True)),
                )
            ]
            * window[offset][:, 0]
        )

    return functools.reduce(
        lambda total, offset: total + shifted(offset), itertools.product(*map(range, widths)), 0
    )

"""Convolution of states of few channels to many filters, and its adjoint, in the form that CPUs run fast.

A convolution to one or three channels keeps a vector unit idle: the adjoint of 32 filters of 7×7 takes ten times as long as the
convolution itself. So the adjoint gives the k rows of the kernel a channel each, and adds these channels up, each shifted by its row:

    (Kᵀv)(x, y) = Σᵢ aᵢ(x − i, y),    aᵢ(x, y) = Σⱼ Σ_f kᵢⱼ_f v_f(x, y − j),

2 to 5 times as fast for kernels from 5×5 on. On TensorFlow both maps also serve as each other's gradient, as the library's own
gradient of a convolution is that slow adjoint: training takes half the time. ``python benchmarks/convolution.py``
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

MOST_CHANNELS, FEWEST_FILTERS, SMALLEST_KERNEL = 4, 8, 5


def is_narrow(kernel: Any) -> bool:
    """Whether a kernel (height, width, channels, filters) is of the kind that is faster by rows."""
    *window, channels, filters = (int(n) for n in kernel.shape)
    odd = all(n % 2 and n >= SMALLEST_KERNEL for n in window)
    return len(window) == 2 and odd and channels <= MOST_CHANNELS and filters >= FEWEST_FILTERS


def convolve(u: Any, kernel: Any) -> Any:
    """Ku with zeros beyond the boundary, the size of u.

    Example:
        >>> import numpy as np
        >>> from keras_pde.operators.convolution import convolve, convolve_adjoint
        >>> u, kernel = np.ones((1, 9, 9, 1), "float32"), np.ones((5, 5, 1, 8), "float32")
        >>> float(convolve(u, kernel)[0, 4, 4, 0]), float(convolve_adjoint(convolve(u, kernel), kernel)[0, 4, 4, 0])
        (25.0, 2888.0)
    """
    u, kernel = ops.convert_to_tensor(u), ops.convert_to_tensor(kernel)
    return _pair()[0](u, kernel) if _paired(u, kernel) else _plain(u, kernel)


def convolve_adjoint(v: Any, kernel: Any) -> Any:
    """Kᵀv: the exact transpose of `convolve`."""
    v, kernel = ops.convert_to_tensor(v), ops.convert_to_tensor(kernel)
    if _paired(v, kernel):
        return _pair()[1](v, kernel)
    if is_narrow(kernel):
        return _by_rows(v, kernel)
    return ops.conv_transpose(v, kernel, padding="same", data_format="channels_last")


def _plain(u: Any, kernel: Any) -> Any:
    return ops.conv(u, kernel, padding="same", data_format="channels_last")


def _by_rows(v: Any, kernel: Any) -> Any:
    """Kᵀv by rows of a kernel of odd sizes."""
    height, width, channels, filters = (int(n) for n in kernel.shape)
    rows = ops.reshape(ops.transpose(ops.flip(kernel, axis=1), (1, 3, 0, 2)), (1, width, filters, height * channels))
    parts = _plain(v, rows)
    reach = height // 2
    parts, size = ops.pad(parts, ((0, 0), (reach, reach), (0, 0), (0, 0))), ops.shape(parts)[1]

    def shifted(row: int) -> Any:
        start = 2 * reach - row
        return parts[:, start : start + size, :, row * channels : (row + 1) * channels]

    return functools.reduce(lambda total, row: total + shifted(row), range(1, height), shifted(0))


def _paired(x: Any, kernel: Any) -> bool:
    return keras.backend.backend() == "tensorflow" and not isinstance(x, keras.KerasTensor) and is_narrow(kernel)


@functools.cache
def _pair() -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Convolution and adjoint on TensorFlow, each in the gradient of the other."""
    import tensorflow as tf

    def of_kernel(u: Any, v: Any, kernel: Any) -> Any:
        """Gradient of ⟨Ku, v⟩ = ⟨u, Kᵀv⟩ with respect to the kernel."""
        return tf.raw_ops.Conv2DBackpropFilter(input=u, filter_sizes=kernel.shape, out_backprop=v, strides=[1] * 4, padding="SAME")

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def forward(u: Any, kernel: Any) -> Any:
        return _plain(u, kernel), lambda upstream: (adjoint(upstream, kernel), of_kernel(u, upstream, kernel))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def adjoint(v: Any, kernel: Any) -> Any:
        return _by_rows(v, kernel), lambda upstream: (forward(upstream, kernel), of_kernel(upstream, v, kernel))

    return forward, adjoint


def depthwise(u: Any, window: Any) -> Any:
    """Each channel convolved with a window of its own, of odd widths (\\*widths, channels, 1), with zeros beyond the boundary.

    Example:
        >>> import numpy as np
        >>> from keras_pde.operators.convolution import depthwise
        >>> [float(x) for x in depthwise(np.ones((1, 4, 2), "float32"), np.ones((3, 2, 1), "float32"))[0, :, 0]]
        [2.0, 3.0, 3.0, 2.0]
    """
    widths = tuple(int(n) for n in window.shape[:-2])
    if len(widths) == 2 and keras.backend.backend() != "jax":
        return ops.depthwise_conv(u, window, padding="same", data_format="channels_last")
    # shifts and sums become one pass under XLA, which has no fast depthwise convolution for a CPU
    wide = ops.pad(u, ((0, 0), *((n // 2, n // 2) for n in widths), (0, 0)))
    sizes, total = ops.shape(u)[1:-1], None
    for offset in itertools.product(*map(range, widths)):
        part = wide[(slice(None), *(slice(o, o + n) for o, n in zip(offset, sizes, strict=True)))] * window[offset][:, 0]
        total = part if total is None else total + part
    return total

"""Certificates of Keras's layers with a kernel: Dense and the convolutions.

‖W‖ of a dense layer is its largest singular value. A convolution with zero padding, "valid" or
"causal" is a restriction of the one on the infinite grid, whose norm is sup over ω of ‖k̂(ω)‖; a
dilation only moves the frequencies, strides leave rows out, and a transposed convolution has the
norm of the convolution it transposes. A convolution with stride s is one with stride 1 of the sᵈ
phases of the grid as channels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import layers, ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.pointwise import NO_ENERGY, activation_name, activation_slopes
from keras_pde.operators import fourier
from keras_pde.runtime.printed import rounded

OUTWARD = 1 + 1e-12  # rounding of float64
NOT_SYMMETRIC = "no rule for a matrix that need not be symmetric"


def numbers(weight: Any, layer: layers.Layer) -> np.ndarray:
    """A weight in float64, as the layer computes with it."""
    in_use = ops.cast(ops.convert_to_tensor(weight), layer.compute_dtype)
    return np.asarray(ops.convert_to_numpy(ops.cast(in_use, "float64")), "float64")


def linear(
    subject: str, norm: float, why: str, offset: Any = None, averaged: str = NOT_SYMMETRIC
) -> Certificate:
    """Certificate of u ↦ Au + b with ‖A‖ ≤ norm, and the reason why it is not averaged."""
    shifted = offset is not None and bool(np.any(np.asarray(offset)))
    reasons = {
        "norm": "a bias drives the output even from 0" if shifted else why,
        "lipschitz": why,
        "averaged": averaged,
        "energy": NO_ENERGY,
    }
    return Certificate(subject, math.inf if shifted else norm, norm, reasons=reasons)


def with_activation(certificate: Certificate, layer: Any) -> Certificate:
    """The certificate of a layer's linear map, followed by its activation."""
    slopes = activation_slopes(layer.activation)
    if slopes is None:
        name = activation_name(layer.activation)
        return uncertified(certificate.subject, f"no constant is known for the activation {name}")
    if slopes.low == slopes.high == slopes.gain == 1:
        return certificate
    return certificate.then(slopes.certificate(activation_name(layer.activation)))


def bias_of(layer: Any) -> np.ndarray | None:
    """The bias in use, if there is one."""
    return numbers(layer.bias, layer) if layer.use_bias else None


def dense(layer: layers.Dense) -> Certificate:
    """‖W‖ by its singular values."""
    norm = float(np.linalg.norm(numbers(layer.kernel, layer), 2)) * OUTWARD
    why = f"‖W‖ ≤ {rounded(norm)}"
    return with_activation(linear(layer.name, norm, why, bias_of(layer)), layer)


def phases(kernel: np.ndarray, strides: tuple[int, ...]) -> np.ndarray:
    """The kernel of stride 1 on the phases of the grid, which do the same as one with strides.

    Example:
        >>> import numpy as np
        >>> from keras_pde.certificates.linear_layers import phases
        >>> phases(np.arange(3.0).reshape(3, 1, 1), (2,)).shape
        (2, 2, 1)
    """
    *window, channels, filters = kernel.shape
    margins = [(0, -k % s) for k, s in zip(window, strides, strict=True)]
    wide = np.pad(kernel, [*margins, (0, 0), (0, 0)])
    split = [n for k, s in zip(wide.shape, strides, strict=False) for n in (k // s, s)]
    d = len(window)
    order = [*range(0, 2 * d, 2), *range(1, 2 * d, 2), 2 * d, 2 * d + 1]
    ordered = wide.reshape(*split, channels, filters).transpose(order)
    return ordered.reshape(*ordered.shape[:d], -1, filters)


def kernel_bound(kernel: np.ndarray, strides: tuple[int, ...]) -> float:
    """Bound of the norm of a convolution with a kernel (window, channels in, channels out).

    Example:
        >>> import numpy as np
        >>> from keras_pde.certificates.linear_layers import kernel_bound
        >>> round(kernel_bound(np.array([1.0, -2.0, 1.0]).reshape(3, 1, 1), (1,)), 2)   # 4
        4.01
    """
    return math.sqrt(float(fourier.supremum([phases(kernel, strides)]))) * OUTWARD


def convolution(layer: Any) -> Certificate:
    """A convolution, in groups or not, with strides and dilation."""
    kernel = numbers(layer.kernel, layer)
    groups = np.split(kernel, layer.groups, axis=-1)
    norm = max(kernel_bound(group, layer.strides) for group in groups)
    why = f"‖k‖ ≤ {rounded(norm)}"
    return with_activation(linear(layer.name, norm, why, bias_of(layer)), layer)


def transposed_convolution(layer: Any) -> Certificate:
    """A transposed convolution: its kernel (window, out, in) is that of what it transposes."""
    norm = kernel_bound(numbers(layer.kernel, layer), layer.strides)
    why = f"‖k‖ ≤ {rounded(norm)}"
    return with_activation(linear(layer.name, norm, why, bias_of(layer)), layer)


def by_channel(kernel: np.ndarray, strides: tuple[int, ...]) -> float:
    """Bound for a kernel (window, channels, multiplier) of which each channel has its own."""
    channels = range(kernel.shape[-2])
    return max(kernel_bound(kernel[..., c : c + 1, :], strides) for c in channels)


def depthwise(layer: Any) -> Certificate:
    """A depthwise convolution: the largest norm of a channel's kernels."""
    norm = by_channel(numbers(layer.kernel, layer), layer.strides)
    why = f"‖k‖ ≤ {rounded(norm)}"
    return with_activation(linear(layer.name, norm, why, bias_of(layer)), layer)


def separable(layer: Any) -> Certificate:
    """A depthwise convolution, then one of width 1."""
    first = by_channel(numbers(layer.depthwise_kernel, layer), layer.strides)
    pointwise = numbers(layer.pointwise_kernel, layer)
    norm = first * kernel_bound(pointwise, (1,) * (pointwise.ndim - 2))
    why = f"‖k‖ ≤ {rounded(norm)}"
    return with_activation(linear(layer.name, norm, why, bias_of(layer)), layer)

"""Certificates of Keras's layers without a kernel: activations, pooling, normalisation, shapes.

A rule takes the layer and the shape of its input (None where it is not known), and returns a
certificate, or None for a layer that hands its input on as it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.linear_layers import OUTWARD, kernel_bound, linear, numbers
from keras_pde.certificates.pointwise import (
    NO_ENERGY,
    Slopes,
    activation_name,
    activation_slopes,
)
from keras_pde.runtime.printed import rounded
from keras_pde.runtime.types import Shape

ELSEWHERE = "its result lies in another space than its input"
INFERENCE = "inference, as in predict: no dropout, no noise, batch normalisation by moving averages"


def unchanged(layer: Any, shape: Shape | None) -> None:
    """The identity, at inference."""
    return None


def activation(layer: Any, shape: Shape | None) -> Certificate:
    """Activation(φ)."""
    slopes = activation_slopes(layer.activation)
    if slopes is None:
        name = activation_name(layer.activation)
        return uncertified(layer.name, f"no constant is known for the activation {name}")
    return slopes.certificate(layer.name)


def relu(layer: Any, shape: Shape | None) -> Certificate:
    """ReLU with a slope for negative numbers and a largest value; a threshold makes it jump."""
    if layer.threshold:
        return uncertified(layer.name, f"it jumps at its threshold {layer.threshold}")
    negative, flat = float(layer.negative_slope), layer.max_value is not None
    low = min(negative, 0.0 if flat else 1.0)
    return Slopes(low, max(1.0, negative), max(1.0, abs(negative))).certificate(layer.name)


def leaky_relu(layer: Any, shape: Shape | None) -> Certificate:
    """LeakyReLU."""
    slope = float(layer.negative_slope)
    return Slopes(min(1.0, slope), max(1.0, slope), max(1.0, abs(slope))).certificate(layer.name)


def prelu(layer: Any, shape: Shape | None) -> Certificate:
    """PReLU, with slopes that are learned."""
    slopes = numbers(layer.alpha, layer)
    low, high = min(1.0, float(slopes.min())), max(1.0, float(slopes.max()))
    return Slopes(low, high, max(abs(low), high)).certificate(layer.name)


def elu(layer: Any, shape: Shape | None) -> Certificate:
    """ELU: φ′ = α eˢ below 0."""
    alpha = float(layer.alpha)
    low, high = min(0.0, alpha), max(1.0, alpha)
    return Slopes(low, high, max(high, abs(low))).certificate(layer.name)


def softmax(layer: Any, shape: Shape | None) -> Certificate:
    """Softmax along any axis: its Jacobian diag(p) − ppᵀ lies between 0 and ½."""
    return Slopes(0.0, 0.5, math.inf).certificate(layer.name)


def diagonal(
    name: str, factors: np.ndarray, offset: np.ndarray, assumptions: tuple[str, ...] = ()
) -> Certificate:
    """u ↦ du + b with a diagonal d: (1 − min d)/2-averaged where d lies in (−1, 1]."""
    if not (np.isfinite(factors).all() and np.isfinite(offset).all()):
        return uncertified(name, "it computes with numbers that are NaN or infinite")
    low, high = float(factors.min()), float(factors.max())
    norm, why = max(abs(low), abs(high)), f"factors in [{low:.4g}, {high:.4g}]"
    shifted = bool(np.any(offset))
    averaged = (1 - low) / 2 if low > -1 and high <= 1 else None
    reasons = {
        "norm": "an offset drives the output even from 0" if shifted else why,
        "lipschitz": why,
        "averaged": why if averaged is not None else f"needs factors in (−1, 1], not {why[11:]}",
        "energy": NO_ENERGY,
    }
    gain = math.inf if shifted else norm
    return Certificate(name, gain, norm, averaged, False, reasons, assumptions)


def rescaling(layer: Any, shape: Shape | None) -> Certificate:
    """Rescaling: u ↦ scale·u + offset."""
    return diagonal(layer.name, np.asarray(layer.scale, float), np.asarray(layer.offset, float))


def batch_normalization(layer: Any, shape: Shape | None) -> Certificate:
    """γ(u − mean)/√(variance + ε) + β, with the moving averages."""
    variance, mean = (numbers(x, layer) for x in (layer.moving_variance, layer.moving_mean))
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = 1 / np.sqrt(variance + layer.epsilon)
        factors = factors * numbers(layer.gamma, layer) if layer.scale else factors
        offset = -mean * factors + (numbers(layer.beta, layer) if layer.center else 0)
    return diagonal(layer.name, factors, offset, (INFERENCE,))


def layer_normalization(layer: Any, shape: Shape | None) -> Certificate:
    """γ(u − mean)/√(variance + ε) + β of each sample: at most max|γ|/√ε.

    The derivative is (P − x̂x̂ᵀ/n)/√(variance + ε) with P the projection to mean 0 and ‖x̂‖² ≤ n; at
    constant inputs it attains the bound.
    """
    if layer.rms_scaling:
        return uncertified(layer.name, "no constant is known with rms_scaling")
    return normalized(layer)


def group_normalization(layer: Any, shape: Shape | None) -> Certificate:
    """As layer normalization, group by group."""
    return normalized(layer)


def normalized(layer: Any) -> Certificate:
    """max|γ|/√ε, and β as an offset."""
    gamma = float(np.abs(numbers(layer.gamma, layer)).max()) if layer.scale else 1.0
    offset = numbers(layer.beta, layer) if layer.center else None
    if not layer.epsilon > 0:
        return uncertified(layer.name, "with epsilon=0 it has no constant: it is steep near 0")
    bound = gamma / math.sqrt(layer.epsilon) * OUTWARD
    return linear(
        layer.name, bound, f"max|γ|/√ε ≤ {rounded(bound)}, that of a constant input", offset
    )


def max_pooling(layer: Any, shape: Shape | None) -> Certificate:
    """|max a − max b| ≤ max|a − b|, and a number lies in at most Π⌈pool/stride⌉ windows."""
    return pooled(layer, math.sqrt(_overlap(layer)))


def average_pooling(layer: Any, shape: Shape | None) -> Certificate:
    """The norm of the means along each axis; of windows cut at the ends, by row and column sums."""
    sizes = _spatial(layer, shape) or (None,) * len(layer.pool_size)
    axes = zip(layer.pool_size, layer.strides, sizes, strict=True)
    bound = math.prod(_mean_bound(p, s, layer.padding == "same", n) for p, s, n in axes)
    return pooled(layer, bound * OUTWARD)


def global_pooling(layer: Any, shape: Shape | None) -> Certificate:
    """The largest value of each channel."""
    return pooled(layer, 1.0)


def global_average(layer: Any, shape: Shape | None) -> Certificate:
    """The mean of n numbers: 1/√n."""
    spatial = _spatial(layer, shape)
    known = [n for n in spatial if n is not None]
    return pooled(layer, 1 / math.sqrt(math.prod(known)) * OUTWARD if known else 1.0)


def pooled(layer: Any, bound: float) -> Certificate:
    """A certificate of pooling."""
    return linear(layer.name, bound, f"pooling, at most {rounded(bound)}", averaged=ELSEWHERE)


def _spatial(layer: Any, shape: Shape | None) -> Shape:
    """The spatial sizes, as far as they are known."""
    if shape is None:
        return ()
    return shape[2:] if layer.data_format == "channels_first" else shape[1:-1]


def _overlap(layer: Any) -> int:
    """Windows that a number lies in."""
    axes = zip(layer.pool_size, layer.strides, strict=True)
    return math.prod(-(-p // s) for p, s in axes)


def _mean_bound(pool: int, stride: int, same: bool, size: int | None) -> float:
    """Bound of the norm of means along an axis, for its size or for every one."""
    if not same:
        return kernel_bound(np.full((pool, 1, 1), 1 / pool), (stride,))
    # windows are cut at the ends, and how they are depends on the size; beyond 2(pool + stride) the
    # ends do not see each other. PyTorch repeats the last number instead: both ways are bounded
    worst = 0.0
    for n in range(1, 2 * (pool + stride) + 1) if size is None else (size,):
        count = -(-n // stride)
        left = max((count - 1) * stride + pool - n, 0) // 2
        places = np.arange(count)[:, None] * stride - left + np.arange(pool)
        cut, repeated = np.zeros((count, n)), np.zeros((count, n))
        for row, window in enumerate(places):
            inside = window[(window >= 0) & (window < n)]
            cut[row, inside] = 1 / len(inside)
            np.add.at(repeated[row], window.clip(0, n - 1), 1 / pool)
        worst = max(worst, float(cut.sum(0).max()), float(repeated.sum(0).max()))
    return math.sqrt(worst)


def reshaped(layer: Any, shape: Shape | None) -> Certificate:
    """The same numbers in the same order: an isometry, and as a map of lists the identity."""
    reasons = dict.fromkeys(("norm", "lipschitz", "averaged"), "the same numbers")
    return Certificate(layer.name, 1.0, 1.0, 0.0, False, {**reasons, "energy": NO_ENERGY})


def permuted(layer: Any, shape: Shape | None) -> Certificate:
    """The same numbers at other places."""
    return linear(layer.name, 1.0, "the same numbers at other places", averaged=ELSEWHERE)


def padded(layer: Any, shape: Shape | None) -> Certificate:
    """Zeros around the numbers, or numbers left out."""
    return linear(layer.name, 1.0, "zeros added, or numbers left out", averaged=ELSEWHERE)


def upsampled(layer: Any, shape: Shape | None) -> Certificate:
    """Each number repeated."""
    size = layer.size if isinstance(layer.size, tuple | list) else (layer.size,)
    times = math.prod(size)
    return linear(layer.name, math.sqrt(times), f"each number {times} times", averaged=ELSEWHERE)


def upsampled_2d(layer: Any, shape: Shape | None) -> Certificate:
    """Each number repeated; interpolated images have no constant here."""
    if layer.interpolation != "nearest":
        return uncertified(layer.name, f"no constant is known for {layer.interpolation} resizing")
    return upsampled(layer, shape)


def repeated(layer: Any, shape: Shape | None) -> Certificate:
    """RepeatVector: each number n times."""
    return linear(
        layer.name, math.sqrt(layer.n), f"each number {layer.n} times", averaged=ELSEWHERE
    )

"""What ω of a sinusoidal layer means: its tangent kernel, its bandwidth, and the ω of some data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["half_power_frequency", "suggested_omega", "tangent_kernel"]

LEAST = 1.0  # ω
FACTOR = 3.0  # ω by the mean frequency of the data, in cycles a unit


def tangent_kernel(
    x: Any, y: Any, omega: float, weight_scale: float = 1.0, bias_scale: float = 1.0
) -> np.ndarray:
    """k(x, y) = ½(E₁ − E₂) + ½(E₁ + E₂)ω²(x·y + 1), what gradient descent sees of ω (Z1).

    It is the limit of ∇f(x)·∇f(y) for wide networks f(x) = Σvᵢ sin(ω(wᵢ·x + bᵢ))/√n with normal
    weights of deviations s of w, t of b and 1 of v. Here E₁ = exp(−ω²s²|x − y|²/2) and
    E₂ = exp(−ω²(s²|x + y|² + 4t²)/2).

    Args:
        x: points (..., d).
        y: points (..., d), which broadcast to x.
        omega: ω.
        weight_scale: s.
        bias_scale: t.

    Source: de Avila Belbute-Peres, Kolter, arXiv:2211.14503 (2022).

    Example:
        >>> from keras_pde.layers.bandwidth import tangent_kernel
        >>> x = np.zeros((1, 1))
        >>> tangent_kernel(x, x, omega=3.0).round(3), tangent_kernel(x, x + 1, omega=3.0).round(3)
        (array([5.]), array([0.056]))
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    apart, along = ((x - y) ** 2).sum(-1), ((x + y) ** 2).sum(-1)
    first = np.exp(-(omega**2) * weight_scale**2 * apart / 2)
    second = np.exp(-(omega**2) * (weight_scale**2 * along + 4 * bias_scale**2) / 2)
    slopes = omega**2 * ((x * y).sum(-1) + 1)
    return (first - second) / 2 + (first + second) / 2 * slopes


def half_power_frequency(omega: float, weight_scale: float = 1.0) -> float:
    """ωs√ln 2/(2π): where the spectrum of E₁, squared, has fallen to half, in cycles a unit (Z1).

    Example:
        >>> from keras_pde.layers.bandwidth import half_power_frequency
        >>> round(half_power_frequency(16.0), 2)
        2.12
    """
    return omega * weight_scale * math.sqrt(math.log(2)) / (2 * math.pi)


def suggested_omega(values: Any, extent: Any = None, weights: int | None = None) -> float:
    """An ω for data on a grid: three times their mean frequency, at most that of Nyquist.

    The mean is over the amplitudes of the spectrum, with the mean value removed and a Hann window
    that lets opposite ends differ. Frequencies are in cycles a unit of the coordinates. Beyond
    Nyquist's frequency functions interpolate badly between the samples, which is the right branch
    of the U that errors draw over ω.

    Args:
        values: (*spatial, channels).
        extent: half the length of each axis in coordinates; None has the longest from −1 to 1 and
            equal distances of points.
        weights: their number in the network; the frequency is at most that of Nyquist on a grid
            of as many points, too. None is as many as are needed.

    Raises:
        ValueError: no finite numbers; fewer than 4 points along the longest axis.

    Example:
        >>> from keras_pde.layers.bandwidth import suggested_omega
        >>> x = np.linspace(-1, 1, 256)[:, None]
        >>> round(suggested_omega(np.sin(2 * np.pi * 4 * x)), 1), suggested_omega(0 * x)
        (12.0, 1.0)
        >>> suggested_omega(np.sin(2 * np.pi * 4 * x), weights=32)
        8.0
    """
    data = np.asarray(gate.array(values, "values"), np.float64)
    sizes = data.shape[:-1]
    if max(sizes, default=0) < 4:
        raise ValueError(
            "values must be (*spatial, channels) with at least 4 points along an axis. Received:"
            f" shape {data.shape}"
        )
    half = [n / max(sizes) for n in sizes] if extent is None else list(extent)
    data = data - data.mean(axis=tuple(range(len(sizes))))
    for axis, n in enumerate(sizes):
        window = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
        data = data * window.reshape(-1, *(1,) * (data.ndim - 1 - axis))
    spectrum = np.abs(np.fft.fftn(data, axes=range(len(sizes)))).sum(-1)
    each = [np.fft.fftfreq(n, 2 * h / n) for n, h in zip(sizes, half, strict=True)]
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*each, indexing="ij")))
    total = float(spectrum.sum())
    mean = float((spectrum * frequency).sum()) / total if total > 0 else 0.0
    nyquist = max(n / (4 * h) for n, h in zip(sizes, half, strict=True))
    if weights is not None:
        nyquist *= min(1.0, (weights / math.prod(sizes)) ** (1 / len(sizes)))
    return max(LEAST, min(FACTOR * mean, nyquist))

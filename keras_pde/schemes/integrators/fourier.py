r"""States in Fourier space: transforms over all spatial axes, and the multipliers of operators.

A state (batch, \*spatial, channels) becomes a pair (batch, channels, \*modes); the last axis of
modes has half of the frequencies, as of `numpy.fft.rfftn`. `keras.ops` transforms the last axis
only, so that the axes take turns.

Sizes are known on the host, as integers, or are scalar tensors in a program of TensorFlow that
serves all sizes. Multipliers are computed by NumPy in the first case, by `keras.ops` in the second,
in float64 in both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators.complex_pair import Complex


def sizes_of(u: Tensor) -> tuple[Any, ...]:
    """The spatial sizes of a state: integers where they are known, else scalar tensors."""
    return tuple(ops.shape(u)[1:-1])


def transform(u: Tensor) -> Complex:
    r"""û: (batch, \*spatial, channels) → (batch, channels, \*modes), unscaled.

    Example:
        >>> from keras_pde.schemes.integrators import fourier
        >>> u = np.random.default_rng(0).normal(size=(1, 5, 6, 2))
        >>> z = fourier.transform(ops.convert_to_tensor(u, "float64"))
        >>> tuple(z.real.shape)
        (1, 2, 5, 4)
        >>> back = fourier.inverse(z, (5, 6))
        >>> bool(np.allclose(back, u, atol=1e-6))
        True
    """
    u = ops.moveaxis(at_least_float32(u), -1, 1)
    pair = ops.rfft(u)
    for axis in range(2, len(u.shape) - 1):
        pair = _moved(ops.fft(_moved(pair, axis, -1)), -1, axis)
    return Complex(pair[0], pair[1], ops)


def inverse(z: Complex, sizes: Sequence[Any]) -> Tensor:
    r"""The state of a transform: (batch, channels, \*modes) → (batch, \*spatial, channels).

    Args:
        z: the transform.
        sizes: the spatial sizes, of which the last is not to be seen in the modes.
    """
    # the inverse of fft is conj ∘ fft ∘ conj over the number of points
    pair, factor = (z.real, z.imag), 1.0
    for axis, n in enumerate(sizes[:-1], 2):
        real, imag = _moved(pair, axis, -1)
        real, imag = ops.fft((real, -imag))
        pair = _moved((real, -imag), -1, axis)
        factor = factor / ops.cast(n, pair[0].dtype)
    u = ops.irfft((pair[0] * factor, pair[1] * factor), fft_length=sizes[-1])
    return ops.moveaxis(u, 1, -1)


def shaped_like(x: Tensor, u: Tensor) -> Tensor:
    """x with the shape of u, as far as it is known: transforms of unknown sizes forget theirs.

    Example:
        >>> from keras_pde.schemes.integrators.fourier import shaped_like
        >>> u = np.zeros((1, 4, 2))
        >>> shaped_like(u, u) is u
        True
    """
    return x if tuple(x.shape) == tuple(u.shape) else ops.reshape(x, ops.shape(u))


def _moved(pair: tuple[Tensor, Tensor], source: int, target: int) -> tuple[Tensor, Tensor]:
    return ops.moveaxis(pair[0], source, target), ops.moveaxis(pair[1], source, target)


class Multiplier:
    r"""û ↦ m(ω)û: what is diagonal in Fourier space, or a matrix over the channels at each ω.

    Args:
        m: (\*modes, channels), or (\*modes, channels, channels) for systems.
        u: the state that it is for: its rank and precision.
    """

    def __init__(self, m: Complex, u: Tensor) -> None:
        ndim = len(u.shape) - 2
        self.matrix = is_matrix(m, ndim)
        axes = (*range(ndim, ndim + 1 + self.matrix), *range(ndim))
        dtype = keras.backend.standardize_dtype(at_least_float32(u).dtype)

        def laid_out(part: Tensor) -> Tensor:
            if m.xp is np:
                return ops.convert_to_tensor(np.transpose(part, axes), dtype=dtype)
            return ops.cast(ops.transpose(part, axes), dtype)

        self.m = Complex(laid_out(m.real), laid_out(m.imag), ops)

    def __call__(self, z: Complex) -> Complex:
        """The transform, multiplied."""
        if not self.matrix:
            return self.m * z
        product = self.m * z.map(lambda part: part[:, None])
        return product.map(lambda part: ops.sum(part, axis=2))


def applied(multiplier: Multiplier, u: Tensor) -> Tensor:
    """The operator with that multiplier, of a state in its own precision."""
    return shaped_like(narrow(inverse(multiplier(transform(u)), sizes_of(u)), u), u)


def is_matrix(m: Complex, ndim: int) -> bool:
    """Whether multipliers are matrices over the channels."""
    return len(m.real.shape) == ndim + 2


def angles(sizes: Sequence[Any]) -> tuple[list[Tensor], Any]:
    """The frequencies ω of a periodic grid in radians a point, one array an axis, and their module.

    They broadcast to the modes, and are in (−π, π]; the last axis has 0 to π alone.

    Example:
        >>> from keras_pde.schemes.integrators import fourier
        >>> (w,), xp = fourier.angles([6])
        >>> (w / np.pi).round(3).tolist(), xp is np
        ([0.0, 0.333, 0.667, 1.0], True)
    """
    xp = np if all(isinstance(n, int) for n in sizes) else ops
    found = []
    for axis, n in enumerate(sizes):
        last = axis == len(sizes) - 1
        k = _counted(n // 2 + 1 if last else n, xp)
        size = float(n) if isinstance(n, int) else ops.cast(n, "float64")
        k = k if last else xp.where(2 * k > size, k - size, k)
        shape = [1] * len(sizes)
        shape[axis] = -1
        found.append(xp.reshape(2 * math.pi * k / size, shape))
    return found, xp


def _counted(n: Any, xp: Any) -> Any:
    return np.arange(n, dtype=np.float64) if xp is np else ops.cast(ops.arange(n), "float64")


def stencil_multipliers(
    kernel: np.ndarray, sizes: Sequence[Any], origin: Sequence[int] | None = None
) -> Complex:
    r"""λ(ω) = Σⱼ kⱼ e^{iω·j}: the multipliers of u ↦ Σⱼ kⱼ u(· + j), exact to rounding.

    Args:
        kernel: one axis a spatial axis.
        sizes: of the periodic grid.
        origin: place of j = 0 in the kernel; None is its middle.

    Returns:
        (\*modes).

    Example:
        >>> from keras_pde.schemes.integrators import fourier
        >>> fourier.stencil_multipliers(np.array([1.0, -2.0, 1.0]), [4]).real.round(6).tolist()
        [0.0, -2.0, -4.0]
    """
    omega, xp = angles(sizes)
    start = [n // 2 for n in kernel.shape] if origin is None else origin
    total = Complex(sum(0 * w for w in omega), sum(0 * w for w in omega), xp)
    for place in itertools.product(*map(range, kernel.shape)):
        if kernel[place]:
            phase = sum((j - o) * w for j, o, w in zip(place, start, omega, strict=True))
            turn = Complex(xp.cos(phase), xp.sin(phase), xp)
            total = total + float(kernel[place]) * turn
    return total


def derivative_multipliers(
    derivative: Sequence[int], sizes: Sequence[Any], spacing: Sequence[float]
) -> Complex:
    r"""λ(ω) = Π (iω/h)^a: the multipliers of a derivative, exact for trigonometric polynomials.

    An odd derivative of the wave that changes sign from point to point is 0, as the sine that it
    would be vanishes on all points.

    Args:
        derivative: how often along each axis.
        sizes: of the periodic grid.
        spacing: h along each axis.

    Returns:
        (\*modes).

    Example:
        >>> from keras_pde.schemes.integrators import fourier
        >>> abs(fourier.derivative_multipliers([2], [4], [1.0]).real).round(4).tolist()
        [0.0, 2.4674, 9.8696]
    """
    omega, xp = angles(sizes)
    size = sum(0 * w for w in omega) + 1
    for a, w, h in zip(derivative, omega, spacing, strict=True):
        if a:
            odd = xp.where(xp.abs(w) > math.pi * (1 - 1e-9), 0 * w, w) if a % 2 else w
            size = size * (odd / h) ** a
    real, imag = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[sum(derivative) % 4]
    return Complex(real * size, imag * size, xp)

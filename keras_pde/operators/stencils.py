"""Classical stencils: finite differences, Haar and DCT filters.

They come as NumPy kernels, Keras initializers and slices.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.boundary import cut, extend, fold, zeros_around
from keras_pde.runtime import gate

STENCILS = ("forward", "central", "second", "laplacian", "haar", "dct")

# 1-D difference stencils as a·(u₊ − u) + b·(u − u₋): the sliced form, much faster than a
# convolution on a CPU
_DIFFERENCES = {
    "forward": (1.0, 0.0),
    "central": (0.5, 0.5),
    "second": (1.0, -1.0),
    "laplacian": (1.0, -1.0),
}

# suprema of the symbols of the pure difference stencils and tight frames, as functions of the
# dimension
SQUARED_NORMS = {
    "forward": lambda d: 4 * d,
    "central": lambda d: d,
    "second": lambda d: 16 * d,
    "laplacian": lambda d: 16 * d * d,
    "dct": lambda d: 1,
}


def check_stencil(name: str, argument: str = "name") -> str:
    """The stencil's name, or a ValueError that lists the possible ones."""
    if not isinstance(name, str) or name not in STENCILS:
        raise ValueError(
            f"No stencil is called {gate.said(name)}. There are: {', '.join(STENCILS)}. Received:"
            f" {argument}={gate.said(name)}"
        )
    return name


def kernel_size_of(name: str, kernel_size: int = 3) -> int:
    """Width of a stencil: 2 (forward, haar), 3 (central, second, laplacian), as asked for (dct)."""
    return kernel_size if name == "dct" else 2 if name in ("forward", "haar") else 3


@functools.lru_cache(maxsize=64)
def stencil(name: str, ndim: int, kernel_size: int = 3) -> np.ndarray:
    """Kernel of a stencil for one channel, shape (k,)*ndim + (rows,), with grid size 1.

    It is a correlation centred at (k−1)//2. forward: u₊−u; central: (u₊−u₋)/2; second: u₊−2u+u₋
    (each: one row an axis); laplacian: their sum (one row); haar: the 2^ndim − 1 details of the
    shift-invariant Haar frame (orthonormal filters over 2^(ndim/2), so that with the mean filter
    ‖Ku‖ = ‖u‖ at a periodic boundary); dct: the k^ndim − 1 zero-mean DCT-II filters over
    k^(ndim/2), by frequency, ‖K‖ ≤ 1 (haar and even k exceed that at a reflecting boundary: 1.10 in
    1-D, 1.25 in 2-D with k = 4).

    Squared norms, as the grid grows: forward 4·ndim, central ndim, second 16·ndim, laplacian
    16·ndim².

    Example:
        >>> from keras_pde.operators import stencil
        >>> print(stencil("second", 1)[:, 0])
        [ 1. -2.  1.]
    """
    check_stencil(name)
    k = kernel_size_of(name, kernel_size)
    if name in ("haar", "dct"):
        n = np.arange(k)
        basis = np.array(
            [np.cos(np.pi * (n + 0.5) * f / k) * math.sqrt((2 if f else 1) / k) for f in range(k)]
        ) / math.sqrt(k)
        orders = sorted(
            itertools.product(range(k), repeat=ndim), key=lambda f: (sum(f), max(f), f)
        )[1:]
        rows = [functools.reduce(np.multiply.outer, [basis[f] for f in order]) for order in orders]
        return np.stack(rows, axis=-1)
    a, b = _DIFFERENCES[name]
    taps = np.array([-1.0, 1.0]) if name == "forward" else np.array([-b, b - a, a])
    rows = []
    for axis in range(ndim):
        row = np.zeros((k,) * ndim)
        row[tuple(slice(None) if i == axis else (k - 1) // 2 for i in range(ndim))] = taps
        rows.append(row)
    return np.sum(rows, axis=0)[..., None] if name == "laplacian" else np.stack(rows, axis=-1)


@keras.saving.register_keras_serializable(package="keras_pde")
class Stencil(keras.initializers.Initializer):
    """Initializer that fills a convolution kernel with a classical stencil for every channel.

    A kernel of shape (*k, channels, filters) gets the first ``filters`` of the rows; row r of
    channel c stands at output r·channels + c. For wider kernels than the stencil the stencil is
    centred and the rest is zero.

    Args:
        name: "forward", "central", "second", "laplacian", "haar" or "dct".

    Raises:
        ValueError: unknown name; a kernel narrower than the stencil; more filters than channels
            times rows.

    Source: Strong, Chan (2003) for the reading of networks as stencils; Alt et al.,
    arXiv:2107.14742 (2021).

    Example:
        >>> from keras_pde.operators import Stencil
        >>> kernel = Stencil("laplacian")((3, 3, 1, 1))
        >>> print(np.array(kernel)[:, :, 0, 0])
        [[ 0.  1.  0.]
         [ 1. -4.  1.]
         [ 0.  1.  0.]]
        >>> layer = keras.layers.Conv2D(2, 3, padding="same", kernel_initializer=Stencil("central"))
    """

    def __init__(self, name: str) -> None:
        self.name = check_stencil(name)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Kernel of the given shape."""
        return ops.convert_to_tensor(self.array(shape), dtype=dtype or keras.config.floatx())

    def array(self, shape: Any) -> np.ndarray:
        """Kernel of the given shape in NumPy, float64."""
        *window, channels, filters = shape
        taps = stencil(self.name, len(window), window[0])
        width, rows = taps.shape[0], taps.shape[-1]
        if min(window) < width:
            raise ValueError(
                f"The {self.name} stencil is {width} wide; a kernel of {tuple(window)} cannot hold"
                f" it. Use kernel_size={width}."
            )
        if filters > rows * channels:
            raise ValueError(
                f"The {self.name} stencil has {rows} filter{'s' * (rows > 1)} a channel, so"
                f" {rows * channels} for {channels} channel{'s' * (channels > 1)} at most."
                f" Received: filters={filters}"
            )
        kernel = np.zeros(shape)
        place = tuple(
            slice((n - 1) // 2 - (width - 1) // 2, (n - 1) // 2 - (width - 1) // 2 + width)
            for n in window
        )
        for out in range(filters):
            kernel[(*place, out % channels, out)] = taps[..., out // channels]
        return kernel

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name}


def has_slices(name: str) -> bool:
    """Whether the stencil has a sliced form."""
    return name in _DIFFERENCES


def differences(u: Any, name: str, boundary: str) -> list[Any]:
    """Rows of K u for a difference stencil, by slices; each row has the shape of u."""
    a, b = _DIFFERENCES[name]
    rows = []
    for axis in range(1, len(u.shape) - 1):
        if name == "forward":
            rows.append(_forward(u, axis, boundary))
            continue
        d = _edges(u, axis, boundary)
        after, before = cut(d, axis, 1, None), cut(d, axis, None, -1)
        rows.append(_combine(a, after, b, before))
    return [functools.reduce(ops.add, rows)] if name == "laplacian" else rows


def differences_adjoint(rows: list[Any], name: str, boundary: str) -> Any:
    """Kᵀ applied to the rows: the exact transpose of `differences`."""
    a, b = _DIFFERENCES[name]
    axes = range(1, len(rows[0].shape) - 1)
    total = None
    for axis, row in zip(axes, rows * len(axes) if name == "laplacian" else rows, strict=True):
        if name == "forward":
            part = _forward_adjoint(row, axis, boundary)
        else:
            w = _combine(a, zeros_around(row, axis, 1, 0), b, zeros_around(row, axis, 0, 1))
            part = _edges_adjoint(w, axis, boundary)
        total = part if total is None else total + part
    return total


def _forward(u: Any, axis: int, boundary: str) -> Any:
    """uᵢ₊₁ − uᵢ without the detour over all edges: 0.3 to 0.7 times the time of a step under XLA.

    The longer stencils go over the edges: XLA recomputes a flux for each shifted copy of it, and
    there it is shifted once (without, a step with second differences takes 1.1 to 1.8 times as
    long, with the Laplacian up to 2.5).
    """
    rest = cut(u, axis, 1, None)
    if boundary == "neumann":
        return zeros_around(rest - cut(u, axis, None, -1), axis, 0, 1)
    return (
        ops.concatenate([rest, cut(u, axis, None, 1)], axis)
        if boundary == "periodic"
        else zeros_around(rest, axis, 0, 1)
    ) - u


def _forward_adjoint(w: Any, axis: int, boundary: str) -> Any:
    rest = cut(w, axis, None, -1)
    if boundary == "neumann":
        return zeros_around(rest, axis, 1, 0) - zeros_around(rest, axis, 0, 1)
    return (
        ops.concatenate([cut(w, axis, -1, None), rest], axis)
        if boundary == "periodic"
        else zeros_around(rest, axis, 1, 0)
    ) - w


def _combine(a: float, x: Any, b: float, y: Any) -> Any:
    if a == 1 and b == -1:
        return x - y
    return a * x + b * y


def _edges(u: Any, axis: int, boundary: str) -> Any:
    """Differences across all n + 1 pixel edges along an axis.

    Across a reflecting boundary they vanish.
    """
    if boundary == "neumann":
        return zeros_around(cut(u, axis, 1, None) - cut(u, axis, None, -1), axis, 1, 1)
    widths = [(1, 1) if i == axis else (0, 0) for i in range(1, len(u.shape) - 1)]
    wide = extend(u, widths, boundary)
    return cut(wide, axis, 1, None) - cut(wide, axis, None, -1)


def _edges_adjoint(w: Any, axis: int, boundary: str) -> Any:
    if boundary == "neumann":
        inner = zeros_around(cut(w, axis, 1, -1), axis, 1, 1)
        return cut(inner, axis, None, -1) - cut(inner, axis, 1, None)
    widths = [(1, 1) if i == axis else (0, 0) for i in range(1, len(w.shape) - 1)]
    return fold(zeros_around(w, axis, 1, 0) - zeros_around(w, axis, 0, 1), widths, boundary)

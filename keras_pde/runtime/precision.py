"""Inner computations of 16-bit models in float32."""

from __future__ import annotations

import functools
import operator
from typing import Any

import keras
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import DType, Number, Shape, Tensor

SHORT = ("float16", "bfloat16")
# unit roundoff
UNITS = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
SUMS = 2.0**-24  # of sums in float32


def check_dtype(dtype: Any) -> None:
    """Refuse the name of a precision that no layer here computes in.

    Raises:
        ValueError: with those there are.

    Example:
        >>> from keras_pde.runtime.precision import check_dtype
        >>> check_dtype("int32")
        Traceback (most recent call last):
        ...
        ValueError: dtype must be one of 'float16', 'bfloat16', 'float32', 'float64', ...
    """
    if dtype is None or isinstance(dtype, keras.DTypePolicy | dict):
        return
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", dtype)  # a backend's own
    gate.word(name, "dtype", (*gate.FLOATS, "mixed_float16", "mixed_bfloat16"))


def is_short(dtype: DType) -> bool:
    """Whether a precision has 16 bits."""
    return keras.backend.standardize_dtype(dtype) in SHORT


def at_least_float32(x: Tensor) -> Tensor:
    """A tensor as it is, or in float32 where it has 16 bits.

    In 16 bits s² overflows beyond 256, and λ² underflows below 2e-4.
    """
    return ops.cast(x, "float32") if is_short(x.dtype) else x


def point_mean(x: Tensor) -> Tensor:
    r"""The mean over all points of (batch, \*spatial, channels), of each sample and channel.

    It is in the precision of x; `ops.mean` sums float64 in float32 on JAX and PyTorch.

    Example:
        >>> from keras_pde.runtime.precision import point_mean
        >>> ops.convert_to_numpy(point_mean(ops.ones((1, 3, 2, 1)))).tolist()
        [[[[1.0]]]]
    """
    axes = tuple(range(1, len(x.shape) - 1))
    points = functools.reduce(operator.mul, [ops.shape(x)[axis] for axis in axes])
    wide = at_least_float32(x)
    return ops.cast(ops.sum(wide, axis=axes, keepdims=True) / ops.cast(points, wide.dtype), x.dtype)


def drawn_wide(initializer: Any) -> Any:
    """An initializer that draws 16-bit values in float32 and rounds them.

    Backends have no orthogonal matrices of 16 bits.
    """

    def draw(shape: Shape, dtype: DType | None = None) -> Tensor:
        if dtype is not None and is_short(dtype):
            return ops.cast(initializer(shape, dtype="float32"), dtype)
        return initializer(shape, dtype=dtype)

    return draw


def as_in(x: Number, like: Tensor) -> Number:
    """A Python number as it is, a tensor in the precision of another."""
    return x if isinstance(x, float | int) else ops.cast(x, like.dtype)


def narrow(y: Tensor, like: Tensor) -> Tensor:
    """A tensor back in the precision of another, where that has 16 bits."""
    return ops.cast(y, like.dtype) if is_short(like.dtype) else y


def unit_roundoff(dtype: DType) -> float:
    """γ of a 16-bit precision; 0 for the others, whose certificates are those of exact arithmetic.

    Example:
        >>> from keras_pde.runtime.precision import unit_roundoff
        >>> unit_roundoff("bfloat16"), unit_roundoff("float32")
        (0.00390625, 0.0)
    """
    return UNITS.get(keras.backend.standardize_dtype(dtype), 0.0)


def product(x: Tensor, kernel: Tensor) -> Tensor:
    """x @ kernel for rows x along the last axis, in the precision of both.

    Keras's matmul computes in float32 on PyTorch, and LiteRT has no einsum.
    """
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        return ops.einsum("...i,ij->...j", x, kernel)
    return ops.matmul(x, kernel)


def matrix_product(a: Tensor, b: Tensor) -> Tensor:
    """AB for the matrices along the last two axes of both, in their precision, as `product` is.

    Example:
        >>> from keras_pde.runtime.precision import matrix_product
        >>> np.asarray(matrix_product(ops.ones((1, 2, 3)), ops.ones((4, 3, 1)))).shape
        (4, 2, 1)
    """
    if keras.backend.standardize_dtype(a.dtype) == "float64":
        return ops.einsum("...ij,...jk->...ik", a, b)
    return ops.matmul(a, b)


BLOCK = 64  # terms that `block_sums` adds in one product


def block_sums(x: Tensor, kernel: Tensor) -> Tensor:
    """`product`, as a sum of products of 64 terms each: fewer roundings lie behind each other.

    A sum of n terms in any order loses at most (n − 1) roundings of Σ|terms|, and this one
    `roundings` of n: 76 instead of 783 for 784 terms.

    Example:
        >>> from keras_pde.runtime.precision import block_sums
        >>> np.asarray(block_sums(ops.ones((1, 100)), ops.ones((100, 2)))).tolist()
        [[100.0, 100.0]]
    """
    n = int(kernel.shape[0])
    parts = [
        product(x[..., k : k + BLOCK], kernel[k : k + BLOCK]) for k in range(0, max(n, 1), BLOCK)
    ]
    return functools.reduce(operator.add, parts)


def roundings(n: int) -> int:
    """How many roundings a term of `block_sums` of n terms passes, at most.

    Example:
        >>> from keras_pde.runtime.precision import roundings
        >>> roundings(10), roundings(784)
        (10, 76)
    """
    return min(n, BLOCK) + max(0, -(-n // BLOCK) - 1)

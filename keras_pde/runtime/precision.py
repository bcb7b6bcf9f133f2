"""Inner computations of 16-bit models in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    pass


def at_least_float32(x: Any) -> Any:
    """A tensor as it is, or in float32 where it has 16 bits.

    There s² overflows beyond 256 and λ² underflows below 2e-4.
    """
    return (
        ops.cast(x, "float32")
        if keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
        else x
    )


def drawn_wide(initializer: Any) -> Any:
    """An initializer that draws 16-bit values in float32 and rounds them.

    Backends have no orthogonal matrices of 16 bits.
    """

    def draw(shape: Any, dtype: Any = None) -> Any:
        short = dtype is not None and keras.backend.standardize_dtype(dtype) in (
            "float16",
            "bfloat16",
        )
        return (
            ops.cast(initializer(shape, dtype="float32"), dtype)
            if short
            else initializer(shape, dtype=dtype)
        )

    return draw


def as_in(x: Any, like: Any) -> Any:
    """A number as it is, a tensor in the precision of another."""
    return x if isinstance(x, float | int) else ops.cast(x, like.dtype)


def narrow(y: Any, like: Any) -> Any:
    """A tensor back in the 16 bits of another."""
    return (
        ops.cast(y, like.dtype)
        if keras.backend.standardize_dtype(like.dtype) in ("float16", "bfloat16")
        else y
    )


UNITS = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


SUMS = 2.0**-24  # of sums in float32


def unit_roundoff(dtype: Any) -> float:
    """γ of a 16-bit precision; 0 for the others, whose certificates are those of exact arithmetic.

    Example:
        >>> from keras_pde.runtime.precision import unit_roundoff
        >>> unit_roundoff("bfloat16"), unit_roundoff("float32")
        (0.00390625, 0.0)
    """
    return UNITS.get(keras.backend.standardize_dtype(dtype), 0.0)

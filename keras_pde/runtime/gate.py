"""The one gate at every entrance: real floats of the right rank and channels, numbers in range.

What passes is what the mathematics is about; all else is one ValueError that names the argument,
what came and what is expected. Integer tensors would wrap modulo 256, complex ones lose their
imaginary part and masked arrays their mask, each without a word.

`tensor` looks at static facts only, so it costs nothing in a traced graph and never waits for a
device. Importing this file imports no backend.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from keras_pde.runtime.options import flag, number, said, whole, word
from keras_pde.runtime.types import Shape, Tensor

__all__ = ["array", "facts", "flag", "number", "said", "tensor", "whole", "word"]

FLOATS = ("float16", "bfloat16", "float32", "float64")


def tensor(
    x: Tensor, name: str, *, ranks: Collection[int] | None = None, channels: int | None = None
) -> None:
    r"""Refuse what is no dense tensor of real floats with the right number of axes and channels.

    Only static facts are looked at: type, rank, last axis, axes of length 0. An empty batch (axis
    0) passes, and so do axes of unknown length.

    Args:
        x: an array or a tensor of any backend, eager, traced or symbolic.
        name: of the argument, for the message.
        ranks: numbers of axes allowed; None allows any.
        channels: length of the last axis; None allows any.

    Raises:
        ValueError: none of that.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.tensor(np.zeros((1, 8, 1)), "u", ranks=(3, 4, 5), channels=1)
        >>> gate.tensor(np.zeros((1, 8, 1), "uint8"), "u")
        Traceback (most recent call last):
        ...
        ValueError: u must hold real floats. Received: uint8. Cast it first, as by ...
    """
    dtype, shape = facts(x, name)
    if dtype not in FLOATS:
        raise ValueError(f"{name} must hold real floats. Received: {dtype}. {_cast(dtype, name)}")
    if ranks is not None and len(shape) not in ranks:
        raise ValueError(f"{name} must have {_axes(ranks)}. Received: shape {shape}")
    if channels is not None and (not shape or shape[-1] not in (channels, None)):
        count = f"{channels} channel{'s' * (channels != 1)}"
        raise ValueError(
            f"{name} must have {count}, its last axis. Received: shape {shape}, which has"
            f" {shape[-1] if shape else 'no axis'}"
        )
    if 0 in shape[1:]:
        raise ValueError(
            f"{name} has no points: only its first axis, the batch, may be empty. Received: shape"
            f" {shape}"
        )


def facts(x: Tensor, name: str) -> tuple[str, Shape]:
    """The type and the shape that a dense array or tensor declares, None for unknown lengths.

    Raises:
        ValueError: it is none: a number, a list, a string, None, a masked array, a sparse or ragged
            tensor, or a tensor of unknown rank.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.facts(np.zeros((2, 3), "float32"), "u")
        ('float32', (2, 3))
    """
    if isinstance(x, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is a masked array, whose mask would be lost: fill it first, as by"
            f" {name}.filled(0)"
        )
    # objects of the caller, of any library: what they declare by Python's array protocol
    dtype, shape = getattr(x, "dtype", None), getattr(x, "shape", None)
    if dtype is None or shape is None or not hasattr(x, "__array__"):
        dense = "" if dtype is None else "dense "
        raise ValueError(f"{name} must be a {dense}tensor or array of floats. Received: {said(x)}")
    try:
        sizes = tuple(shape)
    except ValueError:  # TensorFlow's for an unknown rank
        raise ValueError(
            f"{name} has an unknown number of axes: state it, as by tf.ensure_shape"
        ) from None
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2], sizes


def array(
    x: Any,
    name: str,
    *,
    ranks: Collection[int] | None = None,
    channels: int | None = None,
    finite: bool = True,
    integers: bool = False,
) -> np.ndarray:
    """What a host function is given, as a NumPy array of real numbers in native byte order.

    Lists of numbers, and tensors of any backend, become arrays; bfloat16 becomes float32.

    Args:
        x: what came.
        name: of the argument, for the message.
        ranks: numbers of axes allowed; None allows any.
        channels: length of the last axis; None allows any.
        finite: refuse NaN and infinite values.
        integers: let integers pass, signed and unsigned.

    Raises:
        ValueError: masked, sparse or ragged arrays, strings, objects, bools, complex numbers;
            another shape; no values.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.array([[1.0, 2.0]], "b", ranks=(2,)).shape
        (1, 2)
        >>> gate.array([1j], "b")
        Traceback (most recent call last):
        ...
        ValueError: b must hold real floats. Received: complex128. ...
    """
    if isinstance(x, np.ma.MaskedArray):
        facts(x, name)  # refuses
    try:
        values = np.asarray(x)
    except Exception as error:  # of any library, and of lists of unequal lengths
        raise ValueError(
            f"{name} must be an array of numbers. Received: {said(x)} ({said(str(error))})"
        ) from None
    if values.dtype.name == "bfloat16":
        values = values.astype(np.float32)
    dtype = values.dtype
    if x is None or dtype.kind not in ("fiu" if integers else "f"):
        kinds = "real floats or integers" if integers else "real floats"
        what = said(x) if dtype.kind in "OUS" else f"{dtype.name}. {_cast(dtype.name, name)}"
        raise ValueError(f"{name} must hold {kinds}. Received: {what}")
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    shape = values.shape
    if ranks is not None and len(shape) not in ranks:
        raise ValueError(f"{name} must have {_axes(ranks)}. Received: shape {shape}")
    if channels is not None and (not shape or shape[-1] != channels):
        raise ValueError(
            f"{name} must have {channels} channel{'s' * (channels != 1)}, its last axis. Received:"
            f" shape {shape}"
        )
    if not values.size:
        raise ValueError(f"{name} is empty. Received: shape {shape}")
    if finite and dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds NaN or infinite values, at {int((~np.isfinite(values)).sum())} of"
            f" {values.size} places. Replace them by numbers first."
        )
    return values


def _axes(ranks: Collection[int]) -> str:
    """Numbers of axes in words."""
    least, most = min(ranks), max(ranks)
    counts = f"{least}" if least == most else f"{least} to {most}"
    layout = ", (batch, *spatial, channels)" if least >= 3 else ""
    return f"{counts} {'axis' if most == 1 else 'axes'}{layout}"


def _cast(dtype: str, name: str) -> str:
    """How to make floats of another type."""
    if dtype.startswith("complex"):
        return f"Give its real and its imaginary part one after the other, {name}.real first"
    if "int" not in dtype and dtype not in ("bool", "float128", "longdouble"):
        return "Give numbers"
    scaled = ", divided by the value of white where it is an image" * ("int" in dtype)
    return f"Cast it first, as by keras.ops.cast({name}, 'float32'){scaled}"

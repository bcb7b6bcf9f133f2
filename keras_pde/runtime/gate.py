"""The one gate at every entrance: real floats of the right rank and channels, numbers in range.

What passes is what the mathematics is about; all else is one ValueError that names the argument,
what came and what is expected. Integer tensors would wrap modulo 256, complex ones lose their
imaginary part and masked arrays their mask, each without a word.

`tensor` looks at static facts only, so it costs nothing in a traced graph and never waits for a
device. Importing this file imports no backend.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from keras_pde.runtime.options import count, flag, number, number_or_word, path, said, whole, word
from keras_pde.runtime.types import Shape, Tensor

__all__ = [
    "array",
    "count",
    "facts",
    "flag",
    "levels",
    "number",
    "number_or_word",
    "path",
    "said",
    "same_sizes",
    "tensor",
    "whole",
    "word",
]

FLOATS = ("float16", "bfloat16", "float32", "float64")
SPATIAL = (3, 4, 5)  # axes of (batch, *spatial, channels), 1-D to 3-D
FEW = 1024  # values that may be fetched from a device


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
        raise ValueError(f"{name} must hold real floats. Received: {dtype}. {_cast(dtype)}")
    if ranks is not None and len(shape) not in ranks:
        layout = ", (batch, *spatial, channels)" if min(ranks) >= 3 else ""
        raise ValueError(f"{name} must have {_axes(ranks)}{layout}. Received: shape {shape}")
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
            f"{name} is a masked array, whose mask would be lost: fill it first, as by x.filled(0)"
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


def same_sizes(x: Tensor, name: str, like: Shape, of: str, *, channels: bool = True) -> None:
    """Refuse a tensor whose known lengths are not those of another one.

    Args:
        x: a tensor that `tensor` let pass.
        name: of the argument, for the message.
        like: the other one's shape.
        of: its name.
        channels: compare the last axes too.

    Raises:
        ValueError: another length along an axis; a batch of 1 serves every batch.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.same_sizes(np.zeros((1, 8, 1)), "mask", (2, 9, 1), "image")
        Traceback (most recent call last):
        ...
        ValueError: mask must have the sizes of image, (2, 9, 1). Received: shape (1, 8, 1)
    """
    shape = tuple(x.shape)
    last = None if channels else -1
    pairs = zip(shape[1:last], like[1:last], strict=False)
    if any(None not in (n, m) and n != m for n, m in pairs) or not _serves(shape, like):
        raise ValueError(
            f"{name} must have the sizes of {of}, {tuple(like)}. Received: shape {shape}"
        )


def levels(
    x: Tensor, name: str, *, batch: int | None = None, low: float = 0.0, high: float = math.inf
) -> None:
    """Refuse levels, such as of noise, out of their bounds, NaN or infinite, where they are known.

    Values are looked at where that costs nothing: a NumPy array, or a few values of an eager
    tensor. Those of a traced graph, and many on a device, pass.

    Args:
        x: a tensor that `tensor` let pass.
        name: of the argument, for the message.
        batch: number of samples that there is a level for; None where it is not known.
        low: least value.
        high: largest value; infinite ones are refused in any case.

    Raises:
        ValueError: another number of levels; a value out of bounds.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.levels(np.array([0.1, -0.1]), "noise")
        Traceback (most recent call last):
        ...
        ValueError: noise must hold finite numbers >= 0. Received: -0.1, at 1 of 2 places
    """
    shape = tuple(x.shape)
    if shape and not _serves(shape, (batch,)):
        raise ValueError(f"{name} must hold {batch} values, one a sample. Received: shape {shape}")
    values = _known(x)
    if values is None:
        return
    wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
    if wrong.any():
        bounds = f">= {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise ValueError(
            f"{name} must hold finite numbers {bounds}. Received: {values[wrong].flat[0]:g}, at"
            f" {int(wrong.sum())} of {values.size} places"
        )


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
        what = said(x) if dtype.kind in "OUS" else f"{dtype.name}. {_cast(dtype.name)}"
        raise ValueError(f"{name} must hold {kinds}. Received: {what}")
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    shape = values.shape
    if ranks is not None and len(shape) not in ranks:
        layout = ", (batch, *spatial, channels)" if min(ranks) >= 3 else ""
        raise ValueError(f"{name} must have {_axes(ranks)}{layout}. Received: shape {shape}")
    if channels is not None and (not shape or shape[-1] != channels):
        raise ValueError(
            f"{name} must have {channels} channel{'s' * (channels != 1)}, its last axis. Received:"
            f" shape {shape}"
        )
    if not values.size:
        raise ValueError(f"{name} is empty. Received: shape {shape}")
    if finite and dtype.kind == "f" and not np.isfinite([values.min(), values.max()]).all():
        raise ValueError(
            f"{name} holds NaN or infinite values, at {int((~np.isfinite(values)).sum())} of"
            f" {values.size} places. Replace them by numbers first."
        )
    return values


def _serves(shape: Shape, like: Shape) -> bool:
    """Whether the first axes fit: equal, one for all, or not known."""
    return None in (shape[0], like[0]) or shape[0] in (1, like[0])


def _known(x: Tensor) -> np.ndarray | None:
    """The values of an array, or few ones of an eager tensor; None for all others."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x, np.float64)
    shape = tuple(x.shape)
    if None in shape or math.prod(shape) > FEW:
        return None
    import keras

    try:
        return np.asarray(keras.ops.convert_to_numpy(x), np.float64)
    except Exception:  # symbolic and traced tensors, each backend by an error of its own
        return None


def _axes(ranks: Collection[int]) -> str:
    """Numbers of axes in words."""
    least, most = min(ranks), max(ranks)
    counts = f"{least}" if least == most else f"{least} to {most}"
    return f"{counts} {'axis' if most == 1 else 'axes'}"


def _cast(dtype: str) -> str:
    """How to make floats of another type."""
    if dtype.startswith("complex"):
        return "Give its real and its imaginary part one after the other, x.real first"
    if "int" not in dtype and dtype not in ("bool", "float128", "longdouble"):
        return "Give numbers"
    scaled = ", divided by the value of white where it is an image" * ("int" in dtype)
    return f"Cast it first, as by keras.ops.cast(x, 'float32'){scaled}"

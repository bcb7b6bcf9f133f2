"""Shapes that layers and models are built for."""

from __future__ import annotations

import numbers
from typing import Any

from keras_pde.runtime.options import said

__all__ = ["check_shape"]


def check_shape(shape: Any, name: str) -> None:
    r"""Refuse what is no shape, and no list of shapes: one for each input.

    Args:
        shape: (batch, \*spatial, channels), whole numbers, or None where a length is not known; the
            batch may be 0.
        name: of the argument, for the message.

    Raises:
        ValueError: something else.

    Example:
        >>> from keras_pde.runtime.shapes import check_shape
        >>> check_shape((None, 32, 32, 1), "input_shape")
        >>> check_shape((None, 32, 32, 1.5), "input_shape")
        Traceback (most recent call last):
        ...
        ValueError: input_shape must be (batch, *spatial, channels) of whole numbers >= 1, ...
    """
    lengths = None if shape is None or isinstance(shape, str | bytes | dict) else _listed(shape)
    if lengths and all(isinstance(x, list | tuple) for x in lengths):
        for one in lengths:
            check_shape(one, name)
    elif not lengths or not all(_is_length(x, i == 0) for i, x in enumerate(lengths)):
        raise ValueError(
            f"{name} must be (batch, *spatial, channels) of whole numbers >= 1, or None where one"
            f" is not known. Received: {name}={said(shape)}"
        )


def _listed(shape: Any) -> list[Any] | None:
    """The lengths, of a tensor library's own shapes too."""
    try:
        return list(shape)
    except (TypeError, ValueError):  # no list; a shape of unknown rank
        return None


def _is_length(x: Any, batch: bool) -> bool:
    whole = isinstance(x, numbers.Integral) and not isinstance(x, bool)
    return x is None or (whole and x >= (0 if batch else 1))

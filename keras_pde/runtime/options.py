"""Options of one value: numbers and whole numbers in range, flags, words.

Each function refuses anything else by one ValueError that names the argument, what came and what is
expected. The gate for arrays and tensors, `keras_pde.runtime.gate`, has them all.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

__all__ = ["count", "flag", "number", "number_or_word", "path", "said", "whole", "word"]

MOST = 1 << 16  # filters, channels, steps


@overload
def number(
    x: Any,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    none: Literal[False] = False,
) -> float: ...


@overload
def number(
    x: Any,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    none: Literal[True],
) -> float | None: ...


def number(
    x: Any,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    none: bool = False,
) -> float | None:
    """A finite number within its bounds, as a float; no bool, no string, no array of several.

    Args:
        x: what came.
        name: of the argument, for the message.
        low: least value; None for none.
        high: largest value; None for none.
        low_open: whether the least value itself is refused.
        high_open: whether the largest value itself is refused.
        none: whether None passes, and is returned.

    Raises:
        ValueError: anything else, with the bounds.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.number(np.float32(0.5), "share", low=0, high=1, low_open=True)
        0.5
        >>> gate.number(0, "share", low=0, high=1, low_open=True)
        Traceback (most recent call last):
        ...
        ValueError: share must be a number > 0 and <= 1. Received: share=0
    """
    if x is None and none:
        return None
    value = _real(x)
    inside = math.isfinite(value)
    if low is not None:
        inside = inside and (value > low if low_open else value >= low)
    if high is not None:
        inside = inside and (value < high if high_open else value <= high)
    if not inside:
        bounds = _bounds(low, high, low_open, high_open) or "a finite number"
        other = " or None" if none else ""
        raise ValueError(f"{name} must be {bounds}{other}. Received: {name}={said(x)}")
    return value


def number_or_word(
    x: Any,
    name: str,
    words: Collection[str],
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
) -> float | str:
    """One of the words, or a finite number within its bounds.

    Raises:
        ValueError: anything else, with the bounds and the words.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.number_or_word("learned", "data_weight", ("learned",), low=0)
        'learned'
    """
    if isinstance(x, str) and x in words:
        return x
    try:
        return number(x, name, low=low, high=high, low_open=low_open)
    except ValueError:
        bounds = _bounds(low, high, low_open) or "a finite number"
        raise ValueError(
            f"{name} must be {bounds} or {' or '.join(map(repr, words))}. Received:"
            f" {name}={said(x)}"
        ) from None


def whole(x: Any, name: str, *, low: int | None = None, high: int | None = None) -> int:
    """A whole number within its bounds, as an int; no bool, no float, no string.

    Raises:
        ValueError: anything else, with the bounds.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.whole(3, "steps", low=1)
        3
        >>> gate.whole(2.5, "steps", low=1)
        Traceback (most recent call last):
        ...
        ValueError: steps must be a whole number >= 1. Received: steps=2.5
    """
    fits = isinstance(x, numbers.Integral) and not isinstance(x, bool)
    if not fits or (low is not None and x < low) or (high is not None and x > high):
        bounds = _bounds(low, high) or "a number"
        kind = bounds.replace("finite ", "").replace("a number", "a whole number")
        raise ValueError(f"{name} must be {kind}. Received: {name}={said(x)}")
    return int(x)


def count(x: Any, name: str, *, high: int = MOST) -> int:
    """A whole number ≥ 1 of filters, channels, steps or points, below what no memory holds.

    Raises:
        ValueError: anything else, with the bounds.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.count(10**9, "filters")
        Traceback (most recent call last):
        ...
        ValueError: filters must be a whole number >= 1 and <= 65536. Received: filters=1000000000
    """
    return whole(x, name, low=1, high=high)


def flag(x: Any, name: str) -> bool:
    """True or False; no other value stands for one.

    Raises:
        ValueError: anything else.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.flag("no", "tied")
        Traceback (most recent call last):
        ...
        ValueError: tied must be True or False. Received: tied='no'
    """
    if not isinstance(x, bool | np.bool_):
        raise ValueError(f"{name} must be True or False. Received: {name}={said(x)}")
    return bool(x)


def word(x: Any, name: str, words: Iterable[str]) -> str:
    """One of the words.

    Raises:
        ValueError: anything else, with the near words and all.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.word("neuman", "boundary", ("neumann", "dirichlet", "periodic"))
        Traceback (most recent call last):
        ...
        ValueError: boundary must be one of 'neumann', 'dirichlet', 'periodic'. Received: ...
    """
    words = tuple(words)
    if not isinstance(x, str) or x not in words:
        near = difflib.get_close_matches(x, words, n=1) if isinstance(x, str) else []
        hint = f". Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, words))}. Received: {name}={said(x)}{hint}"
        )
    return x


def names(given: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Refuse names that are not known.

    Raises:
        ValueError: the names, what they may have meant, and all that are known.

    Example:
        >>> from keras_pde.runtime.options import names
        >>> names(["stepz"], ["steps", "seed"], "it has ")
        Traceback (most recent call last):
        ...
        ValueError: it has unknown fields stepz. Did you mean steps? Fields: seed, steps.
    """
    known = sorted(known)
    unknown = sorted(set(given) - set(known))
    if unknown:
        near = [m for name in unknown for m in difflib.get_close_matches(name, known, n=1)]
        hint = f" Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        shown = ", ".join(name if name.isprintable() else ascii(name) for name in unknown[:5])
        raise ValueError(f"{where}unknown fields {shown}.{hint} Fields: {', '.join(known)}.")


def said(x: Any) -> str:
    """What came, in one short line: a number or string itself, an array's type and shape.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.said("25"), gate.said(np.zeros(3)), gate.said([1, 2])
        ("'25'", 'an array of float64, shape (3,)', '[1, 2]')
    """
    if isinstance(x, np.ndarray):
        return f"an array of {x.dtype.name}, shape {x.shape}"
    if x is None or isinstance(x, str | bytes | numbers.Number | np.generic | list | tuple | dict):
        try:
            text = " ".join(repr(x.item() if isinstance(x, np.generic) else x).split())
        except ValueError:  # Python prints no int of more than 4300 digits
            text = "a number of thousands of digits"
        return text if len(text) <= 80 else f"{text[:60]} … ({type(x).__name__})"
    return type(x).__name__


def path(x: Any, name: str) -> Path:
    """A path, of a text or a path object.

    Raises:
        ValueError: something else, nothing, or a text with a zero byte.

    Example:
        >>> from keras_pde.runtime import gate
        >>> gate.path(None, "directory")
        Traceback (most recent call last):
        ...
        ValueError: directory must be a path. Received: directory=None
    """
    text = os.fspath(x) if isinstance(x, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{name} must be a path. Received: {name}={said(x)}")
    return Path(text)


def _real(x: Any) -> float:
    """A real number as a float, NaN for what is none."""
    if isinstance(x, np.ndarray) and not x.ndim:
        x = x[()]
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        return math.nan
    try:
        return float(x)
    except OverflowError:
        return math.inf


def _bounds(
    low: float | None, high: float | None, low_open: bool = False, high_open: bool = False
) -> str:
    """The bounds in words; nothing where there are none."""
    above = "" if low is None else f"{'>' if low_open else '>='} {_short(low)}"
    below = "" if high is None else f"{'<' if high_open else '<='} {_short(high)}"
    both = " and ".join(part for part in (above, below) if part)
    finite = "finite " * (low is None or high is None)
    return both and f"a {finite}number {both}"


def _short(bound: float) -> str:
    """A bound as it is: whole ones in full."""
    return str(bound) if isinstance(bound, int) else f"{bound:g}"

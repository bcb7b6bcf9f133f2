"""Checks of the values in a preset's configuration: each says what it expected and what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.reading import shown

Check = Callable[[Any, str], None]

__all__ = [
    "either",
    "flag",
    "line",
    "listed",
    "none",
    "one_of",
    "real",
    "record",
    "table_of",
    "whole",
    "word",
]


def wrong(where: str, expected: str, value: Any) -> ValueError:
    """The error of a value: where it stands, what was expected, what came."""
    return ValueError(f"{where}: {expected} was expected, and it is {shown(value)}")


def whole(low: int, high: int) -> Check:
    """A whole number between two bounds.

    Example:
        >>> from keras_pde.presets.values import whole
        >>> whole(1, 4096)(10**9, "filters")
        Traceback (most recent call last):
            ...
        ValueError: filters: a whole number from 1 to 4,096 was expected, and it is 1000000000
    """

    def check(value: Any, where: str) -> None:
        if type(value) is not int or not low <= value <= high:
            raise wrong(where, f"a whole number from {low:,} to {high:,}", value)

    return check


def real(value: Any, where: str) -> None:
    """A number that float64 holds.

    Example:
        >>> from keras_pde.presets.values import real
        >>> real(0.5, "contrast")
    """
    if type(value) not in (int, float) or not abs(value) < 1e300:
        raise wrong(where, "a finite number", value)


def flag(value: Any, where: str) -> None:
    """True or False.

    Example:
        >>> from keras_pde.presets.values import flag
        >>> flag(True, "tied")
    """
    if type(value) is not bool:
        raise wrong(where, "true or false", value)


def none(value: Any, where: str) -> None:
    """Nothing.

    Example:
        >>> from keras_pde.presets.values import none
        >>> none(None, "block")
    """
    if value is not None:
        raise wrong(where, "null", value)


def word(value: Any, where: str) -> None:
    """A short text in one line, without a slash.

    Example:
        >>> from keras_pde.presets.values import word
        >>> word("block_0", "name")
    """
    if not (
        type(value) is str and 0 < len(value) <= 200 and value.isprintable() and "/" not in value
    ):
        raise wrong(where, "a text of 1 to 200 characters in one line, without a slash,", value)


def line(value: Any, where: str) -> None:
    """A text in one line.

    Example:
        >>> from keras_pde.presets.values import line
        >>> line("homogeneous diffusion, 2/3 of it", "description")
    """
    if not (type(value) is str and value.isprintable() and 0 < len(value) <= limits.TEXT):
        raise wrong(where, f"a text of 1 to {limits.TEXT:,} characters in one line", value)


def table_of(check: Check) -> Check:
    """An object of values of one kind, under any names.

    Example:
        >>> from keras_pde.presets.values import real, table_of
        >>> table_of(real)({"15": 0.3, "25": 0.575}, "noise")
    """

    def check_all(value: Any, where: str) -> None:
        if type(value) is not dict:
            raise wrong(where, "an object", value)
        for key, item in value.items():
            line(key, f"{where}, a key")
            check(item, f"{where}.{shown(key)}")

    return check_all


def one_of(*words: str) -> Check:
    """One of some words.

    Example:
        >>> from keras_pde.presets.values import one_of
        >>> one_of("neumann", "dirichlet")("neumann", "boundary")
    """

    def check(value: Any, where: str) -> None:
        if type(value) is not str or value not in words:
            raise wrong(where, f"one of {', '.join(words)}", value)

    return check


def listed(check: Check, low: int, high: int) -> Check:
    """A list of so many values of one kind.

    Example:
        >>> from keras_pde.presets.values import listed, real
        >>> listed(real, 2, 2)([0.0, 1.0], "slopes")
    """

    def check_all(value: Any, where: str) -> None:
        if type(value) is not list or not low <= len(value) <= high:
            length = f" of {len(value)}" if type(value) is list else ""
            raise ValueError(
                f"{where}: a list of {low:,} to {high:,} values was expected, and it is"
                f" {'a list' + length if length else shown(value)}"
            )
        for index, item in enumerate(value):
            check(item, f"{where}[{index}]")

    return check_all


def either(*checks: Check) -> Check:
    """What one of the checks accepts; the error is that of the last one.

    Example:
        >>> from keras_pde.presets.values import either, none, whole
        >>> either(none, whole(1, 9))(None, "groups")
    """

    def check(value: Any, where: str) -> None:
        for each in checks[:-1]:
            try:
                return each(value, where)
            except ValueError:
                continue
        return checks[-1](value, where)

    return check


def record(fields: Mapping[str, Check], *, optional: bool = True) -> Check:
    """An object with these keys and no others.

    Args:
        fields: a check for each key.
        optional: whether keys may be missing, as in files of versions that did not have them.

    Example:
        >>> from keras_pde.presets.values import real, record
        >>> record({"contrast": real})({"contrast": 0.1}, "config")
    """

    def check(value: Any, where: str) -> None:
        if type(value) is not dict:
            raise wrong(where, "an object", value)
        for key in value:
            if key not in fields:
                raise ValueError(f"{where} has {shown(key)}, which is unknown")
        if not optional and len(value) < len(fields):
            missing = next(key for key in fields if key not in value)
            raise ValueError(f"{where} has no {missing!r}")
        for key, item in value.items():
            fields[key](item, f"{where}.{key}")

    return check


def shape(value: Any, where: str) -> None:
    """A shape: sizes or null, the last of an image's being its channels.

    Example:
        >>> from keras_pde.presets.values import shape
        >>> shape([None, None, None, 1], "input_shape")
    """
    listed(either(none, whole(1, limits.SIZE)), 1, 6)(value, where)
    if len(value) > 1:
        either(none, whole(1, limits.CHANNELS))(value[-1], f"{where}[{len(value) - 1}]")


def with_dtype(config: Any, dtype: str) -> Any:
    """Return the configuration of a network with every layer's precision replaced by another.

    Args:
        config: what `keras.saving.serialize_keras_object` returns for the network.
        dtype: the new precision, such as "float64" or "mixed_bfloat16".
    """
    if isinstance(config, dict):
        return {
            k: dtype if k == "dtype" and v is not None else with_dtype(v, dtype)
            for k, v in config.items()
        }
    return [with_dtype(v, dtype) for v in config] if isinstance(config, list) else config

"""Read the files of a preset that anybody may have written: plain, small, strict."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any

from keras_pde.presets import limits
from keras_pde.runtime.one_line import shown_path

__all__ = ["parse_json", "read_bytes", "refused", "shown"]

_FLAGS = os.O_RDONLY | (os.O_NONBLOCK | os.O_CLOEXEC if os.name == "posix" else 0)
_OWN_LINKS = os.O_NOFOLLOW if os.name == "posix" else 0
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# a text that does not end is one token too, so that the scan takes one pass
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},:]', re.DOTALL)


def refused(path: Path, why: str) -> ValueError:
    """The error of a file that is not read: one line with its name and the reason.

    Example:
        >>> from keras_pde.presets.reading import refused
        >>> print(refused(Path("config.json"), "it is empty"))
        config.json is refused: it is empty
    """
    return ValueError(f"{shown_path(path)} is refused: {why}")


def shown(value: Any, length: int = 60) -> str:
    """A value from a file as it may be printed: in ASCII, in one line, and short.

    Example:
        >>> from keras_pde.presets.reading import shown
        >>> shown("x" * 100, 12)
        "'xxxxxxxx..."
    """
    text = ascii(value if not isinstance(value, dict | list) else type(value).__name__)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def read_bytes(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """The content of a plain file of at most so many bytes.

    The file is opened once, and what was opened is what is examined and read.

    Args:
        path: of the file.
        limit: bytes; a larger file is refused before it is read.
        follow: whether the path may be a symbolic link, as in an installed package.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a symbolic link, folder, pipe, socket or device; a file above the limit.
        OSError: the file cannot be read.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.presets.reading import read_bytes
        >>> read_bytes(presets.folder_of("linear_2d") / "config.json", 10_000)[:1]
        b'{'
    """
    try:
        found = os.stat(path) if follow else os.lstat(path)
        _plain(path, found)
        handle = os.open(path, _FLAGS | (0 if follow else _OWN_LINKS))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{shown_path(path)} is missing: the preset is incomplete. Reinstall or download it"
            " again."
        ) from None
    except OSError as error:
        raise OSError(f"{shown_path(path)} cannot be read: {error.strerror or error}") from None
    with open(handle, "rb") as file:
        try:
            found = os.fstat(handle)
            _plain(path, found)
            if found.st_size <= limit:
                data = file.read(limit + 1)
                if len(data) <= limit:
                    return data
        except OSError as error:
            raise OSError(f"{shown_path(path)} cannot be read: {error.strerror or error}") from None
    size = max(found.st_size, limit + 1)
    raise refused(path, f"it has {size:,} bytes or more, and at most {limit:,} are read")


def _plain(path: Path, found: os.stat_result) -> None:
    """Refuse what is no plain file, before it is opened: a pipe would wait for its writer."""
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(found.st_mode)), "no plain file")
        raise refused(path, f"it is {kind}, and a plain file was expected")


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """The object in a JSON file, strictly.

    Raises:
        ValueError: no JSON, no UTF-8, no object at the top; keys that occur twice; NaN, infinities
            and numbers beyond float64; too deep, too many values, too long texts.

    Example:
        >>> from keras_pde.presets.reading import parse_json
        >>> parse_json(b'{"a": [1, 2.5, null]}', Path("config.json"))
        {'a': [1, 2.5, None]}
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(path, f"it is no UTF-8 text, at byte {error.start}") from None
    if not text.strip():
        raise refused(path, "it is empty, and a JSON object was expected")
    _scan(text, path)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise refused(path, f"it is no JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise refused(path, str(error)) from None
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise refused(path, "it has a text with half a surrogate pair, which is no UTF-8") from None
    if not isinstance(value, dict):
        raise refused(path, f"it holds a {type(value).__name__}, and an object was expected")
    return value


def _scan(text: str, path: Path) -> None:
    """Depth and number of values, before anything is made of them."""
    depth = 0
    for count, match in enumerate(_TOKEN.finditer(text)):
        token = match[0]
        if token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
        elif len(token) > limits.TEXT + 2:
            raise refused(
                path, f"it has a text of {len(token):,} characters, and {limits.TEXT:,} are read"
            )
        if depth > limits.DEPTH:
            raise refused(path, f"it is nested more than {limits.DEPTH} deep")
        if count > 4 * limits.VALUES:
            raise refused(path, f"it holds more than {limits.VALUES:,} values")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it has the key {shown(twice)} twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, and only finite numbers are read")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds the number {shown(text, 24)}, which float64 cannot hold")
    return value


def _int(text: str) -> int:
    if len(text) > limits.DIGITS:
        raise ValueError(
            f"it holds a whole number of {len(text):,} digits, and {limits.DIGITS} are read"
        )
    return int(text)

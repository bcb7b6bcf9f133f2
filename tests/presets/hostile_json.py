"""Hostile JSON: broken, deep, large, ambiguous; and metadata that lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from presets.hostile import Case, restate

Spoil = Callable[[Path], Any]


def _text(file: str, change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / file
        path.write_bytes(change(path.read_bytes()))
        if file == "config.json":
            restate(folder)

    return spoil


def _inner(data: bytes, text: bytes) -> bytes:
    """A file with one more entry at its end."""
    return data.rstrip()[:-1] + b"," + text + b"}"


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda d: b"",
    "blank": lambda d: b" \n\t ",
    "cut_short": lambda d: d[: len(d) // 2],
    "one_byte": lambda d: d[:1],
    "no_utf8": lambda d: b"\xff\xfe{",
    "utf16": lambda d: d.decode().encode("utf-16"),
    "latin1_inside": lambda d: _inner(d, b'"caf\xe9": 1'),
    "byte_order_mark": lambda d: b"\xef\xbb\xbf" + d,
    "zero_bytes": lambda d: bytes(1000),
    "zero_byte_inside": lambda d: d.replace(b":", b":\0", 1),
    "a_list": lambda d: b"[" + d + b"]",
    "a_text": lambda d: json.dumps(d.decode()[:500]).encode(),
    "a_number": lambda d: b"5",
    "null": lambda d: b"null",
    "true": lambda d: b"true",
    "python": lambda d: d.replace(b'"', b"'"),
    "comment": lambda d: b"// a comment\n" + d,
    "two_objects": lambda d: d + d,
    "trailing_comma": lambda d: d.rstrip()[:-1] + b",}",
    "brackets_100000": lambda d: b"[" * 100_000,
    "closed_brackets": lambda d: b"]" * 100_000,
    "objects_900_deep": lambda d: _inner(d, b'"x":' + b'{"a":' * 900 + b"1" + b"}" * 900),
    "objects_41_deep": lambda d: _inner(d, b'"x":' + b'{"a":' * 41 + b"1" + b"}" * 41),
    "lists_2000_deep": lambda d: _inner(d, b'"x":' + b"[" * 2000 + b"]" * 2000),
    "nan": lambda d: _inner(d, b'"x": NaN'),
    "infinity": lambda d: _inner(d, b'"x": Infinity'),
    "minus_infinity": lambda d: _inner(d, b'"x": [-Infinity]'),
    "number_1e999": lambda d: _inner(d, b'"x": 1e999'),
    "number_of_400_digits": lambda d: _inner(d, b'"x": 1' + b"0" * 400),
    "number_of_5000_digits": lambda d: _inner(d, b'"x": 1' + b"0" * 5000),
    "key_twice": lambda d: _inner(d, b'"x": 1, "x": 2'),
    "known_key_twice": lambda d: b'{"class_name": "Lambda", "class": "Lambda",' + d.lstrip()[1:],
    "key_twice_escaped": lambda d: _inner(d, rb'"x": 1, "\u0078": 2'),
    "half_a_surrogate": lambda d: _inner(d, rb'"x": "\ud800"'),
    "half_a_surrogate_in_a_list": lambda d: _inner(d, rb'"x": ["\udfff"]'),
    "text_of_20_mb": lambda d: _inner(d, b'"x": "' + b"x" * 20_000_000 + b'"'),
    "text_of_50_kb": lambda d: _inner(d, b'"x": "' + b"x" * 50_000 + b'"'),
    "key_of_50_kb": lambda d: _inner(d, b'"' + b"x" * 50_000 + b'": 1'),
    "values_300000": lambda d: _inner(d, b'"x": [' + b"1," * 300_000 + b"1]"),
    "text_without_end": lambda d: b'{"x": "' + b'\\"' * 30_000,
    "quotes_60000": lambda d: b'{"x": ' + b'"' * 60_000,
    "spaces_20_mb": lambda d: b" " * 20_000_000 + d,
}


def metadata(**more: Any) -> Spoil:
    """Metadata with other values; what is ... is left out."""

    def spoil(folder: Path) -> None:
        path = folder / "metadata.json"
        found = {**json.loads(path.read_text()), **more}
        path.write_text(json.dumps({k: v for k, v in found.items() if v is not ...}))

    return spoil


def hashes(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Metadata with another table of hashes."""

    def spoil(folder: Path) -> None:
        path = folder / "metadata.json"
        found = json.loads(path.read_text())
        table = dict(found["sha256"])
        found["sha256"] = change(table) or table
        path.write_text(json.dumps(found))

    return spoil


def _without(name: str) -> Spoil:
    return hashes(lambda table: {k: v for k, v in table.items() if k != name})


def _with(name: str, value: Any) -> Spoil:
    return hashes(lambda table: {**table, name: value})


ZEROS = "0" * 64
LIES: dict[str, Spoil] = {
    "hashes_none": metadata(sha256={}),
    "hashes_a_list": metadata(sha256=[]),
    "hashes_a_text": metadata(sha256="config.json"),
    "hashes_null": metadata(sha256=None),
    "hashes_left_out": metadata(sha256=...),
    "hash_of_config_left_out": _without("config.json"),
    "hash_of_weights_left_out": _without("model.weights.h5"),
    "hash_of_golden_left_out": _without("golden.npz"),
    "hash_of_passwd": _with("/etc/passwd", ZEROS),
    "hash_of_kmsg": _with("/proc/kmsg", ZEROS),
    "hash_of_dotdot": _with("../secret", ZEROS),
    "hash_of_nothing": _with("", ZEROS),
    "hash_of_a_zero_byte": _with("a\0b", ZEROS),
    "hash_of_itself": _with("metadata.json", ZEROS),
    "hash_of_a_long_name": _with("x" * 1900, ZEROS),
    "hash_wrong": _with("config.json", ZEROS),
    "hash_a_number": _with("config.json", 5),
    "hash_null": _with("config.json", None),
    "hash_a_list": _with("config.json", [ZEROS]),
    "hash_short": _with("config.json", "0" * 63),
    "hash_long": _with("config.json", "0" * 65),
    "hash_empty": _with("config.json", ""),
    "hash_no_digits": _with("golden.npz", "g" * 64),
    "hash_in_capitals": _with("golden.npz", "A" * 64),
    "hash_arabic_digits": _with("golden.npz", "\u0661" * 64),
    "class_of_another": metadata(**{"class": "MultigridUNet"}),
    "class_a_number": metadata(**{"class": 5}),
    "class_null": metadata(**{"class": None}),
    "class_empty": metadata(**{"class": ""}),
    "class_left_out": metadata(**{"class": ...}),
    "class_of_two_lines": metadata(**{"class": "Diffusion\nResNet"}),
    "count_wrong": metadata(parameter_count=1),
    "count_0": metadata(parameter_count=0),
    "count_negative": metadata(parameter_count=-72),
    "count_a_float": metadata(parameter_count=72.0),
    "count_a_text": metadata(parameter_count="72"),
    "count_true": metadata(parameter_count=True),
    "count_1e18": metadata(parameter_count=10**18),
    "count_null": metadata(parameter_count=None),
    "count_left_out": metadata(parameter_count=...),
    "format_99": metadata(format_version=99, keras_pde_version="99.0.0"),
    "format_2": metadata(format_version=2, more={"new": 1}),
    "format_1e30": metadata(format_version=10**30),
    "format_0": metadata(format_version=0),
    "format_negative": metadata(format_version=-1),
    "format_a_text": metadata(format_version="1"),
    "format_a_float": metadata(format_version=1.5),
    "format_true": metadata(format_version=True),
    "format_null": metadata(format_version=None),
    "format_a_list": metadata(format_version=[1]),
    "license_before_its_time": metadata(format_version=..., license="CC0"),
    "license_a_number": metadata(license=5),
    "license_of_two_lines": metadata(license="CC0\nor not"),
    "version_a_number": metadata(keras_version=3),
    "version_left_out": metadata(keras_pde_version=...),
    "version_of_escapes": metadata(keras_version="\x1b[2J"),
    "unknown_key": metadata(weights_url="https://example.org/w.h5"),
}


def cases() -> list[Case]:
    """Broken texts of both files, and metadata that lie."""
    return [
        *(Case("config text", n, _text("config.json", f)) for n, f in BROKEN.items()),
        *(Case("metadata text", n, _text("metadata.json", f)) for n, f in BROKEN.items()),
        *(Case("metadata", n, spoil) for n, spoil in LIES.items()),
    ]

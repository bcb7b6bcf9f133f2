"""Hostile files and names: links, pipes, giants, missing ones; folders that shadow the zoo."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from presets.hostile import FILES, Case

Spoil = Callable[[Path], Any]
ALL = (*FILES, "metadata.json")


def _missing(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    path.rename(path.parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


def _link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("/no/such/file")


def _link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _link_to_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _socket(path: Path) -> None:
    path.unlink()
    where = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    socket.socket(socket.AF_UNIX).bind(path.name)
    os.chdir(where)


def _sparse(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(1 << 40)


def _zeros_200_mb(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(200_000_000)


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n ")


WAYS = {
    **{"missing": _missing, "link": _link, "link_to_nothing": _link_to_nothing},
    **{"link_to_itself": _link_to_itself, "link_to_device": _link_to_device},
    **{"folder": _folder, "pipe": _pipe, "socket": _socket},
    **{"sparse_1_tb": _sparse, "zeros_200_mb": _zeros_200_mb},
}
DAMAGE = {"flipped": _flipped, "cut": _cut, "longer": _longer}


def _on(name: str, way: Callable[[Path], None]) -> Spoil:
    return lambda folder: way(folder / name)


def _named(name: str) -> Callable[[Path], Any]:
    """Load by a text, from inside the folder's parent."""

    def enter(folder: Path) -> Any:
        import keras_pde

        os.chdir(folder.parent)
        return keras_pde.from_preset(name)

    return enter


def _keep(folder: Path) -> None:
    """Nothing is wrong with the files."""


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _gone(folder: Path) -> None:
    shutil.rmtree(folder)


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("x")


NAMES: dict[str, tuple[Spoil, str]] = {
    "bare_name_of_a_folder": (_keep, "mine"),
    "empty": (_keep, ""),
    "zero_byte": (_keep, "./mi\0ne"),
    "two_lines": (_keep, "mi\nne"),
    "dotdot": (_keep, ".."),
    "dot": (_keep, "."),
    "tilde": (_keep, "~"),
    "long": (_keep, "x" * 500),
    "long_path": (_keep, "./" + "x" * 5000),
    "empty_folder": (_emptied, "./mine"),
    "no_folder": (_gone, "./mine"),
    "a_file": (_a_file, "./mine"),
}


def index(text: Any) -> Callable[[Path], Any]:
    """Load by a name that the index of a folder of one's own states."""

    def enter(folder: Path) -> Any:
        import keras_pde

        root = folder.parent
        content = text(folder) if callable(text) else text
        if isinstance(content, dict):
            content = json.dumps(content)
        (root / "presets.json").write_text(content)
        os.environ["KERAS_PDE_PRESETS"] = str(root)
        try:
            return keras_pde.from_preset("stranger")
        finally:
            del os.environ["KERAS_PDE_PRESETS"]

    return enter


def _entry(**more: Any) -> Callable[[Path], dict[str, Any]]:
    def made(folder: Path) -> dict[str, Any]:
        hashes = json.loads((folder / "metadata.json").read_text())["sha256"]
        entry = {
            **{"class": "DiffusionResNet", "task": "denoise", "sha256": hashes},
            **{"description": "x", "ndim": 2, "channels": 1, "params": 72, "certified": "norm"},
            "metric": {"name": "PSNR", "value": 20.0, "unit": "dB", "tolerance": 0.02},
            **more,
        }
        return {"stranger": {k: v for k, v in entry.items() if v is not ...}}

    return made


def _linked(folder: Path) -> dict[str, Any]:
    target = folder.parent / "denoise" / "stranger"
    shutil.copytree(folder, target)
    _link(target / "config.json")
    return _entry()(folder)


def _other_hashes(folder: Path) -> dict[str, Any]:
    shutil.copytree(folder, folder.parent / "denoise" / "stranger")
    return _entry(sha256=dict.fromkeys(FILES, "0" * 64))(folder)


INDEXES: dict[str, Any] = {
    "no_json": "{",
    "a_list": "[]",
    "deep": "[" * 100_000,
    "key_twice": '{"stranger": 1, "stranger": 2}',
    "entry_a_number": {"stranger": 5},
    "entry_empty": {"stranger": {}},
    "task_dotdot": _entry(task=".."),
    "task_a_path": _entry(task="../../etc"),
    "task_absolute": _entry(task="/etc"),
    "task_a_number": _entry(task=5),
    "class_left_out": _entry(**{"class": ...}),
    "metric_a_number": _entry(metric=5),
    "noise_a_list": _entry(noise=[1]),
    "unknown_key": _entry(url="https://example.org"),
    "description_of_two_lines": _entry(description="a\nb"),
    "hashes_left_out": _entry(sha256=...),
    "hashes_none": _entry(sha256={}),
    "hashes_more": _entry(sha256={**dict.fromkeys(FILES, "0" * 64), "/etc/passwd": "0" * 64}),
    "hashes_of_others": _other_hashes,
    "no_folder": _entry(),
    "a_link": _linked,
}


def cases() -> list[Case]:
    """Every file in every way, names that are no presets, indexes of strangers."""
    said = ("presets.json", "preset")
    return [
        *(Case("file", f"{n}_{f}", _on(f, way)) for f in ALL for n, way in WAYS.items()),
        *(Case("damage", f"{n}_{f}", _on(f, way)) for f in FILES for n, way in DAMAGE.items()),
        *(Case("name", n, spoil, _named(x)) for n, (spoil, x) in NAMES.items()),
        *(Case("index", n, _keep, index(x), (*ALL, *said)) for n, x in INDEXES.items()),
    ]

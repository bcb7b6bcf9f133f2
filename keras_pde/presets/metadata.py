"""metadata.json: who wrote a preset, in which format, of which class, with which hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS
from keras_pde.presets.reading import parse_json, read_bytes, refused, shown
from keras_pde.presets.values import Check, line, record, whole, wrong
from keras_pde.runtime.writing import write_bytes

__all__ = ["FORMAT_VERSION", "check_hashes", "read_metadata", "state_license"]

# of the presets that are written; older ones, of which 0 had no number yet, are read for ever
FORMAT_VERSION = 1
HASHED = (CONFIG, WEIGHTS, GOLDEN)


def digest(value: Any, where: str) -> None:
    """A sha256 in hexadecimal digits."""
    if type(value) is not str or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise wrong(where, "a sha256 of 64 hexadecimal digits", value)


HASHES = record(dict.fromkeys(HASHED, digest), optional=False)
_FIELDS: dict[str, Check] = {
    "keras_version": line,
    "keras_pde_version": line,
    "class": line,
    "parameter_count": whole(0, limits.WEIGHTS_BYTES),
    "sha256": HASHES,
}
# what each version of the format must have, and what it may have beside it
VERSIONS: dict[int, tuple[dict[str, Check], dict[str, Check]]] = {
    0: (_FIELDS, {}),
    1: ({**_FIELDS, "format_version": whole(1, FORMAT_VERSION)}, {"license": line}),
}


def read_metadata(directory: Path, *, follow: bool = False) -> dict[str, Any]:
    """The metadata of a preset, checked.

    Args:
        directory: of the preset.
        follow: whether the file may be a symbolic link.

    Raises:
        FileNotFoundError: no metadata.json.
        ValueError: it is damaged, of a newer format, or states what no preset can.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.presets.metadata import read_metadata
        >>> read_metadata(presets.folder_of("linear_2d"))["class"]
        'FEDResNet'
    """
    path = directory / METADATA
    try:
        found = parse_json(read_bytes(path, limits.METADATA_BYTES, follow=follow), path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing, so the preset's files cannot be verified. Download it again."
        ) from None
    version = found.get("format_version", 0)
    if type(version) is int and version > FORMAT_VERSION:
        raise refused(
            path,
            f"it is written by a newer keras_pde (format {shown(version)}, this one reads up to"
            f" {FORMAT_VERSION}): update keras_pde",
        )
    must, may = VERSIONS[0 if "format_version" not in found else 1]
    try:
        record({**must, **may})(found, "it")
        record(must, optional=False)({k: v for k, v in found.items() if k in must}, "it")
    except ValueError as error:
        raise refused(path, str(error)) from None
    return found


def state_license(directory: Path, license: str) -> None:
    """State the licence of a preset's weights in its metadata, in the present format.

    Args:
        directory: of the preset, whose metadata are those of a version up to this.
        license: in words.

    Example:
        >>> import tempfile, keras_pde
        >>> from keras_pde.presets.metadata import state_license
        >>> network = keras_pde.from_preset("linear_2d")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.save_to_preset(folder + "/mine")
        ...     state_license(Path(folder, "mine"), "CC0")
        ...     print(keras_pde.from_preset(folder + "/mine").metadata["license"])
        CC0
    """
    found = read_metadata(directory)
    hashes = found.pop("sha256")
    found = {**found, "format_version": FORMAT_VERSION, "license": license, "sha256": hashes}
    write_bytes(directory / METADATA, json.dumps(found, indent=1, ensure_ascii=False).encode())


def check_hashes(hashes: Any, path: Path) -> dict[str, str]:
    """The table of hashes in an index or in metadata: each of the three files once, and no other.

    Raises:
        ValueError: other names, a name missing, no sha256.

    Example:
        >>> from keras_pde.presets.metadata import check_hashes
        >>> check_hashes({}, Path("metadata.json"))
        Traceback (most recent call last):
            ...
        ValueError: metadata.json is refused: sha256 has no 'config.json'
    """
    try:
        HASHES(hashes, "sha256")
    except ValueError as error:
        raise refused(path, str(error)) from None
    return dict(hashes)


def agree(stated: Mapping[str, str], hashes: Mapping[str, str], path: Path) -> None:
    """Refuse metadata whose hashes are not those that the index states."""
    for name, wanted in hashes.items():
        if stated.get(name) != wanted:
            raise refused(
                path, f"its sha256 of {name} is not {wanted[:12]}…, which the index states"
            )

"""The files of a preset: their names and hashes, and writing them whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from keras_pde.runtime.staging import staged as staged

CONFIG = "config.json"  # class and arguments
WEIGHTS = "model.weights.h5"
METADATA = "metadata.json"  # versions, parameter count, hashes of the other files
GOLDEN = "golden.npz"  # an input and its output


def file_hash(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits.

    Example:
        >>> from keras_pde import presets
        >>> config = presets.folder_of("linear_2d") / "config.json"
        >>> presets.file_hash(config) == presets.index()["linear_2d"]["sha256"]["config.json"]
        True
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

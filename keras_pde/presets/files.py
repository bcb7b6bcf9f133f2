"""The files of a preset: their names and hashes, and writing them whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new directory, which takes the target's place if the block ends well, or else vanishes.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from keras_pde import presets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "mine"
        ...     with presets.staged(target) as stage:
        ...         _ = (stage / "config.json").write_text("{}")
        ...         print(target.exists())
        ...     print(target.exists())
        False
        True
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield stage
        stage.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.rename(old / target.name)
            stage.rename(target)
            shutil.rmtree(old)
        else:
            stage.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)

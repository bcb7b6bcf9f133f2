"""Presets: list, find, verify, load and save networks with their configuration, weights and golden tensors.

A preset is a directory in keras-hub's format: config.json (class and arguments), model.weights.h5, metadata.json (versions,
parameter count, sha256 of the files), and golden.npz (an input and its output). The zoo's index, presets.json, repeats the hashes. A file that is
damaged, missing or not what its hash says is an error, never random weights.
"""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from keras_pde.metrics import HEADER, entry_text
from keras_pde.runtime import compiled
from keras_pde.safety import foreign_classes

CONFIG, WEIGHTS, METADATA, GOLDEN = "config.json", "model.weights.h5", "metadata.json", "golden.npz"


def zoo_root() -> Path:
    """Directory of the zoo: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    for root in (here / "zoo", here.parent / "zoo"):
        if (root / "presets.json").is_file():
            return root
    raise FileNotFoundError(f"The zoo's presets.json is neither in {here / 'zoo'} nor in {here.parent / 'zoo'}. Reinstall keras_pde.")


def index() -> dict[str, dict[str, Any]]:
    """The zoo's index: name to class, task, parameters, hashes and metric.

    Example:
        >>> from keras_pde import presets
        >>> presets.index()["perona_malik_2d"]["class"]
        'FEDResNet'
    """
    entries: dict[str, dict[str, Any]] = json.loads((zoo_root() / "presets.json").read_text(encoding="utf-8"))
    return entries


class PresetList(list[str]):
    """Names of presets: a list to use, which prints as a table to read."""

    def __repr__(self) -> str:
        entries = index()
        rows = [("preset", "class", "task", "params", "certified", HEADER, "what it is")]
        for name in self:
            e = entries[name]
            rows.append((name, e["class"], e["task"], f"{e['params']:,}", e["certified"], entry_text(e), e["description"]))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def list_presets(pattern: str = "*", *, task: str | None = None) -> PresetList:
    """Names of the zoo's presets that match a shell pattern, of one task or of all.

    Example:
        >>> import keras_pde
        >>> len(keras_pde.list_presets("*_1d", task="denoise")) >= 2
        True
    """
    entries = index()
    return PresetList(n for n in sorted(entries) if fnmatch.fnmatch(n, pattern) and task in (None, entries[n]["task"]))


def from_preset(source: str | os.PathLike[str], *, sha256: str | None = None, dtype: str | None = None) -> Any:
    r"""Load a network of any class from the zoo, a directory, or a URL.

    Args:
        source: a name of `list_presets`; a directory written by `save_to_preset`; or a URL of a .zip or .tar.gz of one.
        sha256: of the archive; required for a URL.
        dtype: precision to load in, such as "float64" or "mixed_bfloat16"; the saved one by default.

    Raises:
        ValueError: unknown name (near ones are listed), a damaged or tampered file, a class outside keras_pde and Keras, a URL
            without its sha256.
        FileNotFoundError: a directory without the files of a preset.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("truncated_tv_2d")
        >>> model.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape
        (1, 8, 8, 1)
    """
    directory, hashes = _locate(os.fspath(source), sha256)
    return _load(directory, hashes, dtype)


def _locate(source: str, sha256: str | None) -> tuple[Path, dict[str, str]]:
    """Directory of a preset and the hashes its files must have."""
    if "://" in source:
        from keras_pde.download import fetch_archive

        if sha256 is None:
            raise ValueError(
                f"A preset from a URL needs the sha256 of its archive, which whoever published it states: from_preset({source!r}, sha256=...)"
            )
        directory = fetch_archive(source, sha256)
        return directory, _own_hashes(directory)
    if sha256 is not None:
        raise ValueError("sha256 is for a URL; the zoo and saved directories carry their own hashes")
    path = Path(source)
    if path.is_dir() or os.sep in source or source.startswith("."):
        if not (path / CONFIG).is_file():
            raise FileNotFoundError(f"{source!r} is no preset directory: it has no {CONFIG}. save_to_preset writes one.")
        return path, _own_hashes(path)
    entries = index()
    if source not in entries:
        near = difflib.get_close_matches(source, entries, n=4, cutoff=0.4)
        hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(sorted(entries))}."
        raise ValueError(f"No preset is called {source!r}. {hint}")
    return zoo_root() / source, entries[source]["sha256"]


def _own_hashes(directory: Path) -> dict[str, str]:
    try:
        return dict(json.loads((directory / METADATA).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{directory / METADATA} is missing or damaged, so the files cannot be verified: {error}") from None


def file_hash(path: Path) -> str:
    """sha256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(directory: Path, hashes: dict[str, str], dtype: str | None) -> Any:
    for name in (CONFIG, WEIGHTS):
        if not (directory / name).is_file():
            raise FileNotFoundError(f"{directory / name} is missing: the preset is incomplete. Reinstall or download it again.")
    for name, wanted in hashes.items():
        if not (directory / name).is_file() or file_hash(directory / name) != wanted:
            raise ValueError(
                f"{directory / name} is damaged: its sha256 is not {wanted[:12]}…, which the index states. Reinstall or download it again."
            )
    foreign = next(foreign_classes(config := json.loads((directory / CONFIG).read_text(encoding="utf-8"))), None)
    if foreign is not None:
        raise ValueError(f"{directory / CONFIG} names {foreign}, neither keras_pde's nor Keras's own: refused, as it could run foreign code")
    if dtype is not None:
        config = _with_dtype(config, dtype)
    model: Any = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not issubclass(type(model), PresetModel) or not model.built:
        raise ValueError(f"{directory / CONFIG} does not describe a built model of keras_pde")
    try:
        model.load_weights(directory / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{directory / WEIGHTS} does not fit {directory / CONFIG}, or is damaged: {error}") from None
    if not all(np.isfinite(w).all() for w in model.get_weights()):
        raise ValueError(f"{directory / WEIGHTS} holds values that are not finite")
    return model


def _with_dtype(config: Any, dtype: str) -> Any:
    if isinstance(config, dict):
        return {k: dtype if k == "dtype" and v is not None else _with_dtype(v, dtype) for k, v in config.items()}
    return [_with_dtype(v, dtype) for v in config] if isinstance(config, list) else config


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new directory that takes the target's place when the block ends well, and vanishes otherwise."""
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


class _Presets:
    """Class property: the presets of this class."""

    def __get__(self, instance: Any, owner: type) -> dict[str, dict[str, Any]]:
        return {name: entry for name, entry in index().items() if entry["class"] == owner.__name__}


class PresetModel:
    """Mixin of the models: `presets`, `from_preset`, `save_to_preset`."""

    presets = _Presets()

    @classmethod
    def from_preset(cls, source: str | os.PathLike[str], *, sha256: str | None = None, dtype: str | None = None) -> Self:
        """Load a preset of this class (or of a subclass); see `keras_pde.from_preset`.

        Raises:
            ValueError: as `keras_pde.from_preset`, and for a preset of another class.

        Example:
            >>> from keras_pde import FEDResNet
            >>> FEDResNet.from_preset("charbonnier_2d").count_params()
            0
        """
        model = from_preset(source, sha256=sha256, dtype=dtype)
        if not isinstance(model, cls):
            raise ValueError(
                f"{os.fspath(source)!r} is a {type(model).__name__}, no {cls.__name__}. Use keras_pde.from_preset, which finds the class."
            )
        return model

    def save_to_preset(self, directory: str | os.PathLike[str]) -> None:
        """Write this model as a preset directory: whole, or not at all.

        Raises:
            ValueError: the model is not built.
            FileExistsError: the directory exists and is neither empty nor a preset.

        Example:
            >>> import keras_pde, tempfile
            >>> net = keras_pde.FEDResNet(1, 3, filters=4)
            >>> net.build((None, None, None, 1))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     net.save_to_preset(folder + "/mine")
            ...     same = keras_pde.from_preset(folder + "/mine")
            >>> bool(np.array_equal(same.get_weights()[0], net.get_weights()[0]))
            True
        """
        target = Path(directory)
        if target.exists() and not (target.is_dir() and ((target / CONFIG).is_file() or not any(target.iterdir()))):
            raise FileExistsError(f"{target} exists and is no preset: nothing was written. Choose another directory.")
        with staged(target) as stage:
            self.write_preset_files(stage)

    def write_preset_files(self: Any, stage: Path) -> None:
        """The four files of a preset, into an existing directory."""
        from keras_pde import __version__

        if not self.built:
            raise ValueError("The model has no weights yet: build it first, by calling it or by build(input_shape)")
        config = keras.saving.serialize_keras_object(self)
        config.pop("compile_config", None)
        (stage / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
        self.save_weights(stage / WEIGHTS)
        inputs = golden_input(self)
        np.savez_compressed(stage / GOLDEN, **{"output": predict_golden(self, inputs), **inputs})  # type: ignore[arg-type]
        metadata = {
            "keras_version": keras.__version__,
            "keras_pde_version": __version__,
            "class": type(self).__name__,
            "parameter_count": self.count_params(),
            "sha256": {name: file_hash(stage / name) for name in (CONFIG, WEIGHTS, GOLDEN)},
        }
        (stage / METADATA).write_text(json.dumps(metadata, indent=1), encoding="utf-8")


def golden_input(model: Any) -> dict[str, np.ndarray]:
    """A fixed small input: the model's own example, or an image in [0, 1] with an edge and noise, and a noise level where it takes one."""
    if hasattr(model, "example_inputs"):
        return dict(model.example_inputs())
    rng = np.random.default_rng(20260)
    size = (33, 18, 9)[: model.ndim]
    values = 0.5 + 0.3 * np.sign(np.indices(size)[0] - size[0] / 2)[None, ..., None] + 0.1 * rng.standard_normal((1, *size, model.input_channels))
    out = {"input": np.clip(values, 0, 1).astype("float32")}
    return {**out, "noise": np.full((1,), 0.1, "float32")} if model.noise_conditioned else out


def predict_golden(model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The model's output for golden inputs, as NumPy."""
    tensors = [keras.ops.convert_to_tensor(inputs[k], dtype=model.variable_dtype) for k in ("input", "noise", "mask") if k in inputs]
    run = compiled(model) if keras.backend.backend() == "jax" else model  # op by op JAX compiles for minutes
    return keras.ops.convert_to_numpy(run(tensors if len(tensors) > 1 else tensors[0]))


def verify(source: str | os.PathLike[str]) -> float:
    """Load a preset, checking every hash, and return its largest difference from the golden output (over its size beyond 1).

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> presets.verify("weickert_2d") < 1e-5
        True
    """
    directory, hashes = _locate(os.fspath(source), None)
    model = _load(directory, hashes, None)
    with np.load(directory / GOLDEN) as golden:
        inputs = {k: golden[k] for k in golden.files if k != "output"}
        return float(np.abs(predict_golden(model, inputs) - golden["output"]).max() / max(1.0, np.abs(golden["output"]).max()))

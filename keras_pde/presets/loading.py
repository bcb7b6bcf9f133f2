"""Find, verify and load a preset: the zoo, a directory, or an archive at a URL."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.presets.allowed_classes import foreign_classes, may_be_model
from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS, file_hash
from keras_pde.presets.golden import predict_golden
from keras_pde.presets.index import folder_of, index


def from_preset(
    source: str | os.PathLike[str], *, sha256: str | None = None, dtype: str | None = None
) -> Any:
    r"""Load a network of any class from the zoo, a directory, or a URL.

    Args:
        source: a name of `list_presets`; a directory written by `save_to_preset`; or a URL of a
            .zip or .tar.gz of one.
        sha256: of the archive; required for a URL.
        dtype: precision to load in, such as "float64" or "mixed_bfloat16"; the saved one by
            default.

    Raises:
        ValueError: unknown name (near ones are listed), a damaged or tampered file, a class outside
            keras_pde and Keras, a URL without its sha256.
        FileNotFoundError: a directory without the files of a preset.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("truncated_tv_2d")
        >>> model.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape
        (1, 8, 8, 1)
    """
    directory, hashes = locate(os.fspath(source), sha256)
    return load(directory, hashes, dtype)


def locate(source: str, sha256: str | None) -> tuple[Path, dict[str, str]]:
    """Directory of a preset, and the hashes that its files must have.

    Args:
        source: name, directory or URL, as `from_preset` takes it.
        sha256: of the archive at a URL, else None.

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> directory, hashes = presets.locate("linear_2d", None)
        >>> directory.name, sorted(hashes)
        ('linear_2d', ['config.json', 'golden.npz', 'model.weights.h5'])
    """
    if "://" in source:
        from keras_pde.presets.download import fetch_archive

        if sha256 is None:
            raise ValueError(
                "A preset from a URL needs the sha256 of its archive, which whoever published it"
                f" states: from_preset({source!r}, sha256=...)"
            )
        directory = fetch_archive(source, sha256)
        return directory, _own_hashes(directory)
    if sha256 is not None:
        raise ValueError(
            "sha256 is for a URL; the zoo and saved directories carry their own hashes"
        )
    path = Path(source)
    if path.is_dir() or os.sep in source or source.startswith("."):
        if not (path / CONFIG).is_file():
            raise FileNotFoundError(
                f"{source!r} is no preset directory: it has no {CONFIG}. save_to_preset writes one."
            )
        return path, _own_hashes(path)
    entries = index()
    if source not in entries:
        near = difflib.get_close_matches(source, entries, n=4, cutoff=0.4)
        hint = (
            f"Did you mean {', '.join(near)}?"
            if near
            else f"There are: {', '.join(sorted(entries))}."
        )
        raise ValueError(f"No preset is called {source!r}. {hint}")
    return folder_of(source), entries[source]["sha256"]


def _own_hashes(directory: Path) -> dict[str, str]:
    try:
        return dict(json.loads((directory / METADATA).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{directory / METADATA} is missing or damaged, so the files cannot be verified:"
            f" {error}"
        ) from None


def load(directory: Path, hashes: dict[str, str], dtype: str | None) -> Any:
    """Load the network in a preset directory, once its files have the hashes that they must have.

    Args:
        directory: of the preset's files.
        hashes: sha256 by file name; `locate` finds both.
        dtype: precision to load in; None is the saved one.

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> presets.load(*presets.locate("linear_1d", None), "float64").compute_dtype
        'float64'
    """
    for name in (CONFIG, WEIGHTS):
        if not (directory / name).is_file():
            raise FileNotFoundError(
                f"{directory / name} is missing: the preset is incomplete. Reinstall or download it"
                " again."
            )
    for name, wanted in hashes.items():
        if not (directory / name).is_file() or file_hash(directory / name) != wanted:
            raise ValueError(
                f"{directory / name} is damaged: its sha256 is not {wanted[:12]}…, which the index"
                " states. Reinstall or download it again."
            )
    foreign = next(
        foreign_classes(config := json.loads((directory / CONFIG).read_text(encoding="utf-8"))),
        None,
    )
    if foreign is not None:
        raise ValueError(
            f"{directory / CONFIG} names {foreign}, neither keras_pde's nor Keras's own: refused,"
            " as it could run foreign code. A class of your own is allowed by"
            " keras_pde.presets.allowed_classes.allow."
        )
    if dtype is not None:
        config = with_dtype(config, dtype)
    import keras

    model: Any = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not (may_be_model(config) and isinstance(model, keras.Model) and model.built):
        raise ValueError(f"{directory / CONFIG} does not describe a built model of keras_pde")
    try:
        model.load_weights(directory / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{directory / WEIGHTS} does not fit {directory / CONFIG}, or is damaged: {error}"
        ) from None
    if not all(np.isfinite(w).all() for w in model.get_weights()):
        raise ValueError(f"{directory / WEIGHTS} holds values that are not finite")
    return model


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


def verify(source: str | os.PathLike[str]) -> float:
    """Load a preset, check every hash, and compare what it computes with its golden output.

    Returns:
        The largest difference |y − golden| / max(1, max |golden|).

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> presets.verify("weickert_2d") < 1e-5
        True
    """
    directory, hashes = locate(os.fspath(source), None)
    model = load(directory, hashes, None)
    with np.load(directory / GOLDEN) as golden:
        inputs = {k: golden[k] for k in golden.files if k != "output"}
        return float(
            np.abs(predict_golden(model, inputs) - golden["output"]).max()
            / max(1.0, np.abs(golden["output"]).max())
        )

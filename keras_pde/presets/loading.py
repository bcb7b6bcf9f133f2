"""Verify and load a preset. Everything in its files is checked before anything is made of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from keras_pde.presets import limits
from keras_pde.presets.allowed_classes import check_network
from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS
from keras_pde.presets.golden import predict_golden, read_golden
from keras_pde.presets.hdf5 import read_arrays
from keras_pde.presets.hdf5_types import check_finite
from keras_pde.presets.locating import is_own, locate
from keras_pde.presets.metadata import agree, read_metadata
from keras_pde.presets.reading import parse_json, read_bytes, refused, shown
from keras_pde.presets.schema_parts import PRECISIONS
from keras_pde.presets.values import with_dtype
from keras_pde.runtime.one_line import one_line, shown_path
from keras_pde.runtime.options import said


def from_preset(
    source: str | os.PathLike[str],
    *,
    load_weights: bool = True,
    name: str | None = None,
    sha256: str | None = None,
    dtype: str | None = None,
) -> Any:
    r"""Load a network of any class from the zoo, a directory, or a URL.

    A preset may come from anybody: its files are read once, within `presets.limits`, and compared
    with their hashes, with each other and with what networks can be. Only then it is built.

    Args:
        source: a name of `list_presets`; a directory written by `save_to_preset`, as a path object
            or with a path separator ("./mine"); or a URL of a .zip or .tar.gz of one. A bare name
            is never a folder.
        load_weights: False is the same network with new initial weights, to train from scratch.
        name: of the network; the saved one by default.
        sha256: of the archive; required for a URL.
        dtype: precision to load in, such as "float64" or "mixed_bfloat16"; the saved one by
            default.

    Returns:
        The network; its ``metadata`` are those of the preset, with the ``license`` of trained
        weights.

    Raises:
        ValueError: unknown name (near ones are listed), a damaged or tampered file, a class that no
            preset needs, sizes beyond the limits, a URL without its sha256.
        FileNotFoundError: a directory without the files of a preset.
        OSError: a file that cannot be read.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("truncated_tv_2d")
        >>> model.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape
        (1, 8, 8, 1)
    """
    directory, hashes = locate(source, sha256)
    return load(directory, hashes, dtype, load_weights=load_weights, name=name)


@dataclass(frozen=True)
class Files:
    """A preset's files, read once, with their hashes, checked as far as that needs no network.

    Attributes:
        directory: of the files.
        metadata: of metadata.json.
        config: of config.json.
        stored: arrays of model.weights.h5 by path.
        golden: bytes of golden.npz.
    """

    directory: Path
    metadata: dict[str, Any]
    config: dict[str, Any]
    stored: dict[str, np.ndarray]
    golden: bytes

    @classmethod
    def read(cls, directory: Path, hashes: dict[str, str]) -> Self:
        """The files in a directory, which must have these hashes."""
        follow = is_own(directory)
        metadata = read_metadata(directory, follow=follow)
        agree(metadata["sha256"], hashes, directory / METADATA)
        path, weights = directory / CONFIG, directory / WEIGHTS
        config = parse_json(_hashed(path, limits.CONFIG_BYTES, hashes, follow), path)
        try:
            checked = check_network(config)
        except ValueError as error:
            raise refused(path, str(error)) from None
        if (name := config["class_name"]) != metadata["class"]:
            raise refused(
                directory / METADATA,
                f"its class is {shown(metadata['class'])}, and {CONFIG} has a {name}",
            )
        count = metadata["parameter_count"]
        largest = min(limits.WEIGHTS_BYTES, 8 * count + limits.WEIGHTS_OVERHEAD)
        try:
            stored = read_arrays(_hashed(weights, largest, hashes, follow))
            check_finite(stored)
        except ValueError as error:
            raise _of(weights, error) from None
        if checked:  # with classes of one's own there may be more in it than parameters
            _compare(config, stored, count, weights)
        golden = _hashed(directory / GOLDEN, limits.GOLDEN_BYTES, hashes, follow)
        return cls(directory, metadata, config, stored, golden)

    def network(self, dtype: str | None, load_weights: bool = True, name: str | None = None) -> Any:
        """The network, in a precision or the saved one; with its weights, or initial ones."""
        path, count = self.directory / CONFIG, self.metadata["parameter_count"]
        config = self.config
        if name is not None:
            config = {**config, "config": {**config["config"], "name": name}}
        network = _built(config, dtype, path, [a.shape for a in self.stored.values()])
        if (found := network.count_params()) != count:
            raise refused(
                path, f"its network has {found:,} parameters, and {METADATA} states {count:,}"
            )
        if not load_weights:
            return network
        _fill(network, self.stored, self.directory / WEIGHTS, cast=dtype is not None)
        network.metadata = self.metadata
        return network


def load(
    directory: Path,
    hashes: dict[str, str],
    dtype: str | None,
    *,
    load_weights: bool = True,
    name: str | None = None,
) -> Any:
    """Load the network in a preset directory, once its files have the hashes that they must have.

    Args:
        directory: of the preset's files.
        hashes: sha256 by file name; `locate` finds both.
        dtype: precision to load in; None is the saved one.
        load_weights: False leaves the initial weights.
        name: of the network; None is the saved one.

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> presets.load(*presets.locate("linear_1d", None), "float64").compute_dtype
        'float64'
    """
    if dtype is not None and dtype not in PRECISIONS:
        raise ValueError(
            f"dtype must be one of {', '.join(PRECISIONS)}, or None. Received: dtype={dtype!r}"
        )
    named = name is None or (isinstance(name, str) and name and "/" not in name)
    if not named or not isinstance(load_weights, bool):
        raise ValueError(
            "name must be a text without '/', or None, and load_weights a bool. Received:"
            f" name={said(name)}, load_weights={said(load_weights)}"
        )
    return Files.read(directory, hashes).network(dtype, load_weights, name)


def _hashed(path: Path, limit: int, hashes: dict[str, str], follow: bool) -> bytes:
    """A file's bytes, which are those of its hash."""
    data = read_bytes(path, limit, follow=follow)
    wanted = hashes[path.name]
    if hashlib.sha256(data).hexdigest() != wanted:
        raise ValueError(
            f"{shown_path(path)} is damaged: its sha256 is not {wanted[:12]}…, which the index"
            " states. Reinstall or download it again."
        )
    return data


def _of(path: Path, error: Exception) -> ValueError:
    """An error that names a file, of one that may not."""
    text = str(error)
    return ValueError(text) if str(path) in text else refused(path, f"damaged, or {text}")


def _built(
    config: dict[str, Any], dtype: str | None, path: Path, shapes: list[tuple[int, ...]]
) -> Any:
    """The network of a checked configuration, of weights that have the shapes in its file."""
    import keras

    from keras_pde.runtime.allocation import only

    try:
        with only(shapes, limits.CONSTANTS):
            network: Any = keras.saving.deserialize_keras_object(
                config if dtype is None else with_dtype(config, dtype), safe_mode=True
            )
        if not (isinstance(network, keras.Model) and network.built):
            raise ValueError("it does not describe a built model of keras_pde")
    except Exception as error:  # whatever classes raise on values of other types
        raise refused(path, f"its network cannot be built: {_first_line(error)}") from None
    return network


def _first_line(error: Exception) -> str:
    """The type and the text of an error of Keras's or Python's, in one line that is not long."""
    text = one_line(error)
    return f"{type(error).__name__}: {text if len(text) <= 400 else f'{text[:400]}…'}"


def _fill(network: Any, stored: dict[str, np.ndarray], path: Path, *, cast: bool) -> None:
    """Give the network its weights; cast to another precision they may become infinite."""
    from keras_pde.presets.weights import load_weights

    try:
        load_weights(network, stored)
        if cast and not all(np.isfinite(w.astype("f8")).all() for w in network.get_weights()):
            raise ValueError("it holds values that are not finite in this precision")
    except Exception as error:
        raise refused(path, f"it does not fit {CONFIG}: {_first_line(error)}") from None


def _compare(config: dict[str, Any], stored: dict[str, np.ndarray], count: int, path: Path) -> None:
    """Refuse weights of another precision than the network's, and another number of them."""
    import keras

    from keras_pde.presets.weights import stored_dtype

    policy = config["config"].get("dtype") or "float32"
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    wanted = stored_dtype(keras.DTypePolicy(name).variable_dtype)
    for key, array in stored.items():
        if array.dtype != wanted:
            raise refused(
                path, f"it does not fit {CONFIG}: {shown(key)} holds {array.dtype}, no {wanted}"
            )
    if (found := sum(array.size for array in stored.values())) != count:
        raise refused(path, f"it does not fit {METADATA}: it holds {found:,} numbers, no {count:,}")


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
    files = Files.read(*locate(source, None))
    path = files.directory / GOLDEN
    try:
        golden = read_golden(files.golden)
        shapes = (files.config.get("build_config") or {}).get("input_shape") or [None]
        image = shapes[0] if isinstance(shapes[0], list) else shapes
        _check_shape("input", golden["input"], image)  # before anything is built
        model = files.network(None)
        expected, names = golden.pop("output"), ("input", *model.named_inputs[1:])
        if set(golden) != set(names):
            raise ValueError(f"it has {', '.join(golden)}, and {', '.join(names)} were expected")
        for name, shape in zip(names, model.input_shapes.values(), strict=True):
            _check_shape(name, golden[name], shape)
        inputs = [golden[name].shape for name in names]
        wanted = tuple(model.compute_output_shape(inputs if len(inputs) > 1 else inputs[0]))
        _check_shape("output", expected, wanted)
        found = predict_golden(model, golden)
    except ValueError as error:
        raise _of(path, error) from None
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def _check_shape(name: str, array: np.ndarray, wanted: Sequence[int | None]) -> None:
    """Refuse golden tensors of another shape."""
    if len(array.shape) != len(wanted) or any(
        n not in (None, m) for m, n in zip(array.shape, wanted, strict=True)
    ):
        raise ValueError(f"{name} has the shape {array.shape}, and {tuple(wanted)} was expected")

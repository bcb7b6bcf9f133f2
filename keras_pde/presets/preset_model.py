"""PresetModel: a Keras model that loads from and saves to a preset."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from keras_pde.presets import limits
from keras_pde.presets.allowed_classes import ForeignClassError, check_network
from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS, staged
from keras_pde.presets.golden import predict_golden
from keras_pde.presets.index import index
from keras_pde.presets.loading import from_preset
from keras_pde.presets.metadata import FORMAT_VERSION
from keras_pde.presets.reading import parse_json
from keras_pde.presets.weights import weights_bytes
from keras_pde.runtime import gate
from keras_pde.runtime.copying import MARK
from keras_pde.runtime.one_line import one_line


class _Presets:
    """Class property: the presets of this class."""

    def __get__(self, instance: Any, owner: type) -> dict[str, dict[str, Any]]:
        return {name: entry for name, entry in index().items() if entry["class"] == owner.__name__}


class PresetModel(keras.Model):
    """A Keras model that loads from presets and saves to them.

    A subclass names its inputs in ``named_inputs`` and gives an `example` of them, from which a
    preset's golden output is computed.
    """

    presets = _Presets()
    named_inputs: tuple[str, ...]
    _metadata = "{}"  # in JSON: Keras looks for layers in every dictionary of a model

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the preset that the network was loaded from, or an empty dictionary.

        Versions, class, number of parameters, hashes, and ``license``, that of trained weights: it
        holds for networks trained further from them too, and goes into the presets that they write.

        Example:
            >>> import keras_pde
            >>> keras_pde.from_preset("gated_resnet_2d").metadata["license"][:48]
            'weights: non-commercial research and education, '
        """
        return json.loads(self._metadata)

    @metadata.setter
    def metadata(self, value: Mapping[str, Any]) -> None:
        self._metadata = json.dumps(dict(value))

    def example(self) -> dict[str, np.ndarray]:
        """A fixed small input: "input", then further inputs by their names."""
        raise NotImplementedError

    def require_weights(self, what: str = "The model has no weights yet") -> None:
        """Refuse a model that is not built.

        Raises:
            ValueError: the model is not built; the message begins with ``what``.
        """
        if not self.built:
            raise ValueError(
                f"{what}: build the model first, by calling it or by build(input_shape)"
            )

    @classmethod
    def from_preset(
        cls,
        source: str | os.PathLike[str],
        *,
        load_weights: bool = True,
        name: str | None = None,
        sha256: str | None = None,
        dtype: str | None = None,
    ) -> Self:
        """Load a preset of this class (or of a subclass); see `keras_pde.from_preset`.

        Raises:
            ValueError: as `keras_pde.from_preset`, and for a preset of another class.

        Example:
            >>> from keras_pde import FEDResNet
            >>> FEDResNet.from_preset("charbonnier_2d").count_params()
            0
        """
        model = from_preset(
            source, load_weights=load_weights, name=name, sha256=sha256, dtype=dtype
        )
        if not isinstance(model, cls):
            raise ValueError(
                f"{os.fspath(source)!r} is a {type(model).__name__}, no {cls.__name__}. Use"
                " keras_pde.from_preset, which finds the class."
            )
        return model

    def save_to_preset(self, directory: str | os.PathLike[str]) -> None:
        """Write this model as a preset directory: whole, or not at all.

        Raises:
            ValueError: the model is not built, or beyond the limits of what presets may be.
            FileExistsError: the directory exists and is neither empty nor a preset.
            OSError: the directory cannot be written, or the disk is full; nothing is left then.

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
        target = gate.path(directory, "directory")
        try:
            usable = not target.exists() or (
                target.is_dir() and ((target / CONFIG).is_file() or not any(target.iterdir()))
            )
            if usable:
                with staged(target) as stage:
                    self.write_preset_files(stage)
        except OSError as error:
            reason = error.strerror or one_line(error)
            raise OSError(f"{target} cannot be written: {reason}. Nothing was written.") from None
        if not usable:
            raise FileExistsError(
                f"{target} exists and is no preset: nothing was written. Choose another directory."
            )

    def write_preset_files(
        self, stage: Path, example: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write the four files of a preset into an existing directory.

        Args:
            stage: the directory.
            example: what the golden output is computed from, named as in `example`; None is that.
        """
        from keras_pde.runtime.version import __version__

        self.require_weights()
        config = _uncompiled(keras.saving.serialize_keras_object(self))
        files = {CONFIG: json.dumps(config, indent=1, sort_keys=True).encode()}
        _check_readable(files[CONFIG], stage / CONFIG)
        files[WEIGHTS] = weights_bytes(self)
        inputs = self.example() if example is None else dict(example)
        golden = io.BytesIO()
        np.savez_compressed(golden, **{"output": predict_golden(self, inputs), **inputs})  # type: ignore[arg-type]
        files[GOLDEN] = golden.getvalue()
        kept = {key: value for key, value in self.metadata.items() if key == "license"}
        metadata = {
            "format_version": FORMAT_VERSION,
            "keras_version": keras.__version__,
            "keras_pde_version": __version__,
            "class": type(self).__name__,
            "parameter_count": self.count_params(),
            **kept,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        files[METADATA] = json.dumps(metadata, indent=1).encode()
        for name, data in files.items():
            (stage / name).write_bytes(data)


def _uncompiled(config: Any) -> Any:
    """A configuration without optimizers and losses, at any depth."""
    if isinstance(config, list | tuple):
        return [_uncompiled(item) for item in config]
    if not isinstance(config, dict):
        return config
    left_out = ("compile_config", MARK)  # a preset holds one network, which shares nothing
    return {key: _uncompiled(x) for key, x in config.items() if key not in left_out}


def _check_readable(config: bytes, path: Path) -> None:
    """Refuse to write a network that `from_preset` would refuse to read."""
    if len(config) > limits.CONFIG_BYTES:
        raise ValueError(
            f"The configuration has {len(config):,} bytes, and a preset's has at most"
            f" {limits.CONFIG_BYTES:,}: save the network as a .keras file"
        )
    try:
        check_network(parse_json(config, path))
    except ForeignClassError:
        pass  # it is read wherever its class is allowed
    except ValueError as error:
        raise ValueError(
            f"The network is none that a preset may hold, so nothing was written: {error}. Save it"
            " as a .keras file."
        ) from None

"""PresetModel: a Keras model that loads from and saves to a preset."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from keras_pde.presets.files import CONFIG, GOLDEN, METADATA, WEIGHTS, file_hash, staged
from keras_pde.presets.golden import predict_golden
from keras_pde.presets.index import index
from keras_pde.presets.loading import from_preset


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
        cls, source: str | os.PathLike[str], *, sha256: str | None = None, dtype: str | None = None
    ) -> Self:
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
                f"{os.fspath(source)!r} is a {type(model).__name__}, no {cls.__name__}. Use"
                " keras_pde.from_preset, which finds the class."
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
        if target.exists() and not (
            target.is_dir() and ((target / CONFIG).is_file() or not any(target.iterdir()))
        ):
            raise FileExistsError(
                f"{target} exists and is no preset: nothing was written. Choose another directory."
            )
        with staged(target) as stage:
            self.write_preset_files(stage)

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
        config = keras.saving.serialize_keras_object(self)
        config.pop("compile_config", None)
        (stage / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
        self.save_weights(stage / WEIGHTS)
        inputs = self.example() if example is None else dict(example)
        np.savez_compressed(stage / GOLDEN, **{"output": predict_golden(self, inputs), **inputs})  # type: ignore[arg-type]
        metadata = {
            "keras_version": keras.__version__,
            "keras_pde_version": __version__,
            "class": type(self).__name__,
            "parameter_count": self.count_params(),
            "sha256": {name: file_hash(stage / name) for name in (CONFIG, WEIGHTS, GOLDEN)},
        }
        (stage / METADATA).write_text(json.dumps(metadata, indent=1), encoding="utf-8")

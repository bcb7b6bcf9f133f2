"""Export: a network as SavedModel, ONNX or LiteRT file that runs where keras_pde is not installed.

Keras's own `model.export` does the conversion; models of keras_pde give it named inputs with dynamic sizes. `export` adds what Keras lacks:
metadata with the certificate, uint8 images in and out, classical filters at a noise level, fixed sizes, whole files or none, and a check of
the result in the foreign runtime.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pde.artifacts import WRITERS, load_exported, sound_conversion
from keras_pde.operators import ConvOperator
from keras_pde.timed import Timed

__all__ = ["Exported", "export", "load_exported"]

LEAST_SCALE = 1e-5  # of the noise a classical filter is tuned for: to divide by where there is none
FORMATS = {"saved_model": ("tf_saved_model", ""), "onnx": ("onnx", ".onnx"), "litert": ("litert", ".tflite")}


class Exported(NamedTuple):
    """Where the export lies, its format, its bytes, and what the foreign runtime computed: the largest difference from the original.

    Example:
        >>> from pathlib import Path
        >>> from keras_pde.export import Exported
        >>> Exported(Path("x.onnx"), "onnx", 12345, 1.2e-7).difference < 1e-5
        True
    """

    path: Path
    format: str
    bytes: int
    difference: float | None


def export(
    model: Any,
    path: str | Path,
    format: str = "saved_model",
    *,
    sigma: float | None = None,
    timed: bool = False,
    uint8: bool = False,
    size: Sequence[int] | None = None,
    verify: bool = False,
) -> Exported:
    r"""Write a network as an artifact that needs no keras_pde: SavedModel directory, ONNX or LiteRT file.

    Inputs are called "image" (batch, \*spatial, channels), then "noise" (batch,) for a noise-conditioned network, or "mask" for inpainting, then
    "time" (batch,) if asked for;
    batch and sizes are dynamic unless ``size`` fixes them. The image's values are in [0, 1] and noise is σ in the same unit; with ``uint8`` both
    are grey levels of 255, and the output is rounded and clipped. Metadata (name, units, certificate with its reasons, licence) lie in the
    artifact: assets.extra/keras_pde.json of a SavedModel, metadata_props of ONNX, a metadata buffer of LiteRT. The certificate is of the
    network in exact arithmetic; rounding to uint8 is not part of it.

    Args:
        model: a built model of keras_pde, or the name or directory of a preset.
        path: directory (SavedModel) or file; an existing artifact is replaced.
        format: "saved_model", "onnx" or "litert".
        sigma: noise level in grey levels of 255 that a network without noise input is made for: a classical filter of the zoo gets its stopping
            time and scale for it (25 unless given); a noise-conditioned network loses that input.
        timed: the stopping time as an input, for a filter with one block for all its steps, on the explicit scheme: see `keras_pde.timed.Timed`.
            A classical filter of the zoo then takes the noise level too, unless sigma fixes it; tuned times for noise levels are in the metadata.
        uint8: images as uint8.
        size: spatial sizes, where they are to be fixed; a multigrid network with levels="auto" needs it.
        verify: run the artifact in its own runtime (TensorFlow's plain loader, ONNX Runtime, LiteRT) on an example.

    Raises:
        ValueError: an unknown format, a suffix of another, sigma for a network without noise, sizes that the network needs and lacks.
        FileExistsError: the directory exists and is no SavedModel.
        ImportError: a converter or runtime is missing, with the line that installs it.

    Source: Keras's export API; ONNX and LiteRT (formerly TensorFlow Lite).

    Example:
        >>> import keras_pde, tempfile
        >>> from keras_pde.export import export, load_exported
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = export("truncated_tv_2d", folder + "/tv", sigma=15, verify=True)
        ...     run, about = load_exported(made.path)
        ...     out = run(np.zeros((2, 20, 30, 1), "float32"))
        >>> made.difference < 1e-5, out.shape, about["certificate"]["norm_gain"]
        (True, (2, 20, 30, 1), 1.0)
    """
    from keras_pde import presets

    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}. Received: format={format!r}")
    target, (kind, suffix) = Path(path), FORMATS[format]
    if target.suffix != suffix and (suffix or target.suffix in (".onnx", ".tflite")):
        raise ValueError(f"format={format!r} writes {f'a file that ends in {suffix}' if suffix else 'a directory'}. Received: path={str(path)!r}")
    if not suffix and target.exists() and not (target / "saved_model.pb").is_file() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} exists and is no SavedModel: nothing was written. Choose another directory.")
    name = str(model) if isinstance(model, str | Path) else model.name
    entry = presets.index().get(name, {}) if isinstance(model, str) else {}
    network = presets.from_preset(name) if isinstance(model, str | Path) else model
    served = Served(network if size is None else _resized(network, size), entry.get("noise"), sigma, uint8, timed)
    signature = served.input_signature(size)
    known: dict[str, Any] = {key: entry[key] for key in ("description", "data", "licence") if key in entry}
    about = {**served.about(), "name": name, **known}
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        stage = folder / (target.name or "model")
        _needs(format)
        with _constant_kernels(served.model), sound_conversion(format):
            served.export(str(stage), format=kind, verbose=False, input_signature=signature)
        WRITERS[format](stage, about)
        difference = served.compare(load_exported(stage)[0], size) if verify else None
        if target.is_dir():
            target.rename(folder / "old")
        stage.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    files = [target] if target.is_file() else [p for p in target.rglob("*") if p.is_file()]
    return Exported(target, format, sum(p.stat().st_size for p in files), difference)


class Served(keras.Model):
    """A network with the inputs and units of its artifact."""

    def __init__(
        self, model: Any, times: dict[str, float] | None = None, sigma: float | None = None, uint8: bool = False, timed: bool = False
    ) -> None:
        from keras_pde import noise

        super().__init__(name=model.name, dtype=model.dtype_policy)
        conditioned = getattr(model, "noise_conditioned", False)
        if sigma is not None and not (times or conditioned):
            raise ValueError(f"{model.name} is neither tuned for noise levels nor told them, so sigma has no effect: leave it out")
        self.takes_noise = sigma is None and (conditioned or (timed and bool(times)))
        self.level = None if self.takes_noise else float(noise.REFERENCE if sigma is None else sigma)
        if timed:
            model = Timed(model)
        elif times:
            model = noise.retime(model, noise.stopping_time(times, self.level or noise.REFERENCE))
        self.model, self.uint8, self.conditioned, self.times, self.timed = model, uint8, conditioned, times or {}, timed
        self.built = True

    def build(self, input_shape: Any) -> None:
        """Nothing: the network is built."""
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The output in the artifact's units."""
        from keras_pde.noise import REFERENCE

        image, *more = inputs if isinstance(inputs, list | tuple) else [inputs]
        peak = 255.0 if self.uint8 else 1.0
        u = ops.cast(image, self.compute_dtype) / peak
        more = [ops.cast(m, self.compute_dtype) for m in more]
        scale: Any = 1.0
        if self.takes_noise:
            more[0] = more[0] / peak
        if self.conditioned and not self.takes_noise:
            more.insert(0, ops.full(ops.shape(u)[:1], (self.level or 0.0) / 255, dtype=self.compute_dtype))
        elif self.times:  # a classical filter: the noise is brought to the level it is tuned for
            levels = ops.reshape(more.pop(0), (-1, *(1,) * (len(u.shape) - 1))) if self.takes_noise else (self.level or 0.0) / 255
            scale = ops.maximum(levels * (255 / REFERENCE), LEAST_SCALE) if self.takes_noise else levels * 255 / REFERENCE
        out = self.model([u / scale, *more] if more else u / scale) * scale * peak
        return ops.cast(ops.clip(ops.round(out), 0, 255), "uint8") if self.uint8 else out

    def input_signature(self, size: Sequence[int] | None) -> list[Any]:
        """Specifications of the inputs, as Keras's export takes them."""
        image, *rest = keras.tree.flatten(self.model.input_signature(size))
        if self.conditioned and not self.takes_noise:
            rest = rest[1:]
        elif self.takes_noise and not self.conditioned:
            rest.insert(0, keras.InputSpec(shape=(None,), dtype=image.dtype, name="noise"))
        image = keras.InputSpec(shape=image.shape, dtype="uint8" if self.uint8 else image.dtype, name=image.name)
        return [[image, *rest]] if rest else [image]

    def about(self) -> dict[str, Any]:
        """Metadata."""
        from keras_pde import __version__

        certificate, unit = self.model.certificate(), "grey levels of 255" if self.uint8 else "the unit of the image"
        values = "uint8, 0 to 255" if self.uint8 else "floats, black 0 and white 1" if getattr(self.model, "denoises", False) else "floats"
        facts = {key: getattr(certificate, key) for key in ("norm_gain", "lipschitz", "averaged", "energy_descent", "reasons", "assumptions")}
        more = {"noise": f"standard deviation in {unit}, a number a sample"} if self.takes_noise else {}
        if getattr(getattr(self.model, "problem", None), "masked", False):
            more["mask"] = "1 where the image is known, 0 elsewhere"
        if self.timed:
            more["time"] = f"stopping time in {self.model.unit_name}, a number a sample, 0 to {self.model.longest:g}"
        made_for = {"noise level": f"made for {self.level:g} grey levels of 255"} if self.level and (self.times or self.conditioned) else {}
        return {
            "keras_pde": __version__,
            "class": type(self.model.model if self.timed else self.model).__name__,
            "inputs": {"image": values, **more},
            **made_for,
            **({"time": {**self.model.facts(), "tuned for noise": self.times}} if self.timed else {}),
            **_reach(self.model),
            "certificate": {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in facts.items()},
        }

    def compare(self, run: Callable[..., np.ndarray], size: Sequence[int] | None) -> float:
        """Largest difference between this network and an artifact's function, on the golden input."""
        from keras_pde import presets

        golden = presets.golden_input(self.model)
        image = golden["input"]
        if size is not None:
            image = np.resize(image, (1, *size, image.shape[-1]))
            golden = {k: np.resize(v, (1, *size, 1)) if k == "mask" else v for k, v in golden.items()}
        inputs = [np.uint8(np.rint(255 * image.clip(0, 1))) if self.uint8 else image]
        if self.takes_noise:
            inputs.append(golden.get("noise", np.full(1, 0.1, "float32")) * np.float32(255 if self.uint8 else 1))
        inputs += [golden[key] for key in ("mask", "time") if key in golden]
        original, found = ops.convert_to_numpy(self(inputs if len(inputs) > 1 else inputs[0])), run(*inputs)
        if found.shape != original.shape:
            shapes = f"{found.shape}, and the network's {original.shape}"
            raise ValueError(f"The artifact's output has shape {shapes}: the converter is at fault, and nothing was written. Export again.")
        return float(np.abs(original.astype("float64") - found.astype("float64")).max())


def _reach(model: Any) -> dict[str, Any]:
    """How far the input acts on the output: the halo that tiles need, for readers that tile."""
    from keras_pde import tiles

    if not getattr(model, "denoises", False):
        return {}
    one = model.at(model.largest_step) if isinstance(model, Timed) else model
    radius, patch = tiles.receptive_radius(one), getattr(one, "patch_size", 1)
    return {
        "reach": {
            "pixels": tiles.influence_radius(one) if radius is None else radius,
            "of": "the network" if one is model else "each step",
            "exact": radius is not None,
            **({"tiles begin at multiples of": patch} if patch > 1 else {}),
        }
    }


def _resized(model: Any, size: Sequence[int]) -> Any:
    """A copy built for fixed sizes: the number of levels of a multigrid cycle follows from them."""
    copy = type(model).from_config(model.get_config())
    shapes = [spec.shape for spec in keras.tree.flatten(model.input_signature(size))]
    copy.build(shapes if len(shapes) > 1 else shapes[0])
    copy.set_weights(model.get_weights())
    return copy


@contextlib.contextmanager
def _constant_kernels(model: Any) -> Iterator[None]:
    """Zero-mean and normalised kernels as numbers: the artifact need not compute them, nor a bound of their norm, at each call."""
    operators = [layer for layer in model._flatten_layers() if isinstance(layer, ConvOperator) and not layer.fixed]
    try:
        for operator in operators:
            operator.constants = [ops.convert_to_numpy(kernel) for kernel in operator.effective_kernels()]
        yield
    finally:
        for operator in operators:
            operator.constants = None


def _needs(format: str) -> None:
    import importlib.util

    wanted = {"onnx": ("tf2onnx", "onnx"), "litert": ("tensorflow",), "saved_model": ("tensorflow",)}[format]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"format={format!r} needs {' and '.join(missing)}: pip install 'keras-pde[export]'")

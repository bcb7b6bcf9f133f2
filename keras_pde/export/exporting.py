"""Write a network as an artifact: whole, or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_pde.export.formats import WRITERS, load_exported
from keras_pde.export.served import Served
from keras_pde.operators import ConvOperator
from keras_pde.runtime.tf2onnx_fix import sound_conversion

FORMATS = {
    "saved_model": ("tf_saved_model", ""),
    "onnx": ("onnx", ".onnx"),
    "litert": ("litert", ".tflite"),
}


class Exported(NamedTuple):
    """Where the export lies, its format, its bytes, and what the foreign runtime computed.

    The largest difference from the original.

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
    r"""Write a network as an artifact that needs no keras_pde.

    SavedModel directory, ONNX or LiteRT file.

    Inputs are called "image" (batch, \*spatial, channels), then "noise" (batch,) for a
    noise-conditioned network, or "mask" for inpainting, then "time" (batch,) if asked for; batch
    and sizes are dynamic unless ``size`` fixes them. The image's values are in [0, 1] and noise is
    σ in the same unit; with ``uint8`` both are grey levels of 255, and the output is rounded and
    clipped. Metadata (name, units, certificate with its reasons, licence) lie in the artifact:
    assets.extra/keras_pde.json of a SavedModel, metadata_props of ONNX, a metadata buffer of
    LiteRT. The certificate is of the network in exact arithmetic; rounding to uint8 is not part of
    it.

    Args:
        model: a built model of keras_pde, or the name or directory of a preset.
        path: directory (SavedModel) or file; an existing artifact is replaced.
        format: "saved_model", "onnx" or "litert".
        sigma: noise level in grey levels of 255 that a network without noise input is made for: a
            classical filter of the zoo gets its stopping time and scale for it (25 unless given); a
            noise-conditioned network loses that input.
        timed: the stopping time as an input, for a filter with one block for all its steps, on the
            explicit scheme: see `keras_pde.models.timed.Timed`. A classical filter of the zoo then
            takes the noise level too, unless sigma fixes it; tuned times for noise levels are in
            the metadata.
        uint8: images as uint8.
        size: spatial sizes, where they are to be fixed; a multigrid network with levels="auto"
            needs it.
        verify: run the artifact in its own runtime (TensorFlow's plain loader, ONNX Runtime,
            LiteRT) on an example.

    Raises:
        ValueError: an unknown format, a suffix of another, sigma for a network without noise, sizes
            that the network needs and lacks.
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
        raise ValueError(
            f"format={format!r} writes"
            f" {f'a file that ends in {suffix}' if suffix else 'a directory'}. Received:"
            f" path={str(path)!r}"
        )
    if (
        not suffix
        and target.exists()
        and not (target / "saved_model.pb").is_file()
        and (not target.is_dir() or any(target.iterdir()))
    ):
        raise FileExistsError(
            f"{target} exists and is no SavedModel: nothing was written. Choose another directory."
        )
    name = str(model) if isinstance(model, str | Path) else model.name
    entry = presets.index().get(name, {}) if isinstance(model, str) else {}
    network = presets.from_preset(name) if isinstance(model, str | Path) else model
    served = Served(
        network if size is None else _resized(network, size),
        entry.get("noise"),
        sigma,
        uint8,
        timed,
    )
    signature = served.input_signature(size)
    known: dict[str, Any] = {
        key: entry[key] for key in ("description", "data", "licence") if key in entry
    }
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


def _resized(model: Any, size: Sequence[int]) -> Any:
    """A copy built for fixed sizes: the number of levels of a multigrid cycle follows from them."""
    copy = type(model).from_config(model.get_config())
    shapes = [spec.shape for spec in keras.tree.flatten(model.input_signature(size))]
    copy.build(shapes if len(shapes) > 1 else shapes[0])
    copy.set_weights(model.get_weights())
    return copy


@contextlib.contextmanager
def _constant_kernels(model: Any) -> Iterator[None]:
    """Zero-mean and normalised kernels as numbers.

    The artifact need not compute them, nor a bound of their norm, at each call.
    """
    operators = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, ConvOperator) and not layer.fixed
    ]
    try:
        for operator in operators:
            operator.constants = [
                ops.convert_to_numpy(kernel) for kernel in operator.effective_kernels()
            ]
        yield
    finally:
        for operator in operators:
            operator.constants = None


def _needs(format: str) -> None:
    import importlib.util

    wanted = {
        "onnx": ("tf2onnx", "onnx"),
        "litert": ("tensorflow",),
        "saved_model": ("tensorflow",),
    }[format]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"format={format!r} needs {' and '.join(missing)}: pip install 'keras-pde[export]'"
        )

"""Write a network as an artifact: whole, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_pde import presets
from keras_pde.export.formats import KINDS, Format, load_exported
from keras_pde.export.metadata import metadata
from keras_pde.export.served import Served
from keras_pde.models.network import Network
from keras_pde.runtime import gate
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.runtime.staging import staged
from keras_pde.runtime.tf2onnx_fix import sound_conversion
from keras_pde.runtime.writing import whole

DTYPES = ("float32", "float64")


class Exported(NamedTuple):
    """An artifact that was written.

    Args:
        path: where it lies.
        format: a key of `keras_pde.export.FORMATS`.
        bytes: its size.
        difference: the largest one between the foreign runtime's output and the original's, in
            grey levels where images are uint8; None where it was not verified.

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
    model: Network | str | Path,
    path: str | Path,
    format: str = "saved_model",
    *,
    sigma: float | None = None,
    timed: bool = False,
    uint8: bool = False,
    size: Sequence[int] | None = None,
    dtype: str | None = None,
    verify: bool = False,
) -> Exported:
    r"""Write a network as an artifact that needs no keras_pde: SavedModel, ONNX or LiteRT.

    Inputs have the names of the network's ``named_inputs``: "image" (batch, \*spatial, channels),
    then "noise" (batch,) for a noise-conditioned network, or "mask" for inpainting, then "time"
    (batch,) if asked for. Batch and sizes are dynamic unless ``size`` fixes them. The image's
    values are in [0, 1] and noise is σ in the same unit; with ``uint8`` both are grey levels of
    255, and the output is rounded and clipped. Metadata (name, units, certificate with its reasons,
    licence) lie in the artifact: assets.extra/keras_pde.json of a SavedModel, metadata_props of
    ONNX, a metadata buffer of LiteRT. The certificate is of the network in exact arithmetic;
    rounding to uint8 is not part of it.

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
        dtype: precision that a preset is loaded in, "float32" or "float64", which its inputs have
            too; the saved one unless given. In float64 a reader of a classifier finds the radius
            that keras_pde proves, see "radius" in the metadata.
        verify: run the artifact in its own runtime (TensorFlow's plain loader, ONNX Runtime,
            LiteRT) on an example.

    Raises:
        ValueError: an unknown format, a suffix of another, sigma for a network without noise, sizes
            that the network needs and lacks, dtype for a network that is at hand.
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
    target = gate.path(path, "path")
    kind = _checked(format, target)
    if not isinstance(model, Network | str | Path):
        raise ValueError(
            "model must be a network of keras_pde, or the name or directory of a preset. Received:"
            f" model={gate.said(model)}"
        )
    sigma = gate.number(sigma, "sigma", low=QUIETEST, high=LOUDEST, none=True)
    timed, uint8 = gate.flag(timed, "timed"), gate.flag(uint8, "uint8")
    if dtype is not None:
        gate.word(dtype, "dtype", DTYPES)
        if isinstance(model, Network):
            raise ValueError(
                f"dtype is for presets, and {model.name} computes in {model.compute_dtype}: load it"
                f" with dtype={dtype!r} instead"
            )
    name = str(model) if isinstance(model, str | Path) else model.name
    entry = presets.index().get(name, {}) if isinstance(model, str) else {}
    network = model if isinstance(model, Network) else presets.from_preset(model, dtype=dtype)
    network.require_weights("A network without weights cannot be exported")
    if network.fourier and format != "saved_model":
        raise ValueError(
            f"{name} computes Fourier transforms, which {format} does not have: export it as a"
            " saved_model, or a network with differences of a finite accuracy, such as 8."
        )
    if size is not None:
        if not isinstance(size, list | tuple):
            raise ValueError(
                f"size must be whole numbers, pixels an axis. Received: size={gate.said(size)}"
            )
        size = [gate.whole(pixels, "size", low=1) for pixels in size]
    # the number of levels of a multigrid cycle follows from fixed sizes
    network = network if size is None else network.twin(size)
    served = Served(network, entry.get("noise"), sigma, uint8, timed)
    signature = served.input_signature(size)
    known: dict[str, str] = {
        key: entry[key] for key in ("description", "data", "licence") if key in entry
    }
    about = {**metadata(served), "name": name, **known}
    kind.require()
    with _stage(target, kind) as stage:
        with _constant_kernels(served), sound_conversion(kind.keras_name):
            served.export(
                str(stage), format=kind.keras_name, verbose=False, input_signature=signature
            )
        kind.describe(stage, about)
        difference = compare(served, load_exported(stage)[0], size) if verify else None
    files = [target] if target.is_file() else [p for p in target.rglob("*") if p.is_file()]
    return Exported(target, format, sum(p.stat().st_size for p in files), difference)


@contextlib.contextmanager
def _stage(target: Path, kind: Format) -> Iterator[Path]:
    """Where to write the artifact, which takes its place once it is whole."""
    if not kind.suffix:
        with staged(target) as folder:
            yield folder
        return
    made = [folder for folder in target.absolute().parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole(target) as file:
            yield file
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # it holds the artifact
                folder.rmdir()


def _checked(format: str, target: Path) -> Format:
    """The format, if it may be written there."""
    if not isinstance(format, str) or format not in KINDS:
        raise ValueError(
            f"format must be one of {', '.join(KINDS)}. Received: format={gate.said(format)}"
        )
    kind = KINDS[format]
    others = [other.suffix for other in KINDS.values() if other.suffix]
    if target.suffix != kind.suffix and (kind.suffix or target.suffix in others):
        wanted = f"a file that ends in {kind.suffix}" if kind.suffix else "a directory"
        raise ValueError(f"format={format!r} writes {wanted}. Received: path={str(target)!r}")
    if not kind.suffix and target.exists() and not (target / "saved_model.pb").is_file():
        if not target.is_dir() or any(target.iterdir()):
            raise FileExistsError(
                f"{target} exists and is no SavedModel: nothing was written. Choose another"
                " directory."
            )
    return kind


def compare(
    served: Served, run: Callable[..., np.ndarray], size: Sequence[int] | None = None
) -> float:
    """Largest difference between a network and an artifact's function, on the network's example.

    Args:
        served: the network.
        run: of `load_exported`.
        size: the sizes that the artifact is fixed to.

    Raises:
        ValueError: the artifact's output has another shape.
    """
    given = served.example()
    if size is not None:
        axes = served.ndim + 2
        given = {
            name: np.resize(x, (1, *size, x.shape[-1])) if x.ndim == axes else x
            for name, x in given.items()
        }
    inputs = list(given.values())
    original = ops.convert_to_numpy(served(inputs if len(inputs) > 1 else inputs[0]))
    found = run(*inputs)
    if found.shape != original.shape:
        shapes = f"{found.shape}, and the network's {original.shape}"
        raise ValueError(
            f"The artifact's output has shape {shapes}: the converter is at fault, and nothing"
            " was written. Export again."
        )
    return float(np.abs(original.astype("float64") - found.astype("float64")).max())


@contextlib.contextmanager
def _constant_kernels(network: Network) -> Iterator[None]:
    """Zero-mean and normalised kernels as numbers.

    The artifact need not compute them, nor a bound of their norm, at each call.
    """
    with contextlib.ExitStack() as stack:
        for operator in network.operators:
            stack.enter_context(operator.held_constant())
        yield

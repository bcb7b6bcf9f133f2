"""The formats of artifacts: each is written with metadata, and read in its own runtime."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["load_exported"]

METADATA = "keras_pde"
Metadata = dict[str, Any]
Run = Callable[..., np.ndarray]
Loaded = tuple[Run, Metadata]


@dataclass(frozen=True)
class Format:
    """How a network is written in a format, and read again.

    Args:
        keras_name: of the format in Keras's `export`.
        suffix: of the file; "" for a directory.
        needs: modules that the converter needs.
        describe: writes metadata into an artifact.
        load: reads an artifact in its own runtime.
    """

    keras_name: str
    suffix: str
    needs: tuple[str, ...]
    describe: Callable[[Path, Metadata], None]
    load: Callable[[Path], Loaded]

    def require(self) -> None:
        """Refuse where the converter is missing.

        Raises:
            ImportError: with the line that installs it.
        """
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if missing:
            raise ImportError(
                f"This format needs {' and '.join(missing)}: pip install 'keras-pde[export]'"
            )


def load_exported(path: str | Path) -> Loaded:
    """An artifact in its own runtime, as a function of arrays, and its metadata.

    The arrays are those of the metadata's "inputs", in that order: image, then noise or mask, then
    time.

    Raises:
        ImportError: the runtime is missing, with the line that installs it.

    Example:
        >>> import tempfile
        >>> from keras_pde.export import export, load_exported
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, about = load_exported(export("linear_1d", folder + "/blur").path)
        ...     print(run(np.zeros((1, 9, 1), "float32")).shape, about["class"])
        (1, 9, 1) FEDResNet
    """
    path = gate.path(path, "path")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist, and an exported network is needed")
    suffix = path.suffix if path.is_file() else ""
    return next(kind.load for kind in KINDS.values() if kind.suffix == suffix)(path)


def _load_saved_model(path: Path) -> Loaded:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    served = loaded.signatures["serving_default"]
    about = json.loads((path / "assets.extra" / f"{METADATA}.json").read_text(encoding="utf-8"))
    names = _order(served.structured_input_signature[1], about)

    def run(*arrays: np.ndarray) -> np.ndarray:
        given = dict(zip(names, map(tf.constant, arrays), strict=True))
        return next(iter(served(**given).values())).numpy()

    run.keep = loaded  # type: ignore[attr-defined]  # else TensorFlow forgets the variables
    return run, about


def _load_onnx(path: Path) -> Loaded:
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "Running an ONNX file needs onnxruntime: pip install 'keras-pde[export]'"
        ) from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    names = _order([i.name for i in session.get_inputs()], about)

    def run(*arrays: np.ndarray) -> np.ndarray:
        return session.run(None, dict(zip(names, arrays, strict=True)))[0]

    return run, about


def _load_litert(path: Path) -> Loaded:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ImportError(
            "Running a LiteRT file needs ai-edge-litert: pip install 'keras-pde[export]'"
        ) from None
    interpreter, about = Interpreter(str(path)), _read_litert(path)
    details = {
        d["name"].removeprefix("serving_default_").split(":")[0]: d["index"]
        for d in interpreter.get_input_details()
    }

    def run(*arrays: np.ndarray) -> np.ndarray:
        given = dict(zip(_order(details, about), arrays, strict=True))
        for name, array in given.items():
            interpreter.resize_tensor_input(details[name], array.shape)
        interpreter.allocate_tensors()
        for name, array in given.items():
            interpreter.set_tensor(details[name], array)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run, about


def _order(names: Iterable[str], about: Metadata) -> list[str]:
    """The inputs' names in the order of a call, which converters do not keep."""
    return sorted(names, key=list(about["inputs"]).index)


def _write_saved_model(path: Path, about: Metadata) -> None:
    (path / "assets.extra").mkdir(exist_ok=True)
    (path / "assets.extra" / f"{METADATA}.json").write_text(
        json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def _write_onnx(path: Path, about: Metadata) -> None:
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {METADATA: json.dumps(about, ensure_ascii=False)})
    spatial = len(model.graph.input[0].type.tensor_type.shape.dim) - 2
    axes = ("batch", *(("length",) if spatial == 1 else ("depth", "height", "width")[-spatial:]))
    for value in [*model.graph.input, *model.graph.output]:
        for axis, dim in zip(axes, value.type.tensor_type.shape.dim, strict=False):
            if not dim.HasField("dim_value"):
                dim.dim_param = axis
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _write_litert(path: Path, about: Metadata) -> None:
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = METADATA, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def _read_litert(path: Path) -> Metadata:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    places = {
        m.name.decode() if isinstance(m.name, bytes) else m.name: m.buffer for m in model.metadata
    }
    return json.loads(bytes(bytearray(model.buffers[places[METADATA]].data)))


KINDS = {
    "saved_model": Format(
        "tf_saved_model", "", ("tensorflow",), _write_saved_model, _load_saved_model
    ),
    "onnx": Format("onnx", ".onnx", ("tf2onnx", "onnx"), _write_onnx, _load_onnx),
    "litert": Format("litert", ".tflite", ("tensorflow",), _write_litert, _load_litert),
}
FORMATS = {name: (kind.keras_name, kind.suffix) for name, kind in KINDS.items()}

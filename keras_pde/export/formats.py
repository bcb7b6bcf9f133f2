"""Artifacts of `keras_pde.export`.

What is written into each format beside the network, and each in its own runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

METADATA = "keras_pde"


def load_exported(path: str | Path) -> tuple[Callable[..., np.ndarray], dict[str, Any]]:
    """An artifact in its own runtime, as a function of arrays (image, then noise or mask, then
    time), and its metadata.

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
    path = Path(path)
    return {"": _saved_model, ".onnx": _onnx, ".tflite": _litert}[
        path.suffix if path.is_file() else ""
    ](path)


def _saved_model(path: Path) -> tuple[Callable[..., np.ndarray], dict[str, Any]]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    served = loaded.signatures["serving_default"]
    names = _order(served.structured_input_signature[1])

    def run(*arrays: np.ndarray) -> np.ndarray:
        return next(
            iter(served(**dict(zip(names, map(tf.constant, arrays), strict=True))).values())
        ).numpy()

    run.keep = loaded  # type: ignore[attr-defined]
    return run, json.loads((path / "assets.extra" / f"{METADATA}.json").read_text(encoding="utf-8"))


def _onnx(path: Path) -> tuple[Callable[..., np.ndarray], dict[str, Any]]:
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "Running an ONNX file needs onnxruntime: pip install 'keras-pde[export]'"
        ) from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = _order([i.name for i in session.get_inputs()])

    def run(*arrays: np.ndarray) -> np.ndarray:
        return session.run(None, dict(zip(names, arrays, strict=True)))[0]

    return run, json.loads(session.get_modelmeta().custom_metadata_map[METADATA])


def _litert(path: Path) -> tuple[Callable[..., np.ndarray], dict[str, Any]]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ImportError(
            "Running a LiteRT file needs ai-edge-litert: pip install 'keras-pde[export]'"
        ) from None
    interpreter = Interpreter(str(path))
    details = {
        d["name"].removeprefix("serving_default_").split(":")[0]: d["index"]
        for d in interpreter.get_input_details()
    }

    def run(*arrays: np.ndarray) -> np.ndarray:
        given = dict(zip(_order(details), arrays, strict=True))
        for name, array in given.items():
            interpreter.resize_tensor_input(details[name], array.shape)
        interpreter.allocate_tensors()
        for name, array in given.items():
            interpreter.set_tensor(details[name], array)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run, _read_litert(path)


def _order(names: Any) -> list[str]:
    return sorted(names, key=("image", "noise", "mask", "time").index)


def _write_saved_model(path: Path, about: dict[str, Any]) -> None:
    (path / "assets.extra").mkdir(exist_ok=True)
    (path / "assets.extra" / f"{METADATA}.json").write_text(
        json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def _write_onnx(path: Path, about: dict[str, Any]) -> None:
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


def _write_litert(path: Path, about: dict[str, Any]) -> None:
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


def _read_litert(path: Path) -> dict[str, Any]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    places = {
        m.name.decode() if isinstance(m.name, bytes) else m.name: m.buffer for m in model.metadata
    }
    return json.loads(bytes(bytearray(model.buffers[places[METADATA]].data)))


WRITERS = {"saved_model": _write_saved_model, "onnx": _write_onnx, "litert": _write_litert}

"""Golden tensors: what a preset's network computes for a fixed input."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from math import prod
from typing import Any, Protocol

import numpy as np

from keras_pde.presets import limits
from keras_pde.presets.reading import shown
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.types import Inputs, Tensor

ARRAYS = 8  # input, output, and further inputs


class Predicting(Protocol):
    """A network as `predict_golden` takes it."""

    named_inputs: tuple[str, ...]
    variable_dtype: Any

    def __call__(self, inputs: Inputs) -> Tensor:
        """The output."""


def predict_golden(network: Predicting, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The network's output for golden inputs, as NumPy.

    Args:
        network: a built network.
        inputs: arrays as `Network.example` names them: "input", then the names of further inputs.

    Example:
        >>> from keras_pde import presets
        >>> network = presets.from_preset("linear_2d")
        >>> presets.predict_golden(network, network.example()).shape
        (1, 33, 18, 1)
    """
    import keras

    names = ("input", *network.named_inputs[1:])
    tensors = [
        keras.ops.convert_to_tensor(inputs[name], dtype=network.variable_dtype) for name in names
    ]
    # op by op JAX compiles for minutes
    run = compiled(network) if keras.backend.backend() == "jax" else network
    found = keras.ops.convert_to_numpy(run(tensors if len(tensors) > 1 else tensors[0]))
    # bfloat16 is no type of NumPy's own, in which arrays are stored
    return found if found.dtype.kind == "f" else found.astype("float32")


def read_golden(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a golden.npz, each checked by its header before it is unpacked.

    Args:
        data: the file's bytes.

    Raises:
        ValueError: no such archive, other arrays, arrays that are not plain floats or too large.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.presets.golden import read_golden
        >>> file = presets.folder_of("linear_2d") / "golden.npz"
        >>> read_golden(file.read_bytes())["output"].shape
        (1, 33, 18, 1)
    """
    end = data[-22:]
    if len(end) < 22 or end[:4] != b"PK\x05\x06":
        raise ValueError("it is no archive of arrays as NumPy writes it")
    count, size = struct.unpack("<HI", end[10:16])
    if not 2 <= count <= ARRAYS or size > 1000 * count:
        raise ValueError(f"it has {count} entries, and 2 to {ARRAYS} were expected")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(entries) != count or not {"input", "output"} <= set(entries):
                found = ", ".join(shown(name) for name in sorted(entries))
                raise ValueError(f"it has {found}, and input and output were expected")
            left, arrays = limits.GOLDEN_NUMBERS, {}
            for name, info in entries.items():
                arrays[name] = _array(archive, info, left)
                left -= arrays[name].size
            return arrays
    except ValueError:
        raise
    except Exception as error:  # zipfile raises anything, from zlib.error to RuntimeError
        raise ValueError(f"it is damaged: {error}") from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> np.ndarray:
    """One array, of at most so many numbers."""
    name = shown(info.filename)
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is encrypted or packed in another way than NumPy's")
    with archive.open(info) as file:
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("another version")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=1000)
        except Exception:  # what tokenize and ast raise
            raise ValueError(f"{name} is no array as NumPy writes it") from None
        if dtype.kind != "f" or dtype.itemsize > 8:
            raise ValueError(f"{name} holds {shown(str(dtype))}, and floats were expected")
        if len(shape) > limits.AXES or not 0 < prod(shape) <= limit:
            raise ValueError(
                f"{name} has the shape {shown(shape)}, and at most {limits.GOLDEN_NUMBERS:,}"
                " numbers are read in all"
            )
        size = prod(shape) * dtype.itemsize
        raw = file.read(size)
        if len(raw) != size or file.read(1):
            raise ValueError(f"{name} has not the length of its shape {shape}")
    found = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds values that are not finite")
    return found

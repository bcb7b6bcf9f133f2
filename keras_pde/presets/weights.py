"""The weights of a preset: from a file's bytes into a network, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pde.presets import limits
from keras_pde.presets.files import WEIGHTS
from keras_pde.presets.hdf5 import read_arrays
from keras_pde.presets.hdf5_types import BFLOAT16, floats
from keras_pde.presets.hdf5_writing import write_arrays

__all__ = ["load_weights", "stored_dtype", "weights_bytes"]

OPTIMIZER = "optimizer/"


class _Memory(io.BytesIO):
    """A file in memory with the name by which Keras knows what it holds."""

    def __str__(self) -> str:
        return WEIGHTS


def weights_bytes(network: Any) -> bytes:
    """A network's weights as the file that Keras writes, in memory, without an optimizer's state.

    HDF5 ends the process when its file's disk is full, so it gets no file.

    Raises:
        ValueError: more weights than a preset may have.

    Example:
        >>> import keras_pde
        >>> from keras_pde.presets.weights import weights_bytes
        >>> weights_bytes(keras_pde.from_preset("linear_2d"))[1:4]
        b'HDF'
    """
    memory = _Memory()
    network.save_weights(memory)
    data = memory.getvalue()
    arrays = read_arrays(data)  # what cannot be read is not written
    if any(path.startswith(OPTIMIZER) for path in arrays):  # the network was compiled to train
        kept = {path: x for path, x in arrays.items() if not path.startswith(OPTIMIZER)}
        data = write_arrays(kept)
    if len(data) > limits.WEIGHTS_BYTES:
        raise ValueError(
            f"The weights take {len(data):,} bytes, and a preset has at most"
            f" {limits.WEIGHTS_BYTES:,}: save the network as a .keras file"
        )
    return data


def load_weights(network: Any, stored: Mapping[str, np.ndarray]) -> None:
    """Give a built network the arrays of a weights file.

    Keras reads them from a file that is written here, in memory: the stranger's file never reaches
    the HDF5 library, whatever that and Keras make of links and damage.

    Args:
        network: a built network.
        stored: arrays by path, of `read_arrays`.

    Raises:
        ValueError: names or shapes that are not the network's.

    Example:
        >>> import keras_pde
        >>> from keras_pde.presets.hdf5 import read_arrays
        >>> from keras_pde.presets.weights import load_weights, weights_bytes
        >>> a, b = keras_pde.FEDResNet(1, 3, filters=4), keras_pde.FEDResNet(1, 3, filters=4)
        >>> a.build((None, None, None, 1)), b.build((None, None, None, 1))
        (None, None)
        >>> load_weights(b, read_arrays(weights_bytes(a)))
        >>> bool(np.array_equal(a.get_weights()[0], b.get_weights()[0]))
        True
    """
    arrays = {name: floats(array) for name, array in stored.items()}
    network.load_weights(_Memory(write_arrays(arrays)))


def stored_dtype(precision: str) -> np.dtype:
    """How a file stores weights of a precision: bfloat16 as two opaque bytes.

    Example:
        >>> from keras_pde.presets.weights import stored_dtype
        >>> stored_dtype("float32"), stored_dtype("bfloat16")
        (dtype('float32'), dtype('V2'))
    """
    return BFLOAT16 if precision == "bfloat16" else np.dtype(precision)

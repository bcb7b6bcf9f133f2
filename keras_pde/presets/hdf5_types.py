"""The types of numbers in HDF5 files as Keras writes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from keras_pde.presets.reading import shown

__all__ = ["check_finite", "dtype_of", "floats", "message_of"]

BFLOAT16 = np.dtype("V2")  # for HDF5 two opaque bytes
# the datatype message less its size: class and version, bit field, properties
FLOATS = {
    2: (b"\x20\x0f\x00", struct.pack("<HHBBBBI", 0, 16, 10, 5, 0, 10, 15)),
    4: (b"\x20\x1f\x00", struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)),
    8: (b"\x20\x3f\x00", struct.pack("<HHBBBBI", 0, 64, 52, 11, 0, 52, 1023)),
}
CLASSES = {
    0: "whole numbers",
    1: "unusual floats",
    2: "times",
    3: "texts",
    4: "bits",
    5: "opaque bytes",
    6: "compounds (complex numbers, say)",
    7: "references",
    8: "enumerations (bools, say)",
    9: "lists or texts of variable length",
    10: "arrays in arrays",
}


def dtype_of(message: bytes) -> tuple[np.dtype | None, str]:
    """The dtype of a datatype message, or None and in words what it is instead.

    Example:
        >>> from keras_pde.presets.hdf5_types import dtype_of, message_of
        >>> dtype_of(message_of(np.dtype("float64")))[0]
        dtype('float64')
    """
    head, bits, size = struct.unpack_from("<B3sI", message.ljust(8, b"\0"))
    if head >> 4 == 1:
        if head & 15 == 1 and size in FLOATS and (bits, message[8:20]) == FLOATS[size]:
            return np.dtype(f"<f{size}"), ""
        if head & 15 == 0 and size in (1, 2, 4, 8) and bits in (b"\0\0\0", b"\x08\0\0"):
            if message[8:12] == struct.pack("<HH", 0, 8 * size):
                return np.dtype(f"<{'i' if bits[0] else 'u'}{size}"), ""
        if head & 15 == 5 and size == 2:
            return BFLOAT16, ""
    return None, CLASSES.get(head & 15, "things unknown")


def message_of(dtype: np.dtype) -> bytes:
    """The datatype message of floats or whole numbers, padded to a multiple of 8 bytes.

    Example:
        >>> from keras_pde.presets.hdf5_types import message_of
        >>> len(message_of(np.dtype("float32")))
        24
    """
    size = dtype.itemsize
    if dtype.kind in "iu":
        sign = b"\x08\0\0" if dtype.kind == "i" else b"\0\0\0"
        return struct.pack("<B3sIHH4x", 0x10, sign, size, 0, 8 * size)
    bits, properties = FLOATS[size]
    return struct.pack("<B3sI", 0x11, bits, size) + properties + bytes(4)


def floats(array: np.ndarray) -> np.ndarray:
    """Stored numbers as NumPy computes with them: bfloat16 is half of a float32.

    Example:
        >>> from keras_pde.presets.hdf5_types import floats
        >>> float(floats(np.uint16(0x3F80).view("V2")))
        1.0
    """
    if array.dtype != BFLOAT16:
        return array
    return (array.copy().view("u2").astype("u4") << np.uint32(16)).view("f4")


def check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that are no numbers.

    Raises:
        ValueError: naming the first that is not finite.

    Example:
        >>> from keras_pde.presets.hdf5_types import check_finite
        >>> check_finite({"a": np.array([1.0, np.inf])})
        Traceback (most recent call last):
            ...
        ValueError: 'a' holds values that are not finite
    """
    for name, array in arrays.items():
        if array.dtype.kind in "fV" and not np.isfinite(floats(array)).all():
            raise ValueError(f"{shown(name)} holds values that are not finite")

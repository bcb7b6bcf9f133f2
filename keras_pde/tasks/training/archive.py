"""The bytes of a checkpoint: arrays by name, and a digest by which damage is found.

A checkpoint is an .npz archive, which NumPy reads. Its comment, the last 64 bytes of the file, is
the sha256 of all bytes before. Checkpoints of before the digest have none: they rely on the
archive's own checksums.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pde.runtime.one_line import one_line

FORMAT = 2  # 1 had no digest, and did not say its number
DIGITS = 64  # of sha256


def pack(values: Mapping[str, Any]) -> bytes:
    """The bytes of a checkpoint.

    Example:
        >>> from keras_pde.tasks.training.archive import pack, unpack
        >>> unpack(pack({"step": 20}))["step"].item()
        20
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items()}
    np.savez(buffer, format=FORMAT, **arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * DIGITS
    body = buffer.getvalue()[:-DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """The values of a checkpoint.

    Raises:
        ValueError: what is wrong with it, in a few words: empty, cut off, changed, of a later
            version.

    Example:
        >>> from keras_pde.tasks.training.archive import pack, unpack
        >>> unpack(pack({"step": 20})[:50])
        Traceback (most recent call last):
        ...
        ValueError: it is cut off or no checkpoint
    """
    if not data:
        raise ValueError("it is empty")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            signed = len(archive.comment) == DIGITS
    except Exception:  # zipfile raises half a dozen kinds
        raise ValueError("it is cut off or no checkpoint") from None
    body, digest = data[:-DIGITS], data[-DIGITS:]
    if signed and hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("its bytes are not those that were written")
    try:
        with np.load(io.BytesIO(data)) as stored:  # which checks each member's checksum
            values = {name: stored[name] for name in stored.files}
        made_by = int(values.get("format", 1))
    except Exception as error:  # as zipfile, zlib and NumPy raise for damaged members
        raise ValueError(f"it is damaged: {one_line(error)}") from None
    if made_by > FORMAT:
        raise ValueError(f"it is of format {made_by}, and this version reads up to {FORMAT}")
    if made_by > 1 and not signed:
        raise ValueError("its digest is missing")
    return values

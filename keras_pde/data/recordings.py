"""Folders of signals and volumes: arrays of NumPy, which any instrument's files can be saved as."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from keras_pde.data.folders import paths_in

__all__ = ["load_recordings"]

ENDINGS = (".npy", ".npz")
NAMES = {1: "signals", 2: "images", 3: "volumes"}
AXES = {1: "(length,)", 2: "(height, width)", 3: "(depth, height, width)"}


def load_recordings(
    folder: str | os.PathLike[str], ndim: int, *, channels: int = 1, least: int = 1
) -> list[np.ndarray]:
    r"""All signals or volumes of a folder, sorted by name: .npy files, and .npz of one array.

    Integers are divided by the largest number of their type. Floats are taken as they are, with
    black 0 and white 1, so that a noise level of 25 is 25/255 of that range.

    Args:
        folder: of the files; others and subfolders are left out.
        ndim: 1 for signals, 3 for volumes.
        channels: of each; one channel may have no axis of its own.
        least: samples that each axis has to have.

    Returns:
        Arrays (\*spatial, channels), float32.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no such file in it, or one that is damaged, of another shape, or no numbers.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_pde.data.recordings import load_recordings
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(folder + "/pulse.npy", np.array([0, 255, 0], "uint8"))
        ...     load_recordings(folder, ndim=1)[0].tolist()
        [[0.0], [1.0], [0.0]]
    """
    return [_read(path, ndim, channels, least) for path in recording_paths(folder, ndim)]


def recording_paths(folder: str | os.PathLike[str], ndim: int) -> list[Path]:
    """The files that `load_recordings` reads, in its order; errors as there."""
    return paths_in(folder, NAMES[ndim], ENDINGS)


def _read(path: Path, ndim: int, channels: int, least: int) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
        if not isinstance(values, np.ndarray):
            with values as archive:
                (values,) = (archive[name] for name in archive.files)
    except Exception as error:  # whatever a damaged file makes NumPy and zlib raise
        raise ValueError(f"{path} cannot be read as one array of numbers: {error}") from None
    values = values[..., None] if values.ndim == ndim and channels == 1 else values
    if values.ndim != ndim + 1 or values.shape[-1] != channels or values.dtype.kind not in "uif":
        raise ValueError(
            f"{path} has shape {values.shape} and type {values.dtype}: expected numbers of shape"
            f" {AXES[ndim]}, or with {channels} channel{'s' * (channels > 1)} as last axis"
        )
    if min(values.shape[:-1]) < least:
        raise ValueError(
            f"{path} has {' × '.join(map(str, values.shape[:-1]))} samples, and {least} are needed"
            " along each axis: leave it out"
        )
    if values.dtype.kind in "ui":
        return (values / np.float64(np.iinfo(values.dtype).max)).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"{path} holds NaN or infinite values: replace them by numbers first")
    return values.astype(np.float32)

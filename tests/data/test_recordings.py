"""Folders of signals and volumes, and patches of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_pde.data import Patches, windows
from keras_pde.data.recordings import load_recordings

RNG = np.random.default_rng(0)
SHAPES = {1: (50,), 2: (20, 30), 3: (9, 8, 7)}
# each: what the file pulse.npy or .npz holds, and the error
WRONG: dict[str, tuple[Any, str]] = {
    "another rank": (np.zeros((3, 4)), r"shape \(3, 4\) .*expected numbers of shape \(length,\)"),
    "two channels": (np.zeros((9, 2)), "with 1 channel as last axis"),
    "text": (np.array(["a", "b"]), "type <U1"),
    "complex": (np.zeros(9, complex), "type complex128"),
    "not finite": (np.array([0, np.nan] * 9), "holds NaN"),
    "short": (np.zeros(3), "has 3 samples, and 8 are needed"),
    "objects": (np.array([{}] * 9, object), "cannot be read"),
    "damaged": (b"\x93NUMPY", "cannot be read"),
    "two arrays": ({"a": np.zeros(9), "b": np.zeros(9)}, "cannot be read as one array"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_no_signal_is_refused_by_its_name(case: str, tmp_path: Path) -> None:
    content, message = WRONG[case]
    if isinstance(content, bytes):
        (tmp_path / "pulse.npy").write_bytes(content)
    elif isinstance(content, dict):
        np.savez(tmp_path / "pulse.npz", **content)
    else:
        np.save(tmp_path / "pulse.npy", content, allow_pickle=True)
    with pytest.raises(ValueError, match=message) as caught:
        load_recordings(tmp_path, 1, least=8)
    assert "pulse.np" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_without_signals_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="is a file, no folder of signals"):
        load_recordings(tmp_path / "file", 1)
    with pytest.raises(FileNotFoundError, match=r"folder of signals .* does not exist"):
        load_recordings(tmp_path / "gone", 1)
    with pytest.raises(ValueError, match=r"no volumes: expected files named \*.npy"):
        load_recordings(tmp_path, 3)


def test_files_are_read_by_name_with_white_at_the_maximum_of_their_type(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "b.npz", values=np.array([[0, 65535]], "uint16").T)
    np.save(tmp_path / "a.npy", np.array([-0.5, 1.5]))
    (tmp_path / "notes.txt").write_text("no signal")
    assert [x.tolist() for x in load_recordings(tmp_path, 1)] == [[[-0.5], [1.5]], [[0.0], [1.0]]]


@pytest.mark.parametrize("ndim", SHAPES)
def test_patches_are_windows_of_the_data_mirrored_or_as_they_are(ndim: int) -> None:
    values = RNG.random((*SHAPES[ndim], 1))
    size = (4, 3, 5)[:ndim]
    found = [
        {
            patch.tobytes()
            for patch in Patches([values], size, 300, 0, mirror=mirror, ndim=ndim).batch(0)[2]
        }
        for mirror in (False, True)
    ]
    view = np.lib.stride_tricks.sliding_window_view(values[..., 0].astype("float32"), size)
    plain = {view[corner].tobytes() for corner in np.ndindex(view.shape[:ndim])}
    mirrored = {
        windows.mirrored(view[corner][..., None], bits).tobytes()
        for corner in np.ndindex(view.shape[:ndim])
        for bits in range(2**ndim)
    }
    assert found[0] <= plain
    assert found[1] <= mirrored
    assert not found[1] <= plain


def test_batches_of_images_are_those_of_all_trainings_before() -> None:
    patches = Patches([np.random.default_rng(0).random((40, 50, 1))], 7, 3, 25.0)
    assert hashlib.sha256(patches.batch(3)[0].tobytes()).hexdigest()[:10] == "ec68256f50"


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((4, 4), "2 numbers, and the data 3 axes"),
        ((4, 9, 4), "9 × 8 × 7 pixels, and a patch 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Patches([np.zeros((*SHAPES[3], 1))], size, 2, 25, ndim=3)

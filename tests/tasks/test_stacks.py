"""Stacks of planes: their noise, the command, and the same in Python."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import call
from skimage import data

import keras_pde
from keras_pde.data import noise
from keras_pde.tasks.denoise.planes import Asked, Plane, common_noise
from keras_pde.tasks.denoise.stacks import denoise_frames
from keras_pde.tasks.many.worker import Job, Worker

SIGMA, QUICK = 15, "linear_2d"


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """A series of 8 noisy frames of a photograph, (8, 96, 96) of 16 bit."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 400, (8, 2))
    clean = np.stack([data.camera()[y : y + 96, x : x + 96] for y, x in corners]) / 255
    noisy = 0.2 + 0.6 * clean + SIGMA / 255 * rng.standard_normal(clean.shape)
    return np.uint16(np.rint(65535 * noisy.clip(0, 1)))


def test_one_level_for_planes_that_are_alike(frames: np.ndarray) -> None:
    planes = [Plane(frame[..., None]) for frame in frames]
    common = common_noise(planes, 8, Asked())
    own = [noise.estimate(frame[..., None]) for frame in frames]
    assert common.levels == pytest.approx((min(own), np.median(own), max(own)))
    known = [common.of(plane) for plane in planes]
    assert known[0].level == pytest.approx(float(np.median(own)))
    assert len({x.level for x in known}) == 1
    # the median is nearer to the truth than most of the planes
    assert abs(np.median(own) - SIGMA) <= np.median(np.abs(np.array(own) - SIGMA)) + 0.1
    assert "the median of 8 planes" in common.about


def test_planes_that_differ_have_levels_of_their_own(frames: np.ndarray) -> None:
    quiet = np.uint16(32768 + 0.3 * (frames - 32768.0))
    planes = [Plane(x[..., None]) for x in (*frames[:4], *quiet[:4])]
    common = common_noise(planes, 8, Asked())
    assert common.model is None
    assert "noise of each of the 8 planes estimated" in common.about
    assert [common.of(x).level for x in planes] == [x.known(Asked()).level for x in planes]


def test_the_command_writes_a_hyperstack_and_one_plane_of_it(
    tmp_path: Path, frames: np.ndarray
) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    labels = [f"plane {i}" for i in range(8)]
    metadata = {"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 0.1, "Labels": labels}
    tifffile.imwrite(path, frames.reshape(2, 2, 2, 96, 96), imagej=True, metadata=metadata)
    result = call("denoise", path, out, "--preset", QUICK)
    assert "8 planes (ImageJ, 2 channels × 2 slices × 2 frames)" in result.stdout
    assert "channel 2: noise" in result.stdout
    assert "the median of 4 planes" in result.stdout
    with tifffile.TiffFile(out) as file:
        found, told = file.series[0], file.imagej_metadata
        assert (found.axes, found.shape) == ("TZCYX", (2, 2, 2, 96, 96))
        assert (told["Labels"], told["spacing"], told["unit"]) == (labels, 0.5, "um")
        filtered = found.asarray().reshape(frames.shape)
    for channel in (0, 1):
        own = frames[channel::2, ..., None]
        expected = denoise_frames(own, preset=QUICK)[..., 0]
        assert np.abs(filtered[channel::2].astype(int) - expected).max() <= 1
    result = call("denoise", path, tmp_path / "one.tif", "--preset", QUICK, "--frames", "3")
    assert "plane 3 of 8" in result.stdout
    one = tifffile.imread(tmp_path / "one.tif")
    np.testing.assert_allclose(one, keras_pde.denoise(frames[2], preset=QUICK), atol=1)
    (tmp_path / "out").mkdir()
    outcome = Worker(Job(str(tmp_path), str(tmp_path / "out"), QUICK), 0).outcome("a.tif")
    assert (outcome.error, outcome.pixels) == ("", frames.size)
    again = tifffile.imread(tmp_path / "out" / "a.tif").reshape(frames.shape)
    assert np.abs(again.astype(int) - filtered).max() <= 1  # another program's roundings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["b.tif", "--frames", "9"], "has 8 planes, and --frames asks for number 9"),
        (["b.tif", "--frames", "0"], "is not each, first, or the number of a plane"),
        (["b.tif", "--add-noise", "9"], "has 8 planes, and --add-noise is for one image"),
        (["b.png"], "a PNG file holds one plane, and .* has 8. Write b.tif"),
    ],
)
def test_what_a_stack_is_not_for(
    tmp_path: Path, frames: np.ndarray, options: list[str], words: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True)
    result = call("denoise", tmp_path / "a.tif", tmp_path / options[0], *options[1:], code=2)
    assert re.search(words, result.stderr)
    assert os.listdir(tmp_path) == ["a.tif"]


def test_frames_of_an_array(frames: np.ndarray) -> None:
    batch = frames[:2, ..., None]
    each = denoise_frames(batch, [15, 30], QUICK)
    for frame, level, found in zip(batch, (15, 30), each, strict=True):
        np.testing.assert_array_equal(found, keras_pde.denoise(frame, level, QUICK))
    with pytest.raises(ValueError, match="1 levels for 2 frames"):
        denoise_frames(batch, [15], QUICK)
    with pytest.raises(ValueError, match="denoise_frames"):
        keras_pde.denoise(batch)

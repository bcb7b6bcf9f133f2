"""Volumes in files: their slices are filtered together, at the spacing that the file states."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import call

import keras_pde
from keras_pde.data import images
from keras_pde.tasks.denoise.recording import recording_of
from keras_pde.tasks.many.worker import Job, Worker


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small network for volumes."""
    flux = keras_pde.FluxActivation("charbonnier", 0.1, noise_conditioned=True)
    block = keras_pde.DiffusionBlock(
        keras_pde.ConvOperator(3, 3, initializer="forward", normalize=True), flux, "auto"
    )
    net = keras_pde.DiffusionResNet(3, block=block, name="volumes")
    net.build([(None, None, None, None, 1), (None,)])
    folder = tmp_path_factory.mktemp("presets") / "volumes"
    net.save_to_preset(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    """(slices, channels, height, width), two channels of other noise."""
    rng = np.random.default_rng(0)
    clean = 20000 + 100 * np.indices((6, 2, 18, 20)).sum(0)
    return np.rint(clean + rng.standard_normal(clean.shape) * [[[[2000]], [[500]]]]).astype(
        "uint16"
    )


# both 1.5, 0.25 and 0.5: ImageJ states pixels in a unit of x and y
IMAGEJ = {"axes": "ZCYX", "spacing": 1.5, "unit": "um"}
SIZES = {f"PhysicalSize{axis}": h for axis, h in {"X": 0.5, "Y": 0.25, "Z": 1.5}.items()}


@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
def test_each_channel_is_a_volume_at_the_spacing_of_the_file(
    tmp_path: Path, preset: str, volumes: np.ndarray, kind: str
) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    if kind == "ImageJ":
        tifffile.imwrite(path, volumes, imagej=True, resolution=(2, 4), metadata=IMAGEJ)
    else:
        tifffile.imwrite(path, volumes, ome=True, metadata={"axes": "ZCYX", **SIZES})
    result = call("denoise", path, out, "--preset", preset)
    assert "2 volumes of 6 × 18 × 20, noise " in result.stdout
    assert "spacing 1.5, 0.25, 0.5, by the file" in result.stdout
    found = tifffile.imread(out)
    assert found.shape == volumes.shape
    for channel in (0, 1):
        own = volumes[:, channel]
        expected = keras_pde.denoise(own, preset=preset, spacing=(6, 1, 2))
        assert np.abs(found[:, channel].astype(int) - expected).max() <= 1
        equal = keras_pde.denoise(own, preset=preset)
        assert np.abs(found[:, channel].astype(int) - equal).max() > 20
    (tmp_path / "out").mkdir()
    outcome = Worker(Job(str(tmp_path), str(tmp_path / "out"), preset), 0).outcome("a.tif")
    assert (outcome.error, outcome.pixels) == ("", volumes.size)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "a.tif"), found)
    with images.open_stack(out) as stack:
        assert stack.spacing == pytest.approx((1.5, 0.25, 0.5))


def test_the_spacing_and_the_noise_can_be_told(
    tmp_path: Path, preset: str, volumes: np.ndarray
) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(path, volumes[:, 0])  # nothing is said of the planes
    with images.open_stack(path) as stack:
        assert stack.spacing is None
    result = call("denoise", path, out, "--preset", preset, "--noise", "8", "--spacing", "2,1,1")
    assert "a volume of 6 × 18 × 20, noise 8" in result.stdout
    assert "spacing 2, 1, 1, as told" in result.stdout
    told, found = (recording_of(volumes[:, 0], 3, level, preset) for level in (8, None))
    assert told.unit.high == 65535 > found.unit.high  # whatever part of it the data occupy
    expected = keras_pde.denoise(volumes[:, 0], 8, preset, spacing=(2, 1, 1))
    assert np.abs(tifffile.imread(out).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--spacing", "1,0,1"), "is not two or three numbers > 0"),
        (("--spacing", "3"), "is not two or three numbers > 0"),
        (("--spacing", "2,1"), "spacing must be 3 numbers > 0"),
        (("--preset", "linear_2d", "--spacing", "2,1,1"), "filters each plane of"),
        (("--noise", "sensor"), "noise of a volume must be a standard deviation"),
    ],
)
def test_what_volumes_are_not_for(
    tmp_path: Path, preset: str, volumes: np.ndarray, options: tuple[str, ...], words: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volumes[:, 0])
    result = call(
        *("denoise", tmp_path / "a.tif", tmp_path / "b.tif", "--preset", preset, *options), code=2
    )
    assert words in result.stderr
    assert os.listdir(tmp_path) == ["a.tif"]


def test_twelve_bits_in_sixteen_have_their_range_and_a_small_level_is_asked_about(
    tmp_path: Path, preset: str, volumes: np.ndarray
) -> None:
    path, out, white = tmp_path / "a.tif", tmp_path / "b.tif", (281, 3, 1, 4095, False)
    few = volumes[:, 0] // 16
    tifffile.imwrite(path, few, extratags=[white])
    result = call("denoise", path, out, "--preset", preset, "--noise", "8")
    assert "noise 8; range 0 to 4095" in result.stdout
    expected = keras_pde.denoise(few, 8, preset, range=(0, 4095))
    assert np.abs(tifffile.imread(out).astype(int) - expected).max() <= 1
    floats = volumes[:, 0].astype("float32") / 65535
    with pytest.warns(UserWarning, match="noise"):
        keras_pde.denoise(floats, 0.1, preset)


def test_frames_and_colours_are_no_slices(tmp_path: Path, preset: str, volumes: np.ndarray) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(path, volumes, imagej=True, metadata={"axes": "TCYX"})
    assert "holds no volume" in call("denoise", path, out, "--preset", preset, code=2).stderr
    tifffile.imwrite(path, np.zeros((4, 9, 9, 3), "uint8"), photometric="rgb")
    assert "grey slices" in call("denoise", path, out, "--preset", preset, code=2).stderr
    assert os.listdir(tmp_path) == ["a.tif"]

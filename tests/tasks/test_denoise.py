"""keras_pde.denoise and its command.

Types and ranges, the choice of the preset, the estimated noise.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import keras_pde
from keras_pde import presets
from keras_pde.cli.main import main
from keras_pde.data import images, noise
from keras_pde.data.images import Image
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise import choosing
from keras_pde.tasks.denoise import image as denoising
from keras_pde.tasks.denoise import levels as levels_of
from keras_pde.tasks.denoise.denoiser import Denoiser

GREY, COLOUR = "perona_malik_2d", "perona_malik_color"


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    return np.float32(data.camera()[..., None] / 255)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.float32(data.astronaut()[:128, 150:300] / 255)


@pytest.mark.parametrize("sigma", [10, 15, 25, 35, 50])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
def test_noise_of_the_camera_is_estimated_within_15_percent(
    camera: np.ndarray, sigma: float, dtype: str
) -> None:
    noisy = noise.add_noise(camera, sigma)
    if dtype != "float32":  # clipped to the type's range
        peak = np.iinfo(dtype).max
        noisy = np.rint(noisy.clip(0, 1) * peak).astype(dtype)
    assert noise.estimate(noisy) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("name", ["camera", "astronaut", "coins", "moon", "chelsea", "coffee"])
def test_noise_of_photographs_is_estimated_as_the_docstring_says(name: str) -> None:
    clean = getattr(data, name)() / 255
    clean = clean[..., None] if clean.ndim == 2 else clean
    assert 0.3 < noise.estimate(clean) < 2.35
    for sigma, error in ((10, 0.175), (25, 0.08), (50, 0.08)):
        noisy = noise.add_noise(clean, sigma)
        for values in (noisy, np.uint8(np.rint(255 * noisy.clip(0, 1)))):
            assert noise.estimate(values) == pytest.approx(sigma, rel=error)


def test_noise_of_channels_of_flat_and_of_tiny_images() -> None:
    flat = np.full((300, 300, 3), 0.5)
    assert noise.estimate(noise.add_noise(flat, 20)) == pytest.approx(20, rel=0.02)
    assert noise.estimate(flat) == pytest.approx(0, abs=1e-6)
    for shape in ((1, 1, 1), (3, 50, 3), (50, 2, 1)):
        assert noise.estimate(np.random.default_rng(0).random(shape)) == 0
    # every pixel black or white
    assert noise.estimate(np.uint8(255 * (np.random.default_rng(0).random((60, 60, 1)) > 0.5))) > 50


def test_large_images_are_estimated_from_a_part(camera: np.ndarray) -> None:
    noisy = noise.add_noise(np.tile(camera, (6, 6, 1)), 20)
    assert noise.estimate(noisy) == pytest.approx(noise.estimate(noisy[:1024, :1024]), rel=0.03)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["plane", "grey", "colour"])
def test_shape_and_type_are_kept(
    camera: np.ndarray, astronaut: np.ndarray, dtype: str, kind: str
) -> None:
    noisy = noise.add_noise(astronaut if kind == "colour" else camera[:100, 200:280], 20)
    noisy = noisy[..., 0] if kind == "plane" else noisy
    peak = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    image = noisy.astype(dtype) if peak == 1 else np.rint(noisy.clip(0, 1) * peak).astype(dtype)
    before = image.copy()
    result = keras_pde.denoise(image, 20, COLOUR if kind == "colour" else GREY)
    np.testing.assert_array_equal(image, before)
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    model = choosing.choose_denoiser(
        COLOUR if kind == "colour" else GREY, noisy.shape if kind != "plane" else (100, 80, 1), 20
    ).network
    values = np.float32(image.astype(np.float64) / peak)
    pixels = values if kind != "plane" else values[..., None]
    expected = Denoiser(model, tuned=True)(pixels, 20).pixels.reshape(image.shape)
    if peak > 1:
        assert (
            np.abs(result - expected.clip(0, 1) * np.float64(peak)).max() <= 0.5 + 1e-3 * peak / 255
        )
        if dtype == "uint16":
            assert len(np.unique(result)) > 2000, "16 bits, not 8"
    else:
        np.testing.assert_allclose(result, expected, atol=1e-3 if dtype == "float16" else 1e-6)


def test_floats_are_not_clipped_and_integers_are() -> None:
    spiky = np.full((40, 40), 1.0, np.float32)
    spiky[10:20, 10:20] = 1.4
    assert keras_pde.denoise(spiky, 5, GREY).max() > 1.1
    assert keras_pde.denoise(np.full((40, 40), 255, np.uint8), 5, GREY).min() == 255


def test_tiles_change_nothing(camera: np.ndarray) -> None:
    noisy = noise.add_noise(camera, 15)
    calls: list[tuple[int, int]] = []
    tiled = keras_pde.denoise(
        noisy, 15, GREY, tile=20_000, progress=lambda *done: calls.append(done)
    )
    np.testing.assert_allclose(tiled, keras_pde.denoise(noisy, 15, GREY), atol=1e-6)
    assert calls[-1] == (len(calls), len(calls))
    assert len(calls) > 10


def test_it_denoises_whatever_the_noise_without_being_told(
    camera: np.ndarray, astronaut: np.ndarray
) -> None:
    for clean in (camera[100:260, 150:350], astronaut):
        for sigma in (10, 25, 50):
            noisy = noise.add_noise(clean, sigma)
            gain = [
                peak_signal_noise_ratio(clean, x, data_range=1)
                for x in (noisy, keras_pde.denoise(noisy), keras_pde.denoise(noisy, sigma))
            ]
            assert gain[1] > gain[0] + 3
            assert abs(gain[1] - gain[2]) < 0.35


def test_a_clean_image_is_nearly_kept(camera: np.ndarray) -> None:
    assert (
        peak_signal_noise_ratio(camera, keras_pde.denoise(camera, preset=GREY), data_range=1) > 40
    )
    flat = np.full((50, 60), 128, np.uint8)
    np.testing.assert_allclose(keras_pde.denoise(flat), flat, atol=2)


def test_time_acts(camera: np.ndarray) -> None:
    image = camera[:64, :64]
    long = keras_pde.denoise(image, 25, "linear_2d", time=12.5)
    np.testing.assert_allclose(
        long,
        np.asarray(keras_pde.from_preset("linear_2d").with_time(12.5)(image[None]))[0],
        atol=1e-6,
    )


def test_pillow_images(camera: np.ndarray) -> None:
    grey = np.uint8(np.rint(camera[:48, :64, 0] * 255))
    picture = PIL.Image.fromarray(grey)
    np.testing.assert_array_equal(
        keras_pde.denoise(picture, 10, GREY), keras_pde.denoise(grey, 10, GREY)
    )
    assert keras_pde.denoise(picture.convert("RGB"), 10, COLOUR).shape == (48, 64, 3)
    assert (
        keras_pde.denoise(PIL.Image.fromarray(np.uint16(grey) * 257), 10, GREY).dtype == np.uint16
    )
    for mode, to in (("P", "RGB"), ("RGBA", "RGB"), ("CMYK", "RGB"), ("1", "L"), ("LA", "L")):
        with pytest.raises(ValueError, match=rf"mode '{mode}'.*convert\('{to}'\)"):
            keras_pde.denoise(picture.convert(mode))


GOOD = np.full((16, 16), 0.5, np.float32)
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "grey and alpha": (
        np.zeros((8, 8, 2), np.uint8),
        {},
        r"2 channels.*alpha.*image\[\.\.\., :1\]",
    ),
    "colour and alpha": (
        np.zeros((8, 8, 4), np.uint8),
        {},
        r"4 channels.*alpha.*image\[\.\.\., :3\]",
    ),
    "channels first": (np.zeros((3, 8, 9), np.uint8), {}, "as last axis. Received: shape"),
    "batch": (np.zeros((2, 8, 9, 1), np.uint8), {}, "One image is"),
    "empty": (np.zeros((0, 9), np.uint8), {}, r"image is empty.*\(0, 9\)"),
    "signal": (np.zeros(9), {}, "One image is"),
    "int64": (np.zeros((8, 8), np.int64), {}, "dtype int64"),
    "bool": (np.zeros((8, 8), bool), {}, "image must hold real floats or integers. Received: bool"),
    "range": (GOOD, {"range": (1, 0)}, "two finite numbers"),
    "range of one": (GOOD, {"range": 255}, "two finite numbers"),
    "gain without a sensor": (GOOD, {"gain": 2.0}, "describe noise='sensor'"),
    "a sensor's noise in a flat image": (GOOD, {"noise": "sensor"}, "tell the gain"),
    "another word": (
        GOOD,
        {"noise": "much"},
        "noise must be 'sensor', or.*Received: noise='much'",
    ),
    "NaN": (np.where(np.eye(16) > 0, np.nan, GOOD), {}, "NaN or infinite"),
    "infinite": (np.where(np.eye(16) > 0, np.inf, GOOD), {}, "NaN or infinite"),
    "no noise": (GOOD, {"noise": 0}, "finite and > 0, or None to estimate it. Received: noise=0"),
    "NaN noise": (GOOD, {"noise": np.nan}, "finite and > 0"),
    "unknown preset": (GOOD, {"preset": "perona_malik"}, "Did you mean perona_malik"),
    "preset of another task": (GOOD, {"preset": "multigrid_poisson_2d"}, "of the task 'solve'"),
    "1-D preset": (GOOD, {"preset": "linear_1d"}, "filters 1-D data"),
    "colour preset": (GOOD, {"preset": COLOUR}, "for 3 channels and the image has 1"),
    "tile": (np.zeros((50, 50)), {"tile": 0, "preset": GREY}, "whole number >= 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_say_what_to_do(name: str) -> None:
    image, options, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        keras_pde.denoise(image, **options)


def entry(metric: float, psnr: dict[str, float] | None = None, **other: Any) -> dict[str, Any]:
    measured = {} if psnr is None else {"psnr": psnr}
    return {
        "task": "denoise",
        "ndim": 2,
        "channels": 1,
        "certified": "norm",
        "metric": {"value": metric},
        **measured,
        **other,
    }


def test_auto_compares_psnr_at_the_nearest_level() -> None:
    entries = {
        "classical": entry(99),
        "weak": entry(50, {"15": 33.0, "25": 28.0, "50": 24.0}),
        "strong": entry(1, {"15": 31.0, "25": 28.1, "50": 26.0}),
        "one level": entry(1, {"25": 28.05}),
        "uncertified": entry(1, {"15": 40.0, "25": 40.0, "50": 40.0}, certified="no"),
        "colour": entry(1, {"15": 1.0}, channels=3),
    }
    for sigma, best in (
        (1, "weak"),
        (15, "weak"),
        (19, "weak"),
        (20, "strong"),
        (None, "strong"),
        (36, "strong"),
        (300, "strong"),
    ):
        assert levels_of.choose_preset(entries, 1, sigma) == best
    assert levels_of.choose_preset(entries, 3, 50) == "colour"
    assert (
        levels_of.choose_preset({k: v for k, v in entries.items() if "psnr" not in v}, 1, 50)
        == "classical"
    )


def test_auto_of_the_zoo_is_what_the_command_takes(tmp_path: Path, camera: np.ndarray) -> None:
    images.write(tmp_path / "in.png", Image(noise.add_noise(camera[:96, :96], 30).clip(0, 1)))
    result = CliRunner().invoke(
        main, ["denoise", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    )
    assert result.exit_code == 0, result.output
    pixels = images.read(tmp_path / "in.png").pixels
    level = denoising.noise_level(pixels)
    assert f"noise {level:.1f} estimated (--noise tells another level)" in result.output
    best = levels_of.choose_preset(presets.index(), 1, level)
    assert f"\n{best}: " in result.output
    np.testing.assert_allclose(
        images.read(tmp_path / "out.png").pixels,
        keras_pde.denoise(pixels).clip(0, 1),
        atol=0.51 / 255,
    )
    told = CliRunner().invoke(
        main, ["denoise", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--noise", "12"]
    )
    assert "noise 12\n" in told.output


def test_the_command_says_how_it_tiled(
    tmp_path: Path, camera: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.write(tmp_path / "in.png", Image(camera[:200, :150], depth=16))
    run = [
        "denoise",
        str(tmp_path / "in.png"),
        str(tmp_path / "out.png"),
        "--noise",
        "10",
        "--preset",
    ]
    whole = CliRunner().invoke(main, [*run, GREY])
    assert "tiles" not in whole.output
    before = images.read(tmp_path / "out.png")
    monkeypatch.setattr(tiles, "TILE", 8000)
    monkeypatch.setattr(tiles, "WHOLE", 20_000)
    tiled = CliRunner().invoke(main, [*run, GREY])
    assert re.search(
        r"\n\d+ tiles of \d+ × \d+ pixels, halo \d+; equal to the untiled result to rounding\n",
        tiled.output,
    )
    after = images.read(tmp_path / "out.png")
    assert after.depth == 16
    np.testing.assert_allclose(after.pixels, before.pixels, atol=1.01 / 65535)


def test_an_implicit_preset_is_solved_once(
    tmp_path: Path, camera: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    run = tiles.run
    monkeypatch.setattr(
        tiles,
        "run",
        lambda function, *args: run(lambda part: counts.append(1) or function(part), *args),
    )
    images.write(tmp_path / "in.png", Image(camera[:64, :64]))
    result = CliRunner().invoke(
        main,
        [
            "denoise",
            str(tmp_path / "in.png"),
            str(tmp_path / "out.png"),
            "--preset",
            "truncated_tv_implicit_2d",
        ],
    )
    assert result.exit_code == 0, result.output
    assert counts == [1]
    assert "iterations a step, largest relative residual" in result.output
    assert not hasattr(noise, "diagnose")


def test_the_second_image_of_a_size_is_not_compiled_again(camera: np.ndarray) -> None:
    first, second = (choosing.choose_denoiser(GREY, (64, 64, 1), 25) for _ in range(2))
    assert first is second


def test_import_stays_light() -> None:
    code = "import sys, keras_pde; print(keras_pde.denoise.__name__, 'skimage' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(keras_pde.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["denoise", "False"]


def flat_but_for_noise(border: float, sigma: float, dtype: str) -> np.ndarray:
    """Noise on a grey square, and a border of one value."""
    noisy = 128 + sigma * np.random.default_rng(5).standard_normal((160, 160))
    image = np.full((256, 256, 1), float(border))
    image[:160, :160, 0] = noisy if dtype == "float32" else np.rint(noisy.clip(0, 255))
    return image.astype(dtype) if dtype == "uint8" else np.float32(image / 255)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("border", [0, 16, 37, 100, 128, 200, 254, 255, 76.5])
def test_noise_is_seen_beside_a_border_of_any_value(border: float, dtype: str) -> None:
    assert noise.estimate(flat_but_for_noise(border, 20, dtype)) == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1, 2, 5])
def test_noise_is_seen_through_rounding(sigma: float) -> None:
    values = 128 + sigma * np.random.default_rng(5).standard_normal((300, 300, 1))
    assert noise.estimate(np.uint8(np.rint(values))) == pytest.approx(sigma, abs=0.12)


def test_noise_is_seen_where_a_camera_saturates_below_the_type_s_white() -> None:
    values = 0.75 + 0.12 * np.random.default_rng(5).standard_normal((300, 300, 1))
    found = noise.estimate(np.uint16(np.rint(4095 * values.clip(0, 1))))
    assert found * 257 / 4095 == pytest.approx(0.12, rel=0.1)
    strip = np.zeros((300, 300, 1), np.uint16)  # and beside a letterbox
    strip[60:240] = np.rint(4095 * values[60:240].clip(0, 1))
    assert noise.estimate(strip) * 257 / 4095 == pytest.approx(0.12, rel=0.1)


@pytest.mark.parametrize("offset", [0, 20000])
@pytest.mark.parametrize("top", [1023, 4095, 16383])
def test_data_that_occupy_a_part_of_the_range_are_not_made_worse(top: int, offset: int) -> None:
    y, x = np.mgrid[:128, :128]
    picture = 0.5 + 0.3 * np.sin(x / 2) * np.cos(y / 3) + 0.2 * ((x // 6 + y // 6) % 2 - 0.5)
    clean = offset + picture * top
    noisy = np.rint(clean + top / 100 * np.random.default_rng(1).standard_normal(clean.shape))
    found = keras_pde.denoise(np.uint16(noisy))
    before, after = (np.square(values - clean).mean() for values in (noisy, found))
    assert after < 1.02 * before
    stretched = keras_pde.denoise(np.float32((noisy - offset) / (top + 1)))
    np.testing.assert_allclose((found - float(offset)) / (top + 1), stretched, atol=5e-3)


def test_only_data_in_a_quarter_of_the_range_are_stretched(camera: np.ndarray) -> None:
    assert levels_of.part_of(camera, 25) == (0, 1)
    assert levels_of.part_of(np.uint8(255 * camera), 25) == (0, 1)
    assert levels_of.part_of(np.full((9, 9, 1), 0.3), 1) == (0, 1)
    assert levels_of.part_of(camera / 16, 1) == (0, 1 / 16)
    assert levels_of.part_of(camera / 16, 10) == (0, 1 / 4)  # 40 levels are the network's most
    assert levels_of.part_of(camera / 16, 25) == (0, 1)
    one_hot = np.where(np.arange(camera.size).reshape(camera.shape) == 5, 1, camera / 16)
    assert levels_of.part_of(one_hot, 1) == (0, 1 / 16)

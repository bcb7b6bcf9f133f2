"""Calibration without the clean image: the estimate of the error, what is fitted, and refusals."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from command import call
from skimage import data

import keras_pde
from keras_pde.data import images
from keras_pde.data.noise.smooth import where_smooth
from keras_pde.tasks.denoise.calibrating import fitted
from keras_pde.tasks.denoise.choosing import choose_denoiser
from keras_pde.tasks.denoise.noisy_image import noisy_image
from keras_pde.tasks.denoise.sure import Risk, probe, sure

PHOTOGRAPHS = {
    "astronaut": data.astronaut()[..., 1] / 255,
    "camera": data.camera() / 255,
    "coffee": data.coffee()[..., 0] / 255,
    "brick": data.brick() / 255,
}
PRESET = "perona_malik_2d"


def psnr(clean: np.ndarray, image: np.ndarray) -> float:
    """Of a result, clipped."""
    return float(-10 * np.log10(np.square(image.clip(0, 1) - clean).mean()))


def noisy(name: str, sigma: float) -> np.ndarray:
    clean = PHOTOGRAPHS[name]
    noise = np.random.default_rng([len(name), int(sigma)]).standard_normal(clean.shape)
    return np.float32(clean + sigma / 255 * noise)


# --- the estimate ---


def test_the_estimate_has_the_expectation_and_the_deviation_that_are_stated() -> None:
    rng, sigma, count = np.random.default_rng(0), 0.3, 4000
    matrix = rng.standard_normal((24, 24)) / 8 + np.eye(24) / 2  # not symmetric
    clean = rng.standard_normal(24)
    errors, deviations = [], []
    for _ in range(count):
        y = clean + sigma * rng.standard_normal(24)
        signs = rng.choice([-1.0, 1.0], 24)
        risk = sure(y, matrix @ y, matrix @ signs, signs, sigma)
        errors.append(risk.error - np.mean((matrix @ y - clean) ** 2))
        deviations.append(risk.deviation)
    spread = np.std(errors)
    assert abs(np.mean(errors)) < 4 * spread / np.sqrt(count)
    stated = np.sqrt(np.mean(np.square(deviations)))
    assert spread < stated < 2 * spread


def test_a_doubtful_level_widens_the_estimate() -> None:
    y, signs = np.random.default_rng(0).standard_normal((64, 64)), probe((64, 64))
    certain, doubtful = (sure(y, 0 * y, 0 * signs, signs, 1.0, doubt) for doubt in (0, 0.02))
    assert doubtful.deviation == pytest.approx(np.hypot(certain.deviation, 0.04))
    assert str(Risk(-1e-4, 1e-4)) == "at least 37.0 dB"
    assert Risk(0.0, 1.0).psnr == np.inf


@pytest.mark.parametrize("sigma", [10, 25])
@pytest.mark.parametrize("name", list(PHOTOGRAPHS))
def test_the_estimated_psnr_is_within_three_tenths_of_a_decibel(name: str, sigma: float) -> None:
    clean, image = PHOTOGRAPHS[name], noisy(name, sigma)
    found = keras_pde.calibrate(PRESET, image, sigma)
    true, plain = (psnr(clean, x) for x in (found.pixels, keras_pde.denoise(image, sigma, PRESET)))
    assert abs(found.psnr - true) < 0.3
    assert found.psnr >= found.before.psnr
    assert true > plain - 0.02


@pytest.mark.parametrize("name", list(PHOTOGRAPHS))
def test_at_noise_50_the_mean_is_within_three_tenths_and_each_as_certain_as_it_says(
    name: str,
) -> None:
    # 512 × 512 values of noise 50 have a mean square that deviates by σ²√(2/N), 0.16 dB of these
    # images' error: no estimate that is told σ is nearer, so single ones are beyond 0.3 dB
    errors = []
    for seed in range(6):
        noise = np.random.default_rng([9, seed]).standard_normal(PHOTOGRAPHS[name].shape)
        found = keras_pde.calibrate(PRESET, np.float32(PHOTOGRAPHS[name] + 50 / 255 * noise), 50)
        errors.append(found.psnr - psnr(PHOTOGRAPHS[name], found.pixels))
        assert abs(errors[-1]) < 3 * found.after.psnr_deviation < 1
    assert abs(np.mean(errors)) < 0.2
    assert np.std(errors) < 0.3


@pytest.mark.parametrize("sigma", [10, 25, 50])
@pytest.mark.parametrize("name", ["brick", "camera"])
def test_with_an_estimated_level_the_estimate_is_as_certain_as_it_says(
    name: str, sigma: float
) -> None:
    clean, image = PHOTOGRAPHS[name], noisy(name, sigma)
    found = keras_pde.calibrate(PRESET, image)
    assert 0 < found.doubt < 0.03
    error = abs(found.psnr - psnr(clean, found.pixels))
    assert error < max(0.3, 2 * found.after.psnr_deviation) < 1.5


def test_the_level_where_an_image_is_smooth_is_nearer_and_its_error_is_said() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((192, 192, 1))
    found = where_smooth(noise, 26.0)
    assert found is not None
    assert abs(found.level / 25.5 - 1) < 3 * found.deviation < 0.06
    assert where_smooth(noise[:30], 26.0) is None
    holed = np.where(np.arange(192)[:, None, None] < 60, -1.0, noise)  # hidden, or a border
    again = where_smooth(holed, 26.0)
    assert again is not None
    assert abs(again.level / 25.5 - 1) < 3 * again.deviation


# --- what is fitted ---


def test_a_network_that_is_told_a_wrong_level_is_put_right() -> None:
    clean, image = PHOTOGRAPHS["camera"][:192, :192], noisy("camera", 10)[:192, :192]
    network = keras_pde.from_preset(PRESET)  # tuned for 25, and told nothing
    found = keras_pde.calibrate(network, image, 10)
    assert found.factor < 0.75
    assert found.after.error < 0.95 * found.before.error
    plain = psnr(clean, found.denoiser.scaled(1 / found.factor)(image[..., None]).pixels[..., 0])
    assert psnr(clean, found.pixels) > plain + 0.2


@pytest.mark.parametrize("preset", [PRESET, "charbonnier_explicit_2d"])
def test_no_pair_breaks_the_certificate_of_a_calibrated_network(preset: str) -> None:
    image = noisy("camera", 20)[:64, :64]
    found = keras_pde.calibrate(preset, image, 20)
    found = dataclasses.replace(found, weight=0.6, denoiser=found.denoiser.scaled(0.7))
    certificate = found.certificate()

    def apply(u: np.ndarray) -> np.ndarray:
        return u + found.weight * (found.denoiser(u, 20).pixels - u)

    rng = np.random.default_rng(0)
    assert certificate.norm_stable
    for scale in (0.01, 1.0, 10.0):
        u, v = (scale * rng.standard_normal((64, 64, 1)) + image[..., None] for _ in range(2))
        assert np.linalg.norm(apply(u)) <= certificate.norm_gain * np.linalg.norm(u) * (1 + 1e-5)
        distance = np.linalg.norm(apply(u) - apply(v))
        assert distance <= certificate.lipschitz * np.linalg.norm(u - v) * (1 + 1e-5)


def test_type_shape_and_hidden_pixels_are_kept() -> None:
    image = np.uint8(np.rint(255 * noisy("brick", 10)[:192, :192].clip(0, 1)))
    grey = keras_pde.calibrate(PRESET, image, 10)
    assert grey.pixels.shape == image.shape
    assert grey.pixels.dtype == np.uint8
    thrice = keras_pde.calibrate(PRESET, image[..., None].repeat(3, -1), 10)
    np.testing.assert_array_equal(thrice.pixels[..., 2], grey.pixels)
    assert thrice.after.error == pytest.approx(grey.after.error, rel=1e-4)
    weak = keras_pde.calibrate(PRESET, noisy("brick", 2)[:192, :192], 2)
    assert abs(weak.psnr - psnr(PHOTOGRAPHS["brick"][:192, :192], weak.pixels)) < 0.5
    alpha = np.zeros((192, 192))
    alpha[:, 40:] = 1
    holed = noisy_image(image[..., None], 10, alpha=alpha)
    found = fitted(holed, 0.0, choose_denoiser(PRESET, (192, 192, 1), 10))
    np.testing.assert_array_equal(found.pixels[:, :40, 0], image[:, :40])
    clean = PHOTOGRAPHS["brick"][:192, 40:192]
    assert abs(found.psnr - psnr(clean, found.pixels[:, 40:, 0] / 255)) < 0.5


# --- what it is not for ---


def jpeg() -> np.ndarray:
    buffer = io.BytesIO()
    pixels = np.uint8(np.rint(255 * noisy("brick", 15).clip(0, 1)))
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return np.asarray(PIL.Image.open(buffer))


@pytest.mark.parametrize(
    ("image", "noise", "words"),
    [
        (lambda: noisy("camera", 40).clip(0, 1), 40, "the noise is clipped at"),
        (lambda: np.full((64, 64), 0.5), None, "no noise is found"),
        (jpeg, 15, "it was a JPEG"),
        (jpeg, None, "it was a JPEG"),
        (lambda: noisy("camera", 40), "sensor", "a sensor's noise is not estimated"),
    ],
)
def test_an_image_that_the_estimate_is_not_for_is_refused_in_one_line(
    image: Callable[[], np.ndarray], noise: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        keras_pde.calibrate(PRESET, image(), noise)
    assert "\n" not in str(caught.value)


def test_the_command_says_what_is_fitted_and_what_it_is_estimated_to_give(tmp_path: Path) -> None:
    path, out = tmp_path / "brick.png", tmp_path / "out.png"
    images.write(path, images.Image(PHOTOGRAPHS["brick"][:256, :256, None].astype("float32")))
    arguments = ("denoise", path, out, "--preset", PRESET, "--calibrate")
    text = call(*arguments, "--add-noise", 25).stdout
    line = re.search(r"calibrated to noise 25\.0: level × [\d.]+, weight [\d.]+; (.*)", text)
    assert line is not None
    said, deviation = re.findall(r"estimated PSNR ([\d.]+) ± ([\d.]+) dB", line[0])[0]
    measured = re.search(r"denoised +([\d.]+)", text)
    assert measured is not None
    assert abs(float(said) - float(measured[1])) < 2.5 * float(deviation) < 1
    error = call("denoise", path, out, "--calibrate", "--noise", "sensor", code=2).stderr
    assert "the noise is that of a sensor" in error

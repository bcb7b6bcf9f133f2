"""Pictures that people have: JPEG, counts, photons, alpha, grey stored as colour, weak noise."""

from __future__ import annotations

import io
import warnings

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from skimage import data

import keras_pde
from keras_pde.cli.main import main
from keras_pde.data import images, noise
from keras_pde.data.images import Image
from keras_pde.data.noise import Sensor
from keras_pde.tasks.denoise import choosing, grids
from keras_pde.tasks.denoise.composed import composed
from keras_pde.tasks.denoise.grey import with_noise
from keras_pde.tasks.denoise.noisy_image import noisy_image

GREY, COLOUR = "perona_malik_2d", "perona_malik_color"


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return data.camera()[128:256, 160:288].astype(float)


def noisy(clean: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    return clean + sigma * np.random.default_rng(seed).standard_normal(clean.shape)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.uint8(np.clip(np.rint(values), 0, 255))


def psnr(clean: np.ndarray, image: np.ndarray, white: float = 255) -> float:
    return float(10 * np.log10(white**2 / np.square(image.astype(float) - clean).mean()))


def denoise(*args: object, **options: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return keras_pde.denoise(*args, **options)  # type: ignore[arg-type]


def call(*args: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["denoise", *map(str, args)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("quality", [90, 75])
def test_a_jpeg_is_within_half_a_decibel_of_the_told_level(clean: np.ndarray, quality: int) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(rounded(noisy(clean, 20))).save(buffer, "JPEG", quality=quality)
    pixels = np.asarray(PIL.Image.open(buffer))
    found, told = denoise(pixels), denoise(pixels, 20)
    assert psnr(clean, found) > psnr(clean, told) - 0.5
    assert "before JPEG" in noisy_image(pixels[..., None]).about


def test_noise_that_is_left_in_the_luminance_only_is_that_of_all_channels() -> None:
    buffer = io.BytesIO()
    pixels = rounded(noisy(data.astronaut()[:128, 128:256].astype(float), 20))
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=96, subsampling=2)
    known = noisy_image(np.asarray(PIL.Image.open(buffer)))
    assert known.level == pytest.approx(20, rel=0.15)
    assert noisy_image(pixels).about.endswith("estimated")


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.5, 1, 3, 30, 75])
def test_a_told_level_makes_nothing_worse(clean: np.ndarray, sigma: float) -> None:
    image = np.float32(noisy(clean, sigma) / 255)
    assert psnr(clean / 255, denoise(image, sigma), 1) > psnr(clean / 255, image, 1) - 0.05


def test_nothing_is_lost_on_what_is_all_edges() -> None:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 2, (64, 64)) * 255.0
    for sigma in (0.1, 1, 3):
        image = np.float32(noisy(clean, sigma) / 255)
        assert psnr(clean / 255, denoise(image, sigma), 1) > psnr(clean / 255, image, 1) - 0.05


@pytest.mark.parametrize("scale", [0.01, 1, 255, 4095])
def test_the_unit_of_floats_changes_nothing(clean: np.ndarray, scale: float) -> None:
    image = noisy(clean, 15) / 255
    expected = denoise(image, 15, GREY, range=(0, 1))
    found = denoise(image * scale, 15, GREY, range=(0, scale))
    np.testing.assert_allclose(found / scale, expected, atol=2e-5)
    assert psnr(clean / 255, denoise(image * scale) / scale, 1) > psnr(clean / 255, image, 1) + 3


def test_counts_in_a_part_of_16_bits_lose_no_detail(clean: np.ndarray) -> None:
    counts = 100 + 1500 * clean / 255
    assert psnr(counts, denoise(np.uint16(np.rint(counts))), 1500) > 45
    image = np.uint16(np.rint(noisy(counts, 60).clip(0)))
    assert psnr(counts, denoise(image), 1500) > psnr(counts, image, 1500) + 3


def test_photons_are_denoised_by_their_transform(clean: np.ndarray) -> None:
    light = 30 * clean / 255
    image = np.float32(np.random.default_rng(0).poisson(light))
    found, told = denoise(image, "sensor"), denoise(image, "sensor", gain=1.0)
    assert psnr(light, told, 30) > psnr(light, denoise(image), 30) + 1
    assert psnr(light, found, 30) > psnr(light, told, 30) - 0.5
    scaled = denoise(20 + 7 * image, "sensor", gain=7.0, offset=20.0)
    np.testing.assert_allclose((scaled - 20) / 7, told, atol=2e-3)


def test_no_pair_of_images_breaks_the_constant_between_transforms(clean: np.ndarray) -> None:
    network = keras_pde.from_preset("charbonnier_explicit_2d")
    rng, sensor = np.random.default_rng(0), Sensor(1.0, readout=2.0)
    first = rng.poisson(30 * clean[:48, :48, None] / 255).astype(np.float64)
    image = noisy_image(first, "sensor", gain=1.0, readout=2.0)
    chosen = choosing.choose_denoiser("charbonnier_explicit_2d", first.shape, image.level)
    bound = composed(network.certificate(), sensor, image.range.high).lipschitz
    assert bound < 20
    a = image.filtered(chosen).pixels
    for scale in (0.01, 1, 10):
        second = np.minimum(first + scale * rng.standard_normal(first.shape), image.range.high)
        other = noisy_image(second, "sensor", gain=1.0, readout=2.0)
        other = type(image)(**{**vars(image), "pixels": other.pixels})
        b = other.filtered(chosen).pixels
        assert np.linalg.norm(a - b) <= bound * np.linalg.norm(first - second) * (1 + 1e-4)


def test_equal_channels_are_one_grey_image(clean: np.ndarray) -> None:
    grey = rounded(noisy(clean, 20))
    colour = denoise(np.repeat(grey[..., None], 3, -1))
    np.testing.assert_array_equal(colour, np.repeat(denoise(grey)[..., None], 3, -1))


@pytest.mark.parametrize("options", [(), ("--noise", 20)])
def test_hidden_colours_touch_no_visible_pixel(
    tmp_path, clean: np.ndarray, options: tuple[object, ...]
) -> None:
    pixels, rng = noisy(clean, 20)[..., None] / 255, np.random.default_rng(0)
    alpha = np.float32(np.hypot(*np.mgrid[-64:64, -64:64]) < 50)
    results = []
    for hidden in (0, 1, rng.random(pixels.shape)):
        image = Image(np.where(alpha[..., None] > 0, pixels, hidden).clip(0, 1), alpha)
        images.write(tmp_path / "in.png", image)
        call(tmp_path / "in.png", tmp_path / "out.png", "--preset", GREY, *options)
        before, after = images.read(tmp_path / "in.png"), images.read(tmp_path / "out.png")
        np.testing.assert_array_equal(after.pixels[alpha == 0], before.pixels[alpha == 0])
        results.append(after.pixels[alpha > 0])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_hidden_colours_make_no_grey_image_one_in_colour(clean: np.ndarray) -> None:
    grey = np.float32(clean[..., None] / 255).repeat(3, -1)
    alpha = np.ones(clean.shape, np.float32)
    alpha[:40] = 0
    hidden = np.where(alpha[..., None] > 0, grey, np.random.default_rng(0).random(grey.shape))
    pixels = with_noise(np.float32(hidden), 20, 0, alpha > 0)
    known, plain = (noisy_image(x, alpha=alpha) for x in (pixels, with_noise(grey, 20)))
    assert known.grey
    assert known.level == plain.level
    assert not noisy_image(pixels).grey


def test_grids() -> None:
    values = np.random.default_rng(0).random((7, 9, 2))
    assert grids.halved(values).shape == (4, 5, 2)
    np.testing.assert_allclose(grids.doubled(np.full((4, 5, 2), 0.3), values.shape), 0.3)
    ramp = np.arange(16.0)[:, None, None] * np.ones((1, 6, 1))
    again = grids.doubled(grids.halved(ramp), ramp.shape)
    np.testing.assert_allclose(again[1:-1], ramp[1:-1])


def test_strong_noise_is_filtered_on_a_coarser_grid(clean: np.ndarray) -> None:
    image = np.float32(noisy(clean, 200) / 255)
    chosen = choosing.choose_denoiser("auto", (128, 128, 1), 200)
    fine = chosen(image[..., None], 200).pixels[..., 0]
    with pytest.warns(UserWarning, match="beyond the 5 to 55 grey levels"):
        found = keras_pde.denoise(image, 200)
    assert psnr(clean / 255, found.clip(0, 1), 1) > psnr(clean / 255, fine.clip(0, 1), 1)


def test_a_part_of_the_range_instead_of_grey_levels_is_asked_about() -> None:
    image = np.float32(noisy(np.full((16, 16), 128.0), 25) / 255)
    with pytest.warns(UserWarning, match=r"Was 0\.1 of the range meant\? That is noise=25\.5"):
        keras_pde.denoise(image, 0.1, GREY)


def test_the_command_takes_ranges_and_sensors_and_says_so(tmp_path, clean: np.ndarray) -> None:
    rng, out = np.random.default_rng(0), tmp_path / "out.tif"
    counts = np.float32((100 + rng.poisson(1500 * clean / 255)) / 65535)[..., None]
    images.write(tmp_path / "in.tif", Image(counts, depth=16))
    printed = call(tmp_path / "in.tif", out, "--range", "100,1600", "--preset", GREY)
    assert "; range 100 to 1600, as told" in printed
    printed = call(
        tmp_path / "in.tif", out, "--noise", "sensor", "--gain", 1, "--offset", 100,
        "--compare", tmp_path / "c.png",
    )  # fmt: skip
    assert "noise of a sensor, as told: gain 1, offset 100, readout 0" in printed
    picture = images.read(tmp_path / "c.png").pixels
    assert np.quantile(picture[60:], 0.4) < 0.5 < picture.max()  # stretched to the range
    images.write(
        tmp_path / "grey.png", Image(np.float32(rounded(clean)[..., None] / 255).repeat(3, -1))
    )
    printed = call(tmp_path / "grey.png", tmp_path / "o.png", "--add-noise", 20)
    assert "noise 20 added" in printed
    assert "three equal channels, filtered as one" in printed
    written = images.read(tmp_path / "o.png").pixels
    assert written.shape == (128, 128, 3)
    np.testing.assert_array_equal(written[..., 0], written[..., 2])


def test_an_image_without_noise_stays_as_it_is(tmp_path) -> None:
    page = np.kron(np.random.default_rng(0).integers(0, 2, (20, 20)), np.ones((8, 8)))[..., None]
    images.write(tmp_path / "in.png", Image(np.float32(page)))
    assert "no noise found" in call(tmp_path / "in.png", tmp_path / "out.png")
    np.testing.assert_array_equal(images.read(tmp_path / "out.png").pixels, page)
    assert noise.estimate(rounded(255 * page)) == 0

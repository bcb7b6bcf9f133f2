"""What is estimated of noise: white, before JPEG, of a sensor; and the range that data are in."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont
from skimage import data

from keras_pde.data import images, noise, ranges
from keras_pde.data.images import Image
from keras_pde.data.images.reading import decode
from keras_pde.data.noise import Sensor, edges


def noisy(clean: np.ndarray, sigma: float) -> np.ndarray:
    return clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.uint8(np.clip(np.rint(values), 0, 255))


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def text() -> np.ndarray:
    page = Pil.new("L", (400, 300), 255)
    font = ImageFont.load_default(size=24)
    for top in range(4, 300, 32):
        ImageDraw.Draw(page).text((4, top), "The quick brown fox jumps " * 3, fill=0, font=font)
    return np.asarray(page)


def stars() -> np.ndarray:
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:256, :256]
    spots = [
        rng.exponential(60) * np.exp(-((y - v) ** 2 + (x - h) ** 2) / 4.5)
        for v, h in 256 * rng.random((90, 2))
    ]
    return np.sum(spots, axis=0)


CHESS = (np.indices((192, 192)).sum(0) // 3 % 2) * 255.0
DISC = np.where(np.hypot(*np.mgrid[-99:99, -99:99]) < 60, 200.0, 50.0)


@pytest.mark.parametrize("name", ["text", "stars", "chess", "disc", "gradient"])
def test_an_image_without_noise_has_none(name: str) -> None:
    gradient = np.add.outer(np.arange(200.0), np.arange(200.0)) / 2
    clean = {"text": text, "stars": stars, "chess": lambda: CHESS, "disc": lambda: DISC}.get(
        name, lambda: gradient
    )()
    assert noise.estimate(rounded(clean)[..., None]) < 0.6
    assert noise.estimate(np.float32(clean / 255)[..., None]) < 0.6
    if name not in ("chess", "text"):  # noise on it is seen all the same
        assert noise.estimate(rounded(noisy(clean, 10))[..., None]) == pytest.approx(10, rel=0.1)


def dithered() -> np.ndarray:
    return 255.0 * np.asarray(Pil.fromarray(data.camera()[:256, :256]).convert("1"))


def small_print() -> np.ndarray:
    page = Pil.new("L", (256, 256), 255)
    font = ImageFont.load_default(size=14)
    for top in range(2, 256, 18):
        ImageDraw.Draw(page).text((3, top), "The quick brown fox jumps over", fill=0, font=font)
    return np.asarray(page).astype(float)


def on_black() -> np.ndarray:
    return np.where(DISC > 100, 200.0, 0.0)


EDGES = {
    "halftone": (dithered, 0, 0),
    "checks": (lambda: (np.indices((256, 256)).sum(0) // 2 % 2) * 255.0, 0, 0),
    "black and white noise": (lambda: np.random.default_rng(0).integers(0, 2, (96, 96)) * 255.0,
                              100, 200),
    "noisy halftone": (lambda: noisy(dithered(), 10), 4, 12),
    "noisy checks": (lambda: noisy((np.indices((256, 256)).sum(0) // 2 % 2) * 255.0, 20), 8, 24),
    "noisy print": (lambda: noisy(small_print(), 10), 5, 16),
    "print in a JPEG": (lambda: np.asarray(Pil.open(io.BytesIO(jpeg(rounded(small_print()), 90)))),
                        0, 10),
    "clipped on black": (lambda: noisy(on_black(), 5), 4.3, 5.7),
    "16 levels": (lambda: np.rint(noisy(data.camera()[:256, :256], 20) / 16) * 16, 18, 23),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edges_everywhere_are_no_noise(name: str) -> None:
    make, least, most = EDGES[name]
    pixels = rounded(make())[..., None]
    assert least <= noise.estimate(pixels) <= most
    assert name == "print in a JPEG" or noise.compressed(pixels) is None


def test_the_core_of_details_is_not_less_than_the_noise() -> None:
    rng, count = np.random.default_rng(0), 50_000
    signals = {
        "none": np.zeros(count),
        "constant": np.full(count, 10.0),
        "uniform": rng.uniform(-30, 30, count),
        "heavy tails": rng.standard_t(1.5, count),
        "rare edges": 200.0 * (rng.random(count) < 0.1),
        "edges": 200.0 * rng.integers(-1, 2, count),
        "one side": rng.exponential(3, count),
    }
    for name, signal in signals.items():
        found = edges.core(signal + 2 * rng.standard_normal(count))
        assert found > 0.97 * 2, name
        assert "edges" not in name or found < 1.05 * 2


@pytest.mark.parametrize("sigma", [2, 20, 40])
@pytest.mark.parametrize("grey", [37, 128, 230, 245, 254])
def test_clipped_noise_is_estimated_as_if_it_were_not(grey: float, sigma: float) -> None:
    flat = rounded(noisy(np.full((300, 300, 1), float(grey)), sigma))
    assert noise.estimate(flat) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("border", [0, 37, 100, 254, 255])
def test_a_border_that_is_most_of_the_image_hides_no_noise(border: int) -> None:
    image = np.full((600, 600, 1), border, np.uint8)
    image[:160, :160, 0] = rounded(noisy(data.camera()[:160, :160].astype(float), 20))
    assert noise.estimate(image) == pytest.approx(20, rel=0.06)


@pytest.mark.parametrize("quality", [90, 75, 50])
@pytest.mark.parametrize("sigma", [10, 20])
@pytest.mark.parametrize("name", ["camera", "astronaut"])
def test_noise_before_a_jpeg_is_estimated(name: str, sigma: float, quality: int) -> None:
    clean = getattr(data, name)()[:256, :256].astype(float)
    file = jpeg(rounded(noisy(clean, sigma)), quality)
    image = decode(file, "a.jpg")
    pixels = np.rint(255 * image.pixels)
    assert image.steps is not None
    for table in (image.steps, None):
        found = noise.compressed(pixels, table)
        assert found is not None
        assert found.level == pytest.approx(sigma, rel=0.15)
        assert table is not None or abs((found.quality or 0) - quality) <= 1


def test_a_cut_of_a_jpeg_is_known_and_other_images_are_none() -> None:
    clean = data.camera()[:256, :256].astype(float)
    for sigma, quality in ((10, 75), (20, 50)):
        file = io.BytesIO(jpeg(rounded(noisy(clean, sigma)), quality))
        found = noise.compressed(np.asarray(Pil.open(file))[5:, 3:, None])
        assert found is not None
        assert found.grid == (3, 5)
        assert found.level == pytest.approx(sigma, rel=0.15)
    for other in (rounded(clean), rounded(noisy(clean, 10)), text()):
        assert noise.compressed(other[..., None]) is None


@pytest.mark.parametrize(
    ("name", "peak", "readout", "offset"),
    [
        ("camera", 10, 0, 0),
        ("camera", 30, 3, 0),
        ("coins", 100, 0, 0),
        ("camera", 300, 5, 100),
    ],
)
def test_a_sensor_is_estimated_from_one_image(
    name: str, peak: float, readout: float, offset: float
) -> None:
    light = peak * (getattr(data, name)() / 255.0)
    rng = np.random.default_rng(0)
    image = offset + rng.poisson(light) + readout * rng.standard_normal(light.shape)
    found = noise.estimate_sensor(image[..., None])
    middle = offset + 0.4 * peak  # of one image only the variance is told, not what is behind it
    variance = found.gain * (middle - found.offset) + found.readout**2
    assert variance == pytest.approx(0.4 * peak + readout**2, rel=0.2)
    assert noise.estimate_sensor(3 * image[..., None]).gain == pytest.approx(3 * found.gain)


def test_a_grey_image_needs_no_axis_of_channels() -> None:
    image = np.random.default_rng(0).poisson(np.tile(np.linspace(5, 40, 96), (96, 1)))
    for estimate in (noise.estimate, noise.estimate_sensor):
        assert estimate(image) == estimate(image[..., None])
        with pytest.raises(ValueError, match=r"pixels must have 2 to 3 axes.*shape \(96,\)"):
            estimate(image[0])


def test_the_inverse_of_the_transform_is_unbiased() -> None:
    for sensor, light in ((Sensor(1.0), 2.0), (Sensor(2.0, 10.0, 3.0), 25.0), (Sensor(0.1), 0.8)):
        rng = np.random.default_rng(0)
        photons = rng.poisson(light / sensor.gain, 400_000)
        values = sensor.offset + sensor.gain * photons
        values = values + sensor.readout * rng.standard_normal(values.shape)
        z = sensor.stabilised(values)
        assert sensor.restored(z.mean()) - sensor.offset == pytest.approx(light, rel=0.03)
        assert z.std() == pytest.approx(1, rel=0.12)


@pytest.mark.parametrize(
    "sensor", [Sensor(1.0), Sensor(1.0, 0, 3.0), Sensor(0.02, 0.1, 0.01), Sensor(7.0, -3.0, 0.5)]
)
def test_no_pair_of_values_breaks_the_constants_of_the_transforms(sensor: Sensor) -> None:
    high = sensor.offset + 50 * sensor.gain
    y = np.linspace(sensor.offset - 20 * sensor.gain, high, 200_001)
    z = sensor.stabilised(y)
    back = np.linspace(0, z.max(), 200_001)
    slopes = [
        np.abs(np.diff(v) / np.diff(t)).max() for t, v in ((y, z), (back, sensor.restored(back)))
    ]
    assert slopes[0] * slopes[1] <= sensor.lipschitz(high) * (1 + 1e-6)
    assert slopes[0] * slopes[1] >= 0.9 * sensor.lipschitz(high)


UP = np.linspace(0, 1, 64 * 64).reshape(64, 64, 1)
RANGES = {
    "8 bits": (np.uint8(255 * UP), "auto", None, (0, 255, "the type")),
    "dark 8 bits": (np.uint8(30 * UP), "auto", None, (0, 255, "the type")),
    "16 bits": (np.uint16(65535 * UP), "auto", None, (0, 65535, "the type")),
    "12 in 16": (np.uint16(4095 * UP), "auto", None, (0, 4095, "the data")),
    "12 in 16, full": (np.uint16(4095 * UP), "full", None, (0, 65535, "the type")),
    "12 in 16, stated": (np.uint16(3000 * UP), "auto", 4095, (0, 4095, "the file")),
    "stated too small": (np.uint16(60000 * UP), "auto", 4095, (0, 65535, "the type")),
    "counts": (np.uint16(100 + 1500 * UP), "auto", None, (0, 2047, "the data")),
    "counts, told": (np.uint16(100 + 1500 * UP), (100, 1600), None, (100, 1600, "as told")),
    "floats": (np.float32(UP), "auto", None, (0, 1, "the type")),
    "floats with noise": (np.float32(noisy(UP, 70 / 255)), "auto", None, (0, 1, "the type")),
    "floats to 255": (255 * UP, "auto", None, (0, 255, "the data")),
    "floats × 0.01": (0.01 * UP, "auto", None, (0, 1 / 64, "the data")),
    "floats about −1000": (np.float64(100 * UP - 1000), "auto", None, (-999.9, -871.9, "the data")),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_is_that_of_type_file_or_data(name: str) -> None:
    pixels, asked, stated, expected = RANGES[name]
    found = ranges.range_of(pixels, asked, stated)
    assert found[:2] == pytest.approx(expected[:2], abs=0.2)
    assert found.source == expected[2]


def test_files_state_their_white(tmp_path) -> None:
    samples = np.uint16(np.linspace(0, 3000, 600)).reshape(20, 30)
    tifffile.imwrite(tmp_path / "max.tif", samples, extratags=[(281, 3, 1, 4095, True)])
    image = images.read(tmp_path / "max.tif")
    assert image.white == pytest.approx(4095 / 65535)
    images.write(tmp_path / "again.tif", image)
    assert images.read(tmp_path / "again.tif").white == pytest.approx(4095 / 65535)
    tifffile.imwrite(tmp_path / "low.tif", samples, extratags=[(281, 3, 1, 100, True)])
    assert images.read(tmp_path / "low.tif").white is None
    images.write(tmp_path / "deep.png", Image(np.float32(samples[..., None] / 65535), depth=16))
    png = (tmp_path / "deep.png").read_bytes()
    body = b"sBIT\x0c"
    chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
    assert decode(png, "a.png").white is None
    assert decode(png[:33] + chunk + png[33:], "a.png").white == pytest.approx(4095 / 65535)


def test_floats_of_any_range_are_read_where_they_are_asked_for(tmp_path) -> None:
    counts = np.linspace(-50, 4000, 600, dtype=np.float32).reshape(20, 30)
    tifffile.imwrite(tmp_path / "counts.tif", counts)
    with pytest.raises(ValueError, match="black must be 0"):
        images.read(tmp_path / "counts.tif")
    image = images.read(tmp_path / "counts.tif", any_range=True)
    np.testing.assert_array_equal(image.pixels[..., 0], counts)
    with pytest.raises(ValueError, match=r"PNG holds values of 0 to 1.*counts\.tif"):
        images.check_output(tmp_path / "counts.png", image)

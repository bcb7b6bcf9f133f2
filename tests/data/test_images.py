"""Image files: nothing is lost on the way in or out, and nothing half-written is left."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps
import pytest
import tifffile

from keras_pde.data import images
from keras_pde.data.images import Image
from keras_pde.runtime import writing as writing_module

PROFILE = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
WHITE = {8: 255, 16: 65535}


def make(
    rng: np.random.Generator,
    channels: int,
    alpha: bool,
    depth: int,
    size: tuple[int, int] = (13, 17),
) -> Image:
    """Random samples that the depth holds exactly."""
    planes = rng.random((*size, channels + alpha))
    planes = planes if depth == 32 else np.rint(planes * WHITE[depth]) / WHITE[depth]
    planes = planes.astype(np.float32)
    return Image(planes[..., :channels], planes[..., -1] if alpha else None, depth, PROFILE)


def samples(image: Image) -> np.ndarray:
    """All planes as the integers that a file of its depth stores."""
    planes = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    return (
        np.rint(planes.astype(np.float64) * WHITE[image.depth])
        .astype(f"uint{image.depth}")
        .squeeze()
    )


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("extension", "depth"),
    [("png", 8), ("png", 16), ("tif", 8), ("tiff", 16), ("tif", 32), ("PNG", 8)],
)
def test_round_trip_is_exact(
    tmp_path: Path, rng: np.random.Generator, extension: str, depth: int, channels: int, alpha: bool
) -> None:
    image = make(rng, channels, alpha, depth)
    path = tmp_path / f"x.{extension}"
    images.write(path, image)
    again = images.read(path)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert (again.alpha is None) == (not alpha)
    if alpha:
        np.testing.assert_array_equal(again.alpha, image.alpha)
    assert (again.depth, again.profile) == (depth, PROFILE)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_files_mean_the_same_to_other_programs(
    tmp_path: Path, rng: np.random.Generator, extension: str, depth: int, channels: int, alpha: bool
) -> None:
    image = make(rng, channels, alpha, depth)
    path = tmp_path / f"x.{extension}"
    images.write(path, image)
    if extension == "tif":
        stored = tifffile.imread(path)
    elif depth == 8:
        stored = np.asarray(PIL.Image.open(path))
    else:
        stored = imagecodecs.png_decode(path.read_bytes())
    assert stored.dtype == f"uint{depth}"
    np.testing.assert_array_equal(stored, samples(image))


def test_16_bit_keeps_more_than_256_levels(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64, 1).repeat(3, axis=-1)
    for extension in ("png", "tif"):
        images.write(tmp_path / f"x.{extension}", Image(ramp, depth=16))
        assert len(np.unique(images.read(tmp_path / f"x.{extension}").pixels)) == 4096


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(tmp_path: Path, channels: int) -> None:
    wave = 0.5 + 0.4 * np.sin(np.arange(64) / 10)
    image = Image(
        np.tile(wave[:, None, None], (1, 48, channels)).astype(np.float32), profile=PROFILE
    )
    for extension in ("jpg", "jpeg"):
        images.write(tmp_path / f"x.{extension}", image)
        again = images.read(tmp_path / f"x.{extension}")
        assert again.pixels.shape == (64, 48, channels)
        assert again.profile == PROFILE
        assert np.abs(again.pixels - image.pixels).max() < 4 / 255


def test_float_becomes_16_bit_in_png_and_stays_unclipped_in_tiff(tmp_path: Path) -> None:
    values = np.linspace(-0.25, 1.25, 1000, dtype=np.float32).reshape(20, 50, 1)
    images.write(tmp_path / "x.tif", Image(values, depth=32))
    np.testing.assert_array_equal(images.read(tmp_path / "x.tif").pixels, values)
    images.write(tmp_path / "x.png", Image(values, depth=32))
    again = images.read(tmp_path / "x.png")
    assert again.depth == 16
    np.testing.assert_allclose(again.pixels, values.clip(0, 1), atol=1 / 65535)


@pytest.mark.parametrize("kind", ["jpg", "png", "png16", "tif", "tif16", "palette.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, kind: str) -> None:
    grey = (np.arange(24).reshape(4, 6) * 10).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    path = tmp_path / f"x.{kind.removesuffix('16')}"
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    expected = np.asarray(PIL.ImageOps.exif_transpose(_with_exif(grey, exif)))
    if kind == "png16":
        chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        png = imagecodecs.png_encode(grey.astype(np.uint16) * 257)
        path.write_bytes(
            png[:33]
            + (len(chunk) - 4).to_bytes(4, "big")
            + chunk
            + imagecodecs_crc(chunk)
            + png[33:]
        )
    elif kind.startswith("tif"):
        tifffile.imwrite(
            path,
            grey.astype(np.uint16) * 257 if kind == "tif16" else grey,
            extratags=[(274, 3, 1, orientation, True)],
            metadata=None,
        )
    elif kind == "palette.tif":
        PIL.Image.fromarray(grey).convert("P").save(path, tiffinfo={0x0112: orientation})
    else:
        PIL.Image.fromarray(grey).save(
            path, exif=exif, **({"quality": 100} if kind == "jpg" else {})
        )
    np.testing.assert_allclose(images.read(path).pixels[..., 0], expected / 255, atol=3 / 255)


def _with_exif(grey: np.ndarray, exif: PIL.Image.Exif) -> PIL.Image.Image:
    buffer = io.BytesIO()
    PIL.Image.fromarray(grey).save(buffer, format="PNG", exif=exif)
    return PIL.Image.open(buffer)


def imagecodecs_crc(chunk: bytes) -> bytes:
    """CRC of a PNG chunk."""
    import zlib

    return zlib.crc32(chunk).to_bytes(4, "big")


def test_other_kinds_of_8_bit_files(tmp_path: Path) -> None:
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[:, 4:] = (200, 40, 10)
    picture = PIL.Image.fromarray(rgb)
    palette = picture.quantize(2)
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "palette.tif")
    for name in ("palette.png", "palette.tif"):
        np.testing.assert_array_equal(images.read(tmp_path / name).pixels, np.float32(rgb / 255))
    palette.save(tmp_path / "transparent.png", transparency=palette.getpixel((0, 0)))
    image = images.read(tmp_path / "transparent.png")
    np.testing.assert_array_equal(image.alpha, np.float32(rgb[..., 0] > 0))
    picture.convert("1").save(tmp_path / "bilevel.png")
    picture.convert("1").save(tmp_path / "bilevel.tif")
    for name in ("bilevel.png", "bilevel.tif"):
        assert str(images.read(tmp_path / name)) == "8 × 8, grey, 8 bit"
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    np.testing.assert_allclose(images.read(tmp_path / "cmyk.jpg").pixels, rgb / 255, atol=0.05)
    PIL.Image.fromarray(rgb[..., 0]).save(tmp_path / "level.png", transparency=200)
    image = images.read(tmp_path / "level.png")
    assert image.pixels.shape[-1] == 1
    np.testing.assert_array_equal(image.alpha, np.float32(rgb[..., 0] == 0))


def test_other_kinds_of_tiff(tmp_path: Path, rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    expected = np.float32(rgb / 65535)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(images.read(path).pixels, expected)
    tifffile.imwrite(path, rgb, photometric="rgb", byteorder=">", bigtiff=True, tile=(16, 16))
    np.testing.assert_array_equal(images.read(path).pixels, expected)
    tifffile.imwrite(path, 65535 - rgb[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(images.read(path).pixels, expected[..., :1])
    tifffile.imwrite(path, (rgb / 65535).astype(np.float64), photometric="rgb")
    np.testing.assert_array_equal(images.read(path).pixels, expected)
    alpha = rng.integers(20000, 65536, (9, 7, 1), dtype=np.uint16)
    premultiplied = np.rint(rgb / 65535 * alpha).astype(np.uint16)
    tifffile.imwrite(
        path, np.dstack([premultiplied, alpha]), photometric="rgb", extrasamples=["assocalpha"]
    )
    image = images.read(path)
    np.testing.assert_allclose(image.pixels, expected, atol=2e-5)
    np.testing.assert_array_equal(image.alpha, np.float32(alpha[..., 0] / 65535))
    with tifffile.TiffWriter(path) as file:  # a photograph with a thumbnail is one image
        file.write(rgb, photometric="rgb")
        file.write(rgb[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(images.read(path).pixels, expected)


def _tiff(*arrays: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for array in arrays:
            file.write(array, **options)
    return buffer.getvalue()


def _png(array: np.ndarray) -> bytes:
    return bytes(imagecodecs.png_encode(array))


def _jpeg(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, format="JPEG")
    return buffer.getvalue()


def _no_size(png: bytes) -> bytes:
    import zlib

    header = b"IHDR" + bytes(8) + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]


NOISE8 = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
NOISE16 = np.random.default_rng(1).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
NAN = np.where(np.arange(20).reshape(4, 5) == 7, np.nan, 0.5).astype(np.float32)
BAD_FILES = {
    "empty": (b"", "empty"),
    "text": (b"hello world, this is no image", "not an image"),
    "gif": (b"GIF89a" + bytes(50), "expected PNG, JPEG or TIFF"),
    "signature only": (b"\x89PNG\r\n\x1a\n", "damaged"),
    "png cut": (_png(NOISE8)[:3000], "damaged"),
    "png16 cut": (_png(NOISE16)[:3000], "damaged"),
    "png16 cut in the header": (_png(NOISE16)[:28], "damaged"),
    "png16 flipped": (_png(NOISE16)[:2000] + b"?" + _png(NOISE16)[2001:], "damaged"),
    "jpeg cut": (_jpeg(NOISE8)[:700], "damaged"),
    "tiff cut": (_tiff(NOISE16, compression="zlib", photometric="rgb")[:2000], "damaged"),
    "tiff header only": (b"II*\0\x08\0\0\0", "damaged"),
    "png of size 0": (_no_size(_png(NOISE8)), "has no pixels: its size is 0 × 0"),
    "png16 of size 0": (_no_size(_png(NOISE16)), "has no pixels: its size is 0 × 0"),
    "nan": (_tiff(NAN), "1 pixels that are NaN or infinite"),
    "inf": (_tiff(np.full((4, 5), np.inf, np.float32)), "20 pixels that are NaN or infinite"),
    "floats to 255": (_tiff(np.full((4, 5), 255, np.float32)), "black must be 0, white 1"),
    "pages": (_tiff(NOISE16, NOISE16, photometric="rgb"), "2 pages"),
    "int32": (_tiff(np.zeros((4, 5), np.int32)), "32-bit signed"),
    "complex": (_tiff(np.zeros((4, 5), np.complex64)), "complex"),
    "5 channels": (
        _tiff(np.zeros((4, 5, 5), np.uint16), photometric="rgb", planarconfig="contig"),
        "5 channels",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_raise_one_sentence(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own would hide what Python prints without any
    monkeypatch.setattr(logging.root, "handlers", [])
    data, words = BAD_FILES[name]
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        images.read(tmp_path / "bad")
    assert str(caught.value).startswith(str(tmp_path / "bad"))
    # the decoders' libraries print to the process's own streams
    assert capfd.readouterr() == ("", "")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        images.read(tmp_path / "no.png")
    with pytest.raises(ValueError, match="directory"):
        images.read(tmp_path)


def test_16_bit_metadata_does_not_print(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    images.write(
        tmp_path / "x.png",
        Image(np.zeros((4, 4, 1), np.float32), depth=16, profile=b"no profile" * 20),
    )
    assert images.read(tmp_path / "x.png").profile == b"no profile" * 20
    assert capfd.readouterr() == ("", "")


GREY = Image(np.full((4, 4, 1), 0.5, np.float32))


@pytest.mark.parametrize(
    ("name", "image", "words"),
    [
        ("x.gif", GREY, "'.gif' is no format to write. Use .png"),
        ("x", GREY, "no format to write"),
        ("x.jpg", Image(GREY.pixels, GREY.pixels[..., 0]), "JPEG cannot hold alpha.*Write x.png"),
        ("x.jpg", Image(GREY.pixels, depth=16), "JPEG cannot hold 16 bit"),
        ("x.jpg", Image(GREY.pixels, depth=32), "JPEG cannot hold float"),
        ("folder.png", GREY, "is a directory"),
        ("no/x.png", GREY, "does not exist. Create it first"),
        ("x.png", Image(GREY.pixels * np.nan), "NaN"),
        ("x.tif", Image(GREY.pixels * np.inf, depth=32), "infinite"),
    ],
)
def test_bad_outputs_leave_nothing(tmp_path: Path, name: str, image: Image, words: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises((ValueError, OSError), match=words):
        images.write(tmp_path / name, image)
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs a place where even root cannot write"
)
def test_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot write .*/proc/x\.png"):
        images.check_output("/proc/x.png")
    (tmp_path / "link.png").symlink_to("/proc/x.png")
    with pytest.raises(OSError, match="cannot write"):
        images.check_output(tmp_path / "link.png")


def test_write_protected_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.write(tmp_path / "x.png", GREY)
    (tmp_path / "x.png").chmod(0o444)
    # root may write protected files: ask the mode instead
    if os.access(tmp_path / "x.png", os.W_OK):
        monkeypatch.setattr(
            writing_module.os,
            "access",
            lambda path, mode: bool(Path(path).stat().st_mode & 0o222) or mode != os.W_OK,
        )
    with pytest.raises(PermissionError, match="write-protected"):
        images.check_output(tmp_path / "x.png")


@pytest.mark.parametrize("step", ["replace", "write"])
def test_interrupted_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (tmp_path / "x.png").write_bytes(b"old")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(writing_module.os, "replace", full_disk)
    else:
        monkeypatch.setattr(writing_module.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        images.write(tmp_path / "x.png", GREY)
    assert os.listdir(tmp_path) == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_modes_and_links_survive(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "real.png").chmod(0o640)
    (tmp_path / "link.png").symlink_to("real.png")
    images.write(tmp_path / "link.png", GREY)
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o640
    assert images.read(tmp_path / "real.png").pixels.shape == (4, 4, 1)
    (tmp_path / "plain").touch()
    images.write(tmp_path / "new.png", GREY)
    assert (tmp_path / "new.png").stat().st_mode == (tmp_path / "plain").stat().st_mode

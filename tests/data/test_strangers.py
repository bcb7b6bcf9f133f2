"""Image files from strangers: refused at once and in one sentence, or read whole."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import hostile_images as hostile
import numpy as np
import PIL.Image
import pytest
import tifffile

from keras_pde.data import images

GREY = hostile.GREY


@pytest.mark.parametrize("name", hostile.CASES)
def test_what_cannot_be_one_plain_picture_is_refused(tmp_path: Path, name: str) -> None:
    data, words = hostile.CASES[name]
    path = tmp_path / "x"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=words) as caught:
        images.read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert "DOS" not in text


STACKS = {
    "one directory, cut": (hostile.shaped()[:-100], "5 planes by its description, and its bytes"),
    "no word of them": (hostile.stack("no word of them"), "no description of them that is known"),
    "packed": (hostile.CASES["imagej channels"][0], "not in one piece"),
    "depth": (hostile.CASES["depth"][0], "no description of them"),
    "many": (
        hostile.stack("ImageJ=1.53t\nimages=999999999\n", behind=False),
        "999,999,999 planes of 1,279,999,998,720 pixels together",
    ),
    "no bits": (
        hostile.tiff(1, 1, t258=(3, 1, 0), t270=(2, 24, 8 + 2 + 12 * 10 + 4))[:-256]
        + b"ImageJ=1\nimages=9999999\n",
        "ImageJ|pixels|piece|damaged",
    ),
}


@pytest.mark.parametrize("name", STACKS)
def test_stacks_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    data, words = STACKS[name]
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught, images.open_stack(tmp_path / "x"):
        pass
    assert "\n" not in str(caught.value)


def test_pixels_that_are_all_there_are_read_interlaced_and_in_every_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    whole = hostile.png(
        10, 13, 8, hostile.chunk(b"IDAT", hostile.interlaced(hostile.TINY)), interlace=1
    )
    path.write_bytes(whole)
    np.testing.assert_array_equal(np.rint(255 * images.read(path).pixels[..., 0]), hostile.TINY)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        for size in ((1, 1), (3, 5), (9, 17)):
            PIL.Image.new("RGBA", size, (9, 99, 199, 255)).convert(mode).save(path)
            assert images.read(path).pixels.shape[:2] == size[::-1]


def test_only_ordinary_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "self.png").symlink_to("self.png")
    for name, words in (("pipe", "a named pipe"), ("zero", "a device")):
        with pytest.raises(ValueError, match=rf"{name}\.png is {words}"):
            images.read(tmp_path / f"{name}.png")
    with pytest.raises(FileNotFoundError, match=r"it is a link to nowhere\.png"):
        images.read(tmp_path / "gone.png")
    with pytest.raises(OSError, match=r"self\.png cannot be read"):
        images.read(tmp_path / "self.png")
    with pytest.raises(OSError, match="cannot be read"):
        images.read(tmp_path / ("x" * 300))
    if os.path.exists("/proc/self/mem"):  # it opens, and reading fails
        with pytest.raises(OSError, match="/proc/self/mem cannot be read"):
            images.read("/proc/self/mem")


def test_a_name_of_two_lines_is_said_in_one(tmp_path: Path) -> None:
    (tmp_path / "a\nb.png").write_bytes(b"no image")
    for name in ("a\nb.png", "no\nfile.png", "\udcff.png"):
        with pytest.raises((ValueError, OSError)) as caught:
            images.read(tmp_path / name)
        assert str(caught.value).isprintable()


def test_the_limit_is_the_caller_s_and_pillow_s_stays_its_own(tmp_path: Path) -> None:
    former = PIL.Image.MAX_IMAGE_PIXELS
    for kind in ("png", "jpg", "tif"):
        path = tmp_path / f"x.{kind}"
        images.write(path, images.Image(np.zeros((30, 20, 1), np.float32)))
        with pytest.raises(ValueError, match=r"20 × 30 = 600 pixels by its header.*limit is 599"):
            images.read(path, max_pixels=599)
        PIL.Image.MAX_IMAGE_PIXELS = 10  # the user's, for files of the user's own
        try:
            assert images.read(path, max_pixels=600).pixels.shape == (30, 20, 1)
            assert PIL.Image.MAX_IMAGE_PIXELS == 10
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = former


@pytest.mark.parametrize("depth", [8, 16])
def test_a_valid_file_of_196_megapixels_is_read(tmp_path: Path, depth: int) -> None:
    side = 14000
    data = hostile.zeros(side * (1 + side * depth // 8))
    (tmp_path / "x.png").write_bytes(hostile.png(side, side, depth, hostile.chunk(b"IDAT", data)))
    assert str(images.read(tmp_path / "x.png")) == f"14000 × 14000, grey, {depth} bit"


def test_a_size_that_jpeg_cannot_hold_is_said_before_the_computation(tmp_path: Path) -> None:
    wide = images.Image(np.zeros((1, 65501, 1), np.float32))
    with pytest.raises(ValueError, match="65,500 pixels a side at most, and the image has 65,501"):
        images.check_output(tmp_path / "x.jpg", wide)
    images.check_output(tmp_path / "x.png", wide)


def with_metadata(path: Path) -> None:
    """Save a picture with a resolution, EXIF and XMP, turned by 90 degrees."""
    exif = PIL.Image.Exif()
    exif[0x8298], exif[0x0112] = "somebody", 6
    options = {"dpi": (300, 150), "exif": exif}
    if path.suffix == ".jpg":
        options["xmp"] = b'<x:xmpmeta tiff:Orientation="6"/>'
    PIL.Image.fromarray(GREY).save(path, **options)


@pytest.mark.parametrize("source", ["jpg", "png"])
@pytest.mark.parametrize("target", ["jpg", "png", "tif"])
def test_resolution_and_exif_are_kept_or_said_to_be_lost(
    tmp_path: Path, source: str, target: str
) -> None:
    with_metadata(tmp_path / f"a.{source}")
    image = images.read(tmp_path / f"a.{source}")
    assert image.pixels.shape == (40, 32, 1)
    path = tmp_path / f"b.{target}"
    images.write(path, image)
    with PIL.Image.open(path) as file:
        assert file.size == (32, 40)
        np.testing.assert_allclose([float(dpi) for dpi in file.info["dpi"]], (150, 300), rtol=1e-3)
        assert file.getexif().get(0x0112, 1) == 1  # applied, and not once more
        if target == "tif":
            assert "EXIF" in images.dropped(path, image)
        else:
            assert file.getexif()[0x8298] == "somebody"
            assert images.dropped(path, image) == ""
    again = images.read(path)
    assert again.pixels.shape == image.pixels.shape
    if source == "jpg":
        assert target == "tif" or b'tiff:Orientation="1"' in again.metadata.xmp


def test_tags_of_a_tiff_are_kept_and_what_is_not_is_said(tmp_path: Path) -> None:
    scale, point = (10.0, 20.0, 0.0), (0.0, 0.0, 0.0, 5.0, 6.0, 0.0)
    tags = [
        (33550, 12, 3, scale, True),
        (33922, 12, 6, point, True),
        (34735, 3, 4, (1, 1, 0, 0), True),
        (33432, 2, 8, "somebody", True),
        (65000, 3, 1, 7, True),
    ]
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    options = {"resolution": ((1, 7), (2, 9)), "resolutionunit": 3, "extratags": tags}
    tifffile.imwrite(path, hostile.FRAMES[0], description="a map", software="maker", **options)
    image = images.read(path)
    images.write(out, image)
    with tifffile.TiffFile(out) as file:
        found = {tag.code: tag.value for tag in file.pages[0].tags}
    assert found[33550] == scale
    assert found[33922] == point
    assert found[34735] == (1, 1, 0, 0)
    assert (found[270], found[305], found[33432]) == ("a map", "maker", "somebody")
    assert (found[282], found[283], int(found[296])) == ((1, 7), (2, 9), 3)
    assert images.dropped(out, image) == "metadata not kept: private tags 65000"
    assert "6 TIFF tags, private" in images.dropped("x.png", image)


def test_alpha_of_both_kinds_is_alpha(tmp_path: Path) -> None:
    for extra in ("assocalpha", "unassalpha"):
        (tmp_path / "x.tif").write_bytes(hostile.samples(2, [extra]))
        assert images.read(tmp_path / "x.tif").alpha is not None


def test_a_photograph_with_a_thumbnail_behind_it_is_read_and_that_is_said(tmp_path: Path) -> None:
    small = PIL.Image.fromarray(GREY[::2, ::2])
    options = {"format": "MPO", "save_all": True, "append_images": [small]}
    PIL.Image.fromarray(GREY).save(tmp_path / "x.jpg", **options)
    image = images.read(tmp_path / "x.jpg")
    assert "further pictures" in images.dropped("y.jpg", image)

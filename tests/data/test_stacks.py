"""Stacks of planes: every plane and what programs say of them survive; hostile ones are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from keras_pde.data import images

HYPER = np.random.default_rng(2).integers(0, 65536, (2, 3, 2, 20, 30), dtype=np.uint16)
RGB = np.random.default_rng(3).integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
LUT = np.stack([np.arange(256, dtype=np.uint8)] * 3)
IMAGEJ = {
    **{"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 0.1, "fps": 10.0},
    **{"min": 10.0, "max": 900.0, "LUTs": [LUT, 255 - LUT], "Ranges": (1.0, 2.0, 3.0, 4.0)},
    **{"Labels": [f"plane {i}" for i in range(12)], "Info": "a=1", "loop": True},
}
OME = {
    **{"axes": "TZCYX", "PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "µm", "PhysicalSizeZ": 2.0},
    "Channel": {"Name": ["nuclei", "membrane"]},
}
PLAIN = {"photometric": "minisblack"}
# name: array, options of the writer, axes and program that are read
KINDS: dict[str, tuple[np.ndarray, dict[str, Any], str]] = {
    "imagej": (HYPER, {"imagej": True, "resolution": (5, 5), "metadata": IMAGEJ}, "ImageJ, 2 ch"),
    "imagej >": (HYPER, {"imagej": True, "byteorder": ">", "metadata": IMAGEJ}, "ImageJ, 2 ch"),
    "imagej float": (np.float32(HYPER[0, :, 0]), {"imagej": True}, "ImageJ, 3"),
    "imagej rgb": (RGB, {"imagej": True}, "ImageJ, 4"),
    "ome": (HYPER, {"ome": True, "metadata": OME}, "OME, 2 channels × 3 slices × 2 frames"),
    "ome packed": (HYPER[0, :, 0], {"ome": True, "compression": "zlib"}, "OME, 3"),
    "ome double": (HYPER[0, :, 0].astype(float), {"ome": True}, "OME, 3"),
    "tifffile": (HYPER, {**PLAIN, "metadata": {"axes": "TZCYX"}}, "tifffile, 2 channels × 3"),
    "one directory": (HYPER[0, :, 0], {**PLAIN, "truncate": True}, "tifffile"),
    "tiles": (HYPER[0, :, 0], {**PLAIN, "tile": (16, 16), "metadata": None}, ""),
    "big": (HYPER[0, :, 0], {**PLAIN, "bigtiff": True, "metadata": None}, ""),
}


def rewritten(path: Path, out: Path) -> tuple[str, ...]:
    """Write a stack plane by plane as it was read."""
    with images.open_stack(path, any_range=True) as stack:
        return images.write_stack(out, map(stack.image, range(stack.count)), stack)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_written_as_it_was_read(tmp_path: Path, kind: str) -> None:
    array, options, names = KINDS[kind]
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(path, array, **options)
    with images.open_stack(path, any_range=True) as stack:
        assert stack.count == array.size // (1800 if array is RGB else 600)
        assert stack.names.startswith(names)
    assert rewritten(path, out) == ()
    assert sorted(os.listdir(tmp_path)) == ["a.tif", "b.tif"]
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(out) as after:
        a, b = before.series[0], after.series[0]
        assert (a.axes, a.shape, a.kind, len(before.series)) == (
            *(b.axes, b.shape, b.kind),
            len(after.series),
        )
        np.testing.assert_array_equal(a.asarray(), b.asarray())
        assert before.pages[0].resolution == after.pages[0].resolution
        if before.is_imagej:
            one, other = before.imagej_metadata, after.imagej_metadata
            assert one.keys() == other.keys()
            for key, value in one.items():
                np.testing.assert_array_equal(value, other[key])
        if before.is_ome:
            for words in ("PhysicalSize", "nuclei", "membrane", "µm", 'DimensionOrder="XYC'):
                assert (words in before.ome_metadata) == (words in after.ome_metadata)
            assert "UUID" not in after.ome_metadata
            assert 'Type="double"' not in after.ome_metadata


def test_pages_of_any_kind_keep_their_own_tags(tmp_path: Path) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    pages = [
        (HYPER[0, 0, 0], {"description": "one", "resolution": (300, 150)}),
        (RGB[0, :9, :8], {"description": "two", "photometric": "rgb"}),
        (np.float32(HYPER[0, 0, 1, :5]), {"software": "maker"}),
    ]
    with tifffile.TiffWriter(path) as file:
        for array, options in pages:
            file.write(array, metadata=None, **options)
        file.write(RGB[0, :4, :4], photometric="rgb", subfiletype=1, metadata=None)
    assert rewritten(path, out) == ("smaller copies",)
    with tifffile.TiffFile(out) as file:
        for page, (array, _) in zip(file.pages, pages, strict=True):
            np.testing.assert_array_equal(page.asarray(), array)
        assert [page.description for page in file.pages[:2]] == ["one", "two"]
        assert file.pages[0].resolution == (300, 150)
        assert file.pages[2].software == "maker"


def test_a_plane_alone_keeps_what_is_its_own(tmp_path: Path) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    array, options, _ = KINDS["imagej"]
    tifffile.imwrite(path, array, **options)
    with images.open_stack(path) as stack:
        image = stack.alone(5)
    images.write(out, image)
    assert images.dropped(out, image) == ("metadata not kept: ImageJ's labels, tables and overlays")
    with tifffile.TiffFile(out) as file:
        np.testing.assert_array_equal(file.asarray(), array[0, 2, 1])
        assert file.imagej_metadata["unit"] == "um"
        assert "images" not in file.imagej_metadata
        assert file.pages[0].resolution[0] == 5
    tifffile.imwrite(path, HYPER, ome=True)
    with images.open_stack(path) as stack:
        image = stack.alone(11)
    assert images.dropped(out, image) == "metadata not kept: its program's description"


def test_a_stack_needs_a_format_of_stacks_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", HYPER, imagej=True)
    (tmp_path / "b.tif").write_bytes(b"old")
    with images.open_stack(tmp_path / "a.tif") as stack:
        with pytest.raises(ValueError, match=r"has 12. Write b.tif, or choose a plane by --frames"):
            images.check_stack_output(tmp_path / "b.png", stack)

        def planes() -> Any:
            yield stack.image(0)
            raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError, match="in the middle"):
            images.write_stack(tmp_path / "b.tif", planes(), stack)
    assert (tmp_path / "b.tif").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.tif", "b.tif"]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "separate"])
def test_an_animation_keeps_its_frames_and_times(tmp_path: Path, mode: str) -> None:
    path, out = tmp_path / "a.png", tmp_path / "b.png"
    frames = [PIL.Image.fromarray(picture) for picture in RGB]
    frames[1].paste((9, 99, 199), (0, 0, 30, 12))  # a part of it is as in the next one
    frames[2].paste((9, 99, 199), (0, 0, 30, 12))
    frames = [frame.convert("RGB" if mode == "separate" else mode) for frame in frames]
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=[100, 250, 33] if mode == "separate" else [100, 250, 33, 40],
        loop=3,
        default_image=mode == "separate",
        dpi=(300, 300),
    )
    with pytest.raises(ValueError, match="is an animation of"):
        images.read(path)
    assert rewritten(path, out) == ()
    with PIL.Image.open(path) as before, PIL.Image.open(out) as after:
        assert (after.n_frames, after.default_image) == (4, mode == "separate")
        assert (after.info["loop"], round(after.info["dpi"][0])) == (3, 300)
        for number in range(4):
            before.seek(number)
            after.seek(number)
            assert after.info.get("duration") == before.info.get("duration")
            kind = "RGBA" if mode == "RGBA" else "RGB"
            np.testing.assert_array_equal(before.convert(kind), after.convert(kind))
    assert rewritten(path, tmp_path / "c.tif") == ("times of its frames",)
    assert tifffile.imread(tmp_path / "c.tif").shape[:3] == (4, 20, 30)
    data = path.read_bytes()
    for number in (1, 3):  # cut within a frame's pixels
        place = [i for i in range(len(data)) if data[i : i + 4] == b"fcTL"][number - 1]
        (tmp_path / "a.png").write_bytes(data[: place + 60])
        with pytest.raises(ValueError, match=r"damaged|no end"), images.open_stack(path):
            pass
    path.write_bytes(data)
    with (
        pytest.raises(ValueError, match="4 planes of 2,400"),
        images.open_stack(path, max_pixels=2399),
    ):
        pass


def test_all_planes_count_for_the_limit_and_a_bad_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, HYPER, imagej=True)
    with (
        pytest.raises(ValueError, match=r"12 planes of 7,200 pixels together.*limit is 7,199"),
        images.open_stack(path, max_pixels=7199),
    ):
        pass
    floats = np.zeros((3, 9, 9), np.float32)
    floats[1, 4, 4] = np.nan
    tifffile.imwrite(path, floats, photometric="minisblack")
    with images.open_stack(path) as stack, pytest.raises(ValueError, match=r"plane 2 of 3\) has 1"):
        stack.image(1)
    tifffile.imwrite(path, HYPER[0, :, 0], ome=True, metadata={"axes": "ZYX"})
    text = path.read_bytes().replace(b'SizeZ="3"', b'SizeZ="9"')
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"states 9 planes.*and holds 3"), images.open_stack(path):
        pass

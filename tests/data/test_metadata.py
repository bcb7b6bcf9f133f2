"""What each format keeps of resolution, EXIF, orientation, profile and XMP, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.PngImagePlugin
import pytest
import tifffile

from keras_pde.data import images

PROFILE = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
RGB = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>'
ARTIST, COPYRIGHT, ORIENTATION = 315, 33432, 274
# by (source, target): words of what is said to be lost
LOST = {
    ("png", "tif"): ("EXIF",),
    ("jpg", "tif"): ("EXIF",),
    ("tif", "png"): ("TIFF tag",),
    ("tif", "jpg"): ("TIFF tag",),
}


def made(path: Path) -> None:
    """A picture turned by 90 degrees, with all that its format holds."""
    if path.suffix == ".tif":
        tifffile.imwrite(
            path,
            RGB,
            photometric="rgb",
            resolution=(300 / 2.54, 150 / 2.54),
            resolutionunit="CENTIMETER",
            iccprofile=PROFILE,
            metadata=None,
            extratags=[
                (ORIENTATION, 3, 1, 6, True),
                (ARTIST, 2, 8, "somebody", True),
                (700, 1, len(XMP), XMP, True),
            ],
        )
        return
    exif = PIL.Image.Exif()
    exif[ORIENTATION], exif[ARTIST], exif[COPYRIGHT] = 6, "somebody", "theirs"
    options = {"dpi": (300, 150), "exif": exif, "icc_profile": PROFILE}
    if path.suffix == ".jpg":
        options["xmp"] = XMP
    else:
        options["pnginfo"] = PIL.PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    PIL.Image.fromarray(RGB).save(path, **options)


@pytest.mark.parametrize("target", ["png", "jpg", "tif"])
@pytest.mark.parametrize("source", ["png", "jpg", "tif"])
def test_what_is_kept_between_formats(tmp_path: Path, source: str, target: str) -> None:
    path, out = tmp_path / f"a.{source}", tmp_path / f"b.{target}"
    made(path)
    image = images.read(path)
    images.write(out, image)
    again = images.read(out)
    assert again.pixels.shape == (40, 32, 3)  # turned upright, once
    np.testing.assert_allclose(again.metadata.dpi, (150, 300), rtol=2e-3)
    assert again.profile == PROFILE
    with PIL.Image.open(out) as file:
        assert file.getexif().get(ORIENTATION, 1) == 1
        artist = file.getexif().get(ARTIST)
    said = images.dropped(out, image)
    lost = LOST.get((source, target), ())
    assert all(words in said for words in lost)
    assert bool(said) == bool(lost)
    assert artist == ("somebody" if not lost else None)
    tags = {tag[0]: tag[3] for tag in again.metadata.tags}
    xmp = again.metadata.xmp or tags.get(700)
    # a TIFF's is a tag, and said to be lost with the others
    assert (xmp is None) == (source == "tif" != target)


@pytest.mark.parametrize("suffix", ["webp", "gif", "bmp", "jp2"])
def test_other_formats_are_refused_in_one_line_both_ways(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    PIL.Image.fromarray(RGB).save(path)
    with pytest.raises(ValueError, match="expected PNG, JPEG or TIFF"):
        images.read(path)
    with pytest.raises(ValueError, match=r"is no format to write. Use .png"):
        images.check_output(path)

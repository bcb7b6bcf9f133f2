"""Writing image files: whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.data.images import jpeg, png, tiff
from keras_pde.data.images.image import EXTENSIONS, FLOAT, SEGMENT, Image
from keras_pde.data.ranges import UNIT
from keras_pde.runtime import gate
from keras_pde.runtime.writing import check_target, write_bytes

BAND = 256  # rows


def check_output(path: str | os.PathLike[str], image: Image | None = None) -> None:
    """Raise now what `write` would raise later: before a long computation, not after.

    Raises:
        ValueError: an extension that no format has, or a format that cannot hold the image's alpha,
            depth or size.
        OSError: a directory, a missing or unwritable folder, a write-protected file.

    Example:
        >>> from keras_pde.data import images
        >>> images.check_output("picture.gif")
        Traceback (most recent call last):
        ...
        ValueError: picture.gif: the extension '.gif' is no format to write. Use .png, ... or .tiff.
    """
    path = gate.path(path, "path")
    known = list(EXTENSIONS)
    if path.suffix.lower() not in known:
        raise ValueError(
            f"{path}: the extension {path.suffix!r} is no format to write. Use"
            f" {', '.join(known[:-1])} or {known[-1]}."
        )
    if image is not None and EXTENSIONS[path.suffix.lower()] == "JPEG":
        lost = (
            "alpha"
            if image.alpha is not None
            else "16 bit"
            if image.depth == 16
            else "float values"
            if image.depth == FLOAT
            else None
        )
        if lost:
            raise ValueError(
                f"{path}: JPEG cannot hold {lost}, which the image has. Write"
                f" {path.with_suffix('.png').name} or .tif instead."
            )
        side = max(image.pixels.shape[:2])
        if side > jpeg.LARGEST_SIDE:
            raise ValueError(
                f"{path}: JPEG holds {jpeg.LARGEST_SIDE:,} pixels a side at most, and the image has"
                f" {side:,}. Write {path.with_suffix('.png').name} or .tif instead."
            )
    if image is not None and EXTENSIONS[path.suffix.lower()] == "PNG" and image.depth == FLOAT:
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if not UNIT[0] <= low <= high <= UNIT[1]:
            raise ValueError(
                f"{path}: PNG holds values of 0 to 1, and the image's floats are {low:.4g} to"
                f" {high:.4g}. Write {path.with_suffix('.tif').name} instead."
            )
    check_target(path)


def encode(path: str | os.PathLike[str], image: Image) -> bytes:
    """The file's bytes, in the format of the extension; floats become 16 bit in PNG.

    Raises:
        ValueError, OSError: as `check_output`; pixels that are not finite.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import images
        >>> images.encode("black.png", images.Image(np.zeros((2, 3, 1), "float32")))[1:4]
        b'PNG'
    """
    check_output(path, image)
    if not np.isfinite(image.pixels).all():
        raise ValueError(
            f"{Path(path)}: the image to write holds NaN or infinite values: nothing was written"
        )
    kind = EXTENSIONS[Path(path).suffix.lower()]
    if kind == "TIFF":
        return _encode_tiff(tiff_samples(image), image)
    samples = _integers(_planes(image), 8 if image.depth == 8 else 16)
    samples = samples[..., 0] if samples.shape[-1] == 1 else samples
    if kind == "JPEG":
        return _encode_jpeg(samples, image)
    if samples.dtype == np.uint16:
        import imagecodecs

        return png.with_chunks(
            bytes(imagecodecs.png_encode(samples)), image.profile, image.metadata
        )
    from PIL import Image as Pil

    buffer = io.BytesIO()
    Pil.fromarray(samples).save(buffer, format=kind)
    return png.with_chunks(buffer.getvalue(), image.profile, image.metadata)


def _planes(image: Image) -> np.ndarray:
    """Colours and alpha, (height, width, 1 to 4)."""
    if image.alpha is None:
        return image.pixels
    return np.concatenate([image.pixels, image.alpha[..., None]], axis=-1)


def _encode_jpeg(samples: np.ndarray, image: Image) -> bytes:
    from PIL import Image as Pil

    buffer, meta = io.BytesIO(), image.metadata
    written: dict[str, Any] = {}
    if meta.dpi is not None and 0 < max(meta.dpi) < 1 << 16:
        written["dpi"] = tuple(round(dpi) for dpi in meta.dpi)
    if meta.exif and len(meta.exif) <= SEGMENT:
        written["exif"] = jpeg.EXIF + meta.exif
    Pil.fromarray(samples).save(
        buffer,
        format="JPEG",
        quality=95,
        subsampling=0,
        icc_profile=image.profile,
        **written,
    )
    return jpeg.with_xmp(buffer.getvalue(), meta.xmp)


def _integers(values: np.ndarray, depth: int) -> np.ndarray:
    out = np.empty(values.shape, np.uint8 if depth == 8 else np.uint16)
    for start in range(0, len(values), BAND):  # float64 in bands, not in the size of the image
        out[start : start + BAND] = np.rint(
            np.clip(values[start : start + BAND].astype(np.float64), 0, 1) * (2**depth - 1)
        )
    return out


def _encode_tiff(samples: np.ndarray, image: Image) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=image.metadata.order) as file:
        file.write(samples, compression="zlib", predictor=True, **tiff_options(image))
    return buffer.getvalue()


def tiff_samples(image: Image) -> np.ndarray:
    """All samples of an image as a TIFF file stores them, (height, width) or with channels last."""
    planes = _planes(image)
    samples = planes if image.depth == FLOAT else _integers(planes, image.depth)
    return samples[..., 0] if samples.shape[-1] == 1 else samples


def tiff_options(image: Image) -> dict[str, Any]:
    """What tifffile is told of the samples of an image and of its metadata."""
    written = tiff.options(image.metadata)
    if image.white is not None and image.depth == 16:
        written["extratags"].append((281, 3, 1, round(image.white * image.unit), True))
    plain = image.pixels.shape[-1] == 1 and image.alpha is None
    return {
        "photometric": "rgb" if image.pixels.shape[-1] == 3 else "minisblack",
        "planarconfig": None if plain else "contig",
        "extrasamples": None if image.alpha is None else ["unassalpha"],
        "iccprofile": image.profile,
        "metadata": None,
        **written,
    }


def dropped(path: str | os.PathLike[str], image: Image) -> str:
    """What of the image's metadata a file of this name does not hold, in words; "" for nothing.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import images
        >>> meta = images.Metadata(exif=b"II*", further=("GPS",))
        >>> images.dropped("x.tif", images.Image(np.zeros((2, 3, 1), "float32"), metadata=meta))
        'metadata not kept: EXIF, GPS'
    """
    lost = image.metadata.lost_in(EXTENSIONS[Path(path).suffix.lower()])
    return f"metadata not kept: {', '.join(lost)}" if lost else ""


def write(path: str | os.PathLike[str], image: Image) -> None:
    """Write an image file whole or not at all, in the format of the extension.

    Raises:
        ValueError, OSError: as `check_output`; nothing is left behind, an existing file is
            untouched.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_pde.data import images
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     images.write(folder + "/black.tif", images.Image(np.zeros((2, 3, 1), "float32")))
        ...     print(images.read(folder + "/black.tif"))
        3 × 2, grey, 8 bit
    """
    write_bytes(path, encode(path, image))

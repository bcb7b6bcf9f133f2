"""Image: pixels in [0, 1] with the alpha, bit depth, profile and metadata of their file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

FLOAT = 32
Order = Literal["<", ">"]  # of bytes
EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
MAX_PIXELS = 500_000_000  # of a file that is read, unless the caller says another number


class UnsupportedError(ValueError):
    """What a valid image has that this library does not do; starts with a verb."""


@dataclass(frozen=True)
class Metadata:
    """What a file says of its picture beside the pixels, as far as it can be written back.

    Args:
        dpi: pixels an inch, across and down, or None.
        exif: a TIFF structure of EXIF tags, whose orientation is applied already, or None.
        xmp: an XMP packet, or None.
        tags: tags of a TIFF file (code, type, count, value), such as GeoTIFF's.
        resolution: a TIFF file's pixels a unit, across and down, as fractions, and the unit's code.
        further: what else the file has and what is never written back, in words.
        order: byte order of the TIFF file, where the value of a tag depends on it, or None.

    Example:
        >>> from keras_pde.data.images import Metadata
        >>> Metadata(dpi=(300.0, 300.0)).lost_in("PNG"), Metadata(xmp=b"<x/>").lost_in("TIFF")
        ((), ())
    """

    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    resolution: tuple[Any, Any, int] | None = None
    further: tuple[str, ...] = ()
    order: Order | None = None

    def lost_in(self, kind: str) -> tuple[str, ...]:
        """What a file of a kind, "PNG", "JPEG" or "TIFF", cannot hold, in words."""
        lost = []
        if kind == "TIFF" and self.exif:
            lost.append("EXIF")
        if kind != "TIFF" and self.tags:
            lost.append(f"{len(self.tags)} TIFF tag{'s' * (len(self.tags) > 1)}")
        if kind == "JPEG" and self.xmp and len(self.xmp) > SEGMENT:
            lost.append("XMP")
        if kind == "JPEG" and self.exif and len(self.exif) > SEGMENT:
            lost.append("EXIF")
        return (*lost, *self.further)


SEGMENT = 65_000  # bytes of EXIF or XMP that a JPEG file holds


@dataclass(frozen=True)
class Image:
    """Pixels of an image file and what is needed to write them back.

    Args:
        pixels: (height, width, 1 or 3), float32, black 0 and white 1.
        alpha: (height, width) in [0, 1], or None.
        depth: bits a sample: 8, 16, or 32 for floats.
        profile: ICC profile, or None.
        metadata: resolution, EXIF and the like.
        white: the largest value that pixels take by the file's tags, where that is not 1; or None.
        steps: the 64 steps of a JPEG's luminance, row by row, where its blocks begin in the corner;
            or None.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.images import Image
        >>> print(Image(np.zeros((30, 40, 3), "float32"), depth=16))
        40 × 30, colour, 16 bit
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: int = 8
    profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    white: float | None = None
    steps: tuple[int, ...] | None = None

    @property
    def unit(self) -> float:
        """What the file's samples are divided by in the pixels: 255, 65535, and 1 for floats."""
        return 1.0 if self.depth == FLOAT else 2.0**self.depth - 1

    def in_pixels(self, asked: str | tuple[float, float]) -> str | tuple[float, float]:
        """A range in units of the file's samples, or "auto" or "full", in those of the pixels."""
        return asked if isinstance(asked, str) else (asked[0] / self.unit, asked[1] / self.unit)

    def __str__(self) -> str:
        height, width, channels = self.pixels.shape
        kind = "float" if self.depth == FLOAT else f"{self.depth} bit"
        colours = "colour" if channels == 3 else "grey"
        alpha = ", alpha" if self.alpha is not None else ""
        return f"{width} × {height}, {colours}{alpha}, {kind}"


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse a size that a file's header states, before anything is decoded.

    Raises:
        UnsupportedError: no pixels, or more than the limit.
    """
    if width < 1 or height < 1:
        raise UnsupportedError(f"has no pixels: its size is {width} × {height}")
    if width * height > max_pixels:
        raise UnsupportedError(
            f"has {width} × {height} = {width * height:,} pixels by its header, and the limit is"
            f" {max_pixels:,}, since files are read whole: if it can be trusted, raise the limit"
            " by --max-pixels, in Python max_pixels="
        )

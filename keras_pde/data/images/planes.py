"""The planes of an opened image file: one picture, or a stack, a time series, an animation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_pde.data.images.image import UnsupportedError

if TYPE_CHECKING:
    from keras_pde.data.images.image import Image

__all__ = ["Planes"]


@dataclass(frozen=True)
class Planes:
    """What a file holds, before its pixels are decoded.

    Args:
        kind: "PNG", "JPEG" or "TIFF".
        count: of the planes.
        decode: the image of a plane, by its number from 0.
        names: what the planes are, in words, such as "ImageJ, 2 channels × 3 slices".
        channels: the channel of each plane, from 0; () where there is one, or none is known.
        form: what a writer of the same format needs beside the images.
        axes: letter ("T", "Z", "C") and length of the axes of planes, slowest first; () where they
            are not known.
        spacing: of slices, rows and columns, in one unit; None where it is not stated.

    Example:
        >>> from keras_pde.data.images.planes import Planes
        >>> Planes("PNG", 1, lambda number: None).count
        1
    """

    kind: str
    count: int
    decode: Callable[[int], Image]
    names: str = ""
    channels: tuple[int, ...] = ()
    form: Any = None
    axes: tuple[tuple[str, int], ...] = ()
    spacing: tuple[float, float, float] | None = None


def check_total(pixels: int, count: int, max_pixels: int) -> None:
    """Refuse planes that have more pixels together than the limit.

    Raises:
        UnsupportedError: with both numbers.
    """
    if pixels > max_pixels:
        raise UnsupportedError(
            f"has {count:,} planes of {pixels:,} pixels together by its header, and the limit is"
            f" {max_pixels:,}: if it can be trusted, raise the limit by --max-pixels, in Python"
            " max_pixels="
        )

"""Planes of a TIFF file: how many there are, and what the programs that wrote them call them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace

import numpy as np

from keras_pde.data.images.directory import SIZES, Directory
from keras_pde.data.images.image import UnsupportedError

PLANES = 1_000_000  # behind one directory at most
LEAST = 256  # bytes that may follow an image
NAMES = {"C": "channel", "Z": "slice", "T": "frame"}
NUMBER = r"(\d{1,20}\.?\d{0,20}(?:[eE][+-]?\d{1,3})?)"
PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")


@dataclass(frozen=True)
class Layout:
    """What the description of a TIFF file says of its planes.

    Args:
        program: "ImageJ", "OME", "tifffile", or "" where it says nothing.
        count: of the planes.
        axes: letter and length of the axes of planes, slowest first; () where they are not known.
        spacing: of slices, rows and columns, in one unit; None where it is not stated.

    Example:
        >>> from keras_pde.data.images.frames import Layout
        >>> layout = Layout("ImageJ", 6, (("T", 1), ("Z", 3), ("C", 2)))
        >>> layout.names, layout.channels(6)
        ('ImageJ, 2 channels × 3 slices', (0, 1, 0, 1, 0, 1))
    """

    program: str = ""
    count: int = 1
    axes: tuple[tuple[str, int], ...] = ()
    spacing: tuple[float, float, float] | None = None

    @property
    def names(self) -> str:
        """Program and axes, in words."""
        long = [f"{n} {NAMES[axis]}s" for axis, n in reversed(self.axes) if n > 1 and axis in NAMES]
        return ", ".join(part for part in (self.program, " × ".join(long)) if part)

    def channels(self, count: int) -> tuple[int, ...]:
        """The channel of each of so many planes, where the axes are theirs."""
        lengths = [n for _, n in self.axes]
        place = next((i for i, (axis, n) in enumerate(self.axes) if axis == "C" and n > 1), None)
        if place is None or math.prod(lengths) != count:
            return ()
        return tuple(np.unravel_index(range(count), lengths)[place].tolist())


def layout(page: Directory) -> Layout:
    """The layout by the description of a file's first page."""
    text, samples = page.text(270), page.number(277, 1)
    if text.startswith("ImageJ="):
        sizes = [_size(page.numbers(tag)) for tag in (283, 282)]  # rows, columns
        return replace(_of_imagej(text, samples), spacing=_spacing(_slices(text), *sizes))
    if text.startswith('{"shape"'):
        return _of_tifffile(text, samples, page.number(256, 1) * page.number(257, 1))
    return _of_ome(text, samples) if "<OME" in text[:4096] else Layout()


def _of_imagej(text: str, samples: int) -> Layout:
    numbers = dict(re.findall(r"^(\w+)=(\d{1,9})\s*$", text, re.MULTILINE))
    sizes = {axis: int(numbers.get(f"{name}s", 1)) for axis, name in NAMES.items()}
    if sizes["C"] % samples == 0:  # ImageJ's channels may be the samples of a pixel
        sizes["C"] = max(1, sizes["C"] // samples)
    found = re.search(r"^order=([cztCZT]{3})\s*$", text, re.MULTILINE)
    order = found[1].upper() if found and len(set(found[1].upper())) == 3 else "CZT"
    count = math.prod(sizes.values())
    axes = tuple((axis, sizes[axis]) for axis in reversed(order))
    stated = int(numbers.get("images", 1))
    return Layout("ImageJ", max(count, stated), axes if count >= stated else ())


def _of_tifffile(text: str, samples: int, pixels: int) -> Layout:
    try:
        stated = json.loads(text)
        shape, axes = [int(n) for n in stated["shape"]], str(stated.get("axes", ""))
        count = math.prod(shape) // (samples * pixels)
    except (ValueError, TypeError, KeyError, RecursionError, ZeroDivisionError):
        return Layout("tifffile")
    named = tuple(zip(axes, shape, strict=False)) if len(axes) == len(shape) else ()
    named = tuple((axis, n) for axis, n in named if axis not in "YXS")
    return Layout("tifffile", max(count, 1), named)


def _of_ome(text: str, samples: int) -> Layout:
    count = 0
    axes: tuple[tuple[str, int], ...] = ()
    for tag in PIXELS.findall(text):
        sizes = {
            axis: max(map(int, re.findall(rf'\bSize{axis}="(\d{{1,9}})"', tag)), default=1)
            for axis in "CZT"
        }
        sizes["C"] = max(1, sizes["C"] // samples)
        found = re.search(r'\bDimensionOrder="XY([CZT]{3})"', tag)
        axes = tuple((axis, sizes[axis]) for axis in reversed(found[1] if found else "CZT"))
        count += math.prod(sizes.values())
    stated = [_physical(text, axis) for axis in "ZYX"]
    one_unit = len({unit for _, unit in stated}) == 1
    spacing = _spacing(*(size for size, _ in stated)) if one_unit else None
    known = count == math.prod(n for _, n in axes)
    return Layout("OME", max(count, 1), axes if known else (), spacing)


def _spacing(*sizes: float) -> tuple[float, float, float] | None:
    """Three spacings; None where one is none."""
    z, y, x = sizes
    return (z, y, x) if all(0 < size < math.inf for size in sizes) else None


def _slices(text: str) -> float:
    """The distance of slices that ImageJ states; 0 where it states none."""
    found = re.search(rf"^spacing=-?{NUMBER}\s*$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _size(pixels: np.ndarray) -> float:
    """The size of a pixel by the fraction of pixels in a unit; 1 where none is stated."""
    if pixels.size < 2:
        return 1.0
    return float(pixels[1]) / float(pixels[0]) if pixels[0] else 0.0


def _physical(text: str, axis: str) -> tuple[float, str]:
    """Size and unit that OME-XML states of the pixels along an axis; 0 where it states none."""
    tag = next(iter(PIXELS.findall(text)), "")
    size = re.search(rf'\bPhysicalSize{axis}="{NUMBER}"', tag)
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]{{0,20}})"', tag)
    return float(size[1]) if size else 0.0, unit[1] if unit else ""


def in_one_directory(page: Directory) -> int:
    """Planes that tags of volumes state: ImageDepth, and MetaMorph's."""
    return max(page.number(32997, 1), page.tags.get(33629, (0, 1, 0))[1])


def behind(page: Directory, size: int) -> int:
    """Images for which there is room in the bytes that no tag refers to."""
    if page.number(259, 1) != 1:
        return 1
    own = float(page.numbers(325 if 322 in page.tags else 279).astype(np.float64).sum())
    if 330 in page.tags or 34665 in page.tags or 34853 in page.tags or not own:
        return 1  # directories inside it, with data of their own
    known = own + sum(12 + SIZES[kind] * count for kind, count, _ in page.tags.values())
    rest = size - known
    return 1 + round(rest / own) if rest >= max(0.95 * own, LEAST) else 1


def places(page: Directory, count: int, size: int) -> range:
    """First bytes of planes that follow one another behind one directory.

    Raises:
        UnsupportedError: planes that are compressed, in tiles or packed, or that are not there.
    """
    samples, bits = page.number(277, 1), page.number(258, 1)
    length = samples * page.number(256, 0) * page.number(257, 0) * bits // 8
    starts = page.numbers(273).astype(np.int64)
    lengths = page.numbers(279).astype(np.int64)
    one_piece = starts.size > 0 and bool((starts[1:] == starts[:-1] + lengths[:-1]).all())
    what = f"states {count} planes and has one directory"
    if page.number(259, 1) != 1 or 322 in page.tags or bits % 8 or bits < 8 or not one_piece:
        raise UnsupportedError(
            f"{what}, whose pixels are not in one piece: save each plane with a directory of its"
            " own"
        )
    if samples > 1 and page.number(284, 1) == 2:
        raise UnsupportedError(f"{what} with colours in planes: save it as a stack of RGB images")
    if int(starts[0]) + count * length > size:
        raise UnsupportedError(
            f"is a stack of {count} planes by its description, and its bytes hold fewer: it is cut"
        )
    if count > PLANES:
        raise UnsupportedError(f"{what}, and {PLANES:,} is the most: save it as several files")
    return range(int(starts[0]), int(starts[0]) + count * length, length)

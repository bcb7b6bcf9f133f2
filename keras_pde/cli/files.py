"""Names of files on the command line: IN and OUT, samples, and what must not be overwritten."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image, Stack
    from keras_pde.data.ranges import Range

# files in scikit-image's wheel, never downloaded
SAMPLES = {
    "camera": "camera.png",
    "astronaut": "astronaut.png",
    "coins": "coins.png",
    "moon": "moon.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
}

SAMPLE = click.option(
    "--sample",
    is_flag=False,
    flag_value="camera",
    metavar="[NAME]",
    help=f"A photograph of scikit-image instead of IN: {', '.join(SAMPLES)}.  [camera]",
)

DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the data sets.  [BSD: ../shared/data/bsd of a checkout]",
)


MAX_PIXELS = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse files whose header states more pixels.  [500 million]",
)


def _range(text: str) -> str | tuple[float, float]:
    """Auto, full, or two numbers with a comma between them."""
    if text in ("auto", "full"):
        return text
    try:
        low, high = (float(end) for end in text.split(","))
    except ValueError:
        low = high = math.nan
    if not (low < high and math.isfinite(high - low)):
        raise click.BadParameter(
            f"{text!r} is not auto, full or LOW,HIGH, two numbers with a comma, such as 0,4095."
        )
    return low, high


RANGE = click.option(
    "--range",
    type=_range,
    default="auto",
    metavar="RANGE",
    help=(
        "Black and white of IN: LOW,HIGH in units of its samples; full for those of their type;"
        " auto by type, tags and data.  [auto]"
    ),
)


def _frames(text: str) -> str | int:
    """Each, first, or the number of a plane from 1."""
    if text in ("each", "first"):
        return text
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1 and len(text) < 10):
        raise click.BadParameter(f"{text!r} is not each, first, or the number of a plane from 1.")
    return int(text)


FRAMES = click.option(
    "--frames",
    type=_frames,
    default="each",
    metavar="WHICH",
    help=(
        "Of a stack, time series or animation: each plane, written as such; first, or N from 1, one"
        " plane as an image.  [each]"
    ),
)


def _spacing(text: str) -> tuple[float, ...]:
    """Numbers > 0 for the axes of an image or a volume."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not 2 <= len(found) <= 3 or not all(0 < h < math.inf for h in found):
        raise click.BadParameter(f"{text!r} is not two or three numbers > 0, such as 3,1,1.")
    return found


SPACING = click.option(
    "--spacing",
    type=_spacing,
    metavar="Z,Y,X",
    help=(
        "Distances of slices, rows and columns of a volume, or Y,X of an image, for trained"
        " presets.  [of a volume by the file, else equal]"
    ),
)


def read(path: Path, max_pixels: int | None, any_range: bool = False) -> Image:
    """The image in a file of at most so many pixels; None is the library's own limit.

    Commands that take a range read floats in any.
    """
    from keras_pde.data import images

    return images.read(path, max_pixels=max_pixels or images.MAX_PIXELS, any_range=any_range)


@contextlib.contextmanager
def opened(source: str | Path, max_pixels: int | None) -> Iterator[Stack]:
    """The planes of a file, or of a sample; None is the library's own limit of pixels."""
    from keras_pde.data import images

    limit = max_pixels or images.MAX_PIXELS
    with images.open_stack(path_of(source), max_pixels=limit, any_range=True) as stack:
        yield stack


def one_of(stack: Stack, frames: str | int) -> tuple[Image, str]:
    """The one plane that is asked for, and what is said of it; "" where there is one only.

    Raises:
        ValueError: a number beyond the last.
    """
    number = frames if isinstance(frames, int) else 1
    if number > stack.count:
        planes = f"{stack.count} plane{'s' * (stack.count > 1)}"
        raise ValueError(f"{stack.path} has {planes}, and --frames asks for number {number}")
    said = f"plane {number} of {stack.count}, the others are not written"
    return stack.alone(number - 1), said if stack.count > 1 else ""


def say_range(used: Range, image: Image) -> str:
    """A range in units of the file's samples, in words; "" where it is the type's."""
    low, high = (end * image.unit for end in (used.low, used.high))
    if used.source == "the type":
        return ""
    if image.unit > 1 and used.source == "the data":
        low, high = math.floor(low), math.floor(high)
    return f"; range {low:.6g} to {high:.6g}, {used.how}"


def known_pixels(mask: Path, image: Image, max_pixels: int | None) -> np.ndarray:
    """Which pixels of an image a painted mask calls known.

    Raises:
        ValueError, OSError: a mask of another size, or one that marks all pixels or none.
    """
    from keras_pde.tasks.inpaint.mask import known_in

    size, painted = image.pixels.shape[:2], read(mask, max_pixels)
    if painted.pixels.shape[:2] != size:
        (h, w), (height, width) = painted.pixels.shape[:2], size
        raise ValueError(
            f"{mask} is {w} × {h}, and the image {width} × {height}: they must be alike"
        )
    known = known_in(painted.pixels, painted.alpha)
    if not known.any():
        raise ValueError(
            f"{mask} has no white pixel, and white means known: its brightest value is"
            f" {255 * float(painted.pixels.max()):.3g} of 255. Is it inverted, or not scaled?"
        )
    if known.all():
        raise ValueError(
            f"{mask} marks no pixel as unknown: black or transparent means unknown, and all of it"
            " is white and opaque"
        )
    return known


def say_dropped(out: Path, image: Image) -> None:
    """Print what of the image's metadata the written file does not have, if anything."""
    from keras_pde.data import images

    if lost := images.dropped(out, image):
        click.echo(lost)


def in_and_out(paths: tuple[Path, ...], sample: str | None) -> tuple[str | Path, Path]:
    """IN, which is a file or the name of a sample, and OUT.

    Raises:
        click.UsageError: too many names, or too few.
    """
    if sample is not None and sample not in SAMPLES and Path(sample).suffix:
        paths, sample = (Path(sample), *paths), "camera"  # --sample OUT: the name was left out
    wanted = 1 if sample else 2
    if len(paths) != wanted:
        expected = (
            "With --sample give OUT only" if sample else "Give IN and OUT, or --sample and OUT"
        )
        raise click.UsageError(f"{expected}: received {len(paths)} file names.")
    return sample or paths[0], paths[-1]


def check_names(
    source: str | Path, out: Path, compare: Path | None, further: Path | None = None
) -> None:
    """Refuse an unknown sample, and a comparison picture that would overwrite another file.

    Args:
        source: a file, or the name of a sample.
        out: the file to write.
        compare: the picture to write, if any.
        further: another file that is read, such as a clean image or a mask.

    Raises:
        ValueError: with the names there are, or the file that would be lost.
    """
    if isinstance(source, str) and source not in SAMPLES:
        raise ValueError(f"No sample is called {source!r}. There are: {', '.join(SAMPLES)}.")
    if compare is None:
        return
    if compare.suffix.lower() != ".png":
        raise ValueError(f"{compare}: the comparison is a PNG picture. Use the extension .png.")
    for other in (out, source, further):
        if isinstance(other, Path) and other.resolve() == compare.resolve():
            raise ValueError(f"{compare}: --compare would overwrite {other}. Use another name.")


def path_of(source: str | Path) -> Path:
    """Path of IN: the file itself, or that of a sample in the installed scikit-image.

    Raises:
        FileNotFoundError: scikit-image is installed without its samples.
    """
    if isinstance(source, Path):
        return source
    import importlib.util

    spec = importlib.util.find_spec("skimage")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    path = folder / "data" / SAMPLES[source]
    if not path.is_file():
        raise FileNotFoundError(
            f"The sample {source!r} is not in this installation of scikit-image. Reinstall it, or"
            " give a file of your own."
        )
    return path

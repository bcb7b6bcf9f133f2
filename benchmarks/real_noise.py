"""Pictures that people have: what `keras_pde.denoise` makes of them, told the noise and not told.

PSNR in dB, with the result clipped, of photographs that are in scikit-image's wheel.

    python benchmarks/real_noise.py [--size 384] [--rows JPEG clean] [--picture FILE]

JPEG, counts in a part of 16 bits, floats of another unit, photons, borders, prints, grey stored as
colour, noise weaker and stronger than what the networks are trained on. "told" is the right level,
where it can be told. With ndev-sampledata or dipy installed, real fluorescence and MRI as well,
of which nobody knows the clean picture: only what is estimated.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table
from skimage import data

import keras_pde
from keras_pde.data.side_by_side import comparison_png, side_by_side
from keras_pde.tasks.denoise.noisy_image import noisy_image

ROWS: dict[str, Callable[[int], Case]] = {}
SHOWN = ("JPEG, quality 75", "photons, peak 30", "border of 254")
CLEAN = np.inf  # dB of a picture without noise


class Case(NamedTuple):
    """A picture: given and right, black and white, and what may be told and asked for."""

    noisy: np.ndarray
    clean: np.ndarray | None
    low: float = 0.0
    high: float = 255.0
    told: dict[str, Any] | None = None
    asked: dict[str, Any] = {}  # noqa: RUF012 - of a tuple, never changed

    def shown(self, image: np.ndarray) -> np.ndarray:
        """With black 0 and white 1."""
        return (image.astype(np.float64) - self.low) / (self.high - self.low)

    def psnr(self, image: np.ndarray) -> float:
        """Clipped; infinite where nothing differs, NaN where the clean picture is not known."""
        if self.clean is None:
            return np.nan
        error = np.square(self.shown(image).clip(0, 1) - self.shown(self.clean)).mean()
        return float(10 * np.log10(1 / error)) if error else np.inf


class Row(NamedTuple):
    """Of a case: what is estimated, PSNR of the input, told and estimated, the largest change."""

    about: str
    noisy: float
    told: float
    found: float
    change: float


def row(*names: str) -> Callable[[Callable[..., Case]], Callable[..., Case]]:
    """A function of the size, or of the size and one of the numbers that the names end in."""

    def add(make: Callable[..., Case]) -> Callable[..., Case]:
        for name in names:
            last = name.split()[-1]
            number = float(last) if last.replace(".", "", 1).isdigit() else None
            ROWS[name] = make if number is None else lambda n, x=number: make(n, x)
        return make

    return add


def grey(size: int) -> np.ndarray:
    """The middle of the cameraman."""
    start = (512 - size) // 2
    return data.camera()[start : start + size, start : start + size].astype(float)


def colour(size: int) -> np.ndarray:
    """The middle of the astronaut."""
    start = (512 - size) // 2
    return data.astronaut()[start : start + size, start : start + size].astype(float)


def noise(values: np.ndarray, sigma: float) -> np.ndarray:
    """With white noise."""
    return values + sigma * np.random.default_rng(0).standard_normal(values.shape)


def rounded(values: np.ndarray) -> np.ndarray:
    """Clipped and rounded to 8 bits."""
    return np.uint8(np.clip(np.rint(values), 0, 255))


def jpeg(values: np.ndarray, quality: float) -> np.ndarray:
    """What a JPEG keeps."""
    buffer = io.BytesIO()
    Image.fromarray(rounded(values)).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer))


@row("JPEG, quality 90", "JPEG, quality 75", "JPEG, quality 50")
def of_jpeg(size: int, quality: float) -> Case:
    """A photograph with noise 20, compressed."""
    return Case(jpeg(noise(grey(size), 20), quality), grey(size), told={"noise": 20})


@row("JPEG in colour, quality 90", "JPEG in colour, quality 75")
def of_colour_jpeg(size: int, quality: float) -> Case:
    """The same in colour."""
    return Case(jpeg(noise(colour(size), 20), quality), colour(size), told={"noise": 20})


@row("JPEG, cut, quality 75")
def of_cut_jpeg(size: int, quality: float) -> Case:
    """Cut after it was compressed, so that its blocks begin elsewhere."""
    whole = jpeg(noise(grey(size), 20), quality)
    return Case(whole[3:, 5:], grey(size)[3:, 5:], told={"noise": 20})


@row("counts 100 to 1600")
def of_counts(size: int, _: float) -> Case:
    """In 16 bits, with the noise of 2 grey levels of 255 that counting has."""
    clean = 100 + 1500 * grey(size) / 255
    right = {"noise": 255 * 12 / 1500, "range": (100, 1600)}
    return Case(np.uint16(np.rint(noise(clean, 12))), clean, 100, 1600, right)


@row("bits of 16: 10", "bits of 16: 12", "bits of 16: 14")
def of_bits(size: int, bits: float) -> Case:
    """Less than 16 bits in 16, noise 10."""
    white = 2**bits - 1
    values = np.rint(noise(grey(size), 10).clip(0, 255) * white / 255)
    right = {"noise": 10, "range": (0, white)}
    return Case(np.uint16(values), grey(size) * white / 255, 0, white, right)


@row("floats times 0.01", "floats times 255", "floats times 4000")
def of_floats(size: int, unit: float) -> Case:
    """Of another unit than [0, 1], noise 10."""
    values, right = np.float32(noise(grey(size), 10) * unit / 255), {"range": (0, unit)}
    return Case(values, grey(size) * unit / 255, 0, unit, {"noise": 10, **right})


@row("photons, peak 10", "photons, peak 30", "photons, peak 100")
def of_photons(size: int, peak: float) -> Case:
    """Poisson noise."""
    clean = peak * grey(size) / 255
    noisy = np.random.default_rng(0).poisson(clean).astype(np.float32)
    return Case(noisy, clean, 0, peak, {"noise": "sensor", "gain": 1.0}, {"noise": "sensor"})


@row("border of 37", "border of 100", "border of 254")
def of_border(size: int, value: float) -> Case:
    """A flat border around noise 20."""
    noisy, clean = (
        np.pad(x, size // 4, constant_values=int(value))
        for x in (rounded(noise(grey(size), 20)), grey(size))
    )
    return Case(noisy, clean, told={"noise": 20})


@row("clean print")
def of_print(size: int) -> Case:
    """Black text on white."""
    page = Image.new("L", (size, size), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=24)
    for top in range(4, size, 32):
        draw.text((4, top), "The quick brown fox jumps over the lazy dog. " * 3, fill=0, font=font)
    return Case(np.asarray(page), np.asarray(page))


@row("clean stars")
def of_stars(size: int) -> Case:
    """Points of light on black."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:size, :size]
    places, light = rng.random((size // 4, 2)) * size, rng.exponential(60, size // 4)
    spots = sum(
        a * np.exp(-((y - v) ** 2 + (x - h) ** 2) / 4.5)
        for a, (v, h) in zip(light, places, strict=True)
    )
    return Case(rounded(spots), rounded(spots))


@row("clean photograph")
def of_photograph(size: int) -> Case:
    """Which has the noise of its camera."""
    return Case(rounded(grey(size)), grey(size))


@row("grey as colour")
def of_grey_as_colour(size: int) -> Case:
    """Three equal channels, noise 20."""
    noisy = rounded(noise(grey(size), 20))[..., None].repeat(3, -1)
    return Case(noisy, grey(size)[..., None], told={"noise": 20})


@row("noise 0.05", "noise 0.2", "noise 1", "noise 5", "noise 75", "noise 120", "noise 200")
def of_floats_with_noise(size: int, sigma: float) -> Case:
    """Floats, not clipped."""
    values, right = np.float32(noise(grey(size), sigma) / 255), {"noise": sigma}
    return Case(values, grey(size) / 255, high=1, told=right)


@row("neurons (ndev-sampledata)")
def of_neurons(size: int) -> Case:
    """Fluorescence, as a microscope counts it."""
    import tifffile

    stack = tifffile.imread(package("ndev_sampledata") / "samples" / "neuron-4Ch.tiff")
    return real(stack.reshape(-1, *stack.shape[-2:])[0], size)


@row("brain (dipy)")
def of_brain(size: int) -> Case:
    """A slice of MRI, weighted by T1."""
    folder = package("dipy") / "data" / "files"
    return real(np.load(folder / "t1_coronal_slice.npy", allow_pickle=False), size)


def package(name: str) -> Path:
    """The folder of an installed package, which is not imported.

    Raises:
        FileNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{name} is not installed")
    return Path(spec.origin).parent


def real(pixels: np.ndarray, size: int) -> Case:
    """Data whose clean picture nobody knows."""
    part = np.ascontiguousarray(pixels[:size, :size])
    return Case(part, None, float(part.min()), float(part.max()))


def measured(case: Case) -> tuple[Row, np.ndarray]:
    """The row of a case, and its estimated result."""
    pixels = case.noisy if case.noisy.ndim == 3 else case.noisy[..., None]
    about = noisy_image(pixels, **case.asked).about
    result = keras_pde.denoise(case.noisy, **case.asked)
    told = case.psnr(keras_pde.denoise(case.noisy, **case.told)) if case.told else np.nan
    change = 255 * float(np.abs(case.shown(result) - case.shown(case.noisy)).max())
    return Row(about, case.psnr(case.noisy), told, case.psnr(result), change), result


def main(arguments: Sequence[str] | None = None) -> dict[str, Row]:
    """Print the table; returns it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=384, metavar="N", help="pixels each way  [384]")
    parser.add_argument("--quick", action="store_true", help="128 pixels each way, a few rows")
    parser.add_argument("--rows", nargs="+", metavar="TEXT", help="those whose names have it")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a PNG of a few rows")
    args = parser.parse_args(arguments)
    warnings.simplefilter("ignore", UserWarning)  # levels beyond those that are trained
    size = 128 if args.quick else args.size
    quick = ["quality 75", "floats", "print", "noise 0.2"] if args.quick else [""]
    wanted = [name for name in ROWS if any(text in name for text in args.rows or quick)]
    table = Table("picture", "estimated", "input", "told", "denoised", "largest change")
    found, panels = {}, {}
    for name in wanted:
        try:
            case = ROWS[name](size)
            line, result = measured(case)
        except (FileNotFoundError, ValueError) as missing:
            table.add_row(name, str(missing))
            continue
        found[name] = line
        numbers = [f"{x:.2f}" if x == x else "" for x in (line.noisy, line.told, line.found)]
        change = f"{line.change:.1f}" if line.noisy == CLEAN else ""
        table.add_row(name, line.about, *numbers, change)
        if name in SHOWN:
            parts = {name: case.noisy, f"told nothing: {line.found:.2f} dB": result}
            part = np.s_[-min(size, 256) :, -min(size, 256) :, None]
            panels |= {text: case.shown(image)[part] for text, image in parts.items()}
    Console(width=130).print(table)
    if args.picture and panels:
        picture = Image.open(io.BytesIO(comparison_png(side_by_side(panels)))).convert("L")
        picture.save(args.picture, optimize=True)
    return found


if __name__ == "__main__":
    main()

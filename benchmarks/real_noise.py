"""Pictures that people have: what `keras_pde.denoise` makes of them, told and not told.

PSNR in dB, with the result clipped, of photographs that are in scikit-image's wheel.

    python benchmarks/real_noise.py [--size 256] [--quick] [--picture FILE]

JPEG, counts in a part of 16 bits, floats of another unit, photons, borders, prints, grey stored as
colour, noise weaker and stronger than what the networks are trained on. "told" is what the right
level gives where it can be told.
"""

from __future__ import annotations

import argparse
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

console = Console(width=130)
# of the version before estimates knew of JPEG, ranges and photons, at 512², where it was measured
BEFORE = {
    "JPEG 90": 28.77,
    "JPEG 75": 26.87,
    "counts 100 to 1600 of 65535": 20.3,
    "photons, peak 30": 25.9,
    "grey as colour": 24.67,
}


class Case(NamedTuple):
    """A picture: what is given, what is right, black and white, and what may be told."""

    noisy: np.ndarray
    clean: np.ndarray
    low: float = 0.0
    high: float = 255.0
    told: dict[str, Any] | None = None


def psnr(case: Case, image: np.ndarray) -> float:
    """With black and white of the case, clipped; inf where nothing differs."""
    shown, clean = (
        (x.astype(np.float64) - case.low) / (case.high - case.low) for x in (image, case.clean)
    )
    error = float(np.mean(np.square(shown.clip(0, 1) - clean)))
    return 10 * np.log10(1 / error) if error else np.inf


def rounded(values: np.ndarray) -> np.ndarray:
    """Clipped and rounded to 8 bits."""
    return np.uint8(np.clip(np.rint(values), 0, 255))


def jpeg(values: np.ndarray, quality: int) -> np.ndarray:
    """What a JPEG keeps."""
    buffer = io.BytesIO()
    Image.fromarray(rounded(values)).save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    return np.asarray(Image.open(buffer))


def print_of(size: int) -> np.ndarray:
    """Black text on white."""
    page = Image.new("L", (size, size), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=24)
    for top in range(4, size, 32):
        draw.text((4, top), "The quick brown fox jumps over the lazy dog. " * 3, fill=0, font=font)
    return np.asarray(page)


def stars_of(size: int) -> np.ndarray:
    """Points of light on black."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:size, :size]
    places, light = rng.random((size // 4, 2)) * size, rng.exponential(60, size // 4)
    spots = [
        a * np.exp(-((y - v) ** 2 + (x - h) ** 2) / 4.5)
        for a, (v, h) in zip(light, places, strict=True)
    ]
    return rounded(np.sum(spots, axis=0))


def cases(size: int) -> dict[str, Callable[[], Case]]:
    """The table's rows."""
    start = (512 - size) // 2
    part = np.s_[start : start + size, start : start + size]
    grey, colour = data.camera()[part].astype(float), data.astronaut()[part].astype(float)

    def noise(values: np.ndarray, sigma: float) -> np.ndarray:
        return values + sigma * np.random.default_rng(0).standard_normal(values.shape)

    def bordered(value: int) -> Case:
        def pad(image: np.ndarray) -> np.ndarray:
            return np.pad(image, size // 4, constant_values=value)

        return Case(pad(rounded(noise(grey, 20))), pad(rounded(grey)), told={"noise": 20})

    def counts() -> Case:
        clean = 100 + 1500 * grey / 255
        return Case(np.uint16(np.rint(noise(clean, 15))), clean, 100, 1600)

    def photons(peak: float) -> Case:
        clean = peak * grey / 255
        noisy = np.random.default_rng(0).poisson(clean).astype(np.float32)
        return Case(noisy, clean, 0, peak, {"noise": "sensor", "gain": 1.0})

    def weak(sigma: float) -> Case:
        return Case(np.float32(noise(grey, sigma) / 255), grey / 255, high=1, told={"noise": sigma})

    rows = {
        f"JPEG {q}": lambda q=q: Case(jpeg(noise(grey, 20), q), grey, told={"noise": 20})
        for q in (90, 75)
    }
    rows |= {
        f"colour JPEG {q}": lambda q=q: Case(jpeg(noise(colour, 20), q), colour, told={"noise": 20})
        for q in (90, 75)
    }
    rows["counts 100 to 1600 of 65535"] = counts
    rows["12 bits in 16"] = lambda: Case(
        np.uint16(np.rint(noise(grey, 10).clip(0, 255) * 4095 / 255)),
        grey * 4095 / 255,
        high=4095,
        told={"noise": 10},
    )
    rows["floats × 0.01"] = lambda: Case(
        np.float32(noise(grey, 10) / 25500),
        grey / 25500,
        high=0.01,
        told={"noise": 10, "range": (0, 0.01)},
    )
    rows["floats to 255"] = lambda: Case(np.float32(noise(grey, 20)), grey, told={"noise": 20})
    rows |= {f"photons, peak {p:g}": lambda p=p: photons(p) for p in (10, 30, 100)}
    rows |= {f"border of {v}": lambda v=v: bordered(v) for v in (37, 100, 254)}
    rows["clean print"] = lambda: Case(print_of(size), print_of(size))
    rows["clean stars"] = lambda: Case(stars_of(size), stars_of(size))
    rows["grey as colour"] = lambda: Case(
        rounded(noise(grey, 20))[..., None].repeat(3, -1), grey[..., None], told={"noise": 20}
    )
    rows |= {f"noise {s:g} told": lambda s=s: weak(s) for s in (0.05, 0.2, 1, 70, 120, 200)}
    return rows


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Print the table; returns PSNR before, after and told by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--quick", action="store_true", help="small images, a few rows")
    parser.add_argument("--picture", type=Path, help="a PNG of a few rows")
    args = parser.parse_args(arguments)
    warnings.simplefilter("ignore", UserWarning)  # levels beyond those that are trained
    table = Table("picture", "what is assumed", "noisy", "earlier", "denoised", "told")
    rows = cases(128 if args.quick else args.size)
    chosen = (
        ("JPEG 75", "photons, peak 30", "clean print", "noise 0.2 told") if args.quick else rows
    )
    found, pictures = {}, {}
    for name in chosen:
        case = rows[name]()
        pixels = case.noisy if case.noisy.ndim == 3 else case.noisy[..., None]
        noise = "sensor" if name.startswith("photons") else None
        about = noisy_image(pixels, noise).about
        result = keras_pde.denoise(case.noisy, noise)
        scores = {"noisy": psnr(case, case.noisy), "denoised": psnr(case, result)}
        if case.told:
            scores["told"] = psnr(case, keras_pde.denoise(case.noisy, **case.told))
        found[name] = scores
        shown = [
            f"{scores[key]:.2f}" if key in scores else "" for key in ("noisy", "denoised", "told")
        ]
        before = f"{BEFORE[name]:.2f}" if name in BEFORE and not args.quick else ""
        table.add_row(name, about, shown[0], before, *shown[1:])
        if case.noisy.ndim == 2 and name in ("JPEG 75", "photons, peak 30", "clean print"):
            pair = {name: case.noisy, f"{name}, denoised": result}
            pictures |= {
                key: ((x - case.low) / (case.high - case.low))[:256, :256, None]
                for key, x in pair.items()
            }
    console.print(table)
    if args.picture and pictures:
        args.picture.write_bytes(comparison_png(side_by_side(pictures)))
    return found


if __name__ == "__main__":
    main()

"""What keras-pde inpaint does: read, drop or mask pixels, fill in the others, measure, write."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_pde.cli import denoise as cli_denoise
from keras_pde.cli.plumbing import show_quality

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.inpaint import Inpainted
    from keras_pde.tasks.quality import Quality

EQUATIONS = {2: "-Δu = 0", 4: "Δ²u = 0"}


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one but not yet against the image."""

    source: str | Path
    out: Path
    mask: Path | None = None
    keep: float | None = None
    order: int = 2
    seed: int = 0
    compare: Path | None = None
    tolerance: float = 1e-6


def run(request: Request) -> bool:
    """Inpaint an image file as requested, and say whether the tolerance was reached.

    Files are written whole or not at all.

    Raises:
        ValueError, OSError: bad input, output or mask, each with one sentence.
    """
    from keras_pde.data import images

    # the mask stands where a clean image would: a file that must not be overwritten
    cli_denoise._check_names(
        cli_denoise.Request(
            request.source, request.out, clean=request.mask, compare=request.compare
        )
    )
    if request.mask is not None and request.mask.resolve() == request.out.resolve():
        raise ValueError(f"{request.out} is the mask, and would be overwritten. Use another name.")
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    image = images.read(
        cli_denoise._sample(request.source) if isinstance(request.source, str) else request.source
    )
    images.check_output(request.out, image)
    known = _mask(request, image)
    from keras_pde.tasks import inpaint as inpainting

    start = time.perf_counter()
    with _residual_bar(request.tolerance) as show:
        result = inpainting.solve(image.pixels, known, request.order, request.tolerance, show)
    seconds = time.perf_counter() - start
    quality = None
    if request.keep is not None:
        from keras_pde.tasks import quality as qualities

        quality = qualities.quality(image.pixels, result.pixels.clip(0, 1))
    files = {request.out: images.encode(request.out, replace(image, pixels=result.pixels))}
    if request.compare is not None:
        files[request.compare] = _picture(image, known, result, quality)
    for path, data in files.items():
        images.write_bytes(path, data)
    _report(request, image, known, result, seconds, quality)
    return result.converged


def _mask(request: Request, image: Image) -> np.ndarray:
    from keras_pde.data import images
    from keras_pde.tasks import inpaint as inpainting

    size = image.pixels.shape[:2]
    if request.mask is None:
        assert request.keep is not None
        return inpainting.random_mask(size, request.keep, request.seed)
    white: np.ndarray = images.read(request.mask).pixels.mean(axis=-1)
    if white.shape != size:
        (h, w), (height, width) = white.shape, size
        raise ValueError(
            f"{request.mask} is {w} × {h}, and the image {width} × {height}: they must be alike"
        )
    known = white > 0.5  # a JPEG mask has greys near its edges
    if not known.any():
        raise ValueError(
            f"{request.mask} has no white pixel, and white means known. Is it inverted?"
        )
    return known


def _picture(image: Image, known: np.ndarray, result: Inpainted, quality: Quality | None) -> bytes:
    from keras_pde.data.side_by_side import comparison_png, side_by_side

    panels = {"known": image.pixels * known[..., None], "inpainted": result.pixels}
    notes = {"known": f"{100 * known.mean():.3g} %"}
    if quality is not None:
        panels |= {"difference": 128 / 255 + image.pixels - result.pixels}
        notes |= {"inpainted": f"{quality.psnr:.2f} dB"}
    return comparison_png(side_by_side(panels, notes))


def _report(
    request: Request,
    image: Image,
    known: np.ndarray,
    result: Inpainted,
    seconds: float,
    quality: Quality | None,
) -> None:
    about = f"mask {request.mask}" if request.mask else f"chosen at random, seed {request.seed}"
    click.echo(
        f"{request.source}: {image}; {100 * known.mean():.3g} % of the pixels known, {about}"
    )
    click.echo(
        f"order {request.order}, {EQUATIONS[request.order]}: {result.cycles} cycles, residual"
        f" {result.residual:.1e}, {seconds:.1f} s"
    )
    if quality is not None:
        show_quality({"inpainted": quality})
    click.echo(f"wrote {request.out}" + (f" and {request.compare}" if request.compare else ""))
    if not result.converged:
        click.echo(
            f"not converged: the residual {result.residual:.1e} is above the tolerance"
            f" {request.tolerance:g}; written as far as it came"
        )


@contextlib.contextmanager
def _residual_bar(tolerance: float) -> Iterator[Callable[[int, float], None]]:
    """A bar of the residual's way to the tolerance, in decades, on stderr where that is a terminal.

    Yields the solver's callback.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        decades = max(-math.log10(tolerance), 1e-9)
        task = bar.add_task("compiling", total=decades)

        def show(cycle: int, residual: float) -> None:
            done = min(max(-math.log10(max(residual, 1e-300)), 0.0), decades)
            bar.update(task, completed=done, description=f"cycle {cycle}, residual {residual:.1e}")

        yield show

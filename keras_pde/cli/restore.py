"""The command keras-pde restore: read, perhaps degrade, restore, measure, write."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files, pipes
from keras_pde.cli.arguments import preset_option
from keras_pde.cli.degrading import Degrading, cut
from keras_pde.cli.plumbing import load_networks, not_negative, positive, share
from keras_pde.cli.progress import residual_bar
from keras_pde.cli.tables import show_quality
from keras_pde.runtime.writing import write_all

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.data.ranges import Range
    from keras_pde.tasks.quality import Quality
    from keras_pde.tasks.restore import Restored
    from keras_pde.tasks.restore.degradations import Degradation

UNKNOWN = 1.0  # grey levels of noise where it is neither told nor estimated


@click.command(short_help="Restore a blurred, small or incomplete image.")
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@files.SAMPLE
@click.option(
    "--blur",
    metavar="KERNEL",
    help=(
        "IN is blurred: by gaussian:WIDTH, box:SIZE, motion:LENGTH,ANGLE in pixels and degrees, or"
        " by a kernel in an image file."
    ),
)
@click.option(
    "--scale",
    type=click.IntRange(2, 4),
    metavar="FACTOR",
    help="IN is small: OUT is so many times as wide and high.",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="IN has holes: black or transparent in this image of its size.",
)
@click.option("--keep", type=share, metavar="SHARE", help="With --degrade: pixels at random.")
@click.option(
    "--boundary",
    type=click.Choice(["neumann", "dirichlet", "periodic"]),
    default="neumann",
    help="Beyond IN's border: its reflection, black, or its other side.  [neumann]",
)
@preset_option("auto", "Denoiser, name or directory; auto is the best averaged one.", "denoise")
@click.option(
    "--noise",
    type=positive,
    metavar="SIGMA",
    help=(
        "Noise level of IN, in grey levels of 255, which are 1/255 of the range.  [estimated; with"
        " --mask 1]"
    ),
)
@files.RANGE
@click.option(
    "--degrade",
    type=not_negative,
    metavar="SIGMA",
    help=(
        "IN is the clean image: first degrade it, add noise of SIGMA grey levels, and measure the"
        " result."
    ),
)
@click.option("--method", type=click.Choice(["admm", "pgd"]), default="admm", help="[admm]")
@click.option(
    "--iterations", type=click.IntRange(min=1), default=200, metavar="N", help="At most.  [200]"
)
@click.option(
    "--tolerance",
    type=positive,
    default="1e-4",
    metavar="TOL",
    help="Relative change of an iteration to reach.  [1e-4]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Of noise.  [0]")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write degraded and restored image and, with --degrade, the clean one side by side.",
)
@files.MAX_PIXELS
@click.pass_context
def restore(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    sample: str | None,
    blur: str | None,
    scale: int | None,
    mask: Path | None,
    keep: float | None,
    boundary: str,
    **options: Any,
) -> None:
    """Restore the image IN and write OUT, by a certified denoiser.

    Both are PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour; alpha is kept. There are three
    ways:

    \b
      try it, without a file:
        keras-pde restore --sample out.png --blur gaussian:2 --degrade 2
      sharpen, enlarge, fill in:
        keras-pde restore blurred.png out.png --blur motion:9,30
        keras-pde restore small.png out.png --scale 2
        keras-pde restore holes.png out.png --mask mask.png
      measure, with a clean image:
        keras-pde restore clean.png out.png --scale 2 --degrade 1

    It is printed what is proved about the iteration. With --degrade a table shows PSNR (peak 255,
    clipped) and SSIM of the first guess, such as the enlarged IN, and of OUT. The exit code
    is 1 if the tolerance is not reached.
    """  # noqa: D301 - click wants the real \b
    source, out = files.in_and_out(paths, sample)
    how = Degrading(blur, scale, mask, keep, boundary, options["seed"])
    how.check(degraded=options["degrade"] is None)
    if options["noise"] and options["degrade"] is not None:
        raise click.UsageError("--degrade says the noise that it adds, so --noise has no use.")
    with pipes.streams(source, out) as (source, out):
        reached = run(Request(source, out, how, **options))
    ctx.exit(0 if reached else 1)


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one but not yet against the image."""

    source: str | Path
    out: Path
    how: Degrading
    preset: str = "auto"
    noise: float | None = None
    range: str | tuple[float, float] = "auto"
    degrade: float | None = None
    method: str = "admm"
    iterations: int = 200
    tolerance: float = 1e-4
    seed: int = 0
    compare: Path | None = None
    max_pixels: int | None = None


def run(request: Request) -> bool:
    """Restore an image file as requested, and say whether the tolerance was reached.

    Files are written whole or not at all.

    Raises:
        ValueError, OSError: bad input, output, kernel, mask or preset, each with one sentence.
    """
    from keras_pde import presets
    from keras_pde.data import images, ranges

    how = request.how
    read = how.mask if how.blur is None else Path(how.blur)
    files.check_names(request.source, request.out, request.compare, read)
    if read is not None and read.resolve() == request.out.resolve():
        raise ValueError(f"{request.out} is read too, and would be overwritten. Use another name.")
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    kernel = how.kernel(request.max_pixels)
    if request.preset != "auto":
        presets.locate(request.preset, None)  # a misspelt name is refused at once
    image = files.read(files.path_of(request.source), request.max_pixels, any_range=True)
    images.check_output(request.out, image)
    asked = image.in_pixels(request.range)
    unit = ranges.range_of(image.pixels, asked, image.white, image.depth)
    image = replace(image, pixels=unit.normalised(image.pixels))
    if request.degrade is not None:
        image = cut(image, how.scale)
    known = how.known(image, request.max_pixels)
    load_networks()
    from keras_pde.tasks import quality as qualities
    from keras_pde.tasks.restore.restoration import noise_of, restore

    degradation = how.degradation(kernel, known)
    data = _data(request, degradation, image)
    noise = request.noise if request.degrade is None else max(request.degrade, UNKNOWN)
    if noise is None:
        noise = noise_of(degradation, data) if degradation.data_are_pixels else UNKNOWN
    start = time.perf_counter()
    with residual_bar(request.tolerance, "iteration") as show, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the report says what they say
        result = restore(
            data,
            degradation,
            preset=request.preset,
            noise=noise,
            method=request.method,
            iterations=request.iterations,
            tolerance=request.tolerance,
            progress=show,
        )
    seconds = time.perf_counter() - start
    guess = degradation.first_guess(data)
    measured = {}
    if request.degrade is not None:
        measured = {
            name: qualities.quality(image.pixels, u.clip(0, 1))
            for name, u in (("first guess", guess), ("restored", result.pixels))
        }
    found = result.pixels * unit.span + unit.low
    restored = how.enlarged(image, found.astype("float32"))
    written = {request.out: images.encode(request.out, restored)}
    if request.compare is not None:
        clean = None if request.degrade is None else image.pixels
        written[request.compare] = _picture(degradation, data, result, clean, measured)
    write_all(written)
    _report(request, image, degradation, noise, unit, result, seconds, measured)
    files.say_dropped(request.out, restored)
    return result.converged


def _data(request: Request, degradation: Degradation, image: Image) -> np.ndarray:
    """The data: IN, or what the degradation and noise make of it."""
    from keras_pde.data.noise.adding import added

    pixels = image.pixels.astype("float64")
    if request.degrade is None:
        return pixels if degradation.data_are_pixels else degradation(pixels)
    noisy = added(degradation(pixels), request.degrade, request.seed).astype("float64")
    return noisy if degradation.data_are_pixels else degradation(noisy)


def _picture(
    degradation: Degradation,
    data: np.ndarray,
    result: Restored,
    clean: np.ndarray | None,
    measured: dict[str, Quality],
) -> bytes:
    from keras_pde.data.side_by_side import comparison_png, side_by_side

    factor = result.pixels.shape[0] // data.shape[0]
    shown = data.repeat(factor, axis=0).repeat(factor, axis=1)
    panels = {"clean": clean} if clean is not None else {}
    panels |= {"degraded": shown, "restored": result.pixels}
    notes = {name: f"{q.psnr:.2f} dB" for name, q in measured.items()}
    return comparison_png(side_by_side(panels, notes))


def _report(
    request: Request,
    image: Image,
    degradation: Degradation,
    noise: float,
    unit: Range,
    result: Restored,
    seconds: float,
    measured: dict[str, Quality],
) -> None:
    if request.degrade is not None:
        about = f"{degradation}; noise {request.degrade:g} added, seed {request.seed}"
    elif request.noise or not degradation.data_are_pixels:
        about = f"{degradation}, noise {noise:g}"
    else:
        about = f"{degradation}, noise {noise:.1f} estimated (--noise tells another level)"
    click.echo(f"{request.source}: {image}; {about}{files.say_range(unit, image)}")
    click.echo(f"{result.preset}, {result.summary()}, {seconds:.1f} s")
    click.echo(f"proved: {result.conclusion}")
    if measured:
        show_quality(measured)
    click.echo(f"wrote {request.out}" + (f" and {request.compare}" if request.compare else ""))

"""The command keras-pde inpaint: read, drop or mask pixels, fill in the others, measure, write."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files, pipes
from keras_pde.cli.plumbing import load_networks, positive, share
from keras_pde.cli.progress import residual_bar
from keras_pde.cli.tables import show_quality
from keras_pde.runtime.writing import write_all

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.data.ranges import Range
    from keras_pde.tasks.inpaint.image import Inpainted
    from keras_pde.tasks.quality import Quality

EQUATIONS = {2: "-Δu = 0", 4: "Δ²u = 0"}


@click.command(short_help="Fill in the unknown pixels of an image.")
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@files.SAMPLE
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Image of IN's size: white where IN is known, black or transparent where not.",
)
@click.option(
    "--keep",
    type=share,
    metavar="SHARE",
    help=(
        "Keep this share of the pixels, chosen at random: IN is the full image, and the result is"
        " measured."
    ),
)
@click.option(
    "--order",
    type=click.Choice(["2", "4"]),
    default="2",
    help="2: homogeneous diffusion, within the range of IN; 4: biharmonic, smoother.  [2]",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of --keep.  [0]")
@click.option(
    "--tolerance",
    type=positive,
    default="1e-6",
    metavar="TOL",
    help="Relative residual to reach.  [1e-6]",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write known pixels, inpainted image and, with --keep, difference side by side.",
)
@files.RANGE
@files.MAX_PIXELS
@click.pass_context
def inpaint(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    sample: str | None,
    order: str,
    seed: int | None,
    **options: Any,
) -> None:
    """Fill in the unknown pixels of the image IN and write OUT.

    Both are PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour; alpha is kept. There are three
    ways:

    \b
      restore a photograph from 10 % of its pixels:
        keras-pde inpaint --sample camera out.png --keep 0.1
      fill a hole or a scratch, black in the mask:
        keras-pde inpaint damaged.png out.png --mask mask.png
      measure, with an image that is whole:
        keras-pde inpaint clean.png out.png --keep 0.1

    With --keep a table shows PSNR (peak 255, result clipped) and SSIM. The exit code is 1 if the
    tolerance is not reached.
    """  # noqa: D301 - click wants the real \b
    source, out = files.in_and_out(paths, sample)
    if (options["mask"] is None) == (options["keep"] is None):
        raise click.UsageError(
            "Give --mask FILE for an image with holes, or --keep SHARE to drop pixels of a full"
            " one: one of the two."
        )
    if options["mask"] is not None and seed is not None:
        raise click.UsageError(
            "--seed chooses the pixels of --keep; with --mask there is nothing to choose."
        )
    with pipes.streams(source, out) as (source, out):
        reached = run(Request(source, out, order=int(order), seed=seed or 0, **options))
    ctx.exit(0 if reached else 1)


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
    range: str | tuple[float, float] = "auto"
    max_pixels: int | None = None


def run(request: Request) -> bool:
    """Inpaint an image file as requested, and say whether the tolerance was reached.

    Files are written whole or not at all.

    Raises:
        ValueError, OSError: bad input, output or mask, each with one sentence.
    """
    from keras_pde.data import images

    files.check_names(request.source, request.out, request.compare, request.mask)
    if request.mask is not None and request.mask.resolve() == request.out.resolve():
        raise ValueError(f"{request.out} is the mask, and would be overwritten. Use another name.")
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    image = files.read(files.path_of(request.source), request.max_pixels, True)
    images.check_output(request.out, image)
    known = _mask(request, image)
    from keras_pde.data import ranges
    from keras_pde.tasks.inpaint import image as inpainting

    if known.size > inpainting.AT_ONCE:
        load_networks()
    used = ranges.range_of(image.pixels, image.in_pixels(request.range), image.white, image.depth)
    start = time.perf_counter()
    first = "compiling" if known.size > inpainting.AT_ONCE else "building grids"
    with residual_bar(request.tolerance, first=first) as show:
        result = inpainting.solve(image.pixels, known, request.order, request.tolerance, show)
    seconds = time.perf_counter() - start
    quality = None
    if request.keep is not None:
        from keras_pde.tasks import quality as qualities

        found = used.normalised(result.pixels).clip(0, 1)
        quality = qualities.quality(used.normalised(image.pixels), found)
    written = {request.out: images.encode(request.out, replace(image, pixels=result.pixels))}
    if request.compare is not None:
        written[request.compare] = _picture(image, known, result, quality, used)
    write_all(written)
    _report(request, image, known, result, seconds, quality)
    return result.converged


def _mask(request: Request, image: Image) -> np.ndarray:
    from keras_pde.tasks.inpaint import image as inpainting

    if request.mask is not None:
        return files.known_pixels(request.mask, image, request.max_pixels)
    assert request.keep is not None
    return inpainting.random_mask(image.pixels.shape[:2], request.keep, request.seed)


def _picture(
    image: Image, known: np.ndarray, result: Inpainted, quality: Quality | None, used: Range
) -> bytes:
    from keras_pde.data.side_by_side import comparison_png, side_by_side

    full, found = (used.normalised(pixels) for pixels in (image.pixels, result.pixels))
    panels = {"known": full * known[..., None], "inpainted": found}
    notes = {"known": f"{100 * known.mean():.3g} %"}
    if quality is not None:
        panels |= {"difference": 128 / 255 + full - found}
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
    files.say_dropped(request.out, image)
    if not result.converged:
        click.echo(
            f"not converged: the residual {result.residual:.1e} is above the tolerance"
            f" {request.tolerance:g}; written as far as it came"
        )

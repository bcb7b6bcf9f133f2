"""The command keras-pde denoise: read, add noise, filter, measure, write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files, folders, pipes, sensor, stacks
from keras_pde.cli.arguments import preset_option
from keras_pde.cli.denoise_report import Report, report_of
from keras_pde.cli.denoise_request import Request
from keras_pde.cli.plumbing import (
    level_or_sensor,
    load_networks,
    noise_level,
    positive,
    refused,
)
from keras_pde.cli.progress import staged_bar
from keras_pde.runtime.writing import write_all

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.quality import Quality

STAGES = ("reading", "loading the preset", "filtering", "measuring", "writing")


@click.command(short_help="Remove the noise of an image.")
@click.argument("paths", nargs=-1, metavar="[IN]... OUT", type=click.Path(path_type=Path))
@files.SAMPLE
@preset_option(
    "auto",
    "Preset name or directory; auto is the best certified one for the image.",
    "denoise",
)
@click.option(
    "--noise",
    type=level_or_sensor,
    metavar="SIGMA",
    help=(
        "Noise level of IN, in grey levels of 255, which are 1/255 of the range; sensor for photons"
        " and readout.  [estimated]"
    ),
)
@click.option(
    "--add-noise",
    type=noise_level,
    metavar="SIGMA",
    help=(
        "First add noise of SIGMA grey levels (of 255): IN is the clean image, and the result is"
        " measured."
    ),
)
@refused("--sigma", "--sigma is called --noise now, and adds none; --add-noise does that.")
@files.RANGE
@sensor.options
@click.option(
    "--clean",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The clean image of a noisy IN, to measure against.",
)
@click.option(
    "--time",
    type=positive,
    metavar="T",
    help="Stopping time of the diffusion, instead of the preset's for the noise level.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of --add-noise.  [0]"
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write noisy, denoised and difference side by side.",
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="Fit the preset's scales to IN without a clean image, and estimate PSNR; takes 10 runs.",
)
@files.FRAMES
@files.SPACING
@files.MAX_PIXELS
@click.pass_context
def denoise(
    ctx: click.Context, /, paths: tuple[Path, ...], sample: str | None, **options: Any
) -> None:
    """Denoise the image IN and write OUT.

    Both are PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour; alpha is kept. Some ways:

    \b
      try it, without a file:
        keras-pde denoise --sample camera out.png --add-noise 25
      denoise a noisy image, whose noise is estimated, or told:
        keras-pde denoise noisy.png out.png --noise 15
      measure, with a clean image:
        keras-pde denoise clean.png out.png --add-noise 25
      a folder, or some files, into a folder:
        keras-pde denoise photos out/
        keras-pde denoise "scan*.png" more.tif out/
      in a pipe, OUT as a PNG or, by tif:- or jpg:-, another kind:
        convert a.png - | keras-pde denoise - - | display

    A stack, hyperstack or time series is denoised plane by plane and written as one, with its tags;
    with a preset for volumes its slices are one volume.

    With --add-noise or --clean a table shows PSNR (peak 255, result clipped) and SSIM. --calibrate
    estimates the same PSNR from IN alone, if its noise is white, Gaussian and not clipped.
    """  # noqa: D301 - click wants the real \b
    if options["add_noise"] and options["clean"]:
        raise click.UsageError(
            "--add-noise makes IN noisy, --clean is for an IN that is noisy already: use one or the"
            " other."
        )
    if sample and options["noise"] and not options["add_noise"]:
        raise click.UsageError(
            "--noise states the noise that IN has, and the samples are clean: --add-noise adds it."
        )
    if sample is None and folders.are_many(paths):
        ctx.exit(folders.denoise_each(paths, run, options))
    source, out = files.in_and_out(paths, sample)
    with pipes.streams(source, out) as (source, out):
        report = run(Request(source, out, **options))
        if report is not None:
            report.show()


def run(request: Request, prefix: str = "") -> Report | None:
    """Denoise an image file as requested; nothing is written unless everything went well.

    Args:
        request: what to do.
        prefix: of the progress bar's text.

    Returns:
        What to say of it; None of a stack, which was said.

    Raises:
        ValueError, OSError: bad input, output or preset, each with one sentence.
    """
    from keras_pde import presets
    from keras_pde.data import images

    files.check_names(request.source, request.out, request.compare, request.clean)
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    with files.opened(request.source, request.max_pixels) as stack:
        if stack.count > 1 and request.frames == "each":
            stacks.run(request, stack)
            return None
        image, which = files.one_of(stack, request.frames)
    with staged_bar(STAGES, prefix) as advance:
        images.check_output(request.out, image)
        clean = _clean(request, image)
        if request.preset != "auto":
            presets.locate(request.preset, None)  # a misspelt name is refused at once
        advance()
        load_networks()
        from keras_pde.data import ranges
        from keras_pde.tasks import quality as qualities
        from keras_pde.tasks.denoise import calibrating, choosing
        from keras_pde.tasks.denoise.grey import with_noise
        from keras_pde.tasks.denoise.planes import Asked, Plane

        noisy, told = image.pixels, request.noise
        asked: Any = request.range
        if request.add_noise:
            asked = ranges.range_of(noisy, image.in_pixels(asked), image.white, image.depth)
            visible = None if image.alpha is None else image.alpha > 0
            noisy = with_noise(noisy, request.add_noise * asked.span, request.seed, visible)
            told = told or request.add_noise
        steps = None if request.add_noise else image.steps
        plane = Plane.of(replace(image, pixels=noisy, steps=steps))
        known = plane.known(Asked(told, asked, request.gain, request.offset, request.readout))
        if request.calibrate:
            calibrating.check(known, steps)
        shape = known.shape(request.preset)
        chosen = choosing.choose_denoiser(
            request.preset, shape, known.level, request.time, request.spacing
        )
        advance()
        fitted, progress = None, lambda done, count: advance(done / count)
        if request.calibrate:
            fitted = calibrating.fitted(*calibrating.levelled(known, told), chosen, None, progress)
            result = fitted.result
        else:
            best = request.preset == "auto" and request.time is None
            result = known.filtered(chosen, best, progress=progress)
        denoised = result.pixels
        shown = {"clean": clean, "noisy": noisy, "denoised": denoised}
        seen = {key: known.unit.normalised(x) for key, x in shown.items() if x is not None}
        measured = (
            {}
            if clean is None
            else {
                "noisy": qualities.quality(seen["clean"], seen["noisy"]),
                "denoised": qualities.quality(seen["clean"], seen["denoised"].clip(0, 1)),
            }
        )
        advance()
        written = {request.out: images.encode(request.out, replace(image, pixels=denoised))}
        if request.compare is not None:
            written[request.compare] = _picture(seen, measured)
        write_all(written)
        advance()
    report = report_of(request, image, known, chosen, result, measured, fitted)
    return replace(report, notes=[*([which] if which else []), *report.notes], seen=seen)


def _clean(request: Request, image: Image) -> np.ndarray | None:
    """The image to measure against: IN itself if noise is added to it, or another file."""
    if request.add_noise:
        return image.pixels
    if request.clean is None:
        return None
    clean = files.read(request.clean, request.max_pixels, True).pixels
    if clean.shape != image.pixels.shape:
        (h, w, c), (height, width, channels) = clean.shape, image.pixels.shape
        raise ValueError(
            f"{request.clean} is {w} × {h} with {c} channels, and the noisy image {width} ×"
            f" {height} with {channels}: they must be alike"
        )
    return clean


def _picture(seen: dict[str, np.ndarray], measured: dict[str, Quality]) -> bytes:
    from keras_pde.data.side_by_side import comparison, comparison_png

    notes = {name: f"{q.psnr:.2f} dB" for name, q in measured.items()}
    panels = comparison(seen["noisy"], seen["denoised"], seen.get("clean"), notes)
    return comparison_png(panels)

"""The command keras-pde denoise: read, add noise, filter, measure, write."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files
from keras_pde.cli.plumbing import load_networks, noise_level, positive
from keras_pde.cli.printing import progress_bar, show_quality
from keras_pde.runtime.writing import write_all

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
    from keras_pde.tasks.quality import Quality

STAGES = ("reading", "loading the preset", "filtering", "measuring", "writing")


@click.command(short_help="Remove the noise of an image.")
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@files.SAMPLE
@click.option(
    "--preset",
    default="auto",
    metavar="NAME",
    help="Preset name or directory; auto is the best certified one for the image.  [auto]",
)
@click.option(
    "--noise",
    type=noise_level,
    metavar="SIGMA",
    help=(
        "First add noise of SIGMA grey levels (of 255): IN is the clean image, and the result is"
        " measured."
    ),
)
@click.option(
    "--sigma",
    type=noise_level,
    metavar="SIGMA",
    help="Noise level that IN has already, in grey levels of 255.  [estimated]",
)
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
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of --noise.  [0]"
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write noisy, denoised and difference side by side.",
)
@files.MAX_PIXELS
def denoise(paths: tuple[Path, ...], sample: str | None, **options: Any) -> None:
    """Denoise the image IN and write OUT.

    Both are PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour; alpha is kept. There are three
    ways:

    \b
      try it, without a file:
        keras-pde denoise --sample camera out.png --noise 25
      denoise a noisy image:
        keras-pde denoise noisy.png out.png --sigma 15
      measure, with a clean image:
        keras-pde denoise clean.png out.png --noise 25

    With --noise or --clean a table shows PSNR (peak 255, result clipped) and SSIM.
    """  # noqa: D301 - click wants the real \b
    source, out = files.in_and_out(paths, sample)
    if options["noise"] and (options["sigma"] or options["clean"]):
        raise click.UsageError(
            "--noise makes IN noisy, --sigma and --clean are for an IN that is noisy already: use"
            " one or the other."
        )
    run(Request(source, out, **options))


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one but not yet against the image."""

    source: str | Path
    out: Path
    preset: str = "auto"
    noise: float | None = None
    sigma: float | None = None
    clean: Path | None = None
    time: float | None = None
    seed: int = 0
    compare: Path | None = None
    max_pixels: int | None = None


def run(request: Request) -> None:
    """Denoise an image file as requested; nothing is written unless everything went well.

    Raises:
        ValueError, OSError: bad input, output or preset, each with one sentence.
    """
    from keras_pde import presets
    from keras_pde.data import images

    files.check_names(request.source, request.out, request.compare, request.clean)
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    with _progress() as advance:
        image = files.read(files.path_of(request.source), request.max_pixels)
        images.check_output(request.out, image)
        clean = _clean(request, image)
        if request.preset != "auto":
            presets.locate(request.preset, None)  # a misspelt name is refused at once
        advance()
        load_networks()
        from keras_pde.data import noise
        from keras_pde.tasks import quality as qualities
        from keras_pde.tasks.denoise import image as denoising
        from keras_pde.tasks.denoise import levels

        noisy = (
            noise.add_noise(image.pixels, request.noise, request.seed)
            if request.noise
            else image.pixels
        )
        level = request.noise or request.sigma or denoising.noise_level(noisy)
        part = levels.part_of(noisy, level)
        chosen = denoising.choose_denoiser(
            request.preset, image.pixels.shape, level / part.span, request.time
        )
        advance()
        result = chosen(noisy, level, part=part, progress=lambda done, count: advance(done / count))
        denoised = result.pixels
        measured = (
            {}
            if clean is None
            else {
                "noisy": qualities.quality(clean, noisy),
                "denoised": qualities.quality(clean, denoised.clip(0, 1)),
            }
        )
        advance()
        written = {request.out: images.encode(request.out, replace(image, pixels=denoised))}
        if request.compare is not None:
            written[request.compare] = _picture(noisy, denoised, clean, measured)
        write_all(written)
        advance()
    _report(request, image, level, chosen, result, measured)


def _clean(request: Request, image: Image) -> np.ndarray | None:
    """The image to measure against: IN itself if noise is added to it, or another file."""
    if request.noise:
        return image.pixels
    if request.clean is None:
        return None
    clean = files.read(request.clean, request.max_pixels).pixels
    if clean.shape != image.pixels.shape:
        (h, w, c), (height, width, channels) = clean.shape, image.pixels.shape
        raise ValueError(
            f"{request.clean} is {w} × {h} with {c} channels, and the noisy image {width} ×"
            f" {height} with {channels}: they must be alike"
        )
    return clean


def _picture(
    noisy: np.ndarray, denoised: np.ndarray, clean: np.ndarray | None, measured: dict[str, Quality]
) -> bytes:
    from keras_pde.data.side_by_side import comparison, comparison_png

    notes = {name: f"{q.psnr:.2f} dB" for name, q in measured.items()}
    return comparison_png(comparison(noisy, denoised, clean, notes))


def _report(
    request: Request,
    image: Image,
    level: float,
    chosen: Denoiser,
    result: Denoised,
    measured: dict[str, Quality],
) -> None:
    name, model, tuned = chosen.name, chosen.network, chosen.tuned
    if request.noise:
        about = f"noise {level:g} added, seed {request.seed}"
    elif request.sigma:
        about = f"noise {level:g}"
    else:
        shown = f"{level:.1f}" if level >= 1 else f"{level:.2g}"
        about = f"noise {shown} estimated (--sigma tells another level)"
    click.echo(f"{request.source}: {image}; {about}")
    how = (
        "" if model.input_channels == image.pixels.shape[-1] else ", each colour channel by itself"
    )
    click.echo(f"{name}: {model.description}{how}")
    proved = model.certificate().claims()
    click.echo(f"proved: {', '.join(proved) or 'nothing; this filter has no stability guarantee'}")
    if not tuned and not model.noise_conditioned:
        click.echo(f"{name} has no table of noise levels: the network was used as it is")
    if measured:
        show_quality(measured)
    if result.tiling.count > 1:
        click.echo(str(result.tiling))
    click.echo(f"wrote {request.out}" + (f" and {request.compare}" if request.compare else ""))
    files.say_dropped(request.out, image)
    if result.diagnosis is not None:
        click.echo(result.diagnosis.summary())


@contextlib.contextmanager
def _progress() -> Iterator[Callable[..., None]]:
    """A progress bar over the stages.

    Yields what advances it by a stage, or by a part of one.
    """
    from rich.progress import TimeElapsedColumn

    with progress_bar(TimeElapsedColumn()) as bar:
        task = bar.add_task(STAGES[0], total=len(STAGES))
        stage = 0

        def advance(part: float = 1.0) -> None:
            nonlocal stage
            stage += part >= 1
            bar.update(
                task, completed=stage + part % 1, description=STAGES[min(stage, len(STAGES) - 1)]
            )

        yield advance

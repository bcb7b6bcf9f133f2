"""The command keras-pde gallery: presets side by side on the user's picture, as one page."""

from __future__ import annotations

import fnmatch
import tempfile
import time
from pathlib import Path

import click

from keras_pde.cli import files, folders
from keras_pde.cli.denoise import run
from keras_pde.cli.denoise_request import Request
from keras_pde.cli.gallery_page import Shown, page
from keras_pde.cli.plumbing import level_or_sensor, noise_level
from keras_pde.runtime.writing import check_target, write_bytes


@click.command(short_help="Compare presets on your picture, as a page.")
@click.argument("paths", nargs=-1, metavar="[IN] OUT.html", type=click.Path(path_type=Path))
@files.SAMPLE
@click.option(
    "--presets", multiple=True, metavar="PATTERN", help='Such as "gated*", several times.  [all]'
)
@click.option(
    "--noise", type=level_or_sensor, metavar="SIGMA", help="Noise level of IN.  [estimated]"
)
@click.option(
    "--add-noise",
    type=noise_level,
    metavar="SIGMA",
    help="First add noise of SIGMA grey levels: IN is the clean image, and results are measured.",
)
@files.RANGE
@files.MAX_PIXELS
@click.pass_context
def gallery(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    sample: str | None,
    presets: tuple[str, ...],
    noise: float | str | None,
    add_noise: float | None,
    range: str | tuple[float, float],
    max_pixels: int | None,
) -> None:
    """Denoise the image IN by each preset for images, and write one page that compares them.

    OUT.html holds all pictures and needs no network. A click on a result shows it beside the noisy
    image, at its full size.

    \b
      your picture, by every preset:
        keras-pde gallery noisy.jpg gallery.html
      measured, by some:
        keras-pde gallery --sample camera g.html --add-noise 25 --presets "gated*"

    The exit code is 1 if a preset has no result.
    """  # noqa: D301 - click wants the real \b
    source, out = files.in_and_out(paths, sample)
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"OUT is a page, and ends in .html. Received: {out}")
    check_target(out)
    with files.opened(source, max_pixels) as stack:
        channels = files.one_of(stack, "first")[0].pixels.shape[-1]
    names = _presets(presets, channels)
    results, failed = [], 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            left = folders.time_left(start, number, len(names))
            target = Path(folder, f"{name}.tif")  # which has room for every depth
            request = Request(
                source,
                target,
                name,
                noise,
                add_noise,
                range,
                frames="first",
                max_pixels=max_pixels,
            )
            began = time.perf_counter()
            try:
                report = run(request, f"{number + 1} of {len(names)}{left}, {name}: ")
            except (ValueError, OSError) as error:
                failed += 1
                results.append(Shown(name, error=" ".join(str(error).split())))
                continue
            assert report is not None  # one plane
            seconds = time.perf_counter() - began
            results.append(Shown(name, report, seconds))
    if failed == len(names):
        raise ValueError(f"No preset has a result: {results[0].error}")
    write_bytes(out, page(str(source), results).encode())
    best = f", {_best(results)} has the best PSNR" if add_noise else ""
    click.echo(f"wrote {out}: {len(names) - failed} of {len(names)} presets{best}")
    ctx.exit(1 if failed else 0)


def _presets(patterns: tuple[str, ...], channels: int) -> list[str]:
    """Names of the presets that denoise images of so many channels and match one of the patterns.

    Raises:
        ValueError: none.
    """
    from keras_pde import presets

    index = presets.index()
    of_images = [
        name
        for name, entry in sorted(index.items())
        if entry["task"] == "denoise"
        and entry["ndim"] == 2
        and entry["channels"] in (0, 1, channels)  # of one channel: each by itself
    ]
    found = [
        name
        for name in of_images
        if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]
    if not found:
        raise ValueError(
            f"No preset for images matches {', '.join(patterns)}. There are:"
            f" {', '.join(of_images)}."
        )
    return found


def _best(results: list[Shown]) -> str:
    """The preset of the largest PSNR."""
    return max(results, key=lambda shown: shown.psnr).name

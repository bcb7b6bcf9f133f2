"""The command keras-pde represent: fit a function to a picture, and render it at any size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files, pipes
from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_networks, load_preset, positive
from keras_pde.cli.progress import progress_bar

if TYPE_CHECKING:
    import numpy as np

LONGEST = 1 << 15  # pixels of a side


def _size(text: str) -> int | tuple[int, int]:
    """Pixels of the longer side, or WIDTHxHEIGHT."""
    parts = text.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(p.isascii() and p.isdigit() for p in parts):
        raise click.BadParameter(f"{text!r} is neither pixels of the longer side nor WIDTHxHEIGHT.")
    numbers = [int(part[:9]) for part in parts]
    if not all(1 <= n <= LONGEST for n in numbers):
        raise click.BadParameter(f"{text!r}: sides have 1 to {LONGEST:,} pixels.")
    return numbers[0] if len(numbers) == 1 else (numbers[1], numbers[0])


def _omega(text: str) -> float | str:
    """A word, or a number > 0."""
    return text if text == "auto" else positive(text)


@click.command(short_help="Fit a function to a picture, and render it at any size.")
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@files.SAMPLE
@click.option(
    "--size",
    type=_size,
    metavar="SIZE",
    help="Pixels of the longer side of OUT, or WIDTHxHEIGHT.  [that of IN]",
)
@click.option(
    "--network",
    type=PresetName("represent"),
    metavar="NAME",
    help="Render a network that was saved, or a preset; there is no IN then.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Save the network that was fitted, for --network and keras_pde.from_preset.",
)
@click.option(
    "--omega",
    type=_omega,
    default="auto",
    metavar="NUMBER",
    help="Bandwidth of the function; auto, from the spectrum of IN.  [auto]",
)
@click.option(
    "--units", type=click.IntRange(1, 4096), default=128, help="Units of each layer.  [128]"
)
@click.option("--layers", type=click.IntRange(1, 16), default=3, help="Layers of sines.  [3]")
@click.option("--steps", type=click.IntRange(1, 10**6), default=1000, help="Of Adam.  [1000]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of weights.  [0]")
@files.MAX_PIXELS
def represent(paths: tuple[Path, ...], sample: str | None, **options: Any) -> None:
    """Fit a function of coordinates, a network of sines, to the image IN, and write it as OUT.

    The function has no pixels of its own: OUT may have any size. Both are PNG, JPEG or TIFF, grey
    or colour. What is printed is the PSNR at the pixels of IN (peak 255), and the number of
    weights.

    \b
      a photograph at twice its size:
        keras-pde represent --sample camera out.png --size 1024
      a sharper function, which takes longer:
        keras-pde represent photo.jpg out.png --units 256 --steps 4000
      keep the network, and render it again:
        keras-pde represent photo.jpg out.png --save ./photo_net
        keras-pde represent --network ./photo_net wide.png --size 1920x1080
    """  # noqa: D301 - click wants the real \b
    request = Request(**options)
    if request.network is not None:
        if sample is not None or len(paths) != 1 or request.save is not None:
            raise click.UsageError("With --network give OUT only: there is nothing to fit or save.")
        render(request, paths[0])
        return
    source, out = files.in_and_out(paths, sample)
    with pipes.streams(source, out) as (source, out):
        run(request, source, out)


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one."""

    size: int | tuple[int, int] | None = None
    network: str | None = None
    save: Path | None = None
    omega: float | str = "auto"
    units: int = 128
    layers: int = 3
    steps: int = 1000
    seed: int = 0
    max_pixels: int | None = None


def render(request: Request, out: Path) -> None:
    """Write a saved network as an image.

    Raises:
        ValueError, OSError: no network of the task, or a name that cannot be written.
    """
    from keras_pde.data import images

    images.check_output(out)
    network = load_preset(str(request.network))
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.represent.representing import sizes_for

    tasks.get("represent").check(network)
    if network.input_channels != 2 or network.outputs not in (1, 3):
        raise ValueError(
            f"{network.name} is a function of {network.input_channels} coordinates with"
            f" {network.outputs} channels: a picture has 2, and 1 or 3"
        )
    sizes = sizes_for(network.extent or (1.0, 1.0), request.size or 512)
    _write(out, network.render(sizes), 8)


def run(request: Request, source: str | Path, out: Path) -> None:
    """Fit a network to an image file as requested, and write it.

    Raises:
        ValueError, OSError: bad input or output, each with one sentence.
    """
    from keras_pde.data import images

    files.check_names(source, out, None)
    images.check_output(out)
    if request.save is not None and request.save.exists() and not request.save.is_dir():
        raise ValueError(f"{request.save} is a file: --save names a directory")
    image = files.read(files.path_of(source), request.max_pixels)
    start = time.perf_counter()
    load_networks()
    from keras_pde.tasks.represent.representing import represent as fitted

    with progress_bar() as bar:
        task = bar.add_task("compiling", total=request.steps)
        found = fitted(
            image.pixels,
            [request.units] * request.layers,
            request.omega,
            steps=request.steps,
            seed=request.seed,
            show=lambda step, logs: bar.update(
                task, completed=step, description=f"step {step}, error² {logs['loss']:.1e}"
            ),
        )
    seconds = time.perf_counter() - start
    values = found.render(request.size)
    if request.save is not None:
        found.network.save_to_preset(request.save)
    _write(out, values, image.depth)
    click.echo(f"{source}: {image}")
    click.echo(
        f"{request.steps} steps, ω = {found.omega:.3g}, {seconds:.1f} s: {found.psnr:.2f} dB by"
        f" {found.network.count_params():,} weights for {image.pixels.size:,} values"
    )
    if image.alpha is not None:
        click.echo("transparency is not represented")
    saved = f" and {request.save}" if request.save else ""
    click.echo(f"wrote {out}{saved}: {values.shape[1]} × {values.shape[0]}")


def _write(out: Path, values: np.ndarray, depth: int) -> None:
    from keras_pde.data import images

    images.write(out, images.Image(values.clip(0, 1).astype("float32"), depth=depth))

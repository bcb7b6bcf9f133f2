"""What keras-pde denoise does: read, add noise, filter, measure, write."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_pde.cli.plumbing import SAMPLES, show_quality

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
    from keras_pde.tasks.quality import Quality

STAGES = ("reading", "loading the preset", "filtering", "measuring", "writing")


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


def run(request: Request) -> None:
    """Denoise an image file as requested; nothing is written unless everything went well.

    Raises:
        ValueError, OSError: bad input, output or preset, each with one sentence.
    """
    from keras_pde.data import images

    _check_names(request)
    images.check_output(request.out)
    if request.compare is not None:
        images.check_output(request.compare)
    with _progress() as advance:
        image = images.read(
            _sample(request.source) if isinstance(request.source, str) else request.source
        )
        images.check_output(request.out, image)
        clean = (
            image.pixels
            if request.noise
            else _read_clean(request.clean, image)
            if request.clean
            else None
        )
        advance()
        from keras_pde.data import noise
        from keras_pde.tasks import quality as qualities
        from keras_pde.tasks.denoise import image as denoising

        noisy = (
            noise.add_noise(image.pixels, request.noise, request.seed)
            if request.noise
            else image.pixels
        )
        level = request.noise or request.sigma or denoising.noise_level(noisy)
        chosen = denoising.choose_denoiser(request.preset, image.pixels.shape, level, request.time)
        advance()
        result = chosen(noisy, level, progress=lambda done, count: advance(done / count))
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
        files = {request.out: images.encode(request.out, replace(image, pixels=denoised))}
        if request.compare is not None:
            files[request.compare] = _picture(noisy, denoised, clean, measured)
        for path, data in files.items():
            images.write_bytes(path, data)
        advance()
    _report(request, image, level, chosen, result, measured)


def _check_names(request: Request) -> None:
    if isinstance(request.source, str) and request.source not in SAMPLES:
        raise ValueError(
            f"No sample is called {request.source!r}. There are: {', '.join(SAMPLES)}."
        )
    if request.compare is None:
        return
    if request.compare.suffix.lower() != ".png":
        raise ValueError(
            f"{request.compare}: the comparison is a PNG picture. Use the extension .png."
        )
    for other in (request.out, request.source, request.clean):
        if isinstance(other, Path) and other.resolve() == request.compare.resolve():
            raise ValueError(
                f"{request.compare}: --compare would overwrite {other}. Use another name."
            )


def _sample(name: str) -> Path:
    import importlib.util

    spec = importlib.util.find_spec("skimage")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    path = folder / "data" / SAMPLES[name]
    if not path.is_file():
        raise FileNotFoundError(
            f"The sample {name!r} is not in this installation of scikit-image. Reinstall it, or"
            " give a file of your own."
        )
    return path


def _read_clean(path: Path, image: Image) -> np.ndarray:
    from keras_pde.data import images

    clean = images.read(path).pixels
    if clean.shape != image.pixels.shape:
        (h, w, c), (height, width, channels) = clean.shape, image.pixels.shape
        raise ValueError(
            f"{path} is {w} × {h} with {c} channels, and the noisy image {width} × {height} with"
            f" {channels}: they must be alike"
        )
    return clean


def _picture(
    noisy: np.ndarray, denoised: np.ndarray, clean: np.ndarray | None, measured: dict[str, Quality]
) -> bytes:
    from keras_pde.data.side_by_side import comparison, comparison_png

    return comparison_png(
        comparison(
            noisy, denoised, clean, {name: f"{q.psnr:.2f} dB" for name, q in measured.items()}
        )
    )


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
    else:
        about = (
            f"noise {level:g}"
            if request.sigma
            else f"noise {level:.1f} estimated (--sigma tells another level)"
        )
    click.echo(f"{request.source}: {image}; {about}")
    how = (
        "" if model.input_channels == image.pixels.shape[-1] else ", each colour channel by itself"
    )
    steps = (
        f"diffusion time {model.time:.4g} in {model.step_count} step{'s' * (model.step_count > 1)}"
        if hasattr(model, "time")
        else ""
    )
    click.echo(f"{name}: {steps or f'a {model.cycle_type} cycle of multigrid'}{how}")
    proved = model.certificate().claims()
    click.echo(f"proved: {', '.join(proved) or 'nothing; this filter has no stability guarantee'}")
    if not tuned and not model.noise_conditioned:
        click.echo(f"{name} has no table of noise levels: the network was used as it is")
    if measured:
        show_quality(measured)
    if result.tiling.count > 1:
        click.echo(str(result.tiling))
    click.echo(f"wrote {request.out}" + (f" and {request.compare}" if request.compare else ""))
    if result.diagnosis is not None:
        click.echo(result.diagnosis.summary())


@contextlib.contextmanager
def _progress() -> Iterator[Callable[..., None]]:
    """A progress bar over the stages on stderr, where that is a terminal.

    Yields what advances it by a stage, or by a part of one.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(STAGES[0], total=len(STAGES))
        stage = 0

        def advance(part: float = 1.0) -> None:
            nonlocal stage
            stage += part >= 1
            bar.update(
                task, completed=stage + part % 1, description=STAGES[min(stage, len(STAGES) - 1)]
            )

        yield advance

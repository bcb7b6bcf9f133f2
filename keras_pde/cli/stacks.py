"""The command keras-pde denoise for a file of many planes: each of them, written as a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from keras_pde.cli import files
from keras_pde.cli.plumbing import in_options, load_networks
from keras_pde.cli.progress import progress_bar

if TYPE_CHECKING:
    from keras_pde.cli.denoise_request import Request
    from keras_pde.data.images import Stack
    from keras_pde.tasks.denoise.planes import Asked
    from keras_pde.tasks.denoise.stacks import Filtered

SHOWN = 3  # networks that are described; each noise level may have its own stopping time


def run(request: Request, stack: Stack) -> None:
    """Denoise all planes of a stack, and say how.

    Raises:
        ValueError, OSError: an output or preset that does not fit; options for one image.
    """
    from keras_pde import presets
    from keras_pde.data import images

    given = {
        "--add-noise": request.add_noise,
        "--clean": request.clean,
        "--compare": request.compare,
        "--calibrate": request.calibrate or None,
    }
    for option, value in given.items():
        if value is not None:
            raise ValueError(
                f"{stack.path} has {stack.count} planes, and {option} is for one image: choose a"
                " plane by --frames N"
            )
    images.check_stack_output(request.out, stack)
    if request.preset != "auto":
        presets.locate(request.preset, None)  # a misspelt name is refused at once
    load_networks()
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    from keras_pde.tasks.denoise import planes
    from keras_pde.tasks.denoise.recording import axes_of
    from keras_pde.tasks.denoise.stacks import denoise_stack

    sensor = (request.gain, request.offset, request.readout)
    asked = planes.Asked(request.noise, request.range, *sensor)
    if axes_of(request.preset, (0, 0, 0, 0)) == 3:
        _of_volumes(request, stack, asked)
        return
    if request.spacing is not None:
        raise ValueError(
            f"--spacing is for volumes and images, and {request.preset} filters each plane of"
            f" {stack.path} by itself: choose a preset for volumes, or a plane by --frames N"
        )
    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("planes", total=stack.count)
        result = denoise_stack(
            stack,
            request.out,
            asked,
            request.preset,
            request.time,
            progress=lambda done, count: bar.update(task, completed=done),
        )
    _report(request, stack, result)


def _report(request: Request, stack: Stack, result: Filtered) -> None:
    from keras_pde.tasks.denoise.composed import composed

    names = f" ({stack.names})" if stack.names else ""
    click.echo(f"{request.source}: {result.first}, {stack.count} planes{names}")
    for number, common in result.channels.items():
        channel = f"channel {number + 1}: " if len(result.channels) > 1 else ""
        model = common.model
        about = "" if model is None else files.say_range(model.unit, result.first)
        click.echo(f"{channel}{common.about}{about}")
    questions = {text for common in result.channels.values() for text in common.questions}
    for question in sorted(questions):
        click.echo(in_options(question, {"noise"}))
    for denoiser in list(result.denoisers.values())[:SHOWN]:
        name, model, which = denoiser.name, denoiser.network, ""
        certificate = model.certificate()
        if result.known.sensor is not None:
            certificate = composed(certificate, result.known.sensor, result.known.range.high)
            which = ", for the first plane"
        proved = ", ".join(certificate.claims())
        click.echo(f"{name}: {model.description}, each plane by itself")
        click.echo(f"proved{which}: {proved or 'nothing; this filter has no stability guarantee'}")
        if not denoiser.tuned and not model.noise_conditioned:
            click.echo(f"{name} has no table of noise levels: the network was used as it is")
    if len(result.denoisers) > SHOWN:
        click.echo(f"and {len(result.denoisers) - SHOWN} more, each for its noise")
    if result.result.tiling.count > 1:
        click.echo(f"{result.result.tiling}, each plane")
    click.echo(f"wrote {request.out}, {stack.count} planes")
    if result.lost:
        click.echo(f"metadata not kept: {', '.join(result.lost)}")


def _of_volumes(request: Request, stack: Stack, asked: Asked) -> None:
    """Denoise the volumes of a stack, and say how."""
    from rich.progress import MofNCompleteColumn

    from keras_pde.tasks.denoise.volumes import denoise_volumes

    with progress_bar(MofNCompleteColumn()) as bar:
        task = bar.add_task("volumes", total=None)
        result = denoise_volumes(
            stack,
            request.out,
            asked,
            request.preset,
            request.time,
            request.spacing,
            progress=lambda done, count: bar.update(task, completed=done, total=count),
        )
    names = f" ({stack.names})" if stack.names else ""
    click.echo(f"{request.source}: {result.first}, {stack.count} planes{names}")
    sizes = " × ".join(map(str, result.shapes[0]))
    count = f"{len(result.shapes)} volumes of" if len(result.shapes) > 1 else "a volume of"
    least, most = min(result.levels), max(result.levels)
    level = f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"
    how = "" if request.noise else " estimated"
    click.echo(f"{count} {sizes}, noise {level}{how}{files.say_range(result.unit, result.first)}")
    for question in result.questions:
        click.echo(in_options(question, {"noise"}))
    if result.spacing is not None:
        by = "as told" if request.spacing else "by the file"
        click.echo(f"spacing {', '.join(f'{h:.4g}' for h in result.spacing)}, {by}")
    if result.denoiser is not None:
        name, model = result.denoiser.name, result.denoiser.network
        proved = ", ".join(model.certificate().claims())
        click.echo(f"{name}: {model.description}")
        click.echo(f"proved: {proved or 'nothing; this filter has no stability guarantee'}")
    click.echo(f"wrote {request.out}, {stack.count} planes")
    if result.lost:
        click.echo(f"metadata not kept: {', '.join(result.lost)}")

"""The command keras-pde denoise-many: a folder of images, by many workers."""

from __future__ import annotations

from pathlib import Path

import click

from keras_pde.cli import files
from keras_pde.cli.arguments import preset_option
from keras_pde.cli.plumbing import level_or_sensor, load_networks, refused
from keras_pde.cli.progress import progress_bar


@click.command("denoise-many", short_help="Denoise a folder of images, by many workers.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@preset_option(
    "auto",
    "Preset name or directory; auto is for each image the best certified one.",
    "denoise",
)
@click.option(
    "--noise",
    type=level_or_sensor,
    metavar="SIGMA",
    help=(
        "Noise level of the images, in grey levels of 255; sensor for photons and readout."
        "  [estimated for each]"
    ),
)
@refused("--sigma", "--sigma is called --noise now.")
@files.RANGE
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes.  [one a GPU; without GPUs one for every two cores]",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="A Ray cluster; auto on one of its machines.  [RAY_ADDRESS, or this machine]",
)
@files.MAX_PIXELS
@click.pass_context
def denoise_many(
    ctx: click.Context,
    /,
    source: Path,
    target: Path,
    preset: str,
    noise: float | str | None,
    range: str | tuple[float, float],
    workers: int | None,
    cluster: str | None,
    max_pixels: int | None,
) -> None:
    """Denoise all images in the folder SOURCE and its subfolders into TARGET.

    Many workers do it, on Ray Data (pip install 'keras-pde[collection]').

    SOURCE may also be a Parquet or TFRecord file, or a folder of such: encoded images in the column
    image, their names in name.

    \b
      all cores of this machine:
        keras-pde denoise-many photos out --workers 8
      a cluster:
        keras-pde denoise-many photos out --cluster auto

    Results that are in TARGET already are kept, so after an interruption the same command goes on.
    Images that cannot be filtered are listed with the reason, and the others are done; exit code 1
    then.
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets

    if preset != "auto":
        presets.locate(preset, None)  # a misspelt name is refused at once
    if source.exists():  # and a source that does not exist, by what follows
        load_networks()
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    from keras_pde.tasks.many.collection import denoise_collection
    from keras_pde.tasks.many.worker import printable

    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("starting workers", total=None)

        def progress(done: int, count: int | None) -> None:
            bar.update(task, completed=done, total=count, description="denoising")

        summary = denoise_collection(
            source,
            target,
            preset,
            noise,
            range=range,
            workers=workers,
            cluster=cluster,
            max_pixels=max_pixels,
            progress=progress,
        )
    if summary.failed:
        click.echo("without a result:")
        for name, reason in summary.failed.items():
            click.echo(f"  {printable(name)}: {reason}")  # a line each, whole, for other programs
    click.echo(str(summary))
    if summary.failed:
        click.echo(f"{len(summary.failed)} images or folders have no result")
    ctx.exit(1 if summary.failed else 0)

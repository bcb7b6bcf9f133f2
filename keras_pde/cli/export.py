"""The command keras-pde export: a preset as an artifact that runs without keras_pde."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_networks, noise_level, refused


def _size(text: str) -> tuple[int, ...]:
    """Spatial sizes, such as 321x481."""
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){0,2}", text):
        raise click.BadParameter(f"{text!r} is no size: write HEIGHTxWIDTH, such as 321x481.")
    return tuple(map(int, text.split("x")))


@click.command(short_help="Write a preset as SavedModel, ONNX or LiteRT.")
@click.argument("preset", type=PresetName())
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["saved_model", "onnx", "litert"]),
    help="Format.  [by PATH: .onnx, .tflite, else saved_model]",
)
@click.option(
    "--noise",
    "sigma",
    type=noise_level,
    metavar="SIGMA",
    help="Noise level (of 255) that a classical filter is made for, or that is built in.  [25]",
)
@refused("--sigma", "--sigma is called --noise now.")
@click.option(
    "--timed",
    is_flag=True,
    help=(
        "The stopping time as an input, and the noise level of a classical filter; by explicit"
        " steps."
    ),
)
@click.option(
    "--uint8",
    is_flag=True,
    help="Images as uint8 and the noise level in grey levels, instead of floats in [0, 1].",
)
@click.option(
    "--size", type=_size, metavar="HxW", help="Fix the spatial sizes, which are dynamic otherwise."
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="Precision; in float64 a classifier's artifact proves the radius of keras-pde classify.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Run the artifact in its own runtime and print the largest difference from the original.",
)
def export(
    preset: str, path: Path, kind: str | None, size: tuple[int, ...] | None, **options: Any
) -> None:
    """Export a PRESET as SavedModel, ONNX or LiteRT, with its certificate as metadata.

    PATH is a directory for a SavedModel, or ends in .onnx or .tflite.

    \b
      for TensorFlow Serving:
        keras-pde export certified_resnet_2d served/1 --verify
      for ONNX Runtime, also in a browser:
        keras-pde export certified_resnet_2d net.onnx --uint8 --verify
      a classical filter for noise 15, as ./truncated_tv_2d.tflite:
        keras-pde export truncated_tv_2d . --format litert --noise 15
      inputs image, noise and time:
        keras-pde export charbonnier_explicit_2d net.onnx --timed

    The exit code is 1 if --verify finds a difference above 1e-5 (one grey level with --uint8).
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets

    presets.locate(preset, None)  # a misspelt name is refused at once
    load_networks()
    from keras_pde.export.exporting import export as write
    from keras_pde.export.formats import FORMATS

    suffixes = {suffix: name for name, (_, suffix) in FORMATS.items()}
    kind = kind or suffixes.get(path.suffix, "saved_model")
    if (suffix := FORMATS[kind][1]) and path.suffix != suffix:
        path = path / f"{Path(preset).name}{suffix}"
    made = write(preset, path, kind, size=size, **options)
    click.echo(f"wrote {made.path}: {kind}, {made.bytes:,} bytes")
    if made.difference is not None:
        click.echo(
            f"largest difference between original and exported outputs: {made.difference:.1e}"
        )
        click.get_current_context().exit(
            0 if made.difference <= (1 if options["uint8"] else 1e-5) else 1
        )

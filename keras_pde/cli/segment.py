"""The command keras-pde segment: name what the pixels of an image show, with proved radii."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from keras_pde.cli.arguments import preset_option
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.tables import show_rows

HEADS = ("class", "pixels", "median radius", "least radius")


@click.command(short_help="Name what pixels show, with proved radii.")
@click.argument("image", metavar="IMAGE", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.png", type=click.Path(path_type=Path))
@preset_option("sll_cells_2d", "Name or directory.", "segment")
@click.option(
    "--numbers", is_flag=True, help="Write the numbers of the classes, not shades of grey."
)
def segment(image: Path, out: Path, preset: str, numbers: bool) -> None:
    """Write the class of each pixel of IMAGE (PNG, JPEG or TIFF) as a grey image OUT.png.

    The first class is black and the last one white. A table is printed of the share of each class
    and the proved radii of its pixels: no change of the image that is smaller, in the Euclidean
    norm of all its values from black 0 to white 1, can change the class of the pixel.

    \b
      cells, to look at:
        keras-pde segment cells.png labels.png
      for a program, whose classes are 0, 1, ...:
        keras-pde segment cells.png labels.png --numbers
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets
    from keras_pde.data import images
    from keras_pde.data.folders import read_pixels

    if not image.is_file():
        raise ValueError(f"{image} does not exist")
    if out.suffix.lower() != ".png":
        raise ValueError(f"OUT is a PNG, which keeps classes exactly. Received: {out}")
    directory, hashes = presets.locate(preset, None)
    load_networks()
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.segment.segmenting import segment as answer

    network = tasks.get("segment").network_of(presets.load(directory, hashes, None))
    found = answer(read_pixels(image, network.input_channels), network)
    scale = 1 if numbers else 255 // (network.classes - 1)
    values = found.labels[..., None] * scale / 255
    images.write(out, images.Image(values.astype("float32")))
    rows = []
    for kind, name in enumerate(found.classes):
        mine = found.radius[found.labels == kind]
        share = f"{100 * mine.size / found.labels.size:.1f} %"
        radii = (f"{np.median(mine):.3g}", f"{mine.min():.3g}") if mine.size else ("", "")
        rows.append(dict(zip(HEADS, (name, share, *radii), strict=True)))
    show_rows(rows, right=HEADS[1:])
    click.echo(f"No ‖e‖₂ ≤ 0.5 changes more than {found.changed_at_most(0.5)} pixels of the image.")

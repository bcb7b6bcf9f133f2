"""The command keras-pde classify: name what images show, with the radius that is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.printing import new_table, show_table

SYMBOLS = {"l2": "‖e‖₂", "linf": "‖e‖∞"}


@click.command(short_help="Name what images show, with a proved radius.")
@click.argument(
    "paths", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path)
)
@click.option(
    "--preset", default="cpl_digits_2d", metavar="NAME", help="Name or directory.  [cpl_digits_2d]"
)
@click.option("--resize", is_flag=True, help="Resize images to the preset's size first.")
def classify(paths: tuple[Path, ...], preset: str, resize: bool) -> None:
    """Print class, margin and certified radius of each IMAGE (PNG, JPEG or TIFF).

    The radius is for values from black 0 to white 1: no change of the image that is smaller, in the
    preset's norm, can change the class. That is proved, and needs no attack. Images must have the
    size that the preset was trained for; --resize makes them so, and the radius is then that of the
    resized image.
    """
    from keras_pde import presets

    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} does not exist")
    directory, hashes = presets.locate(preset, None)
    load_networks()
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.classify.classifying import classify as answer

    network = tasks.get("classify").network_of(presets.load(directory, hashes, None))
    symbol = SYMBOLS[network.norm]
    table = new_table(("image", "class", ">margin", f">certified radius ({symbol})"))
    for path in paths:
        found = answer(_read(path, network, resize), network)
        radius = f"{found.radius[0]:.3g}" if found.radius[0] > 0 else "nothing is proved"
        table.add_row(path.name, found.names[0], f"{found.margin[0]:.3g}", radius)
    show_table(table)


def _read(path: Path, network: Any, resize: bool) -> Any:
    """An image of the network's size, in [0, 1].

    Raises:
        ValueError: an image of another size, unless it is to be resized.
    """
    from keras_pde.data.folders import read_pixels

    pixels = read_pixels(path, network.input_channels)
    if pixels.shape[:2] == tuple(network.sizes):
        return pixels
    if not resize:
        said = " × ".join(map(str, pixels.shape[:2]))
        wanted = " × ".join(map(str, network.sizes))
        raise ValueError(
            f"{path} has {said} pixels, and {network.name} is for {wanted}: add --resize, or cut"
            " it out."
        )
    from skimage.transform import resize as resized

    smaller = pixels.shape[0] > network.sizes[0] or pixels.shape[1] > network.sizes[1]
    return resized(pixels, network.sizes, anti_aliasing=smaller).clip(0, 1).astype("float32")

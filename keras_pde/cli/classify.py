"""The command keras-pde classify: name what images show, with the radius that is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_pde.cli.arguments import preset_option
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.progress import counted
from keras_pde.cli.tables import JSON, show_json, show_rows

SYMBOLS = {"l2": "‖e‖₂", "linf": "‖e‖∞"}


@click.command(short_help="Name what images show, with a proved radius.")
@click.argument(
    "paths", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path)
)
@preset_option("cpl_digits_2d", "Name or directory.", "classify")
@click.option("--resize", is_flag=True, help="Resize images to the preset's size first.")
@JSON
def classify(paths: tuple[Path, ...], preset: str, resize: bool, as_json: bool) -> None:
    """Print class, margin and certified radius of each IMAGE (PNG, JPEG or TIFF).

    The radius is for values from black 0 to white 1: no change of the image that is smaller, in the
    preset's norm, can change the class. That is proved, and needs no attack. Images must have the
    size that the preset was trained for; --resize makes them so, and the radius is then that of the
    resized image.

    \b
      a digit, scanned or drawn:
        keras-pde classify three.png --preset cpl_mnist_2d --resize
      many, for another program:
        keras-pde classify digits/*.png --json
    """  # noqa: D301 - click wants the real \b
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
    head = f"certified radius ({symbol})"
    found, rows = [], []
    for path in counted(paths, "reading"):
        said = answer(_read(path, network, resize), network)
        name, margin, radius = said.names[0], float(said.margin[0]), float(said.radius[0])
        found.append(
            {"image": str(path), "class": name, "margin": margin, "radius": max(radius, 0.0)}
        )
        proved = f"{radius:.3g}" if radius > 0 else "nothing is proved"
        row = {"image": path.name, "class": name, "margin": f"{margin:.3g}", head: proved}
        rows.append(row)
    if as_json:
        show_json({"preset": preset, "norm": network.norm, "images": found})
        return
    show_rows(rows, right=("margin", head), dropped=("margin",))


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

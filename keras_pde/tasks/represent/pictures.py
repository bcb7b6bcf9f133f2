"""The picture of a card: what is represented, what is rendered, and a part of it enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.data.pixel_centres import pixel_centres
from keras_pde.runtime.writing import whole

CLOSER = 8  # times the size
PART = 0.25  # of the box, each way


def write_pictures(network: Any, picture: np.ndarray, folder: Path) -> None:
    """Write example.png into a folder.

    Args:
        network: a `SinusoidalNetwork`.
        picture: (height, width, channels).
        folder: of the preset.
    """
    from matplotlib.figure import Figure

    from keras_pde.runtime import run_compiled

    sizes = picture.shape[:2]
    pixels = [max(4, round(n * PART)) for n in sizes]
    centre = [n // 2 - k // 2 - n // 8 for n, k in zip(sizes, pixels, strict=True)]
    rows, columns = (slice(c, c + k) for c, k in zip(centre, pixels, strict=True))
    fine = pixel_centres([CLOSER * n for n in sizes], network.extent)[
        CLOSER * rows.start : CLOSER * rows.stop, CLOSER * columns.start : CLOSER * columns.stop
    ]
    shown = {
        f"picture, {sizes[0]} × {sizes[1]}": picture,
        "the network at this size": network.render(sizes),
        "a part of the picture": picture[rows, columns],
        f"the network there, {CLOSER} times as fine": run_compiled(network, fine[None])[0],
    }
    figure = Figure(figsize=(12, 3.3), layout="constrained")
    for ax, (title, values) in zip(figure.subplots(1, 4), shown.items(), strict=True):
        grey = values.shape[-1] == 1
        options = {"cmap": "gray", "vmin": 0, "vmax": 1} if grey else {}
        clipped = np.clip(values[..., 0] if grey else values, 0, 1)
        ax.imshow(clipped, interpolation="nearest", **options)
        ax.set_title(title, fontsize=9)
        ax.axis("off")
    with whole(folder / "example.png") as stage:
        figure.savefig(stage, dpi=75)

"""The picture of a segmenter's card: an image, its labels, the answer, and the proved radii."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime.writing import whole
from keras_pde.tasks.segment.settings import Settings
from keras_pde.tasks.segment.sources import load

SHOWN = 2


def write_pictures(
    network: Any, settings: Settings, folder: Path, data: str | Path | None = None
) -> None:
    """Write example.png into a folder: rows of a test image, its labels, the answer, the radii.

    Args:
        network: a `CertifiedSegmenter`.
        settings: of its recipe.
        folder: of the preset.
        data: folder of the sets; None is their usual one.
    """
    from matplotlib.figure import Figure

    test = load(settings.data, "test", data)
    shown = [0, len(test) - 1][: min(SHOWN, len(test))]
    figure = Figure(figsize=(11, 3.2 * len(shown)), layout="constrained")
    kinds = {"cmap": "viridis", "vmin": 0, "vmax": network.classes - 1, "interpolation": "nearest"}
    rows = figure.subplots(len(shown), 4, squeeze=False)
    for axes, i in zip(rows, shown, strict=True):
        x, y = test.images[i], test.labels[i]
        radius = network.radius(x[None])[0]
        colour = x.shape[-1] == 3
        axes[0].imshow(x if colour else x[..., 0], **({} if colour else {"cmap": "gray"}))
        axes[1].imshow(y, **kinds)
        axes[2].imshow(network.answers(x[None])[0], **kinds)
        drawn = axes[3].imshow(radius, cmap="magma", vmin=0, vmax=np.quantile(radius, 0.99))
        figure.colorbar(drawn, ax=axes[3], shrink=0.8)
    for ax, title in zip(rows[0], ("image", "labels", "answer", "radius"), strict=True):
        ax.set_title(title, fontsize=10)
    for ax in rows.ravel():
        ax.axis("off")
    with whole(folder / "example.png") as stage:
        figure.savefig(stage, dpi=75)

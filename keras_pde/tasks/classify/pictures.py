"""The picture of a classifier's card: images, their radius, attacks that fail and that succeed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.data.labelled import Labelled
from keras_pde.runtime.writing import whole
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.classify.settings import Settings
from keras_pde.tasks.classify.sources import load

SHOWN = 6
FARTHER = (1.5, 2, 3, 4, 6, 10, 20)  # times the radius


def write_pictures(
    network: Any, settings: Settings, folder: Path, data: str | Path | None = None
) -> None:
    """Write example.png into a folder: test images of several classes, and two attacks on each.

    Images are taken that are rightly answered and have a radius. Where there are none, others are
    shown, without attacks.

    Args:
        network: a `Classifier`.
        settings: of its recipe.
        folder: of the preset.
        data: folder of the sets; None is their usual one.
    """
    from matplotlib.figure import Figure

    few = _examples(network, load(settings.data, "test", data))
    radii = network.radius(few.images)
    rows = [few.images]
    sizes = [radii]
    if (radii > 0).all():
        rows += _attacked(network, few, radii)
        sizes += [radii, _sizes(rows[2] - rows[0], network.norm)]
    names = [network.names_of(network.answers(row)) for row in rows]
    figure = Figure(figsize=(1.5 * len(few), 1.8 * len(rows)), layout="constrained")
    for i, axes in enumerate(figure.subplots(len(rows), len(few), squeeze=False)):
        for k, ax in enumerate(axes):
            shown = rows[i][k]
            grey = {"cmap": "gray", "vmin": 0, "vmax": 1} if shown.shape[-1] == 1 else {}
            ax.imshow(shown[..., 0] if grey else shown, **grey)
            sign = ("r = ", "e < r: ", "e = ")[i]
            ax.set_title(f"{names[i][k]}\n{sign}{sizes[i][k]:.2g}", fontsize=9)
            ax.axis("off")
    with whole(folder / "example.png") as stage:
        figure.savefig(stage, dpi=90)


def _examples(network: Any, test: Labelled) -> Labelled:
    """The first image of each class that is right and has a radius; of all, where none has."""
    proved = network.certified(test.images, test.labels, 0.0)
    among = np.flatnonzero(proved) if proved.any() else np.arange(len(test))
    first = [among[test.labels[among] == k][0] for k in np.unique(test.labels[among])]
    return test.part(first[:SHOWN])


def _attacked(network: Any, few: Any, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each image attacked just within its radius, and by the smallest attack tried that succeeds.

    Where none does it is the largest.
    """
    within = pgd(network, few.images, few.labels, 0.999 * radii)
    beyond, open_ = few.images, np.ones(len(few), bool)
    for times in FARTHER:
        found = pgd(network, few.images, few.labels, times * radii)
        beyond = np.where(open_.reshape(-1, 1, 1, 1), found, beyond)
        open_ &= network.answers(found) == few.labels
    return within, beyond


def _sizes(e: np.ndarray, norm: str) -> np.ndarray:
    flat = np.float64(e).reshape(len(e), -1)
    return np.abs(flat).max(1) if norm == "linf" else np.linalg.norm(flat, axis=1)

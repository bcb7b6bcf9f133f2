"""The picture of a learned operator's card: test inputs, solutions, answers, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime.writing import whole
from keras_pde.tasks.operate.scores import predictions
from keras_pde.tasks.operate.sources import Pairs, load_test


def write_pictures(network: Any, name: str, folder: Path, data: str | Path | None = None) -> None:
    """Write example.png into a folder.

    Args:
        network: a `KernelNetwork` or a `KernelPropagator`.
        name: of the set.
        folder: of the preset.
        data: folder of the sets; None is their usual one.
    """
    parts = load_test(name, data)
    figure = _evolutions(network, parts) if name == "burgers" else _fields(network, parts)
    with whole(folder / "example.png") as stage:
        figure.savefig(stage, dpi=75, bbox_inches="tight")


def _fields(network: Any, parts: dict[str, Pairs]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.9 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 4, squeeze=False)
    for axes, (n, pairs) in zip(rows, parts.items(), strict=True):
        one = pairs.part(slice(1))
        mine, wanted = predictions(network, one.inputs)[0, ..., 0], one.outputs[0, ..., 0]
        scale = {"vmin": 0, "vmax": float(wanted.max())}
        axes[0].imshow(one.inputs[0, ..., 0], cmap="gray")
        axes[0].set_ylabel(f"{n} × {n} points")
        axes[1].imshow(wanted, cmap="viridis", **scale)
        axes[2].imshow(mine, cmap="viridis", **scale)
        drawn = axes[3].imshow(np.abs(mine - wanted), cmap="magma", vmin=0, vmax=scale["vmax"] / 5)
        figure.colorbar(drawn, ax=axes[3], shrink=0.8)
    titles = ("coefficient", "solution", "network", "error, five times as bright")
    for ax, title in zip(rows[0], titles, strict=True):
        ax.set_title(title, fontsize=10)
    for ax in rows.ravel():
        ax.set_xticks([])
        ax.set_yticks([])
    return figure


def _evolutions(network: Any, parts: dict[str, Pairs]) -> Any:
    from matplotlib.figure import Figure

    (pairs,) = parts.values()
    few = pairs.part(slice(3))
    mine = predictions(network, few.inputs)
    figure = Figure(figsize=(11, 3), layout="constrained")
    x = np.arange(mine.shape[1]) / mine.shape[1]
    for k, ax in enumerate(figure.subplots(1, 3)):
        ax.plot(x, few.inputs[k, :, 0], color="0.7", label="t = 0")
        steps = mine.shape[-1]
        for step, colour in ((steps // 4 - 1, "C0"), (steps // 2 - 1, "C1"), (steps - 1, "C3")):
            ax.plot(x, few.outputs[k, :, step], color=colour, label=f"t = {(step + 1) / 16:g}")
            ax.plot(x, mine[k, :, step], "o", color=colour, markersize=3)
        ax.set_xlabel("x")
        ax.set_title(f"test sample {k + 1}", fontsize=10)
        if k == 0:
            ax.set_ylabel("u; dots: network")
            ax.legend(fontsize=8)
    return figure

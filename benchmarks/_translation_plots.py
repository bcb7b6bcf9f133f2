"""Pictures of translation.py: PSNR against blocks, and against parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from _translation_training import ACTIVATIONS, MAIN

COLOURS = dict(zip(MAIN, ("black", "tab:blue", "tab:green", "tab:red"), strict=True))
MARKERS = dict(zip(MAIN, ("s", "o", "d", "^"), strict=True))
COMPARISONS = {"reference": "-", "equal filters": "--", "equal parameters": "-"}


def _curves(
    rows: Iterable[dict[str, str]], activation: str
) -> dict[tuple[str, str], dict[int, list[dict[str, str]]]]:
    """Rows by (architecture, comparison) and blocks."""
    curves: dict[tuple[str, str], dict[int, list[dict[str, str]]]] = {}
    chosen = [
        row for row in rows if row["activation"] == activation and row["architecture"] in MAIN
    ]
    for row in sorted(
        chosen, key=lambda r: (MAIN.index(r["architecture"]), r["comparison"], int(r["blocks"]))
    ):
        curves.setdefault((row["architecture"], row["comparison"]), {}).setdefault(
            int(row["blocks"]), []
        ).append(row)
    return curves


def _panel(
    panel: Any, curves: dict[tuple[str, str], dict[int, list[dict[str, str]]]], against: str
) -> None:
    for (name, comparison), points in curves.items():
        x = [float(group[0][against]) for group in points.values()]
        scores = [[float(row["test_psnr"]) for row in group] for group in points.values()]
        style = {
            "color": COLOURS[name],
            "linestyle": COMPARISONS[comparison],
            "marker": MARKERS[name],
            "markersize": 5,
        }
        if comparison == "equal filters":
            style["fillstyle"] = "none"
        label = name if comparison == "reference" else f"{name}, {comparison}"
        panel.plot(x, [np.mean(s) for s in scores], label=label, linewidth=1.3, **style)
        panel.fill_between(
            x,
            [min(s) for s in scores],
            [max(s) for s in scores],
            color=COLOURS[name],
            alpha=0.13,
            linewidth=0,
        )


def _round_numbers(limits: tuple[float, float]) -> list[int]:
    """1, 2 and 5 times powers of ten between the limits."""
    return [
        n for n in (m * 10**e for e in range(6) for m in (1, 2, 5)) if limits[0] <= n <= limits[1]
    ]


def draw(rows: list[dict[str, str]], folder: Path) -> list[Path]:
    """translation_blocks.png and translation_parameters.png.

    A panel an activation, mean and range over the seeds.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    paths = []
    for against, label in (("blocks", "blocks"), ("parameters", "trainable parameters")):
        figure, panels = plt.subplots(
            1, len(ACTIVATIONS), figsize=(5 * len(ACTIVATIONS), 5.6), layout="constrained"
        )
        for panel, (activation, title) in zip(panels, ACTIVATIONS.items(), strict=True):
            _panel(panel, _curves(rows, activation), against)
            panel.set(title=title, xlabel=label, xscale="log")
            ticks = (
                sorted({int(row["blocks"]) for row in rows})
                if against == "blocks"
                else _round_numbers(panel.get_xlim())
            )
            panel.set_xticks(ticks, [str(t) for t in ticks])
            panel.minorticks_off()
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("PSNR in dB, mean and range over the seeds")
        handles, labels = panels[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
        figure.suptitle(
            f"Denoising of BSD68 (centres), noise 25, {rows[0]['steps']} steps of training"
        )
        paths.append(folder / f"translation_{against}.png")
        figure.savefig(paths[-1], dpi=100)
        plt.close(figure)
    return paths

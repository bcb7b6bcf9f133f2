"""The runs of `schemes`, and their picture: error against steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Point:
    """One run: a scheme, its schedule, the time it reaches and its error."""

    scheme: str
    detail: str
    steps: int
    length: int  # of a cycle; 0 where there is none
    time: float
    error: float


def draw(cases: dict[str, list[Point]], time: float, least: int, size: int, path: Path) -> None:
    """Error against steps, one panel a case.

    Args:
        cases: the runs, by title.
        time: that all of them reach.
        least: steps that the explicit scheme needs for it.
        size: of the image.
        path: of the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, len(cases), figsize=(7 * len(cases), 6), sharey=True, layout="constrained", squeeze=False
    )
    styles: dict[str, dict[str, Any]] = {
        "explicit": {"color": "black", "marker": "s", "zorder": 3},
        "FED": {"color": "tab:blue", "marker": "o", "markersize": 10, "fillstyle": "none"},
        "FSI": {"color": "tab:red", "marker": "^", "markersize": 5},
        "FSI frozen": {"color": "tab:orange", "marker": "x", "linestyle": ":"},
    }
    for panel, (title, points) in zip(panels[0], cases.items(), strict=True):
        others = iter(("silver", "tab:green", "tab:olive", "tab:purple"))
        for name in dict.fromkeys(p.scheme for p in points):
            mine = sorted((p.steps, p.error) for p in points if p.scheme == name)
            style = styles.get(name) or {
                "color": next(others),
                "marker": "d",
                "markersize": 5,
                "linestyle": "--",
                "linewidth": 1,
            }
            panel.loglog(
                *zip(*mine, strict=True), label=name.replace("Frankel ", "Frankel, w = "), **style
            )
        for p in points:
            if p.scheme == "FED" and p.steps < 0.6 * least:  # how far left of the explicit limit
                panel.plot(
                    (p.steps, least),
                    (p.error, p.error),
                    color="tab:blue",
                    linewidth=0.7,
                    linestyle=":",
                )
                label = f"{p.detail}: {least / p.steps:.1f}× fewer, theory {(p.length + 1) / 3:.1f}"
                box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
                panel.annotate(
                    label,
                    (p.steps, p.error),
                    textcoords="offset points",
                    xytext=(8, 3),
                    fontsize=8,
                    color="tab:blue",
                    bbox=box,
                )
        left, right = min(p.steps for p in points) / 1.5, max(p.steps for p in points) * 1.2
        panel.axvline(least, color="black", linewidth=1.2)
        panel.axvspan(left, least, color="gray", alpha=0.08, linewidth=0)
        note = f"{least} steps: the fewest\nstable explicit ones"
        panel.text(
            least * 1.04, 0.98, note, transform=panel.get_xaxis_transform(), va="top", fontsize=9
        )
        panel.set(
            title=title,
            xlabel="work in steps, each one application of K and one of Kᵀ",
            xlim=(left, right),
        )
        ticks = [
            t for t in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if left <= t <= right
        ]
        panel.set_xticks(ticks, [str(t) for t in ticks])
        panel.grid(alpha=0.25)
    panels[0][0].set_ylabel("error ‖u − reference‖ / ‖f − reference‖")
    panels[0][-1].legend(fontsize=9, loc="lower left")
    figure.suptitle(
        f"Diffusion of a {size}×{size} photograph to time {time:g} (grid units²); FED and FSI with"
        " cycles × steps a cycle"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)

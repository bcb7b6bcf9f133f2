"""Figures of the page Concepts: what a numerical step looks like as a part of a network.

python docs/pictures/diagrams.py
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WIDTH, HEIGHT, GAP, RISE = 74, 34, 30, 46  # of a box; between two; between two levels
LINE, BOX, ROUND = "#8a8fa3", "#3f51b5", "#00897b"
Skip = tuple[int, int, str]


def chain(labels: Sequence[str], skips: Sequence[Skip] = (), levels: Sequence[int] = ()) -> str:
    """Boxes from left to right, with skips above them; "+" and single letters are circles.

    Args:
        labels: of the boxes.
        skips: (from, to, label); one from right to left is drawn below.
        levels: how many grids below the finest each box is, 0 without it.
    """
    levels = levels or [0] * len(labels)
    top = 64 if any(i < j for i, j, _ in skips) else 12
    bottom = 58 if any(i > j for i, j, _ in skips) else 12
    left, place = 10.0, []
    for label, level in zip(labels, levels, strict=True):
        wide = HEIGHT if round_one(label) else max(WIDTH, 8.4 * len(label) + 14)
        place.append((left, top + RISE * level, wide))
        left += wide + GAP
    total = (left - GAP + 10, top + HEIGHT + RISE * max(levels) + bottom)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]:.0f} {total[1]:.0f}"'
        f' width="{total[0]:.0f}" font-family="sans-serif" font-size="14" text-anchor="middle">',
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        f' orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>',
        f'<g fill="none" stroke="{LINE}" stroke-width="1.6" marker-end="url(#a)">',
    ]
    for (x, y, wide), (to, below, _) in itertools.pairwise(place):
        start, end = y + HEIGHT / 2, below + HEIGHT / 2
        parts.append(f'<path d="M{x + wide:.0f} {start:.0f}L{to:.0f} {end:.0f}"/>')
    words = []
    for i, j, label in skips:
        (a, y, wide), (b, end, other) = place[i], place[j]
        a, b = a + wide / 2, b + other / 2
        if i < j:
            high = y - 20 - 5 * (j - i)
            path = f"M{a:.0f} {y:.0f}C{a:.0f} {high:.0f} {b:.0f} {high:.0f} {b:.0f} {end - 1:.0f}"
            words.append(((a + b) / 2, (y + 3 * high) / 4 - 4, label))
        else:
            low = y + HEIGHT + 44
            path = (
                f"M{a:.0f} {y + HEIGHT}C{a:.0f} {low} {b:.0f} {low} {b:.0f} {end + HEIGHT + 1:.0f}"
            )
            words.append(((a + b) / 2, y + HEIGHT + 48, label))
        parts.append(f'<path d="{path}"/>')
    parts.append("</g>")
    for (x, y, wide), label in zip(place, labels, strict=True):
        corner, colour = (HEIGHT / 2, ROUND) if round_one(label) else (5, BOX)
        parts.append(
            f'<rect x="{x:.0f}" y="{y}" width="{wide:.0f}" height="{HEIGHT}" rx="{corner:.0f}"'
            f' fill="{colour}"/>'
            f'<text x="{x + wide / 2:.0f}" y="{y + 22}" fill="#fff">{label}</text>'
        )
    parts += [f'<text x="{x:.0f}" y="{y:.0f}" fill="{LINE}">{t}</text>' for x, y, t in words]
    return "\n".join([*parts, "</svg>"]) + "\n"


def round_one(label: str) -> bool:
    """Whether a label is that of a state or a sum."""
    return len(label) <= 2


def curves() -> str:
    """Φ, g and ψ of a monotone and of a nonmonotone flux."""
    import numpy as np

    from keras_pde import activations

    s = np.linspace(-3, 3, 61)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 170" width="560"'
        ' font-family="sans-serif" font-size="13" text-anchor="middle">'
    ]
    fluxes = (activations.charbonnier, ROUND), (activations.perona_malik, BOX)
    for i, title in enumerate(("flux Φ", "diffusivity g", "potential ψ")):
        x, y, high = 95 + 185 * i, (75, 120, 120)[i], (35, 80, 34)[i]
        parts.append(
            f'<path d="M{x - 80} {y}h160M{x} {130}v-110" stroke="{LINE}"/>'
            f'<text x="{x}" y="14" fill="{LINE}">{title}</text>'
        )
        for flux, colour in fluxes:
            values = np.asarray((flux(s), flux.diffusivity(s**2), flux.potential(s))[i], "float64")
            points = " ".join(
                f"{x + 26 * a:.1f},{y - high * b:.1f}" for a, b in zip(s, values, strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2"/>'
            )
    parts.append(
        f'<text x="180" y="160" fill="{ROUND}">Charbonnier: monotone</text>'
        f'<text x="380" y="160" fill="{BOX}">Perona-Malik: nonmonotone</text></svg>'
    )
    return "\n".join(parts) + "\n"


DIAGRAMS = {
    "operator": chain(["u", "convolution K", "Ku", "Φ", "its transpose Kᵀ", "KᵀΦ(Ku)"]),
    "block": chain(["u", "K by conv", "flux Φ", "Kᵀ, −τ", "+", "u⁺"], [(0, 4, "skip")]),
    "explicit": chain(["f", "step τ", "step τ", "step τ", "step τ", "u"]),
    "fed": chain(["f", "step τ₁", "longer τ₂", "beyond limit τ₃", "step τ₁", "u"]),
    "fsi": chain(
        ["f", "step", "+", "step", "+", "step", "+", "u"],
        [(0, 4, "1 − w₂"), (2, 6, "1 − w₃")],
    ),
    "implicit": chain(
        ["f", "solver step", "solver step", "u"],
        [(0, 2, "source"), (2, 1, "until the residual is small")],
    ),
    "multigrid": chain(
        ["b", "smooth", "restrict", "smooth", "prolong", "smooth", "u"],
        [(1, 5, "skip")],
        [0, 0, 1, 2, 1, 0, 0],
    ),
    "lifting": chain(["f", "isometry P", "network on channels", "Pᵀ", "u"]),
    "classifier": chain(["f", "blocks", "isometry", "blocks", "unit rows", "logits"]),
    "lines": chain(["u", "differences", "polynomial", "+", "u⁺"], [(0, 3, "time integrator")]),
    "lattice": chain(["f", "collision", "streaming", "f⁺"], [(2, 1, "next step")]),
}


def main() -> None:
    """Write every figure beside this file."""
    for name, text in {**DIAGRAMS, "fluxes": curves()}.items():
        (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

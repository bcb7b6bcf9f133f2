"""What a guarantee costs: PSNR on BSD68 at noise 25 against the Lipschitz constant that is proved.

    python benchmarks/price_list.py [--picture benchmarks/price_list.png] [--measure]

Every grey denoiser of the zoo, trained or classical, with the constant that its certificate
computes from its weights; PSNR is that of the index, or with --measure computed again. A row of the
first table is what is asked for, with the best network that has it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

import keras_pde
from keras_pde.runtime.printed import rounded
from keras_pde.tasks.denoise.evaluate import evaluate
from keras_pde.tasks.training.publish import trained

LEVEL = "25"
console = Console(width=110)


@dataclass(frozen=True)
class Denoiser:
    """A preset: what is proved of it, and what it costs."""

    name: str
    psnr: float
    parameters: int
    lipschitz: float
    firm: bool
    norm_stable: bool
    unique: bool  # an energy that has one minimiser, which is the output
    trained: bool


ASKED: dict[str, Callable[[Denoiser], bool]] = {
    "firmly nonexpansive": lambda d: d.firm,
    "Lipschitz constant 1": lambda d: d.lipschitz <= 1,
    **{
        f"Lipschitz constant at most {most}": lambda d, most=most: d.lipschitz <= most
        for most in (2, 3, 5, 10, 30)
    },
    "an energy with a unique minimiser": lambda d: d.unique,
    "norm stable": lambda d: d.norm_stable,
    "nothing": lambda d: True,
}


def denoisers(measure: bool = False, names: Sequence[str] = ()) -> list[Denoiser]:
    """The zoo's grey denoisers of images, best first."""
    found, learned = [], trained("denoise")
    for name, entry in keras_pde.presets.index().items():
        if entry["ndim"] != 2 or entry["channels"] != 1 or LEVEL not in (entry.get("psnr") or {}):
            continue
        if names and name not in names:
            continue
        network = keras_pde.from_preset(name)
        proved = network.certificate()
        psnr = evaluate(name, levels=(float(LEVEL),))[LEVEL] if measure else entry["psnr"][LEVEL]
        implicit = network.program().iterates
        found.append(
            Denoiser(
                name,
                psnr,
                entry["params"],
                proved.lipschitz,
                proved.firmly_nonexpansive,
                proved.norm_stable,
                implicit and proved.energy_descent and math.isfinite(proved.lipschitz),
                name in learned,
            )
        )
    return sorted(found, key=lambda d: -d.psnr)


def cheapest(found: Sequence[Denoiser]) -> dict[str, Denoiser]:
    """The best network that has what is asked for."""
    rows = {}
    for asked, has in ASKED.items():
        best = next((d for d in found if has(d)), None)
        if best is not None:
            rows[asked] = best
    return rows


def draw(found: Sequence[Denoiser], path: str) -> None:
    """PSNR over the constant, one mark for each network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.2, 4.2), layout="constrained")
    most, none = 1e5, 1e7
    for learned, mark, label in ((True, "o", "trained"), (False, "^", "classical filter")):
        some = [d for d in found if d.trained == learned]
        places = [min(d.lipschitz, none) if d.lipschitz < most else none for d in some]
        axes.scatter(places, [d.psnr for d in some], marker=mark, label=label, zorder=3)
    front: list[Denoiser] = []
    for d in sorted(found, key=lambda d: (d.lipschitz, -d.psnr)):
        if not front or d.psnr > front[-1].psnr:
            front.append(d)
    axes.step(
        [min(d.lipschitz, none) if d.lipschitz < most else none for d in front],
        [d.psnr for d in front],
        where="post",
        color="0.7",
        linewidth=1,
    )
    for k, d in enumerate(front):
        place = d.lipschitz if d.lipschitz < most else none
        left = place == none
        axes.annotate(
            d.name,
            (place, d.psnr),
            # names of neighbours stand above and below their points in turn
            (-6, -3 + 8 * (d == front[-1])) if left else (6, -9 if k % 2 else 5),
            textcoords="offset points",
            fontsize=7,
            ha="right" if left else "left",
        )
    published = json.loads(
        (keras_pde.presets.zoo_root() / "published.json").read_text(encoding="utf-8")
    )["bsd68_gray"]
    for other in published:
        if other["method"] in ("BM3D", "convex ridge regulariser", "DnCNN"):
            axes.axhline(other["psnr"][LEVEL], color="0.85", linewidth=0.8, zorder=0)
            axes.text(
                1.6e7, other["psnr"][LEVEL], other["method"], fontsize=6, color="0.4", va="center"
            )
    axes.set_xscale("log")
    axes.set_xlim(0.8, 1.4e7)
    axes.set_xticks([1, 3, 10, 30, 100, none], ["1", "3", "10", "30", "100", "larger, or none"])
    axes.set_xlabel("Lipschitz constant that the certificate proves")
    axes.set_ylabel("PSNR on BSD68, noise 25 (dB)")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> dict[str, Denoiser]:
    """Print both tables; returns the first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*", help="only these")
    parser.add_argument("--measure", action="store_true", help="compute PSNR again")
    parser.add_argument("--picture", metavar="FILE", help="draw PSNR against the constant")
    args = parser.parse_args(arguments)
    found = denoisers(args.measure, args.preset)
    prices = Table("asked for", "best network", "PSNR", "proved L", "parameters")
    for column in prices.columns[2:]:
        column.justify = "right"
    rows = cheapest(found)
    for asked, d in rows.items():
        prices.add_row(asked, d.name, f"{d.psnr:.2f} dB", _short(d.lipschitz), f"{d.parameters:,}")
    console.print(prices)
    every = Table("preset", "PSNR", "proved L", "firm", "norm stable", "unique minimiser")
    for d in found:
        words = ["yes" if fact else "" for fact in (d.firm, d.norm_stable, d.unique)]
        every.add_row(d.name, f"{d.psnr:.2f} dB", _short(d.lipschitz), *words)
    console.print(every)
    if args.picture:
        draw(found, args.picture)
    return rows


def _short(x: float) -> str:
    return "none" if math.isinf(x) else rounded(x, 4)


if __name__ == "__main__":
    main()

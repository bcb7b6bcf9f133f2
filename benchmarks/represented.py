"""Layers of sines beside SIREN's: the error over ω, where it was fitted and where it was not.

    python benchmarks/represented.py [--quick] [--picture FILE.png]

A picture of 64 × 64 pixels is fitted without a tenth of its pixels by networks of 3 × 64 sines.
Printed are the PSNR at the pixels that were fitted and at those held out, for several ω, for the ω
that the spectrum suggests, and for SIREN's initialisation (Sitzmann et al., arXiv:2006.09661), sin
30(Wx + b) in every layer, by the best of three learning rates. SIREN's weights are those of a
network of sines whose layers all have an ω of 30.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde import Sinusoidal, SinusoidalNetwork
from keras_pde.runtime.writing import whole
from keras_pde.tasks.represent.points import Points
from keras_pde.tasks.represent.representing import fit
from keras_pde.tasks.represent.settings import Settings
from keras_pde.tasks.represent.task import psnr

HELD_OUT = 0.1
RATE = 1e-2
SIREN_RATES = (1e-4, 3e-4, 1e-3)
SIREN_OMEGA = 30.0


class Siren(SinusoidalNetwork):
    """sin 30(Wu + b) in every layer, with the uniform weights of Sitzmann et al."""

    def __init__(self, hidden: Sequence[int], inputs: int = 2) -> None:
        super().__init__(hidden, 1, SIREN_OMEGA)
        wide, layers = inputs, []
        for k, n in enumerate(hidden):
            limit = 1 / wide if k == 0 else math.sqrt(6 / wide) / SIREN_OMEGA
            uniform = keras.initializers.RandomUniform(-limit, limit)
            bias = keras.initializers.RandomUniform(-1 / math.sqrt(wide), 1 / math.sqrt(wide))
            layers.append(Sinusoidal(n, SIREN_OMEGA, initializer=uniform, bias_initializer=bias))
            wide = n
        self.sines = layers


def fitted(network: Any, points: Points, steps: int, rate: float) -> tuple[float, float]:
    """PSNR where it was fitted, and at the points held out."""
    network.build((None, 2))
    fit(network, points, steps, rate, lambda step, logs: None)
    there, truth = points.held_out
    pairs = ((points.coordinates, points.targets), (there, truth))
    seen, unseen = (psnr(ops.convert_to_numpy(network(x)), y) for x, y in pairs)
    return seen, unseen


def compare(quick: bool = False) -> dict[str, tuple[float, float]]:
    """The lines of the table."""
    shrink, units, steps = (16, 32, 150) if quick else (8, 64, 600)
    omegas = (1, 16, 64) if quick else (1, 4, 8, 16, 32)
    picture = Settings({"data": "camera", "shrink": shrink}).picture(None)
    points = Points(picture, 4096, 0, HELD_OUT)
    hidden, rows = [units] * 3, {}
    auto = SinusoidalNetwork(hidden, 1).adapt(picture).omega_in_use
    for name, omega in (*((f"ω = {w}", w) for w in omegas), (f"auto, ω = {auto:.3g}", auto)):
        keras.utils.set_random_seed(0)
        rows[name] = fitted(SinusoidalNetwork(hidden, 1, float(omega)), points, steps, RATE)
    tried = {}
    for rate in SIREN_RATES:
        keras.utils.set_random_seed(0)
        tried[rate] = fitted(Siren(hidden), points, steps, rate)
    best = max(tried, key=lambda rate: tried[rate][1])
    rows[f"SIREN, rate {best:g}"] = tried[best]
    return rows


def draw(rows: dict[str, tuple[float, float]], path: str) -> None:
    """Both PSNR over ω, with SIREN's as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    ax = figure.subplots()
    grid = {float(k[4:]): v for k, v in rows.items() if k.startswith("ω")}
    siren = next(v for k, v in rows.items() if k.startswith("SIREN"))
    for k, (name, colour) in enumerate((("fitted", "#00897b"), ("held out", "#3f51b5"))):
        ax.plot(list(grid), [v[k] for v in grid.values()], "o-", color=colour, label=name)
        ax.axhline(siren[k], color=colour, linestyle=":", label=f"SIREN, {name}")
    ax.axvline(float(next(k for k in rows if "auto" in k).rpartition(" ")[2]), color="#999")
    ax.set_xscale("log", base=2)
    ax.set_xlabel("ω (vertical line: suggested by the spectrum)")
    ax.set_ylabel("PSNR in dB")
    ax.legend(fontsize=8)
    with whole(path) as stage:
        figure.savefig(stage, dpi=90)


def main(arguments: Sequence[str] | None = None) -> dict[str, tuple[float, float]]:
    """Command line; returns the lines of the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smaller picture, fewer steps")
    parser.add_argument("--picture", help="a PNG of the curves")
    args = parser.parse_args(arguments)
    rows = compare(args.quick)
    for name, (seen, unseen) in rows.items():
        print(f"{name:<22} fitted {seen:5.2f} dB   held out {unseen:5.2f} dB")
    if args.picture:
        draw(rows, args.picture)
    return rows


if __name__ == "__main__":
    main()

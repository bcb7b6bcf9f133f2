"""An integral operator learned between scattered nodes, on other nodes, and on more of them.

    python benchmarks/scattered.py [--quick] [--picture FILE]

A `LearnedGraphKernel` learns f ↦ u of −Δu = f in the unit square, u = 0 around it, from sums of
sines on eight sets of 150 to 800 nodes. The error is the mean of ‖Ku − u‖₂/‖u‖₂ in percent over
other functions on other nodes; beside it stands the same sum over levels with Green's function
given (`GraphKernel`), and over all pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import LearnedGraphKernel
from keras_pde.operators import GraphKernel, NodeLevels

WAVES = np.arange(1, 5)  # of the functions
TRAINED = (150, 200, 250, 300, 400, 500, 600, 800)  # nodes of the sets
HIDDEN, STEPS, RATE, FUNCTIONS = 32, 1500, 0.01, 32


def scattered(count: int, seed: int) -> np.ndarray:
    """Nodes that fill the unit square evenly, in no order."""
    from scipy.stats import qmc

    return qmc.Halton(2, seed=seed).random(count)


def pairs(x: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """f and u at the nodes, a column a function."""
    size = WAVES[:, None] ** 2 + WAVES**2
    c = rng.standard_normal((count, *size.shape)) / np.sqrt(size)
    one, two = (np.sin(np.pi * WAVES * x[:, k : k + 1]) for k in (0, 1))
    f, u = (np.einsum("bkl,nk,nl->nb", k, one, two) for k in (c, c / (np.pi**2 * size)))
    return f.astype("float32"), u.astype("float32")


def green(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Green's function by 40² sines, for points (n, 2)."""
    k, found = np.arange(1, 41), []
    weights = 4 / (np.pi**2 * (k[:, None] ** 2 + k**2))
    for start in range(0, len(x), 20000):
        part = slice(start, start + 20000)
        first, second = (
            np.sin(np.pi * x[part, axis, None] * k) * np.sin(np.pi * y[part, axis, None] * k)
            for axis in (0, 1)
        )
        found.append(np.sum((first @ weights) * second, 1))
    return np.concatenate(found)


def relative(v: Any, u: np.ndarray) -> float:
    """The mean over functions of ‖v − u‖/‖u‖, in percent."""
    errors = np.linalg.norm(ops.convert_to_numpy(v) - u, axis=0) / np.linalg.norm(u, axis=0)
    return 100 * float(errors.mean())


def trained(sets: Sequence[int], steps: int, hidden: int) -> LearnedGraphKernel:
    """The kernel after so many steps of Adam, a set of nodes after the other."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    layer, rng = LearnedGraphKernel(hidden, order=2, positions=True), np.random.default_rng(0)
    layer.build((None, 1), (None, 1))
    places = [scattered(count, seed) for seed, count in enumerate(sets)]
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    optimizer = keras.optimizers.Adam(rate)

    def step_on(x: np.ndarray) -> Callable[..., Any]:
        levels, ones = NodeLevels(x), np.ones((len(x), 1), "float32")

        @tf.function
        def gradients(f: Any, u: Any) -> Any:
            with tf.GradientTape() as tape:
                apart = tf.norm(layer(f, ones, levels=levels) - u, axis=0)
                loss = tf.reduce_mean(apart / tf.norm(u, axis=0))
            return tape.gradient(loss, layer.trainable_weights)

        return gradients

    found = [step_on(x) for x in places]
    for step in range(steps):
        here = step % len(sets)
        f, u = pairs(places[here], FUNCTIONS, rng)
        optimizer.apply(found[here](f, u), layer.trainable_weights)
    return layer


def main(arguments: Sequence[str] | None = None) -> dict[int, dict[str, float]]:
    """Print the table, and draw an answer where asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    sets, steps, hidden = ((80, 120), 60, 8) if args.quick else (TRAINED, STEPS, HIDDEN)
    layer, found = trained(sets, steps, hidden), {}
    print(f"{layer.count_params():,} weights, learned on {min(sets)} to {max(sets)} nodes")
    print(" nodes   learned   given, on levels   given, all pairs   products a node")
    for count in (100, 200) if args.quick else (200, 400, 800, 1600, 3200):
        x, rng = scattered(count, 99), np.random.default_rng(1)
        f, u = pairs(x, 16, rng)
        levels, known = NodeLevels(x), GraphKernel(green, x)
        row = {"learned": relative(layer(f, np.ones((count, 1)), levels=levels), u)}
        row["levels"] = relative(ops.convert_to_numpy(known(f)) / count, u)
        every = np.indices((count, count)).reshape(2, -1)
        dense = green(x[every[0]], x[every[1]]).reshape(count, count) if count < 1000 else None
        row["pairs"] = np.nan if dense is None else relative(dense @ f / count, u)
        row["products"] = known.entries / count
        found[count] = row
        all_pairs = "" if dense is None else f"{row['pairs']:.1f} %"
        print(
            f"{count:6d} {row['learned']:7.1f} % {row['levels']:16.1f} % {all_pairs:>18s}"
            f" {row['products']:17.1f}"
        )
    if args.picture:
        draw(layer, 400 if args.quick else 3200, args.picture)
    return found


def draw(layer: LearnedGraphKernel, count: int, path: Path) -> None:
    """A function at nodes, its solution, what the kernel makes of it, and the error."""
    from matplotlib.figure import Figure

    x = scattered(count, 99)
    f, u = pairs(x, 1, np.random.default_rng(4))
    v = ops.convert_to_numpy(layer(f, np.ones((count, 1)), levels=NodeLevels(x)))
    figure, most = Figure(figsize=(11, 2.9), layout="constrained"), float(np.abs(u).max())
    parts = (
        ("f", f, None),
        ("u", u, most),
        ("learned", v, most),
        ("error, 5 times", 5 * (v - u), most),
    )
    for ax, (title, values, scale) in zip(figure.subplots(1, 4), parts, strict=True):
        size = float(np.abs(values).max()) if scale is None else scale
        drawn = ax.scatter(*x.T, c=values[:, 0], s=3, cmap="RdBu_r", vmin=-size, vmax=size)
        ax.set(title=title, xticks=[], yticks=[], aspect="equal")
        figure.colorbar(drawn, ax=ax, shrink=0.8)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()

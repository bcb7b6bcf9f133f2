"""The Lipschitz constant that a preset's certificate proves, over the largest one that is found.

    python benchmarks/certified_vs_attacked.py [PRESET ...] [--starts 12] [--steps 40] [--quick]

Certified is the certificate's constant; "norms of K" is what it was before norms were weighted over
channels (theorem F8). Attacked is the largest norm of a Jacobian that ascent finds, in float64. Its
starts are crops of scikit-image's photographs with noise of 5 to 55 grey levels of 255, and noise
alone of sizes 0.01 to 3. The direction d follows power iterations with JᵀJ, and the input the
gradient of ‖N(u + d) − N(u)‖. An attack is a lower bound, so the true constant lies between the
two. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _timing import provenance
from rich.console import Console
from rich.table import Table

import keras_pde
from keras_pde.data.photograph import sample
from keras_pde.layers.diffusion_step import DiffusionStep
from keras_pde.runtime.printed import rounded
from keras_pde.tasks.training.publish import trained

SIZE, APART = 20, 1e-5  # of an input in pixels, and of a difference relative to it
SOLVE = {"tolerance": 1e-9, "max_iterations": 2000}  # constants are those of the exact solution
console = Console(width=120)


@contextlib.contextmanager
def equal_weights() -> Iterator[None]:
    """Certificates as they were: each filter counts with the norm of the whole K."""
    weighted = DiffusionStep.gating
    DiffusionStep.gating = lambda self, squared: self.flux.asymmetry_bound  # type: ignore[method-assign]
    try:
        yield
    finally:
        DiffusionStep.gating = weighted  # type: ignore[method-assign]


def inputs(channels: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy crops, then noise alone; and a noise level for each."""
    rng = np.random.default_rng(0)
    photo, sigma = sample(channels, 2)[0], rng.uniform(5, 55, size=count) / 255
    places = rng.integers(0, photo.shape[0] - SIZE, size=(count, 2))
    u = np.stack([photo[i : i + SIZE, j : j + SIZE] for i, j in places])
    alone = np.arange(count) >= (2 * count) // 3
    u[alone] = 0
    size = np.where(alone, np.exp(rng.uniform(math.log(0.01), math.log(3), size=count)), sigma)
    return u + size[:, None, None, None] * rng.normal(size=u.shape), sigma


def attacked(model: Any, count: int, steps: int) -> float:
    """The largest ‖J‖ that is found."""
    start, sigma = inputs(model.input_channels, count)
    if model.program().iterates:
        for block in model.blocks:
            block.tolerance, block.max_iterations = SOLVE["tolerance"], SOLVE["max_iterations"]
        steps = max(2, steps // 3)
    u, d = tf.Variable(start), tf.Variable(np.random.default_rng(1).normal(size=start.shape))
    level = tf.constant(sigma)

    def norm(x: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(x * x, (1, 2, 3), keepdims=True) + 1e-300)

    def run(x: Any) -> Any:
        return model([x, level] if model.noise_conditioned else x)

    @tf.function(autograph=False)
    def ascend(rate: Any) -> Any:
        apart = APART * norm(u)
        e = apart * d / norm(d)
        with tf.GradientTape() as tape:
            tape.watch([u.value(), e])
            away = u + e
            tape.watch(away)
            one, two = run(away), run(u)
            length = norm(one - two)
            total = tf.reduce_sum(length / apart)
        to_d, to_u = tape.gradient(total, [away, u])
        # the gradient by d of ‖N(u + d) − N(u)‖ is JᵀJd, but for a factor
        d.assign(to_d / norm(to_d))
        u.assign_add(rate * norm(u) * to_u / norm(to_u))
        return length / apart

    best = np.zeros(count)
    for step in range(steps):
        # the input rests while the first power iterations find a direction
        rate = 0.0 if step < steps // 4 else 0.03 * (1 - step / steps)
        best = np.maximum(best, ascend(tf.constant(rate, tf.float64)).numpy().ravel())
    return float(best.max())


def measure(name: str, count: int, steps: int) -> dict[str, Any]:
    """Both constants of a preset."""
    keras.utils.set_random_seed(0)
    model = keras_pde.from_preset(name, dtype="float64")
    now = model.certificate()
    with equal_weights():
        before = model.certificate()
    return {
        "preset": name,
        "before": before.lipschitz,
        "certified": now.lipschitz,
        "attacked": attacked(model, count, steps),
        "norm": now.norm_gain,
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Print the table; returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="few starts and steps")
    args = parser.parse_args(arguments)
    count, steps = (3, 8) if args.quick else (args.starts, args.steps)
    index = keras_pde.presets.index()
    names = args.preset or [n for n in trained("denoise") if index[n]["ndim"] == 2]
    console.print(f"{provenance()}; {count} starts of {SIZE} × {SIZE}, {steps} steps")
    rows = []
    table = Table("preset", "norms of K", "certified", "attacked", "certified/attacked")
    for name in names:
        try:
            row = measure(name, count, steps)
        except (AttributeError, ValueError) as error:
            console.print(f"{name}: not measured, {error}")
            continue
        rows.append(row)
        shown = [_short(row[key]) for key in ("before", "certified", "attacked")]
        console.print(f"{name}: certified {shown[1]}, attacked {shown[2]}")
        table.add_row(name, *shown, _short(row["certified"] / row["attacked"]))
    console.print(table)
    return rows


def _short(x: float) -> str:
    return "none" if math.isinf(x) else rounded(x, 4)


if __name__ == "__main__":
    main()

"""A collision of the lattice that is learned from pairs, beside BGK, which made the pairs.

    python benchmarks/learned_collision.py

It trains `zoo.lattice.learned_collision_2d` and prints its weights, its error on fresh pairs, what
it keeps, and the viscosity of vortices that decay on 32² points over 500 steps. Then both run a
flow with random vortices for 1,000 steps; so does a dense network without symmetry and conservation
that Adam trains on 200,000 pairs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from _timing import provenance
from rich.console import Console
from rich.table import Table

from keras_pde import LatticeBoltzmann

ROOT = Path(__file__).resolve().parents[1]


def defects(net: LatticeBoltzmann, seed: int = 2) -> tuple[float, float, float]:
    """Largest defect of equivariance, mass and momentum at a point, in float64."""
    wide = type(net)(**{**net.get_config(), "dtype": "float64", "name": "wide"})
    wide.build((None, None, None, 9))
    wide.set_weights(net.get_weights())
    lattice = wide.streaming.velocity_set
    u = lattice.weights * (1 + 0.2 * np.random.default_rng(seed).uniform(-1, 1, (1, 500, 9)))
    out = keras.ops.convert_to_numpy(wide.collision(u))
    gaps = []
    for p in lattice.permutations:
        moved, expected = np.empty_like(u), np.empty_like(u)
        moved[..., p], expected[..., p] = u, out
        gaps.append(np.abs(keras.ops.convert_to_numpy(wide.collision(moved)) - expected).max())
    change = out - u
    return max(gaps), np.abs(change.sum(-1)).max(), np.abs(change @ lattice.velocities).max()


def turbulence(net: LatticeBoltzmann, n: int = 64, speed: float = 0.05) -> np.ndarray:
    """A state with random vortices of all sizes from n/4 to n."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*2 * [2 * np.pi * np.arange(n) / n], indexing="ij")
    stream = np.zeros((2, n, n))
    for a in range(-4, 5):
        for b in range(-4, 5):
            phase = a * x + b * y + rng.uniform(0, 2 * np.pi)
            stream += rng.standard_normal() * np.stack([b * np.sin(phase), -a * np.sin(phase)])
    velocity = np.moveaxis(stream, 0, -1)[None]
    velocity *= speed / np.abs(velocity).max()
    return net.equilibrium(np.ones((1, n, n)), velocity)


def dense_network(pairs: Any, epochs: int) -> keras.Model:
    """A network 9 → 32 → 32 → 9 that adds to its input, trained by Adam on the pairs."""
    keras.utils.set_random_seed(0)
    before, after = (x.astype("float32") for x in pairs)
    centre, spread = before.mean(0), before.std(0)
    u = keras.Input((9,))
    x = keras.layers.Rescaling(1 / spread, -centre / spread)(u)
    for _ in range(2):
        x = keras.layers.Dense(32, "tanh")(x)
    net = keras.Model(u, keras.layers.Dense(9)(x))
    size = (after - before).std()
    steps = epochs * (len(before) // 512)
    net.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)), "mse")
    net.fit(before, (after - before) / size, batch_size=512, epochs=epochs, verbose=0)
    out = keras.layers.Add()([u, keras.layers.Rescaling(float(size))(net(u))])
    return keras.Model(u, out)


def flow(net: LatticeBoltzmann, dense: keras.Model, state: np.ndarray, steps: int) -> np.ndarray:
    """The state after collisions by the dense network, and streaming."""
    for _ in range(steps):
        collided = dense.predict_on_batch(state.reshape(-1, 9)).reshape(state.shape)
        state = keras.ops.convert_to_numpy(net.streaming(collided))
    return state


def gap(net: LatticeBoltzmann, state: np.ndarray, other: np.ndarray) -> float:
    """Norm of the difference of two states' velocities, over that of the second."""
    (_, u), (_, v) = net.moments(state), net.moments(other)
    return float(np.linalg.norm(u - v) / np.linalg.norm(v))


def drift(state: np.ndarray, start: np.ndarray) -> float:
    """By how much of itself the mass has changed."""
    return float(abs(state.sum(dtype="float64") / start.sum(dtype="float64") - 1))


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, measure, print; the numbers by name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="hardly trained")
    args = parser.parse_args(arguments)
    sys.path.append(str(ROOT))
    from zoo import lattice

    console = Console()
    console.print(provenance())
    begun = time.perf_counter()
    options = {"iterations": 9, "pairs": 100} if args.quick else {}
    net = lattice.learned_collision_2d(**options)
    console.print(f"trained in {time.perf_counter() - begun:.0f} s")
    bgk = lattice.taylor_green_bgk_2d()
    count = 1000 if args.quick else 200_000
    pairs = lattice.bgk_pairs(count, seed=1)
    found = {
        "weights": float(net.count_params()),
        "relative RMS error": lattice.relative_error(net, count),
        "the same of the identity": float(
            np.sqrt(np.mean((pairs[0] - pairs[1]) ** 2) / np.mean(pairs[1] ** 2))
        ),
        **dict(zip(("equivariance", "mass", "momentum"), defects(net), strict=True)),
        "viscosity over analytic": lattice.viscosity(net) / lattice.VISCOSITY,
        "viscosity of BGK over analytic": lattice.viscosity(bgk) / lattice.VISCOSITY,
    }
    steps, start = (5 if args.quick else 1000), turbulence(bgk)
    true, own = bgk.rollout(start, steps), net.rollout(start, steps)
    found[f"velocity against BGK's after {steps} steps"] = gap(bgk, own, true)
    found["change of its mass"] = drift(own, start)
    dense = dense_network(lattice.bgk_pairs(count, seed=3), 1 if args.quick else 10)
    found["weights of a dense network"] = float(dense.count_params())
    out = dense.predict(pairs[0].astype("float32"), batch_size=4096, verbose=0)
    found["its relative RMS error"] = float(
        np.sqrt(np.mean((out - pairs[1]) ** 2) / np.mean(pairs[1] ** 2))
    )
    other = flow(bgk, dense, start, steps)
    found["its velocity against BGK's"] = gap(bgk, other, true)
    found["change of the dense one's mass"] = drift(other, start)
    table = Table(title="a learned collision on D2Q9")
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:.5g}")
    console.print(table)
    return found


if __name__ == "__main__":
    main()

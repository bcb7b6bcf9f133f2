"""The lattice Boltzmann networks of the zoo: the exact one, and a collision that is learned.

    python -m zoo.lattice            # trains the collision and prints what it reaches

The collision sees pairs of populations before and after BGK, and no formula. It is a polynomial in
237 weights, so it is fitted by the method of Levenberg and Marquardt, in float64 on 1,500 pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import Collision, LatticeBoltzmann
from keras_pde.operators.velocity_sets import velocity_set
from keras_pde.runtime import compiled

LATTICE = "D2Q9"
VISCOSITY = 0.02
HIDDEN = (2, 2)
SPEED = 0.1  # largest of the pairs, points a step
DENSITY = 0.05  # by which it differs from 1 at most
NOISE = 6e-4  # standard deviation of what is not in equilibrium
PAIRS = 1500
ITERATIONS = 25
START = 0  # seed of the first weights


def taylor_green_bgk_2d(name: str = "taylor_green_bgk_2d") -> LatticeBoltzmann:
    """BGK on D2Q9 at ν = 0.02, without weights."""
    net = LatticeBoltzmann(LATTICE, VISCOSITY, name=name)
    net.build((None, None, None, 9))
    return net


def learned_collision_2d(
    name: str = "learned_collision_2d",
    iterations: int = ITERATIONS,
    pairs: int = PAIRS,
    report: Callable[[int, float], Any] | None = None,
) -> LatticeBoltzmann:
    """A collision of 237 weights on D2Q9, trained on pairs of BGK at ν = 0.02.

    Args:
        name: of the network.
        iterations: of the method of Levenberg and Marquardt.
        pairs: so many are trained on.
        report: called with the iteration and the relative error on these pairs.
    """
    net = LatticeBoltzmann(LATTICE, None, hidden=HIDDEN, name=name)
    net.build((None, None, None, 9))
    net.set_weights(fit(net.collision, *bgk_pairs(pairs, seed=0), iterations, report))
    return net


def bgk_pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Populations of random densities, velocities and deviations, and what BGK makes of them."""
    rng, lattice = np.random.default_rng(seed), velocity_set(LATTICE)
    density = rng.uniform(1 - DENSITY, 1 + DENSITY, count)
    angle, speed = rng.uniform(0, 2 * np.pi, count), rng.uniform(0, SPEED, count)
    velocity = speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    columns = np.concatenate([np.ones((9, 1)), lattice.velocities], 1)
    inside = np.eye(9) - columns @ np.linalg.pinv(columns)
    deviation = NOISE * rng.standard_normal((count, 9)) @ inside
    before = lattice.equilibrium(density, velocity) + deviation
    return before, before - deviation / (3 * VISCOSITY + 0.5)


def fit(
    collision: Collision,
    before: np.ndarray,
    after: np.ndarray,
    iterations: int,
    report: Callable[[int, float], Any] | None = None,
) -> list[np.ndarray]:
    """Weights for the pairs by the method of Levenberg and Marquardt, from a random start."""
    config = {**collision.get_config(), "dtype": "float64", "name": "fitted"}
    layer = Collision(**config)
    layer.build(before.shape)
    shapes = [w.shape for w in layer.get_weights()]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    change, size = after - before, np.sqrt(np.mean(after**2))

    @compiled
    def residual(weights: Any) -> Any:
        parts = [ops.reshape(w, s) for w, s in zip(ops.split(weights, ends), shapes, strict=True)]
        out = layer.stateless_call(parts, [], before)[0]
        return ops.reshape((out - before - change) / size, (-1,))

    def at(weights: np.ndarray) -> np.ndarray:
        return ops.convert_to_numpy(residual(ops.convert_to_tensor(weights, "float64")))

    rng = np.random.default_rng(START)
    drawn = [rng.standard_normal(s) * (2 / np.sum(s)) ** 0.5 * (len(s) == 3) for s in shapes]
    weights = np.concatenate([w.ravel() for w in drawn])
    count = len(weights)
    rest, damping, step = at(weights), 1e-2, 1e-5
    for k in range(iterations):
        sides = [[at(weights + s * step * e) for s in (1, -1)] for e in np.eye(count)]
        jacobian = np.stack([(plus - minus) / (2 * step) for plus, minus in sides], 1)
        normal, slope = jacobian.T @ jacobian, jacobian.T @ rest
        scale = np.diag(normal) + 1e-12 * np.trace(normal)
        while True:
            trial = weights - np.linalg.solve(normal + damping * np.diag(scale), slope)
            found = at(trial)
            if found @ found < rest @ rest or damping > 1e12:
                break
            damping *= 4
        if damping > 1e12:  # no step is downhill: it has converged
            break
        weights, rest, damping = trial, found, max(damping / 5, 1e-12)
        if report is not None:
            report(k, float(np.sqrt(np.mean(rest**2))))
    return [w.reshape(s) for w, s in zip(np.split(weights, ends), shapes, strict=True)]


def relative_error(net: LatticeBoltzmann, count: int = 200_000, seed: int = 1) -> float:
    """RMS error of the collision on fresh pairs, over the RMS of what BGK gives."""
    before, after = bgk_pairs(count, seed)
    found = ops.convert_to_numpy(net.collision(before.astype("float32")))
    return float(np.sqrt(np.mean((found - after) ** 2) / np.mean(after**2)))


def vortices(n: int, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Density and velocity of the vortices of Taylor and Green on an n² torus."""
    k = 2 * np.pi / n
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    velocity = [np.cos(k * x) * np.sin(k * y), -np.sin(k * x) * np.cos(k * y)]
    density = 1 - 0.75 * speed**2 * (np.cos(2 * k * x) + np.cos(2 * k * y))
    return density[None], speed * np.stack(velocity, -1)[None]


def viscosity(net: LatticeBoltzmann, n: int = 32, steps: int = 500, speed: float = 0.05) -> float:
    """The viscosity by which the energy of the vortices decays, exp(−4νk²t)."""
    start = net.equilibrium(*vortices(n, speed))
    energy = [np.sum(net.moments(f)[1] ** 2) for f in (start, net.rollout(start, steps))]
    return float(np.log(energy[0] / energy[1]) / (4 * (2 * np.pi / n) ** 2 * steps))


def main() -> None:
    """Train and print."""
    keras.utils.set_random_seed(0)
    net = learned_collision_2d(report=lambda k, e: print(f"{k:3d}  {e:.2e}", flush=True))
    print(f"{net.count_params()} weights, relative RMS error {relative_error(net):.2e}")
    print(f"viscosity over analytic {viscosity(net) / VISCOSITY:.4f}")


if __name__ == "__main__":
    main()

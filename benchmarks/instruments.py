"""Nonparametric instrumental variables by a game of two networks, beside three usual estimators.

    python benchmarks/instruments.py [--quick] [--picture instruments.png]

y = f(x) + 2e + noise with f = |x|, sin x and a step, where the error e moves x too: x = 1.5 z + e/2
with an instrument z that is independent of e. Prints the mean squared error, over the distribution
of x, of ordinary regression (the same network, by least squares), of two-stage least squares with
polynomials, of Tikhonov's functional with hat functions, and of `keras_pde.AdversarialEstimator`,
all from the same 20,000 samples. The degree of the polynomials and the parameter of Tikhonov's
functional are those of the least error, which nobody knows: the two are as good as they can be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

import keras_pde

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "abs": np.abs,
    "sin": np.sin,
    "step": lambda x: (x >= 0).astype(float),
}
METHODS = ("ordinary regression", "two-stage least squares", "Tikhonov", "adversarial")
DEGREES, PARAMETERS = range(1, 9), np.geomspace(1e-4, 1, 13)
BATCH, HATS = 256, 30
TOGETHER = 1 if keras.backend.backend() == "torch" else 20  # all that Keras takes there
Estimate = Callable[[np.ndarray], np.ndarray]


def samples(
    rng: np.random.Generator, f: Callable[[np.ndarray], np.ndarray], n: int
) -> tuple[np.ndarray, ...]:
    """x, z and y, (n, 1) each."""
    z, e, noise = rng.standard_normal((3, n, 1))
    x = 1.5 * z + 0.5 * e
    return tuple(v.astype("float32") for v in (x, z, f(x) + 2 * e + 0.1 * noise))


def player() -> keras.Sequential:
    """A network of two hidden layers, which starts at 0."""
    spread = keras.initializers.RandomUniform(-1, 1)
    options = {"kernel_initializer": "lecun_normal", "bias_initializer": spread}
    hidden = [keras.layers.Dense(32, "tanh", **options) for _ in range(2)]
    return keras.Sequential(
        [keras.Input((1,)), *hidden, keras.layers.Dense(1, kernel_initializer="zeros")]
    )


def epochs_of(steps: int, n: int) -> int:
    """Epochs of about so many batches."""
    return max(1, round(steps * BATCH / n))


def regression(x: np.ndarray, y: np.ndarray, steps: int) -> Estimate:
    """E[y | x] by a network, which is not f."""
    net = player()
    rate = keras.optimizers.schedules.CosineDecay(0.01, steps)
    net.compile(keras.optimizers.Adam(rate), "mse", steps_per_execution=TOGETHER)
    net.fit(x, y, batch_size=BATCH, epochs=epochs_of(steps, len(x)), verbose=0)
    return lambda t: net.predict(t, batch_size=4096, verbose=0)


def adversarial(x: np.ndarray, z: np.ndarray, y: np.ndarray, steps: int) -> Estimate:
    """The game between f and u."""
    game = keras_pde.AdversarialEstimator(player(), player(), regularization=0.01)
    rate = keras.optimizers.schedules.CosineDecay(0.003, steps)
    game.compile(keras_pde.optimizers.PrimalDualAdam(rate), steps_per_execution=TOGETHER)
    game.fit([x, z], y, batch_size=BATCH, epochs=epochs_of(steps, len(x)), verbose=0)
    return lambda t: game.predict(t, batch_size=4096, verbose=0)


def two_stages(x: np.ndarray, z: np.ndarray, y: np.ndarray, degree: int) -> Estimate:
    """Least squares of y on what polynomials of z say of those of x."""

    def basis(t: np.ndarray) -> np.ndarray:
        return np.polynomial.chebyshev.chebvander(t[:, 0].astype(float) / 6, degree)

    first = np.linalg.lstsq(basis(z), basis(x), rcond=None)[0]
    weights = np.linalg.lstsq(basis(z) @ first, y.astype(float), rcond=None)[0]
    return lambda t: basis(t) @ weights


def tikhonov(x: np.ndarray, z: np.ndarray, y: np.ndarray, parameter: float) -> Estimate:
    """The minimiser of ‖Af − b‖²/2 + α‖f‖²/2 among hat functions, A by regression on those of z."""
    knots = [np.quantile(t, np.linspace(0, 1, m)) for t, m in ((x, HATS), (z, HATS // 2))]

    def hats(t: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(t[:, 0], at, row) for row in np.eye(len(at))], axis=-1)

    p, q = hats(x, knots[0]), hats(z, knots[1])
    across, inverse = q.T @ p, np.linalg.inv(q.T @ q)
    system = across.T @ inverse @ across + parameter * p.T @ p
    weights = np.linalg.solve(system, across.T @ inverse @ (q.T @ y))
    return lambda t: hats(t, knots[0]) @ weights


def compare(
    name: str, n: int, steps: int, seed: int
) -> tuple[dict[str, float], dict[str, Estimate]]:
    """Mean squared errors, and the estimates."""
    f = FUNCTIONS[name]
    keras.utils.set_random_seed(seed)
    x, z, y = samples(np.random.default_rng(1), f, n)
    at = samples(np.random.default_rng(2), f, 5000)[0]

    def error(estimate: Estimate) -> float:
        return float(np.mean((estimate(at) - f(at)) ** 2))

    found = dict(
        zip(
            METHODS,
            (
                regression(x, y, steps // 2),
                min((two_stages(x, z, y, d) for d in DEGREES), key=error),
                min((tikhonov(x, z, y, a) for a in PARAMETERS), key=error),
                adversarial(x, z, y, steps),
            ),
            strict=True,
        )
    )
    return {method: error(estimate) for method, estimate in found.items()}, found


def draw(path: Path, estimates: dict[str, dict[str, Estimate]]) -> None:
    """What each method makes of each function."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    grid = np.linspace(-3.5, 3.5, 400, dtype="float32")[:, None]
    for ax, (name, found) in zip(figure.subplots(1, 3), estimates.items(), strict=True):
        ax.plot(grid, FUNCTIONS[name](grid), "k", lw=2.5, alpha=0.3, label="f")
        styles = ("C3:", "C2-.", "C1--", "C0-")
        for (method, estimate), style in zip(found.items(), styles, strict=True):
            ax.plot(grid, estimate(grid), style, label=method)
        ax.set(xlabel="x", ylim=(-2.3, 4.2), title=name)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=80)


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Print the table; returns its errors by function and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="half as many steps")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seed", type=int, default=1, help="of the networks' weights")
    args = parser.parse_args(arguments)
    n, steps = 20000, 1000 if args.quick else 2000
    errors, estimates = {}, {}
    for name in FUNCTIONS:
        errors[name], estimates[name] = compare(name, n, steps, args.seed)
    print(f"mean squared error from {n:,} samples\n{'f':<6}", *(f"{m:>24}" for m in METHODS))
    for name, row in errors.items():
        print(f"{name:<6}", *(f"{row[method]:>24.4f}" for method in METHODS))
    worst = max(row["adversarial"] / row["ordinary regression"] for row in errors.values())
    print(f"adversarial: at most {worst:.3f} of ordinary regression's error")
    if args.picture:
        draw(args.picture, estimates)
        print(f"{args.picture} written")
    return errors


if __name__ == "__main__":
    main()

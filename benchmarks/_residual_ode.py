"""The residual network xₖ₊₁ = xₖ + (1/L)Vₖσ(Wₖxₖ) of `depth`, trained in float64 by its adjoint.

Gradients and rules are NumPy's and independent of keras_pde, whose initializer gives the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

WIDTH, SAMPLES = 16, 32

rng = np.random.default_rng(0)
INPUTS = rng.standard_normal((SAMPLES, WIDTH))
TARGETS = INPUTS @ np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def smooth_start(depth: int, seed: int = 0) -> np.ndarray:
    """V and W (L, 2, d, d) by SmoothInDepth, at the depths (k + ½)/L."""
    import keras

    from keras_pde import SmoothInDepth
    from keras_pde.operators.smooth_in_depth import coefficients

    places = (np.arange(depth) + 0.5) / depth
    mix = np.stack([coefficients(s, 1.0) for s in places])
    kernels = []
    for i in range(2):
        start = SmoothInDepth(keras.initializers.RandomNormal(stddev=WIDTH**-0.5), seed=seed + i)
        draws = [keras.ops.convert_to_numpy(x) for x in start.draws((WIDTH, WIDTH), "float32")]
        kernels.append(np.tensordot(mix, np.stack(draws).astype(np.float64), 1))
    return np.stack(kernels, axis=1)


def independent_start(depth: int, seed: int = 0) -> np.ndarray:
    """V and W (L, 2, d, d), drawn block by block."""
    drawn = np.random.default_rng(seed).standard_normal((depth, 2, WIDTH, WIDTH))
    return drawn * WIDTH**-0.5


def states(weights: np.ndarray) -> list[np.ndarray]:
    """x₀ to x_L for all samples, rows."""
    found = [INPUTS]
    for V, W in weights:
        found.append(found[-1] + np.tanh(found[-1] @ W.T) @ V.T / len(weights))
    return found


def loss(weights: np.ndarray) -> float:
    """½‖x_L − y‖²/N."""
    return float(0.5 * np.sum((states(weights)[-1] - TARGETS) ** 2) / SAMPLES)


def gradients(weights: np.ndarray) -> np.ndarray:
    """Of the loss with respect to all weights, by the adjoint equation."""
    run = states(weights)
    adjoint = (run[-1] - TARGETS) / SAMPLES
    found = np.empty_like(weights)
    for k in reversed(range(len(weights))):
        (V, W), x = weights[k], run[k]
        inner = np.tanh(x @ W.T)
        back = (adjoint @ V) * (1 - inner**2) / len(weights)
        found[k] = adjoint.T @ inner / len(weights), back.T @ x
        adjoint = adjoint + back @ W
    return found


def train(weights: np.ndarray, rule: Rule, steps: int = 50) -> np.ndarray:
    """The weights after so many steps of a rule with all samples."""
    for _ in range(steps):
        weights = rule(weights, gradients(weights))
    return weights


def descent(rate: float) -> Rule:
    """Gradient descent with the gradient scaled by L: `DepthSGD`."""
    return lambda weights, g: weights - rate * len(weights) * g


def adam(rate: float, common: bool, epsilon: float = 1e-7) -> Rule:
    """Adam with one second moment for all blocks (`DepthAdam`), or with one for each (Keras's)."""
    state: dict[str, Any] = {"t": 0, "m": 0.0, "v": 0.0}

    def rule(weights: np.ndarray, g: np.ndarray) -> np.ndarray:
        g = g * len(weights) if common else g
        square = np.mean(g**2, axis=0, keepdims=True) if common else g**2
        state["t"] += 1
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["v"] = 0.999 * state["v"] + 0.001 * square
        m, v = state["m"] / (1 - 0.9 ** state["t"]), state["v"] / (1 - 0.999 ** state["t"])
        return weights - rate * m / (np.sqrt(v) + epsilon)

    return rule


def jumps(weights: np.ndarray) -> np.ndarray:
    """maxₖ‖θₖ₊₁ − θₖ‖ of V and of W."""
    return np.linalg.norm(np.diff(weights, axis=0), axis=(-2, -1)).max(axis=0)


def slope(depths: Any, values: Any) -> float:
    """The exponent p of values ~ depths^p, by least squares."""
    return float(np.polyfit(np.log(depths), np.log(values), 1)[0])
